//! Which class was answered, and how often rightly.

use serde::Serialize;

use super::Scores;

/// How one class is told. The field names are the JSON's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassScores {
    /// Its label.
    pub class: usize,
    /// Its name, where there is one.
    pub name: Option<String>,
    /// Samples with this label.
    pub samples: u64,
    /// Samples with this answer.
    pub answers: u64,
    /// Share of its answers that is right; 0 without answers.
    pub precision: f64,
    /// Share of its samples that is found; 0 without samples.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Against all others; absent unless there are samples of it and of others.
    pub auc: Option<f64>,
}

/// Index of the largest element; the first of equal ones.
pub fn argmax(elements: &[f32]) -> usize {
    let better = |best: (usize, f32), (index, &x): (usize, &f32)| if x > best.1 { (index, x) } else { best };
    elements.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0
}

/// How far a sum of probabilities may be from one, rounded to codes of 8 bits as they may be.
const PROBABILITY_SLACK: f32 = 0.05;

/// Whether outputs of several elements are probabilities, and not what a softmax makes some of.
pub(super) fn are_probabilities(outputs: &[&[f32]]) -> bool {
    let is_one = |output: &&[f32]| {
        let sum: f32 = output.iter().sum();
        output.iter().all(|x| (0.0..=1.0 + PROBABILITY_SLACK).contains(x)) && (sum - 1.0).abs() <= PROBABILITY_SLACK
    };
    outputs.iter().all(is_one)
}

/// Above which number a single output means class 1: a half of probabilities, zero of what a sigmoid makes some of.
pub(super) fn threshold(outputs: &[&[f32]]) -> f32 {
    let is_probability = outputs.iter().flat_map(|output| output.iter()).all(|x| (0.0..=1.0).contains(x));
    if is_probability { 0.5 } else { 0.0 }
}

/// The class of each sample's output.
pub(super) fn answers(outputs: &[&[f32]], threshold: f32) -> Vec<usize> {
    let of = |output: &&[f32]| match output {
        [single] => usize::from(*single > threshold),
        elements => argmax(elements),
    };
    outputs.iter().map(of).collect()
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Of more classes nobody reads who was taken for whom, and it would be long.
pub(super) const CONFUSION_MAX: usize = 256;

/// Everything but areas. Means are over the classes that are among the labels or the answers.
pub(super) fn scores(labels: &[i64], answers: &[usize], classes: usize, names: &[String]) -> Scores {
    let mut confusion = if classes <= CONFUSION_MAX { vec![vec![0u64; classes]; classes] } else { Vec::new() };
    // Answers for labels that are no classes count as answers all the same.
    let [mut answered, mut labelled, mut hits] = [(); 3].map(|()| vec![0u64; classes]);
    let count = |counts: &mut Vec<u64>, class: Option<usize>| {
        if let Some(count) = class.and_then(|class| counts.get_mut(class)) {
            *count += 1;
        }
    };
    for (&label, &answer) in labels.iter().zip(answers) {
        let label = usize::try_from(label).ok();
        count(&mut answered, Some(answer));
        count(&mut labelled, label);
        count(&mut hits, label.filter(|label| *label == answer));
        if let Some(row) = label.and_then(|label| confusion.get_mut(label)) {
            count(row, Some(answer));
        }
    }
    let right: u64 = hits.iter().sum();
    let of_class = |class: usize| {
        let (samples, answers, hits) = (labelled[class], answered[class], hits[class]);
        let (precision, recall, f1) = (ratio(hits, answers), ratio(hits, samples), ratio(2 * hits, samples + answers));
        ClassScores { class, name: names.get(class).cloned(), samples, answers, precision, recall, f1, auc: None }
    };
    let lines: Vec<ClassScores> = (0..classes).map(of_class).collect();
    let present: Vec<&ClassScores> = lines.iter().filter(|line| line.samples + line.answers > 0).collect();
    let mean = |of: fn(&ClassScores) -> f64| {
        let sum: f64 = present.iter().map(|line| of(line)).sum();
        (!present.is_empty()).then(|| sum / present.len() as f64)
    };
    Scores {
        accuracy: Some(ratio(right, labels.len() as u64)),
        precision: mean(|line| line.precision),
        recall: mean(|line| line.recall),
        f1: mean(|line| line.f1),
        classes: lines.clone(),
        confusion,
        ..Scores::default()
    }
}
