//! Does a model fit a board? RAM, flash, time and energy, estimated without the board.
//!
//! The model is compiled once for each kind of core, so arena and blob are exact; code comes from a table of measured
//! sizes ([`code`]), time from prices of instructions ([`time`]) and the board's frequency ([`crate::board`]). What does not fit
//! is tried again with what makes models smaller ([`remedies`]).

pub mod code;
mod made;
mod remedy;
pub mod time;

use std::collections::BTreeMap;
use std::path::Path;

use kinglet::Model;
use serde::Serialize;

pub use remedy::{Remedy, remedies};
pub use time::Interval;

use crate::board::Board;
use crate::compile::{CompileError, Compiled, Options, Progress, compile_file};
use crate::inspect::{Inspection, inspect};
use crate::source;
use crate::target::Target;

/// RAM beside the arena: the deepest stack that `mcu-bench` measures of any model (0.9 kB), and what holds a model and a
/// session.
pub const STACK_BYTES: u64 = 1280;

/// What a model needs on one kind of core.
#[derive(Clone, Debug)]
pub struct Needs {
    /// The arena.
    pub arena_bytes: u64,
    /// The blob.
    pub blob_bytes: u64,
    /// The code of an image with just its operators; none where that has not been measured.
    pub code: Option<code::Code>,
    /// Instructions of an inference.
    pub instructions: Interval,
}

impl Needs {
    /// Of a verified blob, on the cores it is for.
    pub fn of(model: &Model<'_>, inspection: &Inspection, target: Target) -> Needs {
        Needs {
            arena_bytes: inspection.arena_bytes as u64,
            blob_bytes: inspection.blob_bytes as u64,
            code: code::code(target, &source::features(model)),
            instructions: time::instructions(target, inspection),
        }
    }

    /// RAM in all.
    pub fn ram_bytes(&self) -> u64 {
        self.arena_bytes + STACK_BYTES
    }

    /// Flash in all.
    pub fn flash_bytes(&self) -> u64 {
        self.blob_bytes + self.code.as_ref().map_or(0, |code| code.bytes)
    }
}

/// A model on a board. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Fit {
    /// The board's name on the command line.
    pub name: String,
    /// Its name in print.
    pub title: String,
    /// Whose kernels run.
    pub target: &'static str,
    /// MHz.
    pub mhz: f64,
    /// Both RAM and flash are enough.
    pub fits: bool,
    /// RAM that the model needs: arena and stack.
    pub ram_bytes: u64,
    /// The largest piece of RAM that the board has.
    pub board_ram_bytes: u64,
    /// Flash that the model needs: blob and code.
    pub flash_bytes: u64,
    /// Flash that the board has.
    pub board_flash_bytes: u64,
    /// Of the RAM, the arena.
    pub arena_bytes: u64,
    /// Of the flash, the blob.
    pub blob_bytes: u64,
    /// Of the flash, code: start-up, engine, operators.
    pub code_bytes: u64,
    /// Code by what it is for; operators share some of theirs, so the sum is more than `code_bytes`.
    pub code_by_feature: BTreeMap<String, u64>,
    /// Instructions of an inference.
    pub instructions: f64,
    /// Time of an inference; null where nothing is known of the core's cycles.
    pub milliseconds: Option<f64>,
    /// Hardly less than this.
    pub milliseconds_low: Option<f64>,
    /// Hardly more than this.
    pub milliseconds_high: Option<f64>,
    /// Energy of an inference, where the chip's is published.
    pub microjoules: Option<f64>,
    /// Where the board's figures are from.
    pub source: String,
}

impl Fit {
    fn new(board: &Board, needs: &Needs) -> Fit {
        let cycles = time::cycles(board.target, needs.instructions);
        let milliseconds = cycles.map(|cycles| cycles.scaled(1.0 / (board.mhz * 1000.0)));
        let energy = cycles.zip(board.nanojoules_per_cycle).map(|(cycles, energy)| cycles.likely * energy / 1000.0);
        Fit {
            name: board.name.clone(),
            title: board.title.clone(),
            target: board.target.name(),
            mhz: board.mhz,
            fits: needs.ram_bytes() <= board.ram_bytes && needs.flash_bytes() <= board.flash_bytes,
            ram_bytes: needs.ram_bytes(),
            board_ram_bytes: board.ram_bytes,
            flash_bytes: needs.flash_bytes(),
            board_flash_bytes: board.flash_bytes,
            arena_bytes: needs.arena_bytes,
            blob_bytes: needs.blob_bytes,
            code_bytes: needs.code.as_ref().map_or(0, |code| code.bytes),
            code_by_feature: needs.code.as_ref().map_or_else(BTreeMap::new, by_feature),
            instructions: needs.instructions.likely,
            milliseconds: milliseconds.map(|time| time.likely),
            milliseconds_low: milliseconds.map(|time| time.low),
            milliseconds_high: milliseconds.map(|time| time.high),
            microjoules: energy,
            source: board.source.clone(),
        }
    }

