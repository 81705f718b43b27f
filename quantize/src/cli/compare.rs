//! `kinglet compare`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::compile::write_page;
use super::data::BlobDataArguments;
use super::model::ModelArguments;
use super::progress::Progress;
use super::text::table;
use super::{Outcome, print, print_json, warn};
use crate::blob_file;
use crate::compare::{CompareError, Comparison, Request, compare};
use crate::inspect::inspect;
use crate::page::Facts;
use crate::score::{ClassScores, Difference, Metric, Scores};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model that the blob was made from
    model: PathBuf,
    /// The blob
    blob: PathBuf,
    /// Inputs under their names or as `x`; labels, if any, as `y` (.npz), or a .csv, or a folder of .png, .jpg or .wav
    /// files, in one folder for each class
    #[arg(long, value_name = "X")]
    data: PathBuf,
    /// What the blob was calibrated with: says how many samples are in both
    #[arg(long, value_name = "CALIB")]
    calib: Option<PathBuf>,
    /// The figure that decides: `top1` (the share of right answers), `precision`, `recall`, `f1` (means over the
    /// classes), `auc`, `mse`, `mae` [default: top1 of classes, auc of anomalies, mse of reals]
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,
    /// Use the first N samples only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Print the figures of every class, and which class was answered for which
    #[arg(long)]
    per_class: bool,
    /// Write a page about the blob and the data: one file of HTML, with plots
    #[arg(long, value_name = "REPORT.html")]
    report: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: BlobDataArguments,
    #[command(flatten)]
    changes: ModelArguments,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let progress = Progress::new();
    let changes = arguments.changes.changes()?;
    let preparation = arguments.reading.preparation()?;
    let request = Request {
        metric: arguments.metric,
        preparation: preparation.as_ref(),
        calibration: arguments.calib.as_deref(),
        limit: arguments.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        ..Request::new(&arguments.model, &changes, &blob, &arguments.data)
    };
    let comparison = compare(&request, &|done, total| progress.counting("comparing", done, total));
    let comparison = comparison.map_err(|error| match error {
        CompareError::Import(error) => arguments.changes.refused(&error),
        other => other.into(),
    })?;
    drop(progress);
    warn(comparison.warnings.iter().cloned());
    if let Some(path) = &arguments.report {
        let inspection = inspect(&Model::from_bytes(&blob)?);
        let facts = Facts { report: None, inspection: &inspection, comparison: Some(&comparison), warnings: &[] };
        write_page(path, &facts)?;
    }
    if arguments.json { print_json(&comparison) } else { print(&text(&comparison, arguments.per_class)) }
}

/// The comparison in words.
pub(super) fn text(it: &Comparison, per_class: bool) -> String {
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
    let coded = it.inputs.iter().filter(|input| input.codes.is_some());
    lines.extend(coded.map(|input| format!("  `{}`: {:.2} % clipped", input.name, input.clipped * 100.0)));
    let metric: Option<Metric> = it.metric.and_then(|name| name.parse().ok());
    if let (Some(metric), Some(float), Some(blob)) = (metric, it.metric_float, it.metric_blob) {
        lines.push(format!("  {}: float {}, blob {}", title(metric), figure(metric, float), figure(metric, blob)));
    }
    if let Some(scores) = &it.scores {
        lines.extend(scores.difference.as_ref().map(difference));
        lines.extend(others(&scores.float, &scores.blob, metric));
        if per_class && !scores.blob.classes.is_empty() {
            lines.push(classes(&scores.blob));
            lines.push(confusion(&scores.blob));
        }
    }
    lines.join("\n")
}

fn title(metric: Metric) -> String {
    match metric {
        Metric::Auc => "AUC".into(),
        Metric::F1 => "F1".into(),
        other => other.to_string(),
    }
}

fn figure(metric: Metric, value: f64) -> String {
    match metric {
        metric if metric.is_share() => format!("{:.2} %", value * 100.0),
        Metric::Auc => format!("{value:.4}"),
        _ => format!("{value:.4e}"),
    }
}

/// In per cent or hundredths, of which a change of an area is a matter too.
fn difference(it: &Difference) -> String {
    let Difference { value, low, high, .. } = it;
    let [value, low, high] = [value, low, high].map(|share| format!("{:+.2}", share * 100.0));
    let counts = it
        .only_float
        .zip(it.only_blob)
        .map(|(float, blob)| format!("; only the float model is right on {float} samples, only the blob on {blob}"));
    format!("  difference: {value} points, {low} to {high} with 95 % confidence{}", counts.unwrap_or_default())
}

/// The figures that did not decide, on one line.
fn others(float: &Scores, blob: &Scores, decided: Option<Metric>) -> Option<String> {
    let beside = [Metric::Accuracy, Metric::F1, Metric::Auc, Metric::MeanSquaredError, Metric::MeanAbsoluteError];
    let of = |metric: &Metric| {
        let (float, blob) = (float.get(*metric)?, blob.get(*metric)?);
        Some(format!("{} {} and {}", title(*metric), figure(*metric, float), figure(*metric, blob)))
    };
    let found: Vec<String> = beside.iter().filter(|metric| Some(**metric) != decided).filter_map(of).collect();
    (!found.is_empty()).then(|| format!("  beside it, float and blob: {}", found.join(", ")))
}

fn classes(scores: &Scores) -> String {
    let header = ["class", "name", "samples", "answers", "precision", "recall", "F1", "AUC"];
    let right = [true, false, true, true, true, true, true, true];
    let row = |line: &ClassScores| {
        let share = |share: f64| format!("{:.1} %", share * 100.0);
        vec![
            line.class.to_string(),
            line.name.clone().unwrap_or_default(),
            line.samples.to_string(),
            line.answers.to_string(),
            share(line.precision),
            share(line.recall),
            share(line.f1),
            line.auc.map_or_else(String::new, |auc| format!("{auc:.4}")),
        ]
    };
    format!("\n{}", table(&header, &right, &scores.classes.iter().map(row).collect::<Vec<_>>()))
}

fn confusion(scores: &Scores) -> String {
    let names: Vec<String> = (0..scores.confusion.len()).map(|class| class.to_string()).collect();
    let header: Vec<&str> = core::iter::once("label").chain(names.iter().map(String::as_str)).collect();
    let row = |(label, counts): (usize, &Vec<u64>)| {
        core::iter::once(label.to_string()).chain(counts.iter().map(u64::to_string)).collect()
    };
    let rows: Vec<Vec<String>> = scores.confusion.iter().enumerate().map(row).collect();
    format!("\nthe blob's answers (columns) for each label\n{}", table(&header, &vec![true; header.len()], &rows))
}
