//! One layer with some of its weights at zero.

use core::ops::Range;

use kinglet_kernels::packing::Storage;

use super::choose::{Strand, cheapest};
use super::tableau::Tableau;
use crate::shrink::inverse::Inverse;
use crate::shrink::layer::{Rounded, codes_of, damping, scale_min, weights};
use crate::shrink::moments::{Group, Moments};
use crate::shrink::row::{Part, Target};
use crate::shrink::{Site, parallel};

/// Steps of all pivots of a layer, at most: beyond that, weights are chosen in blocks, each as if the others stayed.
const STEPS_MAX: f64 = 1e11;

/// How often a layer's targets follow what it computes.
const ROUNDS: usize = 4;

/// Exchanges of weights of a channel in each of those rounds, at most, as a part of its weights.
const SWAPS: usize = 4;

/// A layer's weights, and the least squares they are solutions of.
pub(super) struct Layer<'a> {
    site: &'a Site<'a>,
    groups: Vec<Solver>,
    /// The float weights of each channel, for each step of an operand's code.
    exact: Vec<Vec<f64>>,
    moments: Moments,
    /// Weights of a channel that are chosen together.
    block: usize,
}

/// What the channels of one group of inputs have in common.
struct Solver {
    parts: Vec<SolverPart>,
    group: Group,
    damping: f64,
}

struct SolverPart {
    taps: Range<usize>,
    /// The covariance, made definite.
    matrix: Vec<f64>,
    whole: Tableau,
}

/// Which weights of each channel are kept.
pub(super) type Mask = Vec<Vec<bool>>;

impl<'a> Layer<'a> {
    /// `None` when the layer's weights are no constants, or its covariance cannot be inverted.
    pub(super) fn of(site: &'a Site<'a>) -> Option<Self> {
        let exact = weights(site.float, site.int8, site.patches)?;
        let mut layer = Layer { site, groups: Vec::new(), exact, moments: site.targeted(None), block: 0 };
        let groups = parallel::map(site.patches.groups, |group| Solver::of(layer.moments.group(group)));
        layer.groups = groups.into_iter().collect::<Option<_>>()?;
        let (rows, taps) = (layer.exact.len() as f64, site.patches.taps as f64);
        let block = (2.0 * STEPS_MAX / (rows * taps).max(1.0)).sqrt();
        layer.block = (block as usize).max(1);
        Some(layer)
    }

    /// Weights in all.
    pub(super) fn len(&self) -> usize {
        self.exact.iter().map(Vec::len).sum()
    }

    /// Weights of channels, of inputs or outputs, that are zero altogether: others have done away with them.
    pub(super) fn gone(&self) -> usize {
        let (outputs, taps) = (self.site.patches.outputs.max(1), self.site.patches.taps);
        let of_group = |rows: &[Vec<f64>]| {
            let is_dead = |tap: usize| rows.iter().all(|row| row[tap] == 0.0);
            let dead_taps = (0..taps).filter(|&tap| is_dead(tap)).count();
            let dead_rows = rows.iter().filter(|row| row.iter().all(|weight| *weight == 0.0)).count();
            dead_taps * rows.len() + dead_rows * (taps - dead_taps)
        };
        self.exact.chunks(outputs).map(of_group).sum()
    }

    fn solver(&self, channel: usize) -> (&Solver, usize) {
        let outputs = self.site.patches.outputs.max(1);
        (&self.groups[channel / outputs], channel % outputs)
    }

    /// The order in which weights go, until `share` of each block is gone.
    pub(super) fn strands(&self, share: f64) -> Vec<Strand> {
        let of_channel = |channel: usize| {
            let mut strands = Vec::new();
            self.blocks(channel, |places, mut tableau| {
                let most = (places.len() as f64 * share).ceil() as usize;
                let removed = tableau.trace(most).into_iter().map(|(place, cost)| (places[place as usize], cost));
                strands.push(Strand::new(channel, removed));
            });
            strands
        };
        parallel::map(self.exact.len(), of_channel).into_iter().flatten().collect()
    }

    /// Shows the blocks of a channel's weights, by their taps.
    fn blocks(&self, channel: usize, mut show: impl FnMut(&[usize], Tableau)) {
        let (solver, output) = self.solver(channel);
        for part in &solver.parts {
            let solved = part.whole.divide(&solver.slopes(part, output, &self.exact[channel]));
            let count = part.taps.len().div_ceil(self.block).max(1);
            for block in 0..count {
                let places: Vec<usize> =
                    (block * part.taps.len() / count..(block + 1) * part.taps.len() / count).collect();
                let tableau = part.whole.part(&places, places.iter().map(|&place| solved[place]));
                let taps: Vec<usize> = places.iter().map(|place| part.taps.start + place).collect();
                show(&taps, tableau);
            }
        }
    }

