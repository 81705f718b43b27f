//! What the labels of a data set mean for a model.

use super::{Answers, Metric, Scores};

/// The right answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// A class for each sample, numbered as the elements of the first output. A single element tells two classes apart.
    Classes {
        /// By sample; those outside of the classes are never answered.
        labels: Vec<i64>,
        /// How many there are.
        classes: usize,
    },
    /// Which samples an autoencoder should reconstruct badly.
    Anomalies(Vec<bool>),
    /// The right outputs, sample after sample.
    Reals(Vec<f32>),
    /// No labels: the output should be the input.
    Input,
}

/// Labels that cannot be what the model answers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TruthError {
    /// Neither a label nor an output for each sample.
    #[error(
        "{labels} labels for {samples} samples in `y`; give one for each, or the {len} numbers of the first output"
    )]
    Count {
        /// How many there are.
        labels: usize,
        /// How many samples.
        samples: usize,
        /// Elements of the first output.
        len: usize,
    },
    /// A class that is no number of one.
    #[error("`y` holds {label} for sample {sample}; a class is a whole number, 0 for the first element of the output")]
    Fraction {
        /// The label.
        label: f64,
        /// The sample.
        sample: usize,
    },
    /// The figure says nothing about such labels.
    #[error("the metric `{metric}` needs {needs}")]
    Metric {
        /// What was asked for.
        metric: Metric,
        /// What it needs.
        needs: &'static str,
    },
}

impl Truth {
    /// What `y` means for a model with a first output of `len` elements; `is_autoencoder` when that has the shape of its
    /// only input. Without labels only an autoencoder has right answers.
    pub fn new(
        y: Option<&[f64]>,
        samples: usize,
        len: usize,
        is_autoencoder: bool,
        asked: Option<Metric>,
    ) -> Result<Option<Self>, TruthError> {
        let truth = match y {
            None => is_autoencoder.then_some(Truth::Input),
            Some(y) => Some(Truth::of_labels(y, samples, len, is_autoencoder)?),
        };
        if let Some(metric) = asked {
            let kinds = truth.as_ref().map_or(&[][..], Truth::metrics);
            if !kinds.contains(&metric) {
                return Err(TruthError::Metric { metric, needs: needs(metric) });
            }
        }
        // A reconstruction by itself is not what a model is judged by, unless somebody asks for it.
        Ok(truth.filter(|truth| *truth != Truth::Input || asked.is_some()))
    }

    fn of_labels(y: &[f64], samples: usize, len: usize, is_autoencoder: bool) -> Result<Self, TruthError> {
        let are_flags = y.iter().all(|&label| label == 0.0 || label == 1.0);
        if is_autoencoder && y.len() == samples && are_flags {
            return Ok(Truth::Anomalies(y.iter().map(|&label| label == 1.0).collect()));
        }
        if y.len() == samples && len == 1 && !are_flags {
            return Ok(Truth::Reals(y.iter().map(|&label| label as f32).collect()));
        }
        if y.len() == samples {
            let fraction = y.iter().position(|label| label.fract() != 0.0 || !label.is_finite());
            return match fraction {
                Some(sample) => Err(TruthError::Fraction { label: y[sample], sample }),
                None => {
                    Ok(Truth::Classes { labels: y.iter().map(|&label| label as i64).collect(), classes: len.max(2) })
                }
            };
        }
        if len == 0 || y.len() != samples * len {
            return Err(TruthError::Count { labels: y.len(), samples, len });
        }
        let hot = |row: &[f64]| row.iter().position(|&x| x == 1.0).filter(|_| row.iter().sum::<f64>() == 1.0);
        let hot: Option<Vec<i64>> = y.chunks_exact(len).map(|row| hot(row).map(|class| class as i64)).collect();
        Ok(match hot.filter(|_| are_flags) {
            Some(labels) => Truth::Classes { labels, classes: len },
            None => Truth::Reals(y.iter().map(|&real| real as f32).collect()),
        })
    }

    /// The figures that there are, the most usual one first.
    pub fn metrics(&self) -> &'static [Metric] {
        use Metric::{Accuracy, Auc, F1, MeanAbsoluteError, MeanSquaredError, Precision, Recall};
        match self {
            Truth::Classes { .. } => &[Accuracy, Precision, Recall, F1, Auc],
            Truth::Anomalies(_) => &[Auc, MeanSquaredError],
            Truth::Reals(_) | Truth::Input => &[MeanSquaredError, MeanAbsoluteError],
        }
    }
}

fn needs(metric: Metric) -> &'static str {
    match metric {
        Metric::Auc => "labels in `y`: classes, or 0 and 1 (an anomaly) for a model that reconstructs its input",
        Metric::MeanSquaredError | Metric::MeanAbsoluteError => {
            "the right outputs as `y`, or a model that reconstructs its input"
        }
        _ => "a class for each sample as `y`",
    }
}

/// Mean of squared differences: how badly an autoencoder reconstructs its input.
pub(super) fn squared(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    sum / a.len().max(1) as f64
}

/// How far the answers are from reals.
pub(super) fn distances(truth: &Truth, answers: Answers<'_>) -> Scores {
    let (mut squares, mut sizes, mut count) = (0.0, 0.0, 0usize);
    for (sample, output) in answers.outputs.iter().enumerate() {
        let right = match truth {
            Truth::Reals(reals) => reals.get(sample * output.len()..(sample + 1) * output.len()).unwrap_or_default(),
            _ => answers.inputs.get(sample).copied().unwrap_or_default(),
        };
        for (&a, &b) in output.iter().zip(right) {
            let distance = f64::from(a) - f64::from(b);
            (squares, sizes, count) = (squares + distance * distance, sizes + distance.abs(), count + 1);
        }
    }
    let mean = |sum: f64| Some(sum / count.max(1) as f64);
    Scores { mse: mean(squares), mae: mean(sizes), ..Scores::default() }
}
