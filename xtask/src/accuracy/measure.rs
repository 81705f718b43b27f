//! Compiles a model in one mode and compares the blob with the float model on the test set.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::modes::{Mode, Quantity};

/// The figures of a model in a mode.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    /// Percentage of samples with the float model's decision.
    pub(super) agreement: f64,
    /// `accuracy` or `auc`; absent without labels.
    pub(super) metric: Option<String>,
    /// The float model's, times 100.
    pub(super) metric_float: Option<f64>,
    /// The blob's, times 100.
    pub(super) metric_blob: Option<f64>,
    /// The metric's uncertainty at 95 %, in points each way; of an accuracy.
    pub(super) interval: Option<f64>,
    /// Absent when there is no noise.
    pub(super) sqnr_db: Option<f64>,
    /// Size of the blob.
    pub(super) blob_bytes: f64,
    /// Bytes of weights in the blob.
    pub(super) weight_bytes: f64,
    /// Working memory.
    pub(super) arena_bytes: f64,
    /// Multiplications.
    pub(super) macs: f64,
    /// Of the same model at 8 bits with all its weights.
    pub(super) whole: Whole,
    /// From the file to the blob; says nothing where other work is going on.
    pub(super) seconds: f64,
}

/// The model as it is, at 8 bits.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Whole {
    /// Bytes of weights, one each.
    pub(super) weight_bytes: f64,
    /// Multiplications.
    pub(super) macs: f64,
    /// Size of the blob.
    pub(super) blob_bytes: f64,
}

/// A folder with `model.onnx`, `calib.npz` and `test.npz`, and where its blobs go.
pub(super) struct Model<'a> {
    pub(super) folder: &'a Path,
    pub(super) work: &'a Path,
    pub(super) kinglet: &'a Path,
}

impl Model<'_> {
    /// Compiles and compares. `whole` is absent for the mode that says it.
    pub(super) fn measure(&self, mode: &Mode, whole: Option<Whole>) -> Result<Figures> {
        let (model, blob) = (self.folder.join("model.onnx"), self.work.join(format!("{}.kgl", mode.name)));
        let mut compile = Command::new(self.kinglet);
        compile.arg("compile").arg(&model).arg("--calib").arg(self.folder.join("calib.npz")).args(mode.options);
        compile.arg("--json").arg("-o").arg(&blob);
        let start = Instant::now();
        let report = json_of(&mut compile)?;
        let seconds = start.elapsed().as_secs_f64();
        let mut compare = Command::new(self.kinglet);
        compare.arg("compare").arg(&model).arg(&blob).arg("--data").arg(self.folder.join("test.npz")).arg("--json");
        let comparison = json_of(&mut compare)?;
        figures(&report, &comparison, whole, seconds)
    }
}

/// What the two commands have said.
pub(super) fn figures(report: &Value, comparison: &Value, whole: Option<Whole>, seconds: f64) -> Result<Figures> {
    let number = |value: &Value, name: &str| value[name].as_f64().with_context(|| format!("there is no `{name}`"));
    let macs = number(report, "macs")?;
    let own = Whole {
        weight_bytes: number(report, "weight_bytes")? + number(report, "weight_bytes_eliminated")?,
        macs: macs + number(report, "macs_eliminated")?,
        blob_bytes: number(report, "blob_bytes")?,
    };
    let percent = |name: &str| comparison[name].as_f64().map(|share| share * 100.0);
    let (agreement, samples) = (number(comparison, "agreement")?, number(comparison, "samples")?);
    let metric = comparison["metric"].as_str().map(str::to_owned);
    let is_accuracy = metric.as_deref() == Some("accuracy");
    Ok(Figures {
        agreement: agreement * 100.0,
        interval: is_accuracy.then(|| interval(samples, agreement)),
        metric,
        metric_float: percent("metric_float"),
        metric_blob: percent("metric_blob"),
        sqnr_db: comparison["sqnr_db"].as_f64(),
        blob_bytes: number(report, "blob_bytes")?,
        weight_bytes: number(report, "weight_bytes")?,
        arena_bytes: number(report, "arena_bytes")?,
        macs,
        whole: whole.unwrap_or(own),
        seconds,
    })
}

/// Half the interval, in points at 95 %, of the difference of two accuracies on the same samples. McNemar counts the
/// samples of which one model alone is right; they are among those where the decisions differ, so this is never too narrow.
fn interval(samples: f64, agreement: f64) -> f64 {
    let flips = (samples * (1.0 - agreement)).round();
    1.96 * flips.sqrt() / samples.max(1.0) * 100.0
}

impl Figures {
    /// One of the quantities that something is wanted of.
    pub(super) fn get(&self, quantity: Quantity) -> Option<f64> {
        match quantity {
            Quantity::Agreement => Some(self.agreement),
            Quantity::Metric => self.metric_blob,
            Quantity::Drop => Some(self.metric_float? - self.metric_blob?),
            Quantity::Sqnr => Some(self.sqnr_db.unwrap_or(f64::INFINITY)),
            Quantity::BlobRatio => Some(self.blob_bytes / self.whole.weight_bytes),
            Quantity::MacRatio => Some(self.macs / self.whole.macs),
            Quantity::BlobOfWhole => Some(self.blob_bytes / self.whole.blob_bytes),
        }
    }

    /// True when the quantity is as `bound` wants it; where it is uncertain, when part of its interval is.
    pub(super) fn reaches(&self, quantity: Quantity, bound: f64) -> bool {
        // Figures are read in hundredths.
        let slack = 0.005 + if quantity.is_uncertain() { self.interval.unwrap_or(0.0) } else { 0.0 };
        self.get(quantity).is_some_and(|value| match quantity.wants_more() {
            true => value + slack >= bound,
            false => value - slack <= bound,
        })
    }
}

fn json_of(command: &mut Command) -> Result<Value> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    ensure!(output.status.success(), "{shown} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{shown} printed no JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example(blob: f64) -> Figures {
        let report = json!({"macs": 70, "macs_eliminated": 30, "weight_bytes": 900, "weight_bytes_eliminated": 100,
            "blob_bytes": 1200, "arena_bytes": 64});
        let comparison = json!({"samples": 1000, "agreement": 0.985, "metric": "accuracy", "metric_float": 0.848,
            "metric_blob": blob, "sqnr_db": 30.5});
        figures(&report, &comparison, None, 0.5).expect("complete")
    }

    #[test]
    fn a_metric_falls_short_when_all_of_its_interval_does() {
        let figures = example(0.848);
        // 15 of 1000 decisions differ.
        assert!((figures.interval.unwrap_or_default() - 0.759).abs() < 1e-3);
        assert!(figures.reaches(Quantity::Metric, 85.5) && !figures.reaches(Quantity::Metric, 85.6));
        assert!(example(0.840).reaches(Quantity::Drop, 0.5) && !example(0.83).reaches(Quantity::Drop, 0.5));
        assert!(figures.reaches(Quantity::Agreement, 98.5) && !figures.reaches(Quantity::Agreement, 98.6));
        assert_eq!(figures.get(Quantity::BlobRatio), Some(1.2));
        assert_eq!(figures.get(Quantity::MacRatio), Some(0.7));
    }
}
