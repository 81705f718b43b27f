//! `kinglet fit`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;
use serde::Serialize;

use super::compile::{parse_target, with_progress};
use super::data::DataArguments;
use super::model::ModelArguments;
use super::text::table;
use super::{Failure, Outcome, print, print_json, warn};
use crate::blob_file;
use crate::board::{self, Board, boards};
use crate::compile::{CompileError, Options};
use crate::fit::{self, Fit, Remedy};
use crate::report::grouped;
use crate::target::Target;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model, .tflite or .onnx, or a blob, .kgl
    model: PathBuf,
    /// Samples of the inputs of a float model, from which `kinglet compile` makes its int8 form [default: made ones, enough
    /// for sizes and times]
    #[arg(long, value_name = "CALIB")]
    calib: Option<PathBuf>,
    /// Look at a float model as it is, instead of at its int8 form
    #[arg(long, conflicts_with = "calib")]
    float: bool,
    /// Only this board [default: all that are known]
    #[arg(long, value_name = "NAME", value_parser = parse_board, conflicts_with_all = ["ram", "flash", "core", "mhz"])]
    board: Option<&'static Board>,
    /// A board of your own: bytes of RAM in one piece
    #[arg(long, value_name = "BYTES", requires_all = ["flash", "core"])]
    ram: Option<u64>,
    /// A board of your own: bytes of flash
    #[arg(long, value_name = "BYTES", requires_all = ["ram", "core"])]
    flash: Option<u64>,
    /// A board of your own: its core, as for `kinglet compile --target`
    #[arg(long, value_name = "CORE", value_parser = parse_target, requires_all = ["ram", "flash"])]
    core: Option<Target>,
    /// A board of your own: its frequency in MHz
    #[arg(long, value_name = "MHZ", default_value_t = 100.0, requires = "core", value_parser = parse_mhz)]
    mhz: f64,
    /// Print everything as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    changes: ModelArguments,
}

fn parse_board(name: &str) -> Result<&'static Board, String> {
    board::find(name).ok_or_else(|| {
        let near = board::nearest(name).map(|board| format!("did you mean {}?\n  ", board.name)).unwrap_or_default();
        let names: Vec<&str> = boards().iter().map(|board| board.name.as_str()).collect();
        format!(
            "{near}known boards: {}; another one is described by --ram, --flash, --core and --mhz",
            names.join(", ")
        )
    })
}

fn parse_mhz(text: &str) -> Result<f64, String> {
    let mhz = text.parse().ok().filter(|mhz: &f64| *mhz > 0.0 && *mhz <= 10_000.0);
    mhz.ok_or_else(|| "megahertz above 0".into())
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    boards: Vec<Fit>,
    /// What would make it fit; only for one board that it does not fit.
    remedies: Vec<Remedy>,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let own = own_board(arguments);
    let wanted: Vec<&Board> = match (&own, arguments.board) {
        (Some(board), _) => vec![board],
        (None, Some(board)) => vec![board],
        (None, None) => boards().iter().collect(),
    };
    let answer = if is_blob(arguments) { of_blob(arguments, &wanted)? } else { of_model(arguments, &wanted)? };
    warn(answer.warnings.iter().cloned());
    if arguments.json {
        print_json(&answer)?;
    } else {
        print(&text(&answer))?;
    }
    match &answer.boards[..] {
        [fit] if !fit.fits => Err(Failure::Other(format!("it does not fit {}: {}", fit.title, fit.shortage()))),
        _ => Ok(()),
    }
}

fn own_board(arguments: &Arguments) -> Option<Board> {
    let (target, ram_bytes, flash_bytes) = (arguments.core?, arguments.ram?, arguments.flash?);
    Some(Board {
        name: "yours".into(),
        title: format!("a board with a {}", target.machine().title),
        chip: String::new(),
        target,
        mhz: arguments.mhz,
        flash_bytes,
        ram_bytes,
        nanojoules_per_cycle: None,
        aliases: Vec::new(),
        source: "the command line".into(),
    })
}

fn is_blob(arguments: &Arguments) -> bool {
    arguments.model.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("kgl"))
}

fn of_blob(arguments: &Arguments, wanted: &[&Board]) -> Result<Answer, Failure> {
    if arguments.calib.is_some() {
        return Err(Failure::Usage("a blob is not calibrated again: give the model, or leave --calib out".into()));
    }
    let blob = blob_file::read(&arguments.model)?;
    let model = Model::from_bytes(&blob)?;
    let boards = fit::fit_blob(&model, wanted);
    if boards.is_empty() {
        let set = model.kernel_set().map_or("unknown cores", Target::name);
        return Err(Failure::Other(format!("{} is for {set}, which no such board has", arguments.model.display())));
    }
    Ok(Answer { boards, remedies: Vec::new(), warnings: Vec::new() })
}

