//! Bits for each layer by itself.
//!
//! 1. Every fourth sample is set aside. From the others each layer is rounded to each number of bits, all other layers having
//!    eight, and the noise that it alone makes at the outputs is measured on those set aside.
//! 2. For a number of bytes the choice with the least sum of noise is found by dynamic programming (`knapsack.rs`): the
//!    multiple-choice knapsack of HAWQ-V3 (Yao 2021), with noise that was measured instead of a trace of the Hessian.
//! 3. With a tolerance the least number of bytes is sought for which the samples set aside stay within it.
//! 4. The choice is rounded layer by layer, each layer seeing what those before it have become. Then it is measured on the
//!    samples set aside; while it is not within the tolerance the noisiest layer gets more bits.

use kinglet_kernels::packing::Storage;

use super::bits::Wish;
use super::candidates::{self, Candidate};
use super::knapsack::{Form, choose};
use super::measure::{Distance, Outputs, distance, is_classes, outputs};
use super::mix::{Mix, MixLayer, MixPoint};
use super::{Progress, ShrinkError, round, walk};
use crate::calibrate::Samples;
use crate::ir::Graph;
use crate::target::Target;

/// One sample in so many is set aside.
const ASIDE: usize = 4;

/// Halvings of the number of bytes in the search for the least.
const HALVINGS: usize = 8;

/// How often a blob that turns out too large is tried again.
const FLASH_TRIES: usize = 4;

/// Average bits of the points that size is drawn against error at.
const POINTS: [f64; 8] = [2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0];

/// Everything that choices are made by.
struct Search<'a> {
    float: &'a Graph,
    /// Eight bits everywhere.
    int8: Graph,
    samples: &'a Samples,
    /// The samples set aside.
    aside: Set,
    /// Those that layers are rounded by.
    fitted: Set,
    candidates: Vec<Candidate>,
    is_classes: bool,
}

/// Samples with what the float graph computes of them.
struct Set {
    chosen: Vec<usize>,
    wanted: Outputs,
}

/// How far a graph is from the float graph.
struct Found {
    aside: Distance,
    fitted: Distance,
}

/// Chooses bits for each layer of `int8`, which `float` became, and rounds it.
pub(super) fn shrink(
    (float, int8): (&Graph, &mut Graph),
    samples: &Samples,
    (wish, given, target): (&Wish, &dyn Fn(usize) -> Option<Storage>, Target),
    progress: Progress<'_>,
) -> Result<Mix, ShrinkError> {
    let mut search = Search::new(float, int8, samples, progress)?;
    for candidate in &mut search.candidates {
        candidate.keep(given(candidate.index));
    }
    let mut budget = search.budget(wish, target)?;
    let tolerance = search.tolerance(wish)?;
    let mut chosen = match tolerance {
        Some(tolerance) => search.smallest(budget, tolerance)?,
        None => search.quietest(budget, progress)?,
    };
    let mut tries = 0;
    loop {
        let rounded = search.rounded(&chosen, progress)?;
        let found = search.distance(&rounded)?;
        let excess = match wish.flash {
            Some(flash) => walk::blob_for(&rounded, target)?.len().saturating_sub(flash),
            None => 0,
        };
        if excess > 0 && tries < FLASH_TRIES {
            tries += 1;
            budget = search.bytes(&chosen).saturating_sub(excess);
            chosen = search.within(budget)?;
            continue;
        }
        if excess > 0 {
            return Err(search.too_large(wish.flash.unwrap_or(0) + excess));
        }
        let is_held = tolerance.is_none_or(|tolerance| search.holds(&found, tolerance));
        if is_held {
            *int8 = rounded;
            return search.mix(&chosen, &found, wish.pareto);
        }
        chosen = match search.lifted(&chosen, budget) {
            Some(lifted) => lifted,
            None => return Err(search.cannot(&chosen, &found, tolerance.unwrap_or_default())),
        };
    }
}

impl<'a> Search<'a> {
    fn new(float: &'a Graph, int8: &Graph, samples: &'a Samples, progress: Progress<'_>) -> Result<Self, ShrinkError> {
        let all = 0..samples.len();
        // Of very few samples none can be spared: they are then both.
        let are_few = samples.len() < 2 * ASIDE;
        let is_aside = |sample: &usize| !are_few && sample % ASIDE == ASIDE - 1;
        let set = |chosen: Vec<usize>| -> Result<Set, ShrinkError> {
            Ok(Set { wanted: outputs(float, (samples, &chosen))?, chosen })
        };
        let aside = set(all.clone().filter(|sample| are_few || is_aside(sample)).collect())?;
        let fitted = set(all.filter(|sample| !is_aside(sample)).collect())?;
        let mut int8 = int8.clone();
        let candidates = candidates::find((float, &mut int8), (samples, &fitted.chosen, &aside.chosen), progress)?;
        Ok(Search { float, int8, samples, aside, fitted, candidates, is_classes: is_classes(float) })
    }

