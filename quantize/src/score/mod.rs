//! How good answers are: figures of a model whose right answers are known.
//!
//! Plain numbers in, plain numbers out; who computed the answers does not matter, and the float model and the blob are
//! scored by the same code. What a label means is decided once ([`Truth::new`]), from the labels and the model's first
//! output, and everything else follows from it.

mod classes;
mod curve;
mod fit;
mod interval;
mod truth;

use core::fmt;
use core::str::FromStr;

use serde::Serialize;

pub use classes::{ClassScores, argmax};
pub use curve::auc;
pub use fit::problems;
pub use interval::Difference;
pub use truth::{Truth, TruthError};

/// The figure that decides whether a model is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Share of samples whose answer is the label.
    Accuracy,
    /// Mean over the classes of the share of their answers that is right.
    Precision,
    /// Mean over the classes of the share of their samples that is found.
    Recall,
    /// Mean over the classes of the harmonic mean of both.
    F1,
    /// Area under the receiver operating characteristic; of several classes the mean of each against the rest.
    Auc,
    /// Mean of squared differences from the right reals, or from the input of an autoencoder.
    MeanSquaredError,
    /// Mean of differences without their sign.
    MeanAbsoluteError,
}

/// By name; the first is that of reports.
const METRICS: [(Metric, &[&str]); 7] = [
    (Metric::Accuracy, &["accuracy", "top1"]),
    (Metric::Precision, &["precision"]),
    (Metric::Recall, &["recall"]),
    (Metric::F1, &["f1"]),
    (Metric::Auc, &["auc"]),
    (Metric::MeanSquaredError, &["mse"]),
    (Metric::MeanAbsoluteError, &["mae"]),
];

impl Metric {
    /// Its name in reports and options.
    pub fn name(self) -> &'static str {
        let names = METRICS.iter().find(|(metric, _)| *metric == self).map(|(_, names)| names);
        names.and_then(|names| names.first()).copied().unwrap_or_default()
    }

    /// Whether less is better.
    pub fn is_error(self) -> bool {
        matches!(self, Metric::MeanSquaredError | Metric::MeanAbsoluteError)
    }

    /// Whether it is a share, which people read in per cent.
    pub fn is_share(self) -> bool {
        matches!(self, Metric::Accuracy | Metric::Precision | Metric::Recall | Metric::F1)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = METRICS.iter().find(|(_, names)| names.contains(&text)).map(|(metric, _)| *metric);
        let names: Vec<&str> = METRICS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        found.ok_or_else(|| format!("a metric is one of {}", names.join(", ")))
    }
}

/// All figures of one model. Those that its labels say nothing about are absent. The field names are the JSON's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// See [`Metric::Accuracy`].
    pub accuracy: Option<f64>,
    /// See [`Metric::Precision`].
    pub precision: Option<f64>,
    /// See [`Metric::Recall`].
    pub recall: Option<f64>,
    /// See [`Metric::F1`].
    pub f1: Option<f64>,
    /// See [`Metric::Auc`].
    pub auc: Option<f64>,
    /// See [`Metric::MeanSquaredError`].
    pub mse: Option<f64>,
    /// See [`Metric::MeanAbsoluteError`].
    pub mae: Option<f64>,
    /// Each class by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScores>,
    /// How many samples of each label (row) got each answer (column); absent with more than 256 classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
}

impl Scores {
    /// One of the figures.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy => self.accuracy,
            Metric::Precision => self.precision,
            Metric::Recall => self.recall,
            Metric::F1 => self.f1,
            Metric::Auc => self.auc,
            Metric::MeanSquaredError => self.mse,
            Metric::MeanAbsoluteError => self.mae,
        }
    }
}

/// The scores of two models on the same samples, and what their difference is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scoring {
    /// Of the float model.
    pub float: Scores,
    /// Of the blob.
    pub blob: Scores,
    /// Of accuracy or AUC; absent for other metrics.
    pub difference: Option<Difference>,
    /// Sentences about labels that are probably not meant.
    pub problems: Vec<String>,
}

/// What a model answered: of each sample its first output, and its input where the model reconstructs that.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    /// Outputs by sample.
    pub outputs: &'a [&'a [f32]],
    /// Inputs by sample.
    pub inputs: &'a [&'a [f32]],
}

/// Scores the answers of two models. `names` are those of the classes, as far as they are known.
pub fn score(truth: &Truth, float: Answers<'_>, blob: Answers<'_>, metric: Metric, names: &[String]) -> Scoring {
    match truth {
        Truth::Classes { labels, classes } => {
            let threshold = classes::threshold(float.outputs);
            let is_probability = classes::are_probabilities(float.outputs);
            let of = |answers: Answers<'_>| {
                let answered = classes::answers(answers.outputs, threshold);
                let mut scores = classes::scores(labels, &answered, *classes, names);
                curve::add(&mut scores, labels, answers.outputs, is_probability);
                (answered, scores)
            };
            let ((float_answers, float_scores), (blob_answers, blob_scores)) = (of(float), of(blob));
            let right = |answered: &[usize]| -> Vec<bool> {
                labels.iter().zip(answered).map(|(&label, &answer)| label == answer as i64).collect()
            };
            let difference = match metric {
                Metric::Auc if *classes == 2 => {
                    let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
                    let scores = |answers: Answers<'_>| curve::positive_scores(answers.outputs, is_probability);
                    interval::of_areas(&positive, &scores(float), &scores(blob))
                }
                Metric::Accuracy => Some(interval::of_shares(&right(&float_answers), &right(&blob_answers))),
                _ => None,
            };
            let problems = problems(labels, &float_answers, *classes, names);
            Scoring { float: float_scores, blob: blob_scores, difference, problems }
        }
        Truth::Anomalies(anomalous) => {
            let errors = |answers: Answers<'_>| -> Vec<f64> {
                answers
                    .outputs
                    .iter()
                    .zip(answers.inputs)
                    .map(|(output, input)| truth::squared(output, input))
                    .collect()
            };
            let (of_float, of_blob) = (errors(float), errors(blob));
            let scores = |errors: &[f64]| Scores {
                auc: auc(errors, anomalous),
                mse: Some(errors.iter().sum::<f64>() / errors.len().max(1) as f64),
                ..Scores::default()
            };
            let difference = (metric == Metric::Auc).then(|| interval::of_areas(anomalous, &of_float, &of_blob));
            Scoring {
                float: scores(&of_float),
                blob: scores(&of_blob),
                difference: difference.flatten(),
                problems: Vec::new(),
            }
        }
        Truth::Reals(_) | Truth::Input => {
            let of = |answers: Answers<'_>| truth::distances(truth, answers);
            Scoring { float: of(float), blob: of(blob), difference: None, problems: Vec::new() }
        }
    }
}

#[cfg(test)]
mod tests;
