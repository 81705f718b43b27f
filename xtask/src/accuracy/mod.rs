//! `cargo xtask accuracy`: every model of a folder in every way of compiling it, beside what is wanted.
//!
//! A model is a folder with `model.onnx`, `calib.npz` (inputs without labels) and `test.npz` (inputs `x`, labels `y`) that
//! calibration has not seen. Blobs are executed, never simulated. What is measured: agreement with the float model's
//! decisions, the metric with its interval, the noise, bytes and time; `docs/quantization.md` says how to read it.

mod measure;
mod modes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{prerequisites, tree};
use measure::{Figures, Model, Whole};
use modes::{MODES, Mode, Wanted};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of folders with a model each [default: ../shared/zoo]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Only models whose name contains this; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    model: Vec<String>,
    /// Only this way of compiling; may be given more than once
    #[arg(long, value_name = "MODE", value_parser = MODES.iter().map(|mode| mode.name).collect::<Vec<_>>())]
    mode: Vec<String>,
    /// Fail when something is not as it must be
    #[arg(long)]
    check: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// A model in a mode.
#[derive(Serialize)]
struct Row {
    model: String,
    mode: &'static str,
    #[serde(flatten)]
    figures: Figures,
    wanted: Vec<Verdict>,
}

/// Something wanted, and whether it is so.
#[derive(Serialize)]
struct Verdict {
    what: &'static str,
    found: Option<f64>,
    must: Option<f64>,
    goal: Option<f64>,
    is_met: bool,
    reaches_goal: bool,
}

/// All of it.
#[derive(Serialize)]
struct Results {
    rows: Vec<Row>,
    /// Modes that this version does not have.
    absent: Vec<&'static str>,
    /// What could not be measured, and why.
    failures: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = arguments.models.clone().unwrap_or_else(|| tree::shared().join("zoo"));
    if !folder.is_dir() {
        println!("skipped: there is no {}; see KINGLET_SHARED", folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let chosen: Vec<&Mode> = MODES.iter().filter(|mode| has(&arguments.mode, |name| mode.name == name)).collect();
    let known = options_of(&kinglet)?;
    let is_known = |option: &&str| !option.starts_with("--") || known.iter().any(|known| known == option);
    let exists = |mode: &&Mode| mode.options.iter().all(is_known);
    let (modes, absent): (Vec<&Mode>, Vec<&Mode>) = chosen.into_iter().partition(exists);
    let absent = absent.iter().map(|mode| mode.name).collect();
    let mut results = Results { rows: Vec::new(), absent, failures: Vec::new() };
    let names = models_in(&folder)?;
    for name in names.iter().filter(|name| has(&arguments.model, |pattern| name.contains(pattern))) {
        let work = tree::host_target().join("accuracy").join(name);
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        let model = Model { folder: &folder.join(name), work: &work, kinglet: &kinglet };
        measure_all(name, &model, &modes, arguments.json, &mut results)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        results.absent.iter().for_each(|name| println!("{name}: this version has no option for it"));
    }
    let is_short = results.rows.iter().flat_map(|row| &row.wanted).any(|verdict| !verdict.is_met);
    let is_short = is_short || !results.failures.is_empty();
    Ok(if arguments.check && is_short { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether nothing is asked for, or something that fits.
fn has(asked: &[String], fits: impl Fn(&str) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(|one| fits(one))
}

/// The options of `kinglet compile`, as its help has them.
fn options_of(kinglet: &Path) -> Result<Vec<String>> {
    let output = Command::new(kinglet).args(["compile", "--help"]).output().context("cannot run kinglet")?;
    ensure!(output.status.success(), "kinglet compile --help failed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_whitespace().filter(|word| word.starts_with("--")).map(str::to_owned).collect())
}

/// The folders that have a model, by name.
fn models_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if ["model.onnx", "calib.npz", "test.npz"].iter().all(|file| path.join(file).is_file()) {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "{} has no folder with model.onnx, calib.npz and test.npz", folder.display());
    Ok(names)
}

/// One model in all modes. What it is as a whole comes from the first of them, which leaves all weights in.
fn measure_all(name: &str, model: &Model<'_>, modes: &[&Mode], is_quiet: bool, results: &mut Results) -> Result<()> {
    let mut whole: Option<Whole> = None;
    if modes.iter().all(|mode| !mode.options.is_empty()) {
        whole = Some(model.measure(&MODES[0], None)?.whole);
    }
    for mode in modes {
        let figures = match model.measure(mode, whole) {
            Ok(figures) => figures,
            // A mode that cannot be had of one model says nothing of the others.
            Err(error) => {
                let failure = format!("{name} in mode {}: {error:#}", mode.name);
                println_unless(is_quiet, &failure);
                results.failures.push(failure);
                continue;
            }
        };
        whole.get_or_insert(figures.whole);
        let row = Row { wanted: verdicts(mode, name, &figures), model: name.into(), mode: mode.name, figures };
        println_unless(is_quiet, &text(&row, mode));
        results.rows.push(row);
    }
    Ok(())
}

fn println_unless(is_quiet: bool, text: &str) {
    if !is_quiet {
        println!("{text}");
    }
}

/// What is wanted of a model in a mode. A row of the model itself comes before one of all models.
fn verdicts(mode: &Mode, model: &str, figures: &Figures) -> Vec<Verdict> {
    let own = |quantity| mode.wanted.iter().any(|wanted| wanted.of(model).1 && wanted.quantity == quantity);
    let fits = |wanted: &&Wanted| {
        let (fits, by_name) = wanted.of(model);
        fits && (by_name || !own(wanted.quantity))
    };
    let verdict = |wanted: &Wanted| {
        let reaches = |bound: Option<f64>| bound.is_none_or(|bound| figures.reaches(wanted.quantity, bound));
        Verdict {
            what: wanted.quantity.name(),
            found: figures.get(wanted.quantity),
            must: wanted.must,
            goal: wanted.goal,
            is_met: reaches(wanted.must),
            reaches_goal: reaches(wanted.goal),
        }
    };
    mode.wanted.iter().filter(fits).map(verdict).collect()
}

fn text(row: &Row, mode: &Mode) -> String {
    let figures = &row.figures;
    let number = |value: Option<f64>, digits: usize| value.map_or("-".into(), |value| format!("{value:.digits$}"));
    let interval = figures.interval.map_or(String::new(), |interval| format!(" ± {interval:.2}"));
    let mut lines = vec![
        format!("{} {} ({})", row.model, mode.name, mode.what),
        format!(
            "  {} {} -> {}{interval}, agreement {:.2} %, {} dB",
            figures.metric.as_deref().unwrap_or("no labels"),
            number(figures.metric_float, 2),
            number(figures.metric_blob, 2),
            figures.agreement,
            number(figures.sqnr_db, 1),
        ),
        format!(
            "  blob {} bytes ({:.3} of {} bytes of int8 weights), arena {} bytes, {} MACs, {:.2} s",
            figures.blob_bytes,
            figures.blob_bytes / figures.whole.weight_bytes,
            figures.whole.weight_bytes,
            figures.arena_bytes,
            figures.macs,
            figures.seconds,
        ),
    ];
    for verdict in &row.wanted {
        let state = match (verdict.is_met, verdict.reaches_goal) {
            (false, _) => "SHORT",
            (true, false) => "met  ",
            (true, true) => "goal ",
        };
        let found = number(verdict.found, 3);
        let (must, goal) = (number(verdict.must, 2), number(verdict.goal, 2));
        lines.push(format!("  {state} {:<20} {found:>8}   must {must:>6}   goal {goal:>6}", verdict.what));
    }
    lines.join("\n")
}