    fn forms(&self) -> Vec<Vec<Form>> {
        self.candidates.iter().map(Candidate::forms).collect()
    }

    /// Bytes of the layers' weights.
    fn bytes(&self, chosen: &[usize]) -> usize {
        self.forms().iter().zip(chosen).map(|(forms, &form)| forms[form].bytes).sum()
    }

    fn weights(&self) -> usize {
        self.candidates.iter().map(|candidate| candidate.weights).sum()
    }

    /// Bytes that the weights may have.
    fn budget(&self, wish: &Wish, target: Target) -> Result<usize, ShrinkError> {
        let weights = self.weights();
        let average = wish.average_bits.map(|bits| (weights as f64 * bits / 8.0) as usize);
        let flash = match wish.flash {
            Some(flash) => {
                let rest = walk::blob_for(&self.int8, target)?.len().saturating_sub(weights);
                Some(flash.saturating_sub(rest))
            }
            None => None,
        };
        Ok(average.unwrap_or(weights).min(flash.unwrap_or(weights)).min(weights))
    }

    fn within(&self, bytes: usize) -> Result<Vec<usize>, ShrinkError> {
        let forms = self.forms();
        choose(&forms, bytes).ok_or_else(|| {
            let least: usize = forms.iter().map(|forms| forms.iter().map(|form| form.bytes).min().unwrap_or(0)).sum();
            ShrinkError::Impossible(format!(
                "weights may take {bytes} bytes, and with the fewest bits everywhere they take {least}; \
                 allow more, or leave channels out of the model"
            ))
        })
    }

    /// What is lost at most, in per cent. When nothing is wanted, a little more than eight bits everywhere lose: one decision
    /// where samples are so few that it is more than that.
    fn tolerance(&self, wish: &Wish) -> Result<Option<f64>, ShrinkError> {
        if wish.max_drop.is_some() || wish.average_bits.is_some() || wish.flash.is_some() {
            return Ok(wish.max_drop);
        }
        let fewest = self.aside.chosen.len().min(self.fitted.chosen.len()).max(1);
        let one = if self.is_classes { 100.0 / fewest as f64 } else { 0.0 };
        Ok(Some(self.drop(&self.distance(&self.int8)?) + Wish::MAX_DROP.max(one)))
    }

    /// The choice within `bytes`, or the same bits in every layer where that turns out to make less noise: what single
    /// layers make does not quite add up.
    fn quietest(&self, bytes: usize, progress: Progress<'_>) -> Result<Vec<usize>, ShrinkError> {
        let chosen = self.within(bytes)?;
        let Some(even) = self.even(bytes).filter(|even| *even != chosen) else { return Ok(chosen) };
        let mut noise = |chosen: &[usize]| -> Result<f64, ShrinkError> {
            Ok(self.distance(&self.rounded(chosen, progress)?)?.aside.noise)
        };
        Ok(if noise(&even)? < noise(&chosen)? { even } else { chosen })
    }

    /// The most bits that all layers can have alike within `bytes`, those that cannot have so few being left as they are.
    fn even(&self, bytes: usize) -> Option<Vec<usize>> {
        let all = |bits: usize| -> Vec<usize> {
            // Forms begin with the most bits.
            let form = |candidate: &Candidate| {
                let fits = candidate.storages.iter().position(|storage| storage.bits() <= bits);
                fits.unwrap_or(candidate.storages.len().saturating_sub(1))
            };
            self.candidates.iter().map(form).collect()
        };
        [8, 4, 3, 2].into_iter().map(all).find(|even| self.bytes(even) <= bytes)
    }

    /// The fewest bytes, of at most `most`, with which candidates put together hold the tolerance; all of them when none do.
    fn smallest(&self, most: usize, tolerance: f64) -> Result<Vec<usize>, ShrinkError> {
        let forms = self.forms();
        let mut low: usize = forms.iter().map(|forms| forms.iter().map(|form| form.bytes).min().unwrap_or(0)).sum();
        let (mut high, mut best) = (most, self.within(most)?);
        for _ in 0..HALVINGS {
            let middle = low.midpoint(high);
            let Some(chosen) = choose(&forms, middle) else {
                low = middle;
                continue;
            };
            if self.holds(&self.distance(&self.together(&chosen))?, tolerance) {
                (high, best) = (middle, chosen);
            } else {
                low = middle;
            }
        }
        Ok(best)
    }

    /// The graph with the layers as they were rounded each for itself.
    fn together(&self, chosen: &[usize]) -> Graph {
        let mut graph = self.int8.clone();
        for (candidate, &form) in self.candidates.iter().zip(chosen) {
            candidate.put(form, &mut graph);
        }
        graph
    }

    /// The graph rounded layer by layer.
    fn rounded(&self, chosen: &[usize], progress: Progress<'_>) -> Result<Graph, ShrinkError> {
        let mut graph = self.int8.clone();
        let storage_of = |index: usize| {
            let found = self.candidates.iter().zip(chosen).find(|(candidate, _)| candidate.index == index);
            Some(found.map_or(Storage::Bits8, |(candidate, &form)| candidate.storages[form]))
        };
        round((self.float, &mut graph), (self.samples, &self.fitted.chosen), &storage_of, progress)?;
        Ok(graph)
    }

