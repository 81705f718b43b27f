//! The code of each feature. Its thresholds say which differences matter: beyond the least and the greatest of them, all
//! numbers get the same answers.

use kinglet_kernels::trees::{NAN, Node, Question};

use crate::op::{Ensemble, FeatureCode};

/// Codes from the least threshold to the greatest: the others are margin.
const STEPS: f64 = 65_000.0;

/// The real of a key.
fn real(key: i32) -> f32 {
    let magnitude = f32::from_bits(key.unsigned_abs());
    if key < 0 { -magnitude } else { magnitude }
}

/// What trees ask about one feature.
#[derive(Clone, Default)]
struct Asked {
    thresholds: Vec<f32>,
    /// Nodes that send a missing number the way of a small one, and of a great one.
    missing: [usize; 2],
}

/// A feature: its code, and the numbers that samples have, in order.
pub(super) struct Column {
    pub(super) code: FeatureCode,
    seen: Vec<f32>,
}

impl Column {
    fn new(code: FeatureCode, column: impl Iterator<Item = f32>) -> Self {
        let mut seen: Vec<f32> = column.filter(|real| !real.is_nan()).collect();
        seen.sort_by(f32::total_cmp);
        seen.dedup();
        Column { code, seen }
    }

    /// The code of a threshold. What samples have goes the way that it goes on floats, where codes tell it from what goes the
    /// other way: thresholds that are samples themselves are usual.
    pub(super) fn threshold(&self, threshold: f32) -> i16 {
        let code = self.code.threshold(threshold);
        let above = self.seen.partition_point(|&real| real <= threshold);
        let least = above.checked_sub(1).and_then(|at| self.seen.get(at)).map(|&real| self.code.code(real));
        let most = self.seen.get(above).map(|&real| self.code.code(real).saturating_sub(1));
        let code = most.map_or(code, |most| code.min(most));
        if most.is_some_and(|most| least > Some(most)) { code } else { least.map_or(code, |least| code.max(least)) }
    }
}

/// Each feature of the trees that read an input, of which `rows` are samples.
pub(super) fn columns(ensembles: &[&Ensemble], rows: &[&[f32]]) -> Result<Vec<Column>, String> {
    let features = ensembles.first().map_or(0, |ensemble| ensemble.features);
    let mut asked = vec![Asked::default(); features];
    for node in ensembles.iter().flat_map(|ensemble| &ensemble.nodes) {
        let of = asked.get_mut(node.feature).ok_or("a node asks about a feature that there is not")?;
        of.thresholds.push(threshold(node)?);
        of.missing[usize::from(!node.turns_nan)] += 1;
    }
    let column = |(feature, asked): (usize, &Asked)| {
        let column = || rows.iter().filter_map(move |row| row.get(feature).copied());
        Column::new(code(asked, &column), column())
    };
    Ok(asked.iter().enumerate().map(column).collect())
}

/// What a node compares with, when it asks which of both is less.
pub(super) fn threshold(node: &Node) -> Result<f32, String> {
    match node.question {
        Question::LessEqual | Question::Greater if node.key != NAN => Ok(real(node.key)),
        Question::LessEqual | Question::Greater => Err("a node compares with NaN".into()),
        Question::Equal | Question::NotEqual => Err("a node asks whether a feature is equal to a number".into()),
    }
}

/// A missing number goes the way that most nodes send it; samples have none.
fn code<C: Iterator<Item = f32>>(asked: &Asked, column: &dyn Fn() -> C) -> FeatureCode {
    let [as_small, as_great] = asked.missing;
    let missing = if as_small > as_great { i16::MIN } else { i16::MAX };
    let itself = FeatureCode { missing, ..FeatureCode::ITSELF };
    let finite = asked.thresholds.iter().copied().filter(|threshold| threshold.is_finite());
    let [low, high] = ends(finite);
    if low > high || is_whole(column(), [low, high]) {
        return itself;
    }
    let width = if high > low { high - low } else { around(low, column()) };
    let scale = (width / STEPS) as f32;
    let code = FeatureCode { scale, offset: ((low + high) / 2.0) as f32, missing };
    if code.is_sound() { code } else { itself }
}

fn ends(reals: impl Iterator<Item = f32>) -> [f64; 2] {
    let widened = |[low, high]: [f64; 2], real: f32| [low.min(real.into()), high.max(real.into())];
    reals.fold([f64::INFINITY, f64::NEG_INFINITY], widened)
}

/// Whether numbers are their own codes: what samples have is whole, and thresholds have codes.
fn is_whole(mut column: impl Iterator<Item = f32>, thresholds: [f64; 2]) -> bool {
    let [low, high] = FeatureCode::ENDS.map(f64::from);
    let is_code = |real: f64| (low..high).contains(&real);
    // A constant feature says nothing about what it is.
    let mut others = 0;
    let first = column.next();
    let is_whole = |real: f32| {
        others += usize::from(Some(real) != first);
        real.is_nan() || real.fract() == 0.0 && is_code(real.into())
    };
    first.into_iter().chain(column).all(is_whole) && others > 0 && thresholds.into_iter().all(is_code)
}

/// How far samples are from the only threshold.
fn around(threshold: f64, column: impl Iterator<Item = f32>) -> f64 {
    let distances = column.filter(|real| real.is_finite()).map(|real| (f64::from(real) - threshold).abs());
    let furthest = distances.fold(0.0, f64::max);
    let least = f64::from(f32::MIN_POSITIVE) * STEPS;
    2.0 * if furthest > 0.0 { furthest } else { threshold.abs().max(1.0) }.max(least)
}

#[cfg(test)]
mod tests {
    use kinglet_kernels::trees::key;

    use super::*;

    #[test]
    fn reals_come_back_from_their_keys() {
        for number in [-1.5e30, -1.0, 0.0, 1e-45, 3.25, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(real(key(number)), number);
        }
    }
}
