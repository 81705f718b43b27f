//! How often a value took which reals.

use super::range::Range;

/// Bins of a histogram. Eight for each int8 step: an error computed from bin centres is then right to within
/// some percent, which is enough to compare ranges.
const BINS: usize = 2048;

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_land_in_their_bins() {
        let mut histogram = Histogram::new(Range { lo: -1.0, hi: 1.0 });
        histogram.add(&[-1.0, -0.9995, 0.0, 1.0, 2.0, -2.0]);
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
}