    /// What there is too little of, with how much; empty when it fits.
    pub fn shortage(&self) -> String {
        let of = |what: &str, needed: u64, there: u64| {
            (needed > there).then(|| format!("{} bytes of {what} too little", needed - there))
        };
        let ram = of("RAM", self.ram_bytes, self.board_ram_bytes);
        let flash = of("flash", self.flash_bytes, self.board_flash_bytes);
        ram.into_iter().chain(flash).collect::<Vec<_>>().join(", ")
    }
}

fn by_feature(code: &code::Code) -> BTreeMap<String, u64> {
    let base = ("engine".to_owned(), code.base_bytes);
    code.features.iter().map(|(feature, bytes)| (feature.clone(), *bytes)).chain([base]).collect()
}

/// Compiles the model in a file for the cores of `boards`, once for each kind, and says how it fits each of them.
///
/// A float model without calibration data is looked at as int8 too, with made samples, where `as_int8` says so and the
/// compiler can.
pub fn fit(
    path: &Path,
    options: &Options,
    as_int8: bool,
    boards: &[&Board],
    progress: Progress<'_>,
) -> Result<(Vec<Fit>, Vec<String>), CompileError> {
    let Some(board) = boards.first() else { return Ok((Vec::new(), Vec::new())) };
    let first = compile_file(path, &Options { target: board.target, ..options.clone() }, progress)?;
    let is_asked = as_int8 && options.calibration.is_none();
    let made = if is_asked { made::with_samples(options, &first) } else { None };
    let Some(made) = made else { return fit_with(path, options, boards, Some(first), progress) };
    match fit_with(path, &made, boards, None, progress) {
        Ok((fits, _)) => Ok((fits, vec![MADE.into()])),
        Err(error) => {
            let (fits, mut warnings) = fit_with(path, options, boards, Some(first), progress)?;
            warnings.push(format!("the figures are those of float32, since there is no int8 form of it: {error}"));
            Ok((fits, warnings))
        }
    }
}

/// What is said of a float model without samples.
const MADE: &str = "the model computes in float32 and no samples are given: the figures are those of its int8 form, with \
                    ranges of made data. --calib makes it with yours, and --float keeps it as it is";

/// The same with just these options; `first` is the model as it has been compiled for the first board.
fn fit_with(
    path: &Path,
    options: &Options,
    boards: &[&Board],
    mut first: Option<Compiled>,
    progress: Progress<'_>,
) -> Result<(Vec<Fit>, Vec<String>), CompileError> {
    let mut needs = Vec::new();
    let mut warnings = Vec::new();
    for target in targets(boards) {
        let compiled = match first.take() {
            Some(compiled) => compiled,
            None => compile_file(path, &Options { target, ..options.clone() }, progress)?,
        };
        needs.push((target, needs_of(&compiled, target)));
        warnings = compiled.warnings;
    }
    Ok((with_needs(boards, &needs), warnings))
}

/// What a compiled model needs.
fn needs_of(compiled: &Compiled, target: Target) -> Needs {
    // The compiler has loaded the blob itself before it returned it.
    let none = Needs { arena_bytes: 0, blob_bytes: 0, code: None, instructions: Interval::default() };
    Model::from_bytes(&compiled.blob).map_or(none, |model| Needs::of(&model, &inspect(&model), target))
}

/// How a blob, which is for one kind of core or for any, fits boards.
pub fn fit_blob(model: &Model<'_>, boards: &[&Board]) -> Vec<Fit> {
    let inspection = inspect(model);
    let set = model.kernel_set();
    let runs = |board: &&&Board| set == Some(Target::Portable) || set == Some(board.target);
    let boards: Vec<&Board> = boards.iter().filter(runs).copied().collect();
    let needs = targets(&boards).into_iter().map(|target| (target, Needs::of(model, &inspection, target)));
    with_needs(&boards, &needs.collect::<Vec<_>>())
}

/// The cores of boards, each once.
fn targets(boards: &[&Board]) -> Vec<Target> {
    let mut targets = Vec::new();
    for board in boards {
        if !targets.contains(&board.target) {
            targets.push(board.target);
        }
    }
    targets
}

fn with_needs(boards: &[&Board], needs: &[(Target, Needs)]) -> Vec<Fit> {
    let of = |board: &Board| needs.iter().find(|(target, _)| *target == board.target).map(|(_, needs)| needs);
    boards.iter().filter_map(|board| Some(Fit::new(board, of(board)?))).collect()
}
