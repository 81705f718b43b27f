//! Ranges of values, and how they are chosen from what was observed.

use core::fmt;
use core::str::FromStr;

use super::histogram::Histogram;
use super::rare::Kept;
use crate::ir::ValueId;

/// The interval of reals that a value's int8 codes shall cover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lower end.
    pub lo: f32,
    /// Upper end, at least `lo`.
    pub hi: f32,
}

impl Range {
    /// The range that nothing has been added to.
    pub const EMPTY: Range = Range { lo: f32::INFINITY, hi: f32::NEG_INFINITY };

    /// True when nothing was observed.
    pub fn is_empty(self) -> bool {
        self.lo > self.hi
    }

    /// Extended to `x`.
    pub fn including(self, x: f32) -> Range {
        Range { lo: self.lo.min(x), hi: self.hi.max(x) }
    }

    /// The smallest range around both.
    pub fn union(self, other: Range) -> Range {
        Range { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Distance between the ends.
    pub fn width(self) -> f32 {
        self.hi - self.lo
    }
}

/// How a range is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RangeMethod {
    /// As [`RangeMethod::MeanSquaredError`] within the model, and everything that was observed at its outputs.
    #[default]
    Auto,
    /// Everything that was observed.
    MinMax,
    /// From the mean of the samples' least elements to the mean of their largest.
    MeanOfExtremes,
    /// The middle so many percent of what was observed, in `(0, 100]`; robust against single outliers.
    Percentile(f64),
    /// The range whose int8 codes are nearest to what was observed, in the mean of squares.
    MeanSquaredError,
    /// The range whose int8 codes are distributed most nearly as what was observed: least Kullback-Leibler divergence
    /// (Migacz, 8-bit inference with TensorRT, 2017), over 32 bins for each code.
    Entropy,
}

/// The middle that `percentile` without a number takes.
const PERCENT: f64 = 99.99;

impl RangeMethod {
    /// True when the method needs the distribution and not only its ends.
    pub(super) fn needs_histogram(self) -> bool {
        !matches!(self, RangeMethod::MinMax | RangeMethod::MeanOfExtremes)
    }

    /// True when outputs of the model keep everything that was observed. A clipped score equals the next one that is: the
    /// decision between them, which is the output's purpose, is lost.
    pub(super) fn keeps_outputs(self) -> bool {
        self == RangeMethod::Auto
    }

    /// The range of a value by its ends in each sample. For methods that look at the distribution, what it is counted in.
    pub(super) fn of_extremes(self, of_samples: &[Range], kept: &Kept) -> Range {
        if self != RangeMethod::MeanOfExtremes {
            return kept.range;
        }
        let is_kept = |(sample, range): &(usize, &Range)| !kept.aside.contains(sample) && !range.is_empty();
        let (mut lo, mut hi, mut count) = (0.0, 0.0, 0.0);
        for (_, range) in of_samples.iter().enumerate().filter(is_kept) {
            (lo, hi, count) = (lo + f64::from(range.lo), hi + f64::from(range.hi), count + 1.0);
        }
        if count == 0.0 { kept.range } else { Range { lo: (lo / count) as f32, hi: (hi / count) as f32 } }
    }

    /// The range for a distribution.
    pub(super) fn choose(self, histogram: &Histogram) -> Range {
        match self {
            RangeMethod::MinMax | RangeMethod::MeanOfExtremes => histogram.range(),
            RangeMethod::Percentile(percent) => percentile(histogram, percent),
            RangeMethod::Auto | RangeMethod::MeanSquaredError => {
                least(histogram, &|range| histogram.quantization_error(range))
            }
            RangeMethod::Entropy => least(histogram, &|range| histogram.divergence(range)),
        }
    }
}

impl fmt::Display for RangeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeMethod::Auto => f.write_str("auto"),
            RangeMethod::MinMax => f.write_str("min-max"),
            RangeMethod::MeanOfExtremes => f.write_str("mean"),
            RangeMethod::Percentile(percent) => write!(f, "percentile:{percent}"),
            RangeMethod::MeanSquaredError => f.write_str("mse"),
            RangeMethod::Entropy => f.write_str("entropy"),
        }
    }
}

impl FromStr for RangeMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        match (name, number) {
            ("auto", None) => Ok(RangeMethod::Auto),
            ("min-max", None) => Ok(RangeMethod::MinMax),
            ("mean", None) => Ok(RangeMethod::MeanOfExtremes),
            ("mse", None) => Ok(RangeMethod::MeanSquaredError),
            ("entropy", None) => Ok(RangeMethod::Entropy),
            ("percentile", None) => Ok(RangeMethod::Percentile(PERCENT)),
            ("percentile", Some(number)) => match number.parse() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(RangeMethod::Percentile(percent)),
                _ => Err(format!("`{number}` is not a percentage above 0 and at most 100, as in percentile:99.9")),
            },
            _ => Err("a range is auto, min-max, mean, percentile, percentile:NUMBER, mse or entropy".into()),
        }
    }
}

