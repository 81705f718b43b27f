//! How often a value took which reals.

use super::range::Range;

/// Bins of a histogram, 32 for each int8 step: an error computed from bin centers is then right to within a
/// percent, and a range a tenth as wide still has three bins for each of its codes.
const BINS: usize = 8192;

/// Codes of int8.
const CODES: usize = 256;

/// Counts over equal bins of a range that is known beforehand.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    range: Range,
    counts: Vec<u64>,
}

impl Histogram {
    pub(super) fn new(range: Range) -> Self {
        Histogram { range, counts: vec![0; BINS] }
    }

    pub(super) fn add(&mut self, elements: &[f32]) {
        let width = f64::from(self.range.hi) - f64::from(self.range.lo);
        let bins_per_unit = if width > 0.0 { BINS as f64 / width } else { 0.0 };
        for &element in elements {
            let bin = (f64::from(element) - f64::from(self.range.lo)) * bins_per_unit;
            // Saturating: what is below the range counts in the first bin, what is above in the last.
            self.counts[(bin as usize).min(BINS - 1)] += 1;
        }
    }

    pub(super) fn range(&self) -> Range {
        self.range
    }

    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn position(&self, bins: f64) -> f64 {
        let (lo, hi) = (f64::from(self.range.lo), f64::from(self.range.hi));
        lo + (hi - lo) * bins / BINS as f64
    }

    /// The bin that an element within the range is counted in.
    fn bin_of(&self, element: f32) -> Option<usize> {
        let width = f64::from(self.range.hi) - f64::from(self.range.lo);
        let bin = (f64::from(element) - f64::from(self.range.lo)) / width * BINS as f64;
        (width > 0.0 && (self.range.lo..=self.range.hi).contains(&element)).then(|| (bin as usize).min(BINS - 1))
    }

    /// Lower edge of bin `index`; the upper end of the range for the number of bins.
    pub(super) fn edge(&self, index: usize) -> f32 {
        self.position(index as f64) as f32
    }

    /// Mean of the squared distances to the int8 codes of `range`.
    pub(super) fn quantization_error(&self, range: Range) -> f64 {
        let (lo, hi) = (f64::from(range.lo.min(0.0)), f64::from(range.hi.max(0.0)));
        let step = (hi - lo) / 255.0;
        let code = |x: f64| if step > 0.0 { (x.clamp(lo, hi) / step).round() * step } else { 0.0 };
        let of_bin = |(index, &count): (usize, &u64)| {
            let x = self.position(index as f64 + 0.5);
            count as f64 * (x - code(x)).powi(2)
        };
        let occupied = self.counts.iter().enumerate().filter(|(_, count)| **count != 0);
        occupied.map(of_bin).sum::<f64>() / self.count().max(1) as f64
    }