fn of_model(arguments: &Arguments, wanted: &[&Board]) -> Result<Answer, Failure> {
    let options = Options {
        calibration: arguments.calib.clone(),
        preparation: arguments.data.preparation()?,
        changes: arguments.changes.changes()?,
        ..Options::default()
    };
    let mut result = None;
    let mut remedies = Vec::new();
    let compiled = with_progress(|progress| -> Result<(), CompileError> {
        let (fits, warnings) = fit::fit(&arguments.model, &options, !arguments.float, wanted, progress)?;
        if let ([board], [fit]) = (wanted, &fits[..])
            && !fit.fits
        {
            remedies = fit::remedies(&arguments.model, &options, board, fit, progress);
        }
        result = Some((fits, warnings));
        Ok(())
    });
    compiled.map_err(|error| match &error {
        CompileError::Import(import) => arguments.changes.refused(import),
        _ => error.into(),
    })?;
    let (boards, warnings) = result.unwrap_or_default();
    Ok(Answer { boards, remedies, warnings })
}

fn text(answer: &Answer) -> String {
    let parts = match &answer.boards[..] {
        [fit] => [one(fit), remedies(answer)],
        fits => [all(fits), String::new()],
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// `4.35 (4.2 to 5.8)`.
fn time(fit: &Fit) -> String {
    match (fit.milliseconds, fit.milliseconds_low, fit.milliseconds_high) {
        (Some(likely), Some(low), Some(high)) => format!("{} ({} to {})", short(likely), short(low), short(high)),
        _ => "unknown".into(),
    }
}

/// Three digits that count.
fn short(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 10.0 => format!("{number:.1}"),
        _ if number >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn all(fits: &[Fit]) -> String {
    let header = ["board", "core", "MHz", "fits", "RAM, of", "", "flash, of", "", "milliseconds"];
    let right = [false, false, true, false, true, true, true, true, false];
    let row = |fit: &Fit| {
        vec![
            fit.name.clone(),
            fit.target.to_owned(),
            fit.mhz.to_string(),
            if fit.fits { "yes" } else { "no" }.to_owned(),
            grouped(fit.ram_bytes),
            grouped(fit.board_ram_bytes),
            grouped(fit.flash_bytes),
            grouped(fit.board_flash_bytes),
            time(fit),
        ]
    };
    let count = fits.iter().filter(|fit| fit.fits).count();
    let rows: Vec<Vec<String>> = fits.iter().map(row).collect();
    format!("{}\n\nfits {count} of {} boards", table(&header, &right, &rows), fits.len())
}

fn one(fit: &Fit) -> String {
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    let mut lines = vec![
        format!("{}, {} at {} MHz: {}", fit.title, fit.target, fit.mhz, if fit.fits { "fits" } else { "does not fit" }),
        format!(
            "  RAM     {} of {} bytes ({:.0} %): arena {}, stack and session {}",
            grouped(fit.ram_bytes),
            grouped(fit.board_ram_bytes),
            percent(fit.ram_bytes, fit.board_ram_bytes),
            grouped(fit.arena_bytes),
            grouped(fit::STACK_BYTES)
        ),
        format!(
            "  flash   {} of {} bytes ({:.0} %): blob {}, code {}",
            grouped(fit.flash_bytes),
            grouped(fit.board_flash_bytes),
            percent(fit.flash_bytes, fit.board_flash_bytes),
            grouped(fit.blob_bytes),
            if fit.code_bytes == 0 { "not measured".into() } else { grouped(fit.code_bytes) }
        ),
        format!("  time    {} milliseconds, {} instructions", time(fit), grouped(fit.instructions as u64)),
    ];
    if let Some(energy) = fit.microjoules {
        lines.push(format!("  energy  {} microjoules", short(energy)));
    }
    if !fit.code_by_feature.is_empty() {
        let parts = fit.code_by_feature.iter().map(|(feature, bytes)| format!("{feature} {}", grouped(*bytes)));
        lines.push(format!("  code    {} (operators share some)", parts.collect::<Vec<_>>().join(", ")));
    }
    lines.push(format!("  source  {}", fit.source));
    lines.join("\n")
}

fn remedies(answer: &Answer) -> String {
    if answer.remedies.is_empty() {
        return String::new();
    }
    let header = ["with", "fits", "RAM", "flash", "milliseconds", "same decision", "SQNR", ""];
    let right = [false, false, true, true, false, true, true, false];
    let row = |remedy: &Remedy| {
        let of = |value: &dyn Fn(&Fit) -> String| remedy.fit.as_ref().map_or_else(String::new, value);
        vec![
            remedy.options.clone(),
            of(&|fit| if fit.fits { "yes" } else { "no" }.into()),
            of(&|fit| grouped(fit.ram_bytes)),
            of(&|fit| grouped(fit.flash_bytes)),
            of(&time),
            remedy.agreement_percent.map_or_else(String::new, |percent| format!("{percent:.1} %")),
            remedy.sqnr_db.map_or_else(String::new, |sqnr| format!("{sqnr:.1} dB")),
            remedy.refused.clone().unwrap_or_else(|| remedy.what.to_owned()),
        ]
    };
    let rows: Vec<Vec<String>> = answer.remedies.iter().map(row).collect();
    let notes = "Accuracy is that on the calibration data. A smaller input makes RAM and time fall with its area; that \
                 needs another model.";
    format!("what would change that:\n{}\n{notes}", table(&header, &right, &rows))
}
