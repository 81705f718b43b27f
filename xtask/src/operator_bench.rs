//! `cargo xtask operator-bench`: instructions of each operator by itself, beside TensorFlow Lite Micro with CMSIS-NN.
//!
//! `tests/oracle/operator_models.py` makes a model for each operator and element type that the peer has; what the peer
//! needs for it is in `targets/results/peer-operators.json`, which `tools/peers/tflm` writes. Measuring is that of
//! `mcu-bench`, with one image for all models: it links every operator.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::board::{self, Board};
use crate::cases::Maker;
use crate::mcu_bench::measure::{self, Bench};
use crate::mcu_bench::only_one;
use crate::mcu_bench::peer::Peer;
use crate::mcu_bench::results::has_risen;
use crate::mcu_bench::subject::{self, Naming, Subject};
use crate::mcu_bench::table::{Table, grouped};
use crate::{prerequisites, python, tflite_operators, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The core to measure: one that is emulated and has the memory, with or without `cortex-`
    #[arg(long, value_parser = board::parse)]
    core: &'static Board,
    /// Only models that have this in `OPERATOR.case.type`; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// A folder of models instead of ours
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Write the results here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// List the functions that take the most instructions
    #[arg(long)]
    functions: bool,
    /// Fail when a number is more than 1 % above the one in targets/results
    #[arg(long)]
    check_results: bool,
    /// Write the numbers to targets/results
    #[arg(long, conflicts_with = "check_results")]
    write_results: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    #[command(flatten)]
    python: python::Arguments,
}

/// Models of one operator; all inputs are the ramp.
const ANY: Naming = Naming { suffix: ".tflite", vectors: &["ramp"] };

/// How many functions of a model are shown.
const FUNCTION_COUNT: usize = 6;

/// Instructions of one inference, by model.
type Counts = BTreeMap<String, u64>;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(models) = &arguments.models {
        return measure_folder(arguments, models);
    }
    let maker = Maker {
        name: "operator-models",
        script: "operator_models.py",
        packages: tflite_operators::PACKAGES,
        options: &[],
    };
    maker.make(&arguments.python, true, |folder| measure_folder(arguments, folder))
}