    /// The Kullback-Leibler divergence of the codes of `range` from what was observed, in nats: of each bin's share,
    /// what lies outside counted at the ends, from that of its code spread over the code's occupied bins.
    pub(super) fn divergence(&self, range: Range) -> f64 {
        let (lo, hi) = (f64::from(range.lo.min(0.0)), f64::from(range.hi.max(0.0)));
        let step = (hi - lo) / (CODES - 1) as f64;
        if step <= 0.0 {
            return f64::INFINITY;
        }
        // Of each code: what is inside the range, in how many bins.
        let mut inside = [(0.0f64, 0usize); CODES];
        // What is outside, at each end.
        let (mut below, mut above) = (0.0, 0.0);
        let code_of = |index: usize| {
            let x = self.position(index as f64 + 0.5);
            let is_inside = (lo..=hi).contains(&x);
            (x, is_inside.then(|| (((x - lo) / step).round() as usize).min(CODES - 1)))
        };
        // Zero has a code of its own and is exact; after ReLU half of all elements are zero.
        let zero = self.bin_of(0.0);
        let occupied = || self.counts.iter().enumerate().filter(|(index, count)| **count != 0 && Some(*index) != zero);
        for (index, &count) in occupied() {
            match code_of(index) {
                (_, Some(code)) => {
                    if let Some((mass, bins)) = inside.get_mut(code) {
                        (*mass, *bins) = (*mass + count as f64, *bins + 1);
                    }
                }
                (x, None) if x < lo => below += count as f64,
                _ => above += count as f64,
            }
        }
        let within: f64 = inside.iter().map(|(mass, _)| mass).sum();
        if within == 0.0 {
            return f64::INFINITY;
        }
        // The ends' bins bear what is outside in the one distribution and not in the other.
        let ends = (occupied().find(|(index, _)| code_of(*index).1.is_some()), {
            self.counts
                .iter()
                .enumerate()
                .rfind(|(index, count)| **count != 0 && Some(*index) != zero && code_of(*index).1.is_some())
        });
        let whole = within + below + above;
        let of_bin = |(index, &count): (usize, &u64)| {
            let (mass, bins) = code_of(index).1.and_then(|code| inside.get(code)).copied()?;
            let outside =
                |end: Option<(usize, &u64)>, mass: f64| if end.is_some_and(|e| e.0 == index) { mass } else { 0.0 };
            let p = (count as f64 + outside(ends.0, below) + outside(ends.1, above)) / whole;
            let q = mass / bins as f64 / within;
            Some(p * (p / q).ln())
        };
        occupied().filter_map(of_bin).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_land_in_their_bins() {
        let mut histogram = Histogram::new(Range { lo: -1.0, hi: 1.0 });
        histogram.add(&[-1.0, -0.9999, 0.0, 1.0, 2.0, -2.0]);
        assert_eq!(histogram.count(), 6);
        assert_eq!(histogram.counts()[0], 2 + 1);
        assert_eq!(histogram.counts()[BINS / 2], 1);
        assert_eq!(histogram.counts()[BINS - 1], 2);
        assert_eq!((histogram.edge(0), histogram.edge(BINS)), (-1.0, 1.0));
    }

    #[test]
    fn constant_value_has_one_bin() {
        let mut histogram = Histogram::new(Range { lo: 3.0, hi: 3.0 });
        histogram.add(&[3.0; 5]);
        assert_eq!(histogram.counts()[0], 5);
        assert!(histogram.quantization_error(Range { lo: 0.0, hi: 3.0 }) < 1e-12);
    }

    #[test]
    fn error_of_uniform_noise_is_a_twelfth_of_the_squared_step() {
        let elements: Vec<f32> = (0..100_000).map(|i| i as f32 / 100_000.0).collect();
        let mut histogram = Histogram::new(Range { lo: 0.0, hi: 1.0 });
        histogram.add(&elements);
        let expected = (1.0 / 255.0f64).powi(2) / 12.0;
        let error = histogram.quantization_error(Range { lo: 0.0, hi: 1.0 });
        assert!((error / expected - 1.0).abs() < 0.05, "{error} {expected}");
    }

    #[test]
    fn codes_that_are_distributed_as_the_elements_diverge_least() {
        // A bell, and one element far away.
        let mut elements: Vec<f32> = (0..100_000)
            .map(|i| {
                let sum: u32 = (0..12u32).map(|k| (i * 7919 + k * 104_729) % 997).sum();
                sum as f32 / 997.0 - 6.0
            })
            .collect();
        elements.push(60.0);
        let mut histogram = Histogram::new(Range { lo: -6.0, hi: 60.0 });
        histogram.add(&elements);
        let divergence = |lo: f32, hi: f32| histogram.divergence(Range { lo, hi });
        assert!(divergence(-6.0, 6.0) < divergence(-6.0, 60.0), "codes for nothing");
        assert!(divergence(-6.0, 6.0) < divergence(-0.5, 0.5), "most of it outside");
        assert_eq!(divergence(0.0, 0.0), f64::INFINITY);
    }
}
