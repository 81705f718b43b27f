//! `cargo xtask boards`: build the firmware of the real boards and hold it against their budgets.
//!
//! Nothing is flashed or run. The model is the project's own example unless another is named. An image links the
//! operators that its model runs, as a product does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use kinglet_kernels::machine::{MACHINES, Machine};

use crate::budget::{self, Budget};
use crate::image;
use crate::mcu_bench::operators;
use crate::prerequisites;
use crate::tree;

/// A board with a crate of its own in `targets/`.
struct RealBoard {
    /// Its folder; the package is called `kinglet-<name>`. Also what `kinglet compile --target` knows it by.
    name: &'static str,
    rust_target: &'static str,
}

/// The boards that the table of machines names.
fn real_boards() -> Vec<RealBoard> {
    let of = |machine: &'static Machine| {
        let rust_target = machine.rust_target().unwrap_or_default();
        machine.boards.iter().map(move |name| RealBoard { name, rust_target })
    };
    MACHINES.iter().flat_map(of).collect()
}

/// What the user asked for.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The model to put into the images [default: examples/tiny/model.onnx]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Calibration data of a float model [default: the example's]
    #[arg(long, value_name = "FILE", requires = "model")]
    calib: Option<PathBuf>,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let example = tree::root().join("examples/tiny");
    let (model, calib) = match &arguments.model {
        Some(model) => (model.clone(), arguments.calib.clone()),
        None => (example.join("model.onnx"), Some(example.join("calib.npz"))),
    };
    let boards = real_boards();
    for board in &boards {
        prerequisites::rust_target(board.rust_target)?;
    }
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let mut failed = false;
    for board in &boards {
        let folder = tree::firmware_target().join("boards").join(board.name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let blob = folder.join("model.kgl");
        compile(&kinglet, board, (&model, calib.as_deref()), &blob)?;
        let image = build(board, &blob)?;
        let budget = budget::read(&tree::root().join("targets").join(board.name))?;
        failed |= !fits(board, &image, &budget)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn compile(kinglet: &Path, board: &RealBoard, source: (&Path, Option<&Path>), blob: &Path) -> Result<()> {
    let (model, calib) = source;
    let mut command = Command::new(kinglet);
    command.arg("compile").arg(model).args(["--target", board.name, "--golden", "2", "-o"]).arg(blob);
    if let Some(calib) = calib {
        command.arg("--calib").arg(calib);
    }
    finish(&mut command)
}

fn build(board: &RealBoard, blob: &Path) -> Result<PathBuf> {
    let package = format!("kinglet-{}", board.name);
    let mut cargo = tree::firmware_cargo();
    cargo.args(["build", "--release", "--quiet", "--package", &package, "--target", board.rust_target]);
    cargo.args(["--no-default-features", "--features", &operators::engine_features(blob)?.join(",")]);
    cargo.env("KINGLET_BLOB", blob);
    finish(&mut cargo)?;
    Ok(tree::firmware_target().join(board.rust_target).join("release").join(package))
}

/// Runs a command and shows what it says only when it fails.
fn finish(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Prints the image's sizes. True when they are within the budget.
fn fits(board: &RealBoard, image: &Path, budget: &Budget) -> Result<bool> {
    let sizes = image::sizes(image)?;
    let (flash, ram) = (sizes.code_flash + sizes.model, sizes.data_bss + sizes.arena);
    let stack = image::stack_room(image)?;
    println!(
        "{}: flash {flash} bytes with the model, RAM {ram} with the arena, {stack} left for the stack",
        board.name
    );
    let mut lines = budget::exceeded(&[("flash", flash, budget.flash_bytes), ("RAM", ram, budget.ram_bytes)]);
    if let Some(wanted) = budget.stack_bytes.filter(|wanted| stack < *wanted) {
        lines.push(format!("{stack} bytes are left for the stack, the budget wants {wanted}"));
    }
    for line in &lines {
        println!("over budget: {}: {line}", board.name);
    }
    Ok(lines.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folders in `targets/` that are packages for a board: those with a budget.
    #[test]
    fn the_table_of_machines_has_every_board_and_its_target() {
        let targets = tree::root().join("targets");
        let mut folders: Vec<String> = fs::read_dir(&targets)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("budget.toml").is_file() && path.join("memory.x").is_file())
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        folders.sort();
        let mut known: Vec<String> = real_boards().iter().map(|board| board.name.to_owned()).collect();
        known.sort();
        assert_eq!(folders, known);
        for board in real_boards() {
            let configuration = fs::read_to_string(targets.join(board.name).join(".cargo/config.toml")).unwrap();
            assert!(configuration.contains(&format!("target = {:?}", board.rust_target)), "{}", board.name);
        }
    }
}
