//! `cargo xtask mcu-bench`: every int8 model of a folder on an emulated core.
//!
//! For each model: compile it for the core, build a firmware image around it, run the image under QEMU with the
//! instruction counter, compare every output with the golden vectors, and read sizes from the ELF file. The method
//! is the one by which the peer's numbers were measured, so that both can stand side by side.

mod chart;
mod classical;
mod cycles;
pub(crate) mod measure;
pub(crate) mod operators;
pub(crate) mod peer;
mod picture;
mod record;
pub(crate) mod results;
pub(crate) mod subject;
mod summary;
pub(crate) mod table;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::measure::Bench;
use self::peer::Peer;
pub(crate) use self::picture::picture;
pub(crate) use self::record::BoardRecord;
pub(crate) use self::summary::summary;
use crate::board::{self, Board};
use crate::budget;
use crate::prerequisites;
use crate::tree;

/// What the user asked for.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("cores").required(true).args(["core", "all"])))]
pub(crate) struct Arguments {
    /// The core to measure: one that is emulated, with or without `cortex-`
    #[arg(long, value_parser = board::parse)]
    core: Option<&'static Board>,
    /// Measure all cores; the JSON is then a list
    #[arg(long)]
    all: bool,
    /// Folder with NAME_int8.tflite files [default: ../shared/models]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Folder with NAME.VECTOR.out.bin files [default: `golden` in the models folder]
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// Measure the models of a group beside its peers, out of the folder of models
    #[arg(long, value_enum)]
    group: Option<Group>,
    /// Measure only this model; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Write the results here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also measure each operator, with a second image, and list the functions that take the most instructions
    #[arg(long)]
    profile: bool,
    /// Draw the profile as bars, one for each operator; implies --profile
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Print the changes against an earlier JSON file
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// Fail when an image is above the board's budget.toml
    #[arg(long)]
    check_budget: bool,
    /// Fail when a number is more than 1 % above the one in targets/results
    #[arg(long)]
    check_results: bool,
    /// Write the numbers to targets/results
    #[arg(long, conflicts_with = "check_results")]
    write_results: bool,
    /// Wait states of flash in the estimate of cycles
    #[arg(long, value_name = "CYCLES", default_value_t = 0)]
    wait_states: u64,
    /// Compile for this target instead of the core, for example `portable`
    #[arg(long, value_name = "TARGET")]
    compile_target: Option<String>,
    /// Hand this argument on to `kinglet compile`; may be given more than once
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    compile_argument: Vec<String>,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// Models that have peers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// Trees, made by tools/peers/classical
    Classical,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(Group::Classical) = arguments.group {
        return run_classical(arguments);
    }
    let models = arguments.models.clone().unwrap_or_else(|| tree::shared().join("models"));
    let golden = arguments.golden.clone().unwrap_or_else(|| models.join("golden"));
    let subjects = subject::find(&subject::INT8, &models, &golden, &arguments.only)?;
    let old = arguments.compare.as_deref().map(read_records).transpose()?;
    let peer = Peer::read(&tree::root().join("targets/results/peer.json"))?;
    let boards = boards(arguments)?;
    let _lock = only_one()?;
    let plugin = prerequisites::plugin()?;
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;

    let mut records = Vec::new();
    let mut failed = false;
    for board in boards {
        let bench = Bench {
            board,
            plugin: &plugin,
            kinglet: &kinglet,
            compile_target: arguments.compile_target.as_deref().unwrap_or(board.core),
            compile_arguments: &arguments.compile_argument,
            profile: arguments.profile || arguments.svg.is_some(),
            wait_states: arguments.wait_states,
            image: None,
        };
        let mut record = BoardRecord::new(board);
        for subject in &subjects {
            if std::io::stderr().is_terminal() {
                eprintln!("measuring {} on {}", subject.name, board.core);
            }
            match bench.measure(subject) {
                Ok(model) => record.models.push(model),
                Err(error) => {
                    eprintln!("error: {} on {}: {error:#}", subject.name, board.core);
                    failed = true;
                }
            }
        }
        failed |= show(&record, &peer, old.as_deref(), arguments)?;
        records.push(record);
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, chart::svg(&records)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &arguments.json {
        write_records(path, &records, arguments.all)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The boards that the user asked for, which can be built for.
fn boards(arguments: &Arguments) -> Result<Vec<&'static Board>> {
    let boards: Vec<&Board> = arguments.core.map_or_else(|| board::all().iter().collect(), |board| vec![board]);
    for board in &boards {
        prerequisites::rust_target(board.rust_target)?;
    }
    Ok(boards)
}

fn run_classical(arguments: &Arguments) -> Result<ExitCode> {
    let boards = boards(arguments)?;
    let _lock = only_one()?;
    let plugin = prerequisites::plugin()?;
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let failed = classical::run(arguments, &boards, (&plugin, &kinglet))?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits until no other mcu-bench runs: two would write the same files. Dropping the file lets the next one in.
pub(crate) fn only_one() -> Result<fs::File> {
    let folder = tree::firmware_target();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = fs::File::create(folder.join("mcu-bench.lock")).context("cannot make a lock file")?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another mcu-bench");
        lock.lock().context("cannot wait for another mcu-bench")?;
    }
    Ok(lock)
}

/// Prints one board's results. True when something in them has to fail the command.
fn show(record: &BoardRecord, peer: &Peer, old: Option<&[BoardRecord]>, arguments: &Arguments) -> Result<bool> {
    if record.models.is_empty() {
        return Ok(true);
    }
    print!("{}", table::results(record, peer));
    if arguments.profile {
        print!("{}", table::profiles(record, peer));
    }
    if let Some(old) = old {
        print!("{}", table::changes(record, old));
    }
    let mut failed = record.models.iter().any(|model| model.mismatches > 0);
    for line in over_budget(record)? {
        println!("over budget: {} {line}", record.core);
        failed |= arguments.check_budget;
    }
    if arguments.check_results {
        for line in results::check(record)? {
            println!("risen: {} {line}", record.core);
            failed = true;
        }
    }
    if arguments.write_results && !failed {
        results::write(record)?;
    }
    println!();
    Ok(failed)
}

fn over_budget(record: &BoardRecord) -> Result<Vec<String>> {
    let budget = budget::of_machine(&record.core)?;
    let mut lines = Vec::new();
    for model in &record.models {
        let exceeded = budget::exceeded(&[
            ("code flash", model.code_flash_bytes, budget.code_flash_bytes),
            (".data+.bss", model.data_bss_bytes, budget.data_bss_bytes),
            ("stack", model.stack_bytes, budget.stack_bytes),
            ("flash", model.code_flash_bytes + model.blob_bytes, budget.flash_bytes),
            ("RAM", model.data_bss_bytes + model.arena_bytes, budget.ram_bytes),
        ]);
        lines.extend(exceeded.into_iter().map(|line| format!("{}: {line}", model.name)));
    }
    Ok(lines)
}

fn write_records(path: &Path, records: &[BoardRecord], all: bool) -> Result<()> {
    let text = match records {
        [only] if !all => serde_json::to_string_pretty(only),
        list => serde_json::to_string_pretty(list),
    };
    let text = text.context("cannot write the results as JSON")? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads what an earlier run wrote: one object or a list of them.
pub(crate) fn read_records(path: &Path) -> Result<Vec<BoardRecord>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parsed = serde_json::from_str::<Vec<BoardRecord>>(&text);
    let parsed = parsed.or_else(|_| serde_json::from_str::<BoardRecord>(&text).map(|record| vec![record]));
    parsed.with_context(|| format!("{} was not written by mcu-bench --json", path.display()))
}
