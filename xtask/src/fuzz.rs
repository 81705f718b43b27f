//! `cargo xtask fuzz`: each fuzz target for a while.
//!
//! Fuzzing needs cargo-fuzz and a compiler that takes unstable flags: a nightly toolchain, or else this one with
//! `RUSTC_BOOTSTRAP`. Where cargo-fuzz is missing the command says so and how to install it, and is done.
//!
//! Corpora grow in `tests/fuzz/corpus` and are not kept in git; they start from small files that are: the blobs
//! of `tests/blobs`, the single-operator cases of `tests/golden/ops`, the models of `examples`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::tree;

/// The version that the targets were written for.
const CARGO_FUZZ: &str = "0.13.2";

/// Files above this make a fuzzer slow and teach it little.
const SEED_BYTES_MAX: usize = 8 * 1024;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target; may be given more than once
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Processes for each target
    #[arg(long, default_value_t = 1)]
    jobs: u32,
}

/// A fuzz target: its name, the features of the fuzz package that it needs, the largest input it gets.
struct Target {
    name: &'static str,
    features: &'static str,
    input_bytes_max: usize,
    seeds: fn(&Path) -> Result<()>,
}

/// In the order in which they run: the importers' take minutes to build.
const TARGETS: [Target; 6] = [
    Target { name: "load_raw", features: "", input_bytes_max: 4096, seeds: blob_seeds },
    Target { name: "run_structured", features: "", input_bytes_max: 1024, seeds: plan_seeds },
    Target { name: "flash", features: "", input_bytes_max: 2048, seeds: plan_seeds },
    Target { name: "field", features: "", input_bytes_max: 1024, seeds: blob_seeds },
    Target { name: "import_tflite", features: "importers", input_bytes_max: 16 * 1024, seeds: tflite_seeds },
    Target { name: "import_onnx", features: "importers", input_bytes_max: 16 * 1024, seeds: onnx_seeds },
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    for name in &arguments.target {
        let names = TARGETS.map(|target| target.name).join(", ");
        ensure!(TARGETS.iter().any(|target| target.name == name), "there is no fuzz target `{name}`; targets: {names}");
    }
    let installed = Command::new("cargo-fuzz").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: cargo-fuzz is not installed; run: cargo install cargo-fuzz --version {CARGO_FUZZ}");
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| arguments.target.is_empty() || arguments.target.iter().any(|name| name == target.name))
        .collect();
    let mut found = Vec::new();
    for target in &chosen {
        println!("== {}: {} s", target.name, arguments.seconds);
        if !fuzz(target, arguments)? {
            found.push(target.name);
        }
    }
    if found.is_empty() {
        println!("{} targets, {} s each, no finding", chosen.len(), arguments.seconds);
        return Ok(ExitCode::SUCCESS);
    }
    println!("findings in {}; the inputs are in tests/fuzz/artifacts", found.join(", "));
    Ok(ExitCode::FAILURE)
}

fn folder() -> PathBuf {
    tree::root().join("tests/fuzz")
}

/// A cargo with unstable flags.
fn unstable_cargo() -> Command {
    let nightly = Command::new("cargo").args(["+nightly", "--version"]).output();
    let mut cargo = Command::new("cargo");
    if nightly.is_ok_and(|output| output.status.success()) {
        cargo.arg("+nightly");
    } else {
        cargo.env("RUSTC_BOOTSTRAP", "1");
    }
    // The toolchain that runs us is not to decide.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    cargo
}

/// Runs one target; true when it found nothing.
fn fuzz(target: &Target, arguments: &Arguments) -> Result<bool> {
    let corpus = folder().join("corpus").join(target.name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    (target.seeds)(&corpus).with_context(|| format!("writing seeds for {}", target.name))?;
    let mut cargo = unstable_cargo();
    cargo.current_dir(tree::root()).args(["fuzz", "run", "--fuzz-dir"]).arg(folder());
    if !target.features.is_empty() {
        cargo.args(["--features", target.features]);
    }
    cargo.arg(target.name).arg(&corpus).arg("--");
    cargo.args([
        format!("-max_total_time={}", arguments.seconds),
        format!("-max_len={}", target.input_bytes_max),
        "-timeout=20".into(),
        "-rss_limit_mb=1024".into(),
        "-print_final_stats=1".into(),
    ]);
    if arguments.jobs > 1 {
        cargo.arg(format!("-fork={}", arguments.jobs));
    }
    let status = cargo.status().with_context(|| format!("cannot start {cargo:?}"))?;
    Ok(status.success())
}

/// Blobs made by hand.
fn blob_seeds(corpus: &Path) -> Result<()> {
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root());
    cargo.args(["run", "--quiet", "--package", "kinglet-test-blobs", "--example", "write_seeds", "--"]).arg(corpus);
    ensure!(cargo.status()?.success(), "{cargo:?} failed");
    Ok(())
}

/// Plans are made of whatever bytes there are: a few strings long enough for some operators.
fn plan_seeds(corpus: &Path) -> Result<()> {
    let mut state = 0x1234_5678u32;
    for index in 0..64 {
        let byte = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let bytes: Vec<u8> = (0..256 + 8 * index).map(byte).collect();
        fs::write(corpus.join(format!("plan{index:02}")), bytes)?;
    }
    Ok(())
}

/// Files in `folder` with this ending, as far as they are small.
fn small_files(folder: &Path, ending: &str, corpus: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let is_wanted = path.extension().is_some_and(|extension| extension == ending);
        if is_wanted && path.metadata()?.len() <= SEED_BYTES_MAX as u64 {
            let name = path.file_name().context("a file has a name")?;
            fs::copy(&path, corpus.join(name))?;
        }
    }
    Ok(())
}

fn onnx_seeds(corpus: &Path) -> Result<()> {
    for example in ["tiny", "digits"] {
        small_files(&tree::root().join("examples").join(example), "onnx", corpus)?;
    }
    Ok(())
}

/// Whole models, and the file of every single-operator case.
fn tflite_seeds(corpus: &Path) -> Result<()> {
    let golden = tree::root().join("tests/golden");
    small_files(&golden.join("models"), "tflite", corpus)?;
    for entry in fs::read_dir(golden.join("ops"))? {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        let stem = path.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        let files = cases(&bytes).with_context(|| format!("{} is not a file of cases", path.display()))?;
        // The first few of an operator; the fuzzer finds the rest.
        for (index, file) in files.iter().filter(|file| file.len() <= SEED_BYTES_MAX).take(4).enumerate() {
            fs::write(corpus.join(format!("{stem}{index}")), file)?;
        }
    }
    Ok(())
}

/// The `.tflite` files in a file of cases; `tests/golden/README.md` describes the format.
fn cases(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bytes.strip_prefix(b"KGCASES1")?;
    let count = u32::from_le_bytes(*take(&mut rest, 4)?.first_chunk()?);
    let mut files = Vec::new();
    for _ in 0..count {
        let name_bytes = u16::from_le_bytes(*take(&mut rest, 2)?.first_chunk()?);
        take(&mut rest, name_bytes.into())?;
        files.push(block(&mut rest)?);
        for _ in 0..take(&mut rest, 1)?[0] {
            // Inputs, then outputs.
            for _ in 0..2 {
                for _ in 0..take(&mut rest, 1)?[0] {
                    block(&mut rest)?;
                }
            }
        }
    }
    Some(files)
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

/// Bytes behind their length.
fn block<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let len = u32::from_le_bytes(*take(rest, 4)?.first_chunk()?);
    take(rest, usize::try_from(len).ok()?)
}