    /// The cheapest `count` weights gone.
    pub(super) fn mask(&self, strands: &[Strand], count: usize) -> Mask {
        let mut mask: Mask = self.exact.iter().map(|row| vec![true; row.len()]).collect();
        for (strand, tap) in cheapest(strands, count) {
            mask[strands[strand].channel][tap] = false;
        }
        mask
    }

    /// Exchanges weights that are gone for others of the same channel, while the loss falls.
    fn refined(&self, mask: &Mask) -> Mask {
        parallel::map(self.exact.len(), |channel| {
            let mut kept = mask[channel].clone();
            if !kept.contains(&false) {
                return kept;
            }
            self.blocks(channel, |taps, mut tableau| {
                (0..taps.len()).filter(|&place| !mask[channel][taps[place]]).for_each(|place| tableau.pivot(place));
                tableau.refine(taps.len() / SWAPS);
                taps.iter().zip(tableau.kept()).for_each(|(&tap, &is_kept)| kept[tap] = is_kept);
            });
            kept
        })
    }

    /// The layer with the weights of the mask, fitted as well as they can be to what the graph behind it can see; and the
    /// part of its results' power that is lost there.
    pub(super) fn fitted(mut self, mut mask: Mask, storage: Storage) -> Option<(Rounded, f64)> {
        let rounds = if self.site.goal.is_bounded() { ROUNDS } else { 1 };
        for round in 0..rounds {
            mask = self.refined(&mask);
            if round + 1 < rounds {
                let rows = self.rows(&mask, |target| target.parts.iter().map(|part| part.weights.clone()).collect());
                let found = self.site.computed(&rows, &self.moments);
                self.moments = self.site.targeted(Some(&found));
                for (index, solver) in self.groups.iter_mut().enumerate() {
                    solver.group = self.moments.group(index);
                }
            }
        }
        self.rounded(&mask, storage)
    }

    /// The same once, without exchanging weights.
    pub(super) fn rounded(&self, mask: &Mask, storage: Storage) -> Option<(Rounded, f64)> {
        let range = codes_of(storage);
        let codes = self.targets(mask, |target, taps| {
            let row = Target { range: range.clone(), ..target }.round()?;
            let mut codes = vec![0_i8; self.site.patches.taps];
            for (taps, part) in taps.iter().zip(&row.codes) {
                taps.iter().zip(part).for_each(|(&tap, &code)| codes[tap] = code as i8);
            }
            Some((codes, row.scale))
        });
        let reals = codes.iter().map(|row| match row {
            Some((codes, scale)) => codes.iter().map(|&code| f64::from(code) * scale).collect(),
            None => vec![0.0; self.site.patches.taps],
        });
        let found = self.site.computed(&reals.collect::<Vec<_>>(), &self.moments);
        let lost = self.site.lost(&found);
        let site = self.site;
        Some((Rounded::of_rows(site.int8, site.patches, &self.moments, (codes, storage))?, lost))
    }

