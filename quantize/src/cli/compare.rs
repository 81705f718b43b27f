//! `kinglet compare`

use std::path::PathBuf;

use clap::Args;

use super::model::ModelArguments;
use super::progress::Progress;
use super::{Outcome, print, print_json};
use crate::blob_file;
use crate::compare::{CompareError, Comparison, compare};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model that the blob was made from
    model: PathBuf,
    /// The blob
    blob: PathBuf,
    /// Inputs under their names or as `x`; labels, if any, as `y`
    #[arg(long, value_name = "X.npz")]
    data: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    changes: ModelArguments,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let progress = Progress::new();
    let changes = arguments.changes.changes()?;
    let comparison = compare((&arguments.model, &changes), &blob, &arguments.data, &|done, total| {
        progress.counting("comparing", done, total);
    });
    let comparison = comparison.map_err(|error| match error {
        CompareError::Import(error) => arguments.changes.refused(&error),
        other => other.into(),
    })?;
    drop(progress);
    if arguments.json { print_json(&comparison) } else { print(&text(&comparison)) }
}

/// The comparison in words.
pub(super) fn text(it: &Comparison) -> String {
    let decibels = |sqnr: Option<f64>| sqnr.map_or_else(|| "no noise".into(), |db| format!("{db:.1} dB SQNR"));
    let mut lines = vec![format!("{} samples, float reference by {}", it.samples, it.reference)];
    lines.extend(it.reference_note.iter().map(|note| format!("  {note}")));
    for output in &it.outputs {
        lines.push(format!(
            "  `{}`: same answer on {:.2} %, {}, largest error {:.3e}",
            output.name,
            output.agreement * 100.0,
            decibels(output.sqnr_db),
            output.max_abs_error
        ));
    }
    if let (Some(metric), Some(float), Some(blob)) = (it.metric, it.metric_float, it.metric_blob) {
        lines.push(match metric {
            "accuracy" => format!("  accuracy: float {:.2} %, blob {:.2} %", float * 100.0, blob * 100.0),
            _ => format!("  AUC: float {float:.4}, blob {blob:.4}"),
        });
    }
    lines.join("\n")
}
