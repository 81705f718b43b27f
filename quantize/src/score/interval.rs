//! What the difference of two models on the same samples is worth.

use serde::Serialize;

use super::curve::placements;

/// The blob's figure less the float model's, with the interval that holds the difference on all data of this kind with a
/// chance of 95 %. The field names are the JSON's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `mcnemar` for accuracy, `delong` for areas.
    pub method: &'static str,
    /// On these samples.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Samples on which only the float model is right; absent for areas.
    pub only_float: Option<usize>,
    /// Samples on which only the blob is.
    pub only_blob: Option<usize>,
    /// The chance of a difference as large between models that are equally good.
    pub p_value: f64,
}

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Of two shares of right answers. Only samples on which one is right and the other wrong count (McNemar 1947). The interval
/// is the one of Agresti and Min (2005), which adds half a sample to each of the four counts: with few such samples the
/// plain one is far too short, and of none it has no length at all.
pub(super) fn of_shares(float: &[bool], blob: &[bool]) -> Difference {
    let count = |of_float: bool, of_blob: bool| {
        float.iter().zip(blob).filter(|&(&float, &blob)| float == of_float && blob == of_blob).count()
    };
    let (only_float, only_blob) = (count(true, false), count(false, true));
    let samples = float.len().min(blob.len()).max(1) as f64;
    let (b, c, n) = (only_float as f64 + 0.5, only_blob as f64 + 0.5, samples + 2.0);
    let middle = (c - b) / n;
    let reach = Z * (b + c - (c - b).powi(2) / n).max(0.0).sqrt() / n;
    Difference {
        method: "mcnemar",
        value: (only_blob as f64 - only_float as f64) / samples,
        low: (middle - reach).max(-1.0),
        high: (middle + reach).min(1.0),
        only_float: Some(only_float),
        only_blob: Some(only_blob),
        p_value: binomial_p(only_float.min(only_blob), only_float + only_blob),
    }
}

/// The chance that of `count` tosses of a fair coin at most `few` or at least `count - few` show heads.
fn binomial_p(few: usize, count: usize) -> f64 {
    // The logarithms of the terms, each from the one before.
    let mut term = -(count as f64) * core::f64::consts::LN_2;
    let mut sum = term.exp();
    for k in 1..=few {
        term += ((count - k + 1) as f64 / k as f64).ln();
        sum += term.exp();
    }
    (2.0 * sum).min(1.0)
}

/// Of two areas under curves of the same samples (DeLong, DeLong and Clarke-Pearson 1988). `None` without both kinds of
/// samples.
pub(super) fn of_areas(is_positive: &[bool], float: &[f64], blob: &[f64]) -> Option<Difference> {
    let (of_float, of_blob) = (placements(float, is_positive)?, placements(blob, is_positive)?);
    let differences =
        |blob: &[f64], float: &[f64]| -> Vec<f64> { blob.iter().zip(float).map(|(b, f)| b - f).collect() };
    let (positives, negatives) = (differences(&of_blob.0, &of_float.0), differences(&of_blob.1, &of_float.1));
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len().max(1) as f64;
    let variance = |list: &[f64]| {
        let middle = mean(list);
        let sum: f64 = list.iter().map(|x| (x - middle).powi(2)).sum();
        sum / list.len().saturating_sub(1).max(1) as f64 / list.len().max(1) as f64
    };
    let value = mean(&positives);
    let deviation = (variance(&positives) + variance(&negatives)).sqrt();
    Some(Difference {
        method: "delong",
        value,
        low: value - Z * deviation,
        high: value + Z * deviation,
        only_float: None,
        only_blob: None,
        p_value: if deviation > 0.0 { 2.0 * tail(value.abs() / deviation) } else { 1.0 },
    })
}

/// The chance that a normal variable lies above `z`, to four digits (Abramowitz and Stegun, 26.2.17).
fn tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let powers = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = powers.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    sum * (-z * z / 2.0).exp() / (2.0 * core::f64::consts::PI).sqrt()
}