    /// The real weights of each channel, zeros where the mask has them.
    fn rows(&self, mask: &Mask, weights: impl Fn(&Target<'_>) -> Vec<Vec<f64>> + Sync) -> Vec<Vec<f64>> {
        self.targets(mask, |target, taps| {
            let mut row = vec![0.0; self.site.patches.taps];
            for (taps, part) in taps.iter().zip(weights(&target)) {
                taps.iter().zip(part).for_each(|(&tap, weight)| row[tap] = weight);
            }
            row
        })
    }

    /// `work` for the weights of each channel that are kept, fitted, and their taps.
    fn targets<T: Send>(&self, mask: &Mask, work: impl Fn(Target<'_>, &[Vec<usize>]) -> T + Sync) -> Vec<T> {
        parallel::map(self.exact.len(), |channel| {
            let (solver, output) = self.solver(channel);
            let kept: Vec<Kept> = solver.parts.iter().filter_map(|part| Kept::of(part, &mask[channel])).collect();
            let weights = |part: &SolverPart, kept: &Kept| {
                let slopes = solver.slopes(part, output, &self.exact[channel]);
                let own = kept.taps.iter().map(|tap| slopes[tap - part.taps.start]);
                kept.inverse.divide(&own.collect::<Vec<_>>())
            };
            let parts: Vec<Part<'_>> = solver
                .parts
                .iter()
                .zip(&kept)
                .map(|(part, kept)| Part { weights: weights(part, kept), inverse: &kept.inverse })
                .collect();
            let scale_min = scale_min(
                parts.iter().flat_map(|part| part.weights.iter().copied()),
                solver.group.result_means[output],
            );
            let taps: Vec<Vec<usize>> = kept.iter().map(|kept| kept.taps.clone()).collect();
            work(Target { parts, range: 0..=0, scale_min }, &taps)
        })
    }
}

impl Solver {
    fn of(group: Group) -> Option<Self> {
        let damping = damping(&group);
        let part = |(taps, covariance): &(Range<usize>, Vec<f64>)| {
            let (len, mut matrix) = (taps.len(), covariance.clone());
            (0..len).for_each(|tap| matrix[tap * len + tap] += damping);
            Some(SolverPart { taps: taps.clone(), whole: Tableau::whole(matrix.clone(), len)?, matrix })
        };
        let parts = group.covariances.iter().map(part).collect::<Option<_>>()?;
        Some(Solver { parts, group, damping })
    }

    /// The slopes of a channel's loss where all of its weights are zero. Weights in several parts are fitted to what they
    /// compute themselves: parts that know nothing of each other would all make up for the same error.
    fn slopes(&self, part: &SolverPart, output: usize, exact: &[f64]) -> Vec<f64> {
        let (taps, len) = (exact.len(), part.taps.len());
        let own = &exact[part.taps.clone()];
        if self.parts.len() == 1 {
            let crossed = &self.group.crossed[output * taps..][..taps];
            return crossed.iter().zip(own).map(|(crossed, weight)| crossed + self.damping * weight).collect();
        }
        let row = |row: usize| part.matrix[row * len..][..len].iter().zip(own).map(|(a, b)| a * b).sum();
        (0..len).map(row).collect()
    }
}

/// Weights of a part that are kept, in the order of falling variance.
struct Kept {
    taps: Vec<usize>,
    inverse: Inverse,
}

impl Kept {
    fn of(part: &SolverPart, mask: &[bool]) -> Option<Self> {
        let len = part.taps.len();
        let mut places: Vec<usize> = (0..len).filter(|place| mask[part.taps.start + place]).collect();
        let element = |row: usize, column: usize| part.matrix[row * len + column];
        places.sort_by(|&a, &b| element(b, b).total_cmp(&element(a, a)).then(a.cmp(&b)));
        let matrix = places.iter().flat_map(|&row| places.iter().map(move |&column| element(row, column)));
        let inverse = Inverse::of(matrix.collect(), places.len())?;
        Some(Kept { taps: places.into_iter().map(|place| part.taps.start + place).collect(), inverse })
    }
}

impl Site<'_> {
    /// Moments for the layer's targets, those for what it computes where that is known.
    fn targeted(&self, found: Option<&[f32]>) -> Moments {
        let outputs = self.patches.groups * self.patches.outputs;
        let mut targets = vec![0.0_f32; self.positions.last().map_or(0, |last| (last + 1) * outputs)];
        for (row, &position) in self.positions.iter().enumerate() {
            for output in 0..outputs {
                let place = position * outputs + output;
                targets[place] = match found {
                    None => self.goal.plain(place),
                    Some(found) => self.goal.target(place, found[row * outputs + output]),
                };
            }
        }
        self.moments.of_results(self.patches, self.positions, &targets)
    }

    /// What the layer computes with these weights at each of its positions, their means being those of the targets.
    fn computed(&self, rows: &[Vec<f64>], moments: &Moments) -> Vec<f32> {
        let (taps, outputs) = (self.patches.taps, self.patches.outputs);
        let nonzero = |row: &Vec<f64>| -> Vec<(usize, f32)> {
            let weights = row.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
            weights.map(|(tap, &weight)| (tap, weight as f32)).collect()
        };
        let rows: Vec<Vec<(usize, f32)>> = rows.iter().map(nonzero).collect();
        let parts = parallel::parts(self.positions.len(), |range| {
            let mut patch = vec![0.0_f32; self.patches.groups * taps];
            let mut results = Vec::with_capacity(range.len() * rows.len());
            for &position in &self.positions[range] {
                self.patches.unfold(position, |row, code| patch[row] = f32::from(code));
                results.extend(rows.iter().enumerate().map(|(channel, row)| {
                    let own = &patch[channel / outputs * taps..][..taps];
                    row.iter().map(|&(tap, weight)| own[tap] * weight).sum::<f32>()
                }));
            }
            results
        });
        let mut results = parts.concat();
        let count = self.positions.len().max(1) as f64;
        for channel in 0..rows.len() {
            let sum: f64 = results.iter().skip(channel).step_by(rows.len()).map(|&real| f64::from(real)).sum();
            let more = moments.result_mean(channel) - sum / count;
            results.iter_mut().skip(channel).step_by(rows.len()).for_each(|real| *real += more as f32);
        }
        results
    }

    /// The part of the power behind the activation that is lost.
    fn lost(&self, found: &[f32]) -> f64 {
        let outputs = self.patches.groups * self.patches.outputs;
        let (mut signal, mut noise) = (0.0, 0.0);
        for (row, &position) in self.positions.iter().enumerate() {
            for output in 0..outputs {
                let [wanted, lost] = self.goal.powers(position * outputs + output, found[row * outputs + output]);
                signal += wanted;
                noise += lost;
            }
        }
        if signal > 0.0 { noise / signal } else { 0.0 }
    }
}