/// Drops at each end at most half of what is outside the middle `percent`.
fn percentile(histogram: &Histogram, percent: f64) -> Range {
    let spare = (histogram.count() as f64 * (100.0 - percent.clamp(0.0, 100.0)) / 200.0) as u64;
    let kept_from = |counts: &mut dyn Iterator<Item = u64>| {
        let mut dropped = 0;
        let bins = counts.take_while(|count| {
            dropped += count;
            dropped <= spare
        });
        bins.count()
    };
    let low = kept_from(&mut histogram.counts().iter().copied());
    let high = kept_from(&mut histogram.counts().iter().rev().copied());
    let bins = histogram.counts().len();
    if low + high >= bins {
        return histogram.range();
    }
    Range { lo: histogram.edge(low), hi: histogram.edge(bins - high) }
}

/// Searches shrunken ranges for the least `cost`: both ends together first, then each alone around the best.
fn least(histogram: &Histogram, cost: &dyn Fn(Range) -> f64) -> Range {
    let whole = histogram.range().including(0.0);
    let shrunk = |lo: f32, hi: f32| Range { lo: whole.lo * lo, hi: whole.hi * hi };
    let ratios = || (4..=40).map(|step| step as f32 / 40.0);
    let best = |candidates: &mut dyn Iterator<Item = (f32, f32)>| {
        let errors = candidates.map(|(lo, hi)| (cost(shrunk(lo, hi)), lo, hi));
        // Ties go to the wider range, which comes later.
        errors.fold((f64::INFINITY, 1.0, 1.0), |best, next| if next.0 <= best.0 { next } else { best })
    };
    let (_, both, _) = best(&mut ratios().map(|ratio| (ratio, ratio)));
    let (_, lo, _) = best(&mut ratios().map(|ratio| (ratio, both)));
    let (_, lo, hi) = best(&mut ratios().map(|ratio| (lo, ratio)));
    shrunk(lo, hi)
}

/// The chosen range of every value that was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalibrationTable {
    ranges: Vec<Option<Range>>,
}

impl CalibrationTable {
    /// The range of a value; `None` when it was never computed.
    pub fn get(&self, id: ValueId) -> Option<Range> {
        self.ranges.get(id.0 as usize).copied().flatten()
    }

    /// Sets the range of a value.
    pub fn set(&mut self, id: ValueId, range: Range) {
        let index = id.0 as usize;
        if self.ranges.len() <= index {
            self.ranges.resize(index + 1, None);
        }
        self.ranges[index] = Some(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(elements: &[f32]) -> Histogram {
        let range = elements.iter().fold(Range::EMPTY, |range, &x| range.including(x));
        let mut histogram = Histogram::new(range);
        histogram.add(elements);
        histogram
    }

    /// A thousand values within one, and an outlier at `far`.
    fn with_outlier(far: f32) -> Histogram {
        let mut elements: Vec<f32> = (0..=1000).map(|i| (i as f32 - 500.0) / 500.0).collect();
        elements.push(far);
        histogram(&elements)
    }

    #[test]
    fn minmax_keeps_everything() {
        assert_eq!(RangeMethod::MinMax.choose(&with_outlier(90.0)), Range { lo: -1.0, hi: 90.0 });
    }

    #[test]
    fn methods_are_read_as_they_are_written() {
        let methods = ["auto", "min-max", "mean", "percentile:99.9", "mse", "entropy"];
        for text in methods {
            assert_eq!(text.parse().map(|method: RangeMethod| method.to_string()), Ok(text.to_owned()));
        }
        assert!("percentile:0".parse::<RangeMethod>().is_err());
    }

    #[test]
    fn percentile_drops_outliers() {
        let range = RangeMethod::Percentile(99.0).choose(&with_outlier(20.0));
        assert!(range.hi > 0.9 && range.hi < 1.1, "{range:?}");
        assert!(range.lo < -0.9, "{range:?}");
        assert_eq!(RangeMethod::Percentile(100.0).choose(&with_outlier(20.0)), Range { lo: -1.0, hi: 20.0 });
    }

    #[test]
    fn error_search_never_loses_to_minmax() {
        for far in [1.0, 1.5, 3.0, 10.0] {
            let histogram = with_outlier(far);
            let range = RangeMethod::MeanSquaredError.choose(&histogram);
            let error = histogram.quantization_error(range);
            assert!(error <= histogram.quantization_error(histogram.range()), "{far}: {range:?}");
        }
    }

    #[test]
    fn error_search_clips_rare_outliers_of_wide_noise() {
        let mut elements: Vec<f32> = (0..200_000).map(|i| (i % 2001) as f32 / 1000.0 - 1.0).collect();
        elements.push(2.0);
        let range = RangeMethod::MeanSquaredError.choose(&histogram(&elements));
        assert!(range.hi < 1.8, "{range:?}");
    }
}
