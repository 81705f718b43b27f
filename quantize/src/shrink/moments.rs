//! Second moments of what a layer reads, and of that with what it should compute: all that its rounding needs to know of
//! the samples, whatever their number.
//!
//! Sums are of integers: operands are codes less their zero point, results are brought to 14 bits of their own. So they
//! are exact, and the same in whatever order threads add them up.

use core::ops::Range;

use super::parallel;
use super::patches::Patches;

/// Positions whose patches lie in memory together.
const BLOCK: usize = 512;

/// Largest magnitude of a result in its own integers: [`BLOCK`] products with a code's distance stay below 2^31.
const RESULT_MAX: f64 = 8191.0;

/// Sums over the positions of a layer's samples. Groups of input channels have nothing to do with each other.
pub(super) struct Moments {
    /// Number of positions.
    count: f64,
    taps: usize,
    outputs: usize,
    /// Taps of which the products with each other are kept: consecutive ones.
    parts: Vec<Range<usize>>,
    /// Of each group and part: `[taps, taps]`, of which what is above the diagonal counts.
    products: Vec<Vec<i64>>,
    /// Of each group: `[taps]`.
    sums: Vec<Vec<i64>>,
    /// Of each group: `[outputs, taps]`.
    crossed: Vec<Vec<i64>>,
    /// Of each output: its sum, in its own integers.
    results: Vec<i64>,
    /// What an output's integer stands for.
    units: Vec<f64>,
}

/// The centered moments of one group: covariances for one position.
pub(super) struct Group {
    /// Of each part `[taps, taps]`, symmetric.
    pub(super) covariances: Vec<(Range<usize>, Vec<f64>)>,
    /// `[outputs, taps]`: results with taps.
    pub(super) crossed: Vec<f64>,
    /// `[outputs]`
    pub(super) result_means: Vec<f64>,
}

impl Moments {
    /// Adds up over `positions` of the patches; `results` are the reals that the layer should compute, `[position,
    /// outputs of all groups]`.
    pub(super) fn of(patches: &Patches<'_>, positions: &[usize], results: &[f32]) -> Self {
        Moments::summed(patches, positions, results, true)
    }

    /// The same for other results.
    pub(super) fn of_results(&self, patches: &Patches<'_>, positions: &[usize], results: &[f32]) -> Self {
        let products = self.products.clone();
        Moments { products, ..Moments::summed(patches, positions, results, false) }
    }

    fn summed(patches: &Patches<'_>, positions: &[usize], results: &[f32], with_products: bool) -> Self {
        let all = patches.groups * patches.outputs;
        let of_output =
            |position: usize, output: usize| f64::from(results.get(position * all + output).copied().unwrap_or(0.0));
        let unit = |output: usize| {
            let max = positions.iter().map(|&at| of_output(at, output).abs()).fold(0.0, f64::max);
            if max > 0.0 { max / RESULT_MAX } else { 1.0 }
        };
        let units: Vec<f64> = (0..all).map(unit).collect();
        let blocks: Vec<&[usize]> = positions.chunks(BLOCK).collect();
        let parts = parallel::parts(blocks.len(), |range| {
            let mut moments = Moments::empty(patches, units.clone());
            let mut block = Block::new(patches);
            for positions in &blocks[range] {
                block.fill(patches, positions, |position, output| {
                    (of_output(position, output) / units[output]).round() as i16
                });
                moments.add(&block, with_products);
            }
            moments
        });
        parts.into_iter().reduce(Moments::plus).unwrap_or_else(|| Moments::empty(patches, units))
    }

    fn empty(patches: &Patches<'_>, units: Vec<f64>) -> Self {
        let Patches { groups, taps, outputs, .. } = *patches;
        let parts = parts(taps);
        Moments {
            count: 0.0,
            taps,
            outputs,
            products: (0..groups).flat_map(|_| parts.iter().map(|part| vec![0; part.len() * part.len()])).collect(),
            parts,
            sums: vec![vec![0; taps]; groups],
            crossed: vec![vec![0; outputs * taps]; groups],
            results: vec![0; groups * outputs],
            units,
        }
    }

    fn plus(mut self, other: Moments) -> Moments {
        let add = |to: &mut Vec<i64>, from: &Vec<i64>| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        for (to, from) in
            [(&mut self.products, &other.products), (&mut self.sums, &other.sums), (&mut self.crossed, &other.crossed)]
        {
            to.iter_mut().zip(from).for_each(|(to, from)| add(to, from));
        }
        add(&mut self.results, &other.results);
        self.count += other.count;
        self
    }

