//! `cargo xtask sequences`: models that keep tensors from run to run, over sequences whose right outputs are known.
//!
//! A sequence is a folder with a `model.tflite`, the steps' inputs in its own type (`in.npy`) and what another engine
//! gave for them in order, from a fresh start (`out.npy`). Every byte must be the same on this machine, by the
//! `kinglet` program; a model that forgets must give something else, or the sequence proves nothing. The blob carries
//! the sequence, which a board then replays twice (`targets/emulator/src/bin/sequence.rs`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::board::{self, Board};
use crate::c_test::{Outcome, Report};
use crate::cases::Array;
use crate::image::{self, Recipe};
use crate::mcu_bench::operators;
use crate::{emulate, prerequisites, tree};

/// The board that replays them.
const BOARD: &str = "cortex-m4";
/// Steps that it replays at most.
const BOARD_STEPS: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of folders with a sequence; may be given more than once [default: tests/sequences, ../shared/sequences]
    #[arg(long, value_name = "DIR")]
    folder: Vec<PathBuf>,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    let folders = if arguments.folder.is_empty() {
        vec![tree::root().join("tests/sequences"), tree::shared().join("sequences")]
    } else {
        arguments.folder.clone()
    };
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let board = board::parse(BOARD).map_err(anyhow::Error::msg)?;
    let board_is_missing = prerequisites::qemu_version().and_then(|_| prerequisites::rust_target(board.rust_target));
    for folder in &folders {
        if !folder.is_dir() {
            let reason = format!("there is no {}; see KINGLET_SHARED", folder.display());
            report.lane("sequences", Ok(Outcome::Skipped(reason)));
            continue;
        }
        for sequence in Sequence::all_in(folder)? {
            for target in ["portable", BOARD] {
                let lane = format!("{} {target}", sequence.name);
                report.lane(&lane, sequence.on_host(&kinglet, target).map(Outcome::Passed));
            }
            let outcome = match &board_is_missing {
                Ok(()) => sequence.on_board(&kinglet, board).map(Outcome::Passed),
                Err(missing) => Ok(Outcome::Skipped(format!("{missing:#}"))),
            };
            report.lane(&format!("{} on the board", sequence.name), outcome);
        }
    }
    Ok(report.finish())
}

/// A folder with a model, and a place for what is made of it.
struct Sequence {
    name: String,
    folder: PathBuf,
    work: PathBuf,
}

impl Sequence {
    fn all_in(folder: &Path) -> Result<Vec<Sequence>> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            folders.extend(path.join("model.tflite").is_file().then_some(path));
        }
        folders.sort();
        ensure!(!folders.is_empty(), "{} has no sequences", folder.display());
        folders.into_iter().map(Sequence::new).collect()
    }

    fn new(folder: PathBuf) -> Result<Sequence> {
        let name = folder.file_name().context("a folder without a name")?.to_string_lossy().into_owned();
        let work = tree::host_target().join("sequences").join(&name);
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        Ok(Sequence { name, folder, work })
    }

    /// Compiles the model with its sequence inside, and returns the blob and the compiler's report.
    fn compile(&self, kinglet: &Path, target: &str, steps: usize) -> Result<(PathBuf, Value)> {
        let blob = self.work.join(format!("{target}.kgl"));
        let mut command = Command::new(kinglet);
        command.arg("compile").arg(self.folder.join("model.tflite")).args(["--json", "--target", target]);
        command.arg("--golden-data").arg(self.folder.join("in.npy")).arg("--golden-raw");
        command.args(["--golden", &steps.to_string(), "-o"]).arg(&blob);
        let report = serde_json::from_str(&output_of(&mut command)?).context("compile --json printed no JSON")?;
        Ok((blob, report))
    }

    /// Every byte, twice from processes of their own, and not the same when each step is a fresh start.
    fn on_host(&self, kinglet: &Path, target: &str) -> Result<String> {
        let (blob, _) = self.compile(kinglet, target, BOARD_STEPS)?;
        let right = Array::read(&self.folder.join("out.npy"))?;
        for round in 0..2 {
            let found = self.infer(kinglet, &blob, &[])?;
            ensure!(found.element_type == right.element_type, "outputs are {}", found.element_type);
            ensure!(found.numbers.len() == right.numbers.len(), "{} elements come out", found.numbers.len());
            let differs = |(found, right): (&f64, &f64)| found.to_bits() != right.to_bits();
            let mut pairs = found.numbers.iter().zip(&right.numbers);
            if let Some(at) = pairs.position(differs) {
                bail!("round {round}: element {at} is {}, not {}", found.numbers[at], right.numbers[at]);
            }
        }
        let forgetful = self.infer(kinglet, &blob, &["--independent"])?;
        ensure!(forgetful.numbers != right.numbers, "it makes no difference what was before");
        output_of(Command::new(kinglet).arg("verify").arg(&blob))?;
        Ok(format!("{} bytes of output are right", right.numbers.len()))
    }

    fn infer(&self, kinglet: &Path, blob: &Path, more: &[&str]) -> Result<Array> {
        let output = self.work.join("out.npy");
        let mut command = Command::new(kinglet);
        command.arg("run").arg(blob).arg("--raw").args(more).arg("--input").arg(self.folder.join("in.npy"));
        output_of(command.arg("--output").arg(&output))?;
        Array::read(&output)
    }

    /// The outputs in the blob are those of this machine, which `on_host` compares.
    fn on_board(&self, kinglet: &Path, board: &Board) -> Result<String> {
        let (blob, report) = self.compile(kinglet, BOARD, BOARD_STEPS)?;
        let vectors = report["golden_vectors"].as_u64().context("the compiler names no golden_vectors")?;
        let arena = report["arena_bytes"].as_u64().context("the compiler names no arena_bytes")?;
        let path = blob.to_str().context("the repository's path is not Unicode")?.to_owned();
        let image = image::build(&Recipe {
            board,
            binary: "sequence",
            features: operators::engine_features(&blob)?,
            variables: vec![
                ("KINGLET_BLOB", path),
                ("KINGLET_ARENA_BYTES", arena.to_string()),
                ("KINGLET_VECTORS", String::new()),
            ],
            keep_as: self.work.join("image.elf"),
        })?;
        let said = emulate::run_quietly(board, &image)?;
        let line = format!("{vectors} vectors, state: true");
        ensure!(said.lines().eq([&*line, &*line]), "the image said: {said}");
        Ok(format!("{vectors} steps replayed twice"))
    }
}

/// What a program prints that must succeed.
fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context("it prints what is no text")
}
