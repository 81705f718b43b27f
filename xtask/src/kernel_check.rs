//! `cargo xtask kernel-check`: the kernels of each core against the reference, on the core.
//!
//! The host runs the same random cases (`tests/equivalence`), but not the assembly. The image is
//! `targets/emulator/src/bin/kernels.rs`; what it prints is shown, and its exit status decides.

use std::process::ExitCode;

use anyhow::Result;

use crate::board::{self, Board};
use crate::emulate;
use crate::image::{self, Recipe};
use crate::prerequisites;
use crate::tree;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this core; may be given more than once
    #[arg(long, value_parser = board::parse)]
    core: Vec<&'static Board>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    prerequisites::qemu_version()?;
    let asked = |board: &Board| arguments.core.is_empty() || arguments.core.iter().any(|b| b.core == board.core);
    let mut clean = true;
    for board in board::all().iter().filter(|board| asked(board)) {
        prerequisites::rust_target(board.rust_target)?;
        println!("{} ({})", board.core, board.rust_target);
        let same = check(board)?;
        println!("{}", if same { "no differences" } else { "DIFFERENT from the reference" });
        clean &= same;
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// True when the image found every kernel equal to its reference.
fn check(board: &Board) -> Result<bool> {
    let keep_as = tree::firmware_target().join("kernel-check").join(board.core).join("kernels.elf");
    let recipe =
        Recipe { board, binary: "kernels", features: vec!["kernel-check".into()], variables: Vec::new(), keep_as };
    emulate::run_shown(board, &image::build(&recipe)?)
}