    fn distance(&self, graph: &Graph) -> Result<Found, ShrinkError> {
        let of = |set: &Set| Ok::<_, ShrinkError>(distance(&set.wanted, &outputs(graph, (self.samples, &set.chosen))?));
        Ok(Found { aside: of(&self.aside)?, fitted: of(&self.fitted)? })
    }

    /// Both the samples set aside and the others are within the tolerance.
    fn holds(&self, found: &Found, tolerance: f64) -> bool {
        self.drop(found) <= tolerance
    }

    /// What is lost, in per cent: of the samples set aside or of the others, whichever lose more.
    fn drop(&self, found: &Found) -> f64 {
        let drop =
            |of: &Distance| if self.is_classes { of.changed as f64 / of.samples.max(1) as f64 } else { of.noise };
        100.0 * drop(&found.aside).max(drop(&found.fitted))
    }

    /// More bits for the layer that makes the most noise of those that can have more within `bytes`.
    fn lifted(&self, chosen: &[usize], bytes: usize) -> Option<Vec<usize>> {
        let lift = |layer: usize| {
            let mut lifted = chosen.to_vec();
            lifted[layer] = lifted[layer].checked_sub(1)?;
            (self.bytes(&lifted) <= bytes).then_some((self.candidates[layer].noise[chosen[layer]], lifted))
        };
        let lifts = (0..chosen.len()).filter_map(lift);
        lifts.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, lifted)| lifted)
    }

    fn mix(&self, chosen: &[usize], found: &Found, pareto: bool) -> Result<Mix, ShrinkError> {
        let layer = |(candidate, &form): (&Candidate, &usize)| {
            let bits = candidate.storages.iter().map(|storage| storage.bits());
            MixLayer {
                node: self.int8.nodes[candidate.index].name.clone(),
                bits: candidate.storages[form].bits(),
                noise: bits.zip(candidate.noise.iter().copied()).collect(),
            }
        };
        Ok(Mix {
            samples: found.aside.samples,
            changed: self.is_classes.then_some(found.aside.changed),
            sqnr_db: found.aside.sqnr_db(),
            weight_bytes: self.bytes(chosen),
            average_bits: 8.0 * self.bytes(chosen) as f64 / self.weights().max(1) as f64,
            layers: self.candidates.iter().zip(chosen).map(layer).collect(),
            pareto: if pareto { self.pareto()? } else { Vec::new() },
        })
    }

    fn pareto(&self) -> Result<Vec<MixPoint>, ShrinkError> {
        let mut points = Vec::new();
        let (forms, weights) = (self.forms(), self.weights());
        for bits in POINTS {
            let Some(chosen) = choose(&forms, (weights as f64 * bits / 8.0) as usize) else { continue };
            let found = self.distance(&self.together(&chosen))?;
            points.push(MixPoint::new(self.bytes(&chosen), &found.aside, self.is_classes));
        }
        points.dedup_by_key(|point| point.weight_bytes);
        Ok(points)
    }

    fn too_large(&self, bytes: usize) -> ShrinkError {
        ShrinkError::Impossible(format!("the blob takes {bytes} bytes; allow as many with --flash"))
    }

    fn cannot(&self, chosen: &[usize], found: &Found, tolerance: f64) -> ShrinkError {
        let Found { aside, fitted } = found;
        let what = if self.is_classes {
            let (changed, samples) = (aside.changed + fitted.changed, aside.samples + fitted.samples);
            format!(
                "{changed} of {samples} samples are decided otherwise, {} of the {} set aside",
                aside.changed, aside.samples
            )
        } else {
            format!("{:.2} % of the outputs' power is noise", aside.noise.max(fitted.noise) * 100.0)
        };
        let mut noisy: Vec<(&Candidate, f64, usize)> = self
            .candidates
            .iter()
            .zip(chosen)
            .map(|(candidate, &form)| (candidate, candidate.noise[form], candidate.storages[form].bits()))
            .collect();
        noisy.sort_by(|a, b| b.1.total_cmp(&a.1));
        let in_the_way = noisy.iter().filter(|(_, noise, _)| *noise > 0.0).take(3).map(|(candidate, noise, bits)| {
            let name = &self.int8.nodes[candidate.index].name;
            format!("\n  `{name}` with {bits} bits alone makes {:.3} %", noise * 100.0)
        });
        let in_the_way: String = in_the_way.collect();
        let cause = if in_the_way.is_empty() {
            "; the weights have as many bits as they can have, what is left are activations of eight bits".to_owned()
        } else {
            format!("; the layers in the way, by their part in the noise:{in_the_way}")
        };
        ShrinkError::Impossible(format!("--max-drop {tolerance} cannot be held: {what}{cause}"))
    }
}
