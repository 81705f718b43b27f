//! What would make a model fit, tried: each change is compiled, and with calibration data its cost in accuracy is measured.

use std::path::Path;

use kinglet_kernels::packing::Storage;
use serde::Serialize;

use super::{Fit, needs_of};
use crate::board::Board;
use crate::compare::{self, Request};
use crate::compile::{Compiled, Options, Progress, compile_file};
use crate::shrink::Bits;
use crate::stripe::Ram;

/// A change, and how the model fits with it.
#[derive(Clone, Debug, Serialize)]
pub struct Remedy {
    /// The options of `kinglet compile`.
    pub options: String,
    /// What they do, in words.
    pub what: &'static str,
    /// How the model fits then; none when the compiler cannot do that.
    pub fit: Option<Fit>,
    /// Why not.
    pub refused: Option<String>,
    /// Share of the samples on which the decision is the float model's, per cent.
    pub agreement_percent: Option<f64>,
    /// Signal against what quantization and pruning add, at the outputs, dB.
    pub sqnr_db: Option<f64>,
}

/// A change that is worth trying.
struct Change {
    text: String,
    what: &'static str,
    options: Options,
}

/// Changes against what there is too little of. Those that need samples come only with calibration data.
fn changes(options: &Options, fit: &Fit, board: &Board) -> Vec<Change> {
    let mut changes = Vec::new();
    if fit.ram_bytes > fit.board_ram_bytes {
        let room = board.ram_bytes.saturating_sub(super::STACK_BYTES);
        changes.push(Change {
            text: format!("--ram {room}"),
            what: "computes the first layers in stripes: less RAM, more time, the same results",
            options: Options { ram: Some(Ram::Bytes(usize::try_from(room).unwrap_or(usize::MAX))), ..options.clone() },
        });
    }
    if options.calibration.is_none() {
        return changes;
    }
    if fit.flash_bytes > fit.board_flash_bytes {
        for storage in [Storage::Bits4, Storage::Bits3, Storage::Bits2] {
            changes.push(Change {
                text: format!("--bits {}", storage.bits()),
                what: "weights of fewer bits: less flash",
                options: Options { bits: Bits::All(storage), ..options.clone() },
            });
        }
    }
    for percent in [30.0, 50.0] {
        changes.push(Change {
            text: format!("--channels {percent}"),
            what: "takes whole channels out: less flash, RAM and time",
            options: Options { channels: Some(percent), ..options.clone() },
        });
    }
    changes
}

/// Tries what would make the model fit `board`, which it does not as `fit` says.
pub fn remedies(path: &Path, options: &Options, board: &Board, fit: &Fit, progress: Progress<'_>) -> Vec<Remedy> {
    let options = Options { target: board.target, ..options.clone() };
    changes(&options, fit, board).into_iter().map(|change| attempt(path, change, board, progress)).collect()
}

fn attempt(path: &Path, change: Change, board: &Board, progress: Progress<'_>) -> Remedy {
    let Change { text, what, options } = change;
    let mut remedy = Remedy { options: text, what, fit: None, refused: None, agreement_percent: None, sqnr_db: None };
    match compile_file(path, &options, progress) {
        Ok(compiled) => {
            remedy.fit = Some(Fit::new(board, &needs_of(&compiled, board.target)));
            measure(path, &options, &compiled, &mut remedy);
        }
        Err(error) => remedy.refused = Some(error.to_string()),
    }
    remedy
}

/// On the calibration data, which is what there is: somewhat better than on data the model has not seen.
fn measure(path: &Path, options: &Options, compiled: &Compiled, remedy: &mut Remedy) {
    let Some(data) = &options.calibration else { return };
    let request = Request::new(path, &options.changes, &compiled.blob, data);
    if let Ok(comparison) = compare::compare(&request, &|_, _| {}) {
        remedy.sqnr_db = comparison.sqnr_db;
        remedy.agreement_percent = Some(100.0 * comparison.agreement);
    }
}