fn measure_folder(arguments: &Arguments, models: &Path) -> Result<ExitCode> {
    let mut subjects = subject::find(&ANY, models, &models.join("golden"), &[])?;
    subjects
        .retain(|subject| arguments.only.is_empty() || arguments.only.iter().any(|part| subject.name.contains(part)));
    ensure!(!subjects.is_empty(), "no model has such a name");
    let peer = Peer::read(&peer_path())?;
    let (now, mut failed) = measure(arguments, &subjects)?;
    print!("{}", text(arguments.core.core, &now, &peer));
    if let Some(path) = &arguments.json {
        write(path, &now)?;
    }
    let known = read(arguments.core.core)?;
    if arguments.check_results {
        for line in risen(&known, &now) {
            println!("{line}");
            failed = true;
        }
    }
    if arguments.write_results && !failed {
        // A run of some leaves the others as they were.
        let kept = if arguments.only.is_empty() { Counts::new() } else { known };
        write(&results_path(arguments.core.core), &kept.into_iter().chain(now).collect())?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Counts of all models, and whether one of them could not be run or was wrong.
fn measure(arguments: &Arguments, subjects: &[Subject]) -> Result<(Counts, bool)> {
    let board = arguments.core;
    prerequisites::rust_target(board.rust_target)?;
    let _lock = only_one()?;
    let plugin = prerequisites::plugin()?;
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let image = measure::build_for_all(board)?;
    let bench = Bench {
        board,
        plugin: &plugin,
        kinglet: &kinglet,
        compile_target: board.core,
        compile_arguments: &[],
        profile: arguments.functions,
        wait_states: 0,
        image: Some(&image),
    };
    let (mut counts, mut failed) = (Counts::new(), false);
    for subject in subjects {
        match bench.measure(subject) {
            Ok(record) => {
                if record.mismatches > 0 {
                    eprintln!("error: {} on {}: {} wrong bytes", record.name, board.core, record.runs[0].wrong_bytes);
                    failed = true;
                }
                for function in record.functions.iter().take(FUNCTION_COUNT) {
                    println!("{:<32} {:>10} {}", record.name, grouped(function.instructions), function.name);
                }
                counts.insert(record.name, record.instructions);
            }
            Err(error) => {
                eprintln!("error: {} on {}: {error:#}", subject.name, board.core);
                failed = true;
            }
        }
    }
    Ok((counts, failed))
}

/// A line for each model, the worst last.
fn text(core: &str, counts: &Counts, peer: &Peer) -> String {
    let mut rows: Vec<(f64, &str, u64, Option<u64>)> = Vec::new();
    for (name, ours) in counts {
        let theirs = peer.instructions(core, name);
        rows.push((theirs.map_or(0.0, |theirs| ratio(*ours, theirs)), name, *ours, theirs));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut table = Table::new(&["model", "instructions", "peer", "ratio"]);
    for (ratio, name, ours, theirs) in &rows {
        let cells = theirs.map_or(["-".into(), "-".into()], |theirs| [grouped(theirs), format!("{ratio:.3}")]);
        table.row([vec![(*name).to_owned(), grouped(*ours)], cells.into()].concat());
    }
    let above = rows.iter().filter(|row| row.0 > 1.0).count();
    let mut text = table.render(1);
    let _ = writeln!(text, "{} models on {core}, {above} above 1.0 of the peer", rows.len());
    text
}

fn ratio(ours: u64, theirs: u64) -> f64 {
    ours as f64 / theirs.max(1) as f64
}

/// Which counts are more than one per cent above the known ones, or have none to be compared with.
fn risen(known: &Counts, now: &Counts) -> Vec<String> {
    let lines = now.iter().filter_map(|(name, now)| match known.get(name) {
        None => Some(format!("{name}: no earlier number; run with --write-results")),
        Some(before) if has_risen(*before, *now) => Some(format!("{name}: has risen from {before} to {now}")),
        Some(_) => None,
    });
    lines.collect()
}

/// The page's tables: one for each core that has been measured.
pub(crate) fn page() -> Result<String> {
    let measured = board::all().iter().filter(|board| results_path(board.core).exists());
    let tables = measured.map(|board| Ok(format!("### {}\n\n{}", board.title, table_of(board.core)?)));
    Ok(tables.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// A row for each operator and case, a column for each type.
fn table_of(core: &str) -> Result<String> {
    const TYPES: [&str; 3] = ["int8", "int16", "float32"];
    let (counts, peer) = (read(core)?, Peer::read(&peer_path())?);
    let mut rows: BTreeMap<&str, [String; 3]> = BTreeMap::new();
    for (name, ours) in &counts {
        let Some((case, dtype)) = name.rsplit_once('.') else { continue };
        // Truth values are bytes.
        let column = TYPES.iter().position(|name| *name == dtype).unwrap_or(0);
        let theirs = peer.instructions(core, name);
        let cell = theirs.map_or(grouped(*ours), |theirs| format!("{} ({:.2})", grouped(*ours), ratio(*ours, theirs)));
        rows.entry(case).or_default()[column] = cell;
    }
    let mut table = format!("| | {} |\n|---|---:|---:|---:|\n", TYPES.join(" | "));
    for (case, cells) in rows {
        let _ = writeln!(table, "| `{case}` | {} |", cells.join(" | "));
    }
    Ok(table)
}

fn peer_path() -> PathBuf {
    tree::root().join("targets/results/peer-operators.json")
}

fn results_path(core: &str) -> PathBuf {
    tree::root().join(format!("targets/results/operators-{core}.json"))
}

fn read(core: &str) -> Result<Counts> {
    #[derive(Default, Deserialize)]
    struct File {
        instructions: Counts,
    }
    let path = results_path(core);
    if !path.exists() {
        return Ok(Counts::new());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File =
        serde_json::from_str(&text).with_context(|| format!("{} was not written by operator-bench", path.display()))?;
    Ok(file.instructions)
}

fn write(path: &Path, counts: &Counts) -> Result<()> {
    #[derive(Serialize)]
    struct File<'a> {
        instructions: &'a Counts,
    }
    let text = serde_json::to_string_pretty(&File { instructions: counts }).context("cannot write JSON")? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_risen_by_more_than_one_per_cent_or_is_new_is_named() {
        let known = Counts::from([("a".to_owned(), 1000), ("b".to_owned(), 1000)]);
        let now = Counts::from([("a".to_owned(), 1010), ("b".to_owned(), 1011), ("c".to_owned(), 1)]);
        let lines = risen(&known, &now);
        assert_eq!(lines, ["b: has risen from 1000 to 1011", "c: no earlier number; run with --write-results"]);
        assert!(risen(&known, &Counts::new()).is_empty());
    }

    #[test]
    fn the_worst_is_shown_last_and_what_is_above_is_counted() {
        let peer: Peer = serde_json::from_str(r#"{"instructions": {"m": {"a": 100, "b": 100}}}"#).expect("is a peer");
        let counts = Counts::from([("a".to_owned(), 150), ("b".to_owned(), 100), ("c".to_owned(), 7)]);
        let text = text("m", &counts, &peer);
        let names: Vec<&str> = text.lines().skip(1).map(|line| &line[..1]).collect();
        assert_eq!(names, ["c", "b", "a", "3"]);
        assert!(text.ends_with("3 models on m, 1 above 1.0 of the peer\n"), "{text}");
    }
}
