//! Areas under receiver operating characteristics.

use super::Scores;

/// Area under the receiver operating characteristic: the chance that a positive scores above a negative, equal
/// scores counting half. `None` when there are not both.
pub fn auc(scores: &[f64], is_positive: &[bool]) -> Option<f64> {
    let of_positives = placements(scores, is_positive)?.0;
    Some(of_positives.iter().sum::<f64>() / of_positives.len() as f64)
}

/// For each positive the share of negatives below it, and for each negative the share of positives above it, equal scores
/// counting half: the structural components of DeLong, DeLong and Clarke-Pearson (1988). `None` when there are not both.
pub(super) fn placements(scores: &[f64], is_positive: &[bool]) -> Option<(Vec<f64>, Vec<f64>)> {
    let of = |wanted: bool| -> Vec<f64> {
        scores.iter().zip(is_positive).filter(|(_, positive)| **positive == wanted).map(|(score, _)| *score).collect()
    };
    let (positives, negatives) = (of(true), of(false));
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let sorted = |scores: &[f64]| {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (low, high) = (sorted(&negatives), sorted(&positives));
    // Half of the equal ones lie below.
    let below = |sorted: &[f64], score: f64| {
        let less = sorted.partition_point(|x| x.total_cmp(&score).is_lt());
        let no_more = sorted.partition_point(|x| x.total_cmp(&score).is_le());
        (less + no_more) as f64 / 2.0 / sorted.len() as f64
    };
    let of_positives = positives.iter().map(|&score| below(&low, score)).collect();
    let of_negatives = negatives.iter().map(|&score| 1.0 - below(&high, score)).collect();
    Some((of_positives, of_negatives))
}

/// How much each class is favored in a sample. Only probabilities of several samples can be compared: others become some.
fn favors(output: &[f32], is_probability: bool) -> Vec<f64> {
    let reals: Vec<f64> = output.iter().map(|&x| f64::from(x)).collect();
    if is_probability || reals.len() < 2 {
        return reals;
    }
    let largest = reals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = reals.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// How much class 1 of two is favored in each sample.
pub(super) fn positive_scores(outputs: &[&[f32]], is_probability: bool) -> Vec<f64> {
    let of = |output: &&[f32]| favors(output, is_probability).last().copied().unwrap_or(f64::NAN);
    outputs.iter().map(of).collect()
}

/// Sets the areas of each class against the rest, and their mean; of two classes both are the same.
pub(super) fn add(scores: &mut Scores, labels: &[i64], outputs: &[&[f32]], is_probability: bool) {
    let favors: Vec<Vec<f64>> = outputs.iter().map(|output| favors(output, is_probability)).collect();
    for line in &mut scores.classes {
        let is_class: Vec<bool> = labels.iter().map(|&label| label == line.class as i64).collect();
        let of_sample = |favors: &Vec<f64>| match favors.as_slice() {
            // A single number favors class 1, and class 0 by being small.
            [single] if line.class == 0 => -single,
            [single] => *single,
            several => several.get(line.class).copied().unwrap_or(f64::NAN),
        };
        line.auc = auc(&favors.iter().map(of_sample).collect::<Vec<_>>(), &is_class);
    }
    let areas: Vec<f64> = scores.classes.iter().filter_map(|line| line.auc).collect();
    scores.auc = (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64);
}