    fn add(&mut self, block: &Block, with_products: bool) {
        let (taps, outputs) = (self.taps, self.outputs);
        for group in 0..self.sums.len() {
            let rows: Vec<&[i16]> = block.taps[group * taps * BLOCK..][..taps * BLOCK].chunks_exact(BLOCK).collect();
            let products = self.products[group * self.parts.len()..].iter_mut().filter(|_| with_products);
            for (part, products) in self.parts.iter().zip(products) {
                let (rows, len) = (&rows[part.clone()], part.len());
                for (first, row) in rows.iter().enumerate() {
                    let products = &mut products[first * len..][..len];
                    for (sum, other) in products[first..].iter_mut().zip(&rows[first..]) {
                        *sum += i64::from(dot(row, other));
                    }
                }
            }
            let sums = self.sums[group].iter_mut().zip(&rows);
            sums.for_each(|(sum, row)| *sum += row.iter().map(|&x| i64::from(x)).sum::<i64>());
            for output in 0..outputs {
                let at = group * outputs + output;
                let result = &block.results[at * BLOCK..][..BLOCK];
                self.results[at] += result.iter().map(|&y| i64::from(y)).sum::<i64>();
                let crossed = &mut self.crossed[group][output * taps..][..taps];
                crossed.iter_mut().zip(&rows).for_each(|(sum, row)| *sum += i64::from(dot(result, row)));
            }
        }
        self.count += block.count as f64;
    }

    /// The bias, in steps of `step`, with which channel `output` of a group has the mean that it should have.
    pub(super) fn bias(&self, group: usize, output: usize, codes: &[i8], step: f64) -> f64 {
        let products = codes.iter().zip(&self.sums[group]).map(|(&code, &sum)| i128::from(code) * i128::from(sum));
        let at = group * self.outputs + output;
        let wanted = self.results[at] as f64 * self.units[at] / step;
        (wanted - products.sum::<i128>() as f64) / self.count.max(1.0)
    }

    /// What channel `output`, of all groups, computes on average.
    pub(super) fn result_mean(&self, output: usize) -> f64 {
        self.results[output] as f64 * self.units[output] / self.count.max(1.0)
    }

    /// Covariances of one group.
    pub(super) fn group(&self, group: usize) -> Group {
        let (taps, outputs, count) = (self.taps, self.outputs, self.count.max(1.0));
        let means: Vec<f64> = self.sums[group].iter().map(|&sum| sum as f64 / count).collect();
        let unit = |output: usize| self.units[group * outputs + output];
        let result_means: Vec<f64> =
            (0..outputs).map(|output| self.results[group * outputs + output] as f64 * unit(output) / count).collect();
        let of_part = |(part, products): (&Range<usize>, &Vec<i64>)| {
            let (len, means) = (part.len(), &means[part.clone()]);
            let mut covariance = vec![0.0; len * len];
            for row in 0..len {
                for column in row..len {
                    let centered = products[row * len + column] as f64 / count - means[row] * means[column];
                    covariance[row * len + column] = centered;
                    covariance[column * len + row] = centered;
                }
            }
            (part.clone(), covariance)
        };
        let covariances = self.parts.iter().zip(&self.products[group * self.parts.len()..]).map(of_part).collect();
        let of_cross = |(index, &sum): (usize, &i64)| {
            let (output, tap) = (index / taps.max(1), index % taps.max(1));
            sum as f64 * unit(output) / count - result_means[output] * means[tap]
        };
        let crossed = self.crossed[group].iter().enumerate().map(of_cross).collect();
        Group { covariances, crossed, result_means }
    }
}

/// Above so many, taps are taken in parts whose products with each other are not kept.
const TAPS_MAX: usize = 1536;

/// Taps of such a part, at most.
const PART_MAX: usize = 512;

fn parts(taps: usize) -> Vec<Range<usize>> {
    let count = if taps > TAPS_MAX { taps.div_ceil(PART_MAX) } else { 1 };
    (0..count).map(|part| part * taps / count..(part + 1) * taps / count).collect()
}

/// Patches and results of [`BLOCK`] positions; zeros behind the last.
struct Block {
    count: usize,
    /// `[groups, taps, BLOCK]`
    taps: Vec<i16>,
    /// `[groups, outputs, BLOCK]`
    results: Vec<i16>,
}

impl Block {
    fn new(patches: &Patches<'_>) -> Self {
        let Patches { groups, taps, outputs, .. } = *patches;
        Block { count: 0, taps: vec![0; groups * taps * BLOCK], results: vec![0; groups * outputs * BLOCK] }
    }

    fn fill(&mut self, patches: &Patches<'_>, positions: &[usize], result: impl Fn(usize, usize) -> i16) {
        self.count = positions.len();
        if positions.len() < BLOCK {
            self.taps.fill(0);
            self.results.fill(0);
        }
        for (column, &position) in positions.iter().enumerate() {
            patches.unfold(position, |row, code| self.taps[row * BLOCK + column] = code);
            for output in 0..patches.groups * patches.outputs {
                self.results[output * BLOCK + column] = result(position, output);
            }
        }
    }
}

/// The sum of the products, which the callers' ranges keep within 32 bits.
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0_i32, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}
