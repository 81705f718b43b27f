//! `cargo xtask miri`: the runtime under Miri, which sees undefined behaviour, misaligned views and leaks.
//!
//! The packages with unsafe code and the engine that depends on it run their tests; those tests are smaller under
//! Miri (`cfg(miri)`). A second run is for a 32-bit machine, where sizes overflow sooner. Blobs are little-endian by
//! definition, so there is no run for a big-endian one.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::tree;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only this machine; may be given more than once
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// Only what takes less than a minute, on the first machine: every cast of bytes, known layers through each kernel
    #[arg(long)]
    short: bool,
}

/// 64 and 32 bits.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "i686-unknown-linux-gnu"];

/// What runs: arguments behind `cargo miri test`. Left out are property tests, which are too many for an
/// interpreter, and tests of documents. The engine's tests run every kernel that this machine has and its reference.
const RUNS: [&[&str]; 3] = [
    &["--package", "kinglet-blob", "--features", "alloc"],
    &[
        "--package",
        "kinglet",
        "--lib",
        "--test",
        "hostile",
        "--test",
        "operators",
        "--test",
        "rules",
        "--test",
        "session",
    ],
    &["--package", "kinglet-kernels", "--test", "known_layers"],
];

/// What runs when time is short.
const SHORT: [&[&str]; 2] = [
    &["--package", "kinglet-blob", "--features", "alloc", "--lib"],
    &["--package", "kinglet-kernels", "--test", "known_layers"],
];

/// Why Miri cannot run.
pub(crate) fn missing() -> Option<String> {
    let version = Command::new("cargo").args(["+nightly", "miri", "--version"]).output();
    (!version.is_ok_and(|output| output.status.success())).then(|| {
        "Miri is not installed; run: rustup toolchain install nightly --component miri --component rust-src".to_owned()
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(missing) = missing() {
        println!("skipped: {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    let given: Vec<&str> = arguments.target.iter().map(String::as_str).collect();
    let (all, runs) = if arguments.short { (&TARGETS[..1], &SHORT[..]) } else { (&TARGETS[..], &RUNS[..]) };
    let targets = if given.is_empty() { all } else { &given };
    let mut failed = Vec::new();
    for target in targets {
        for run in runs {
            println!("== {target}: {}", run.join(" "));
            if !miri(target, run)? {
                failed.push(format!("{target}: {}", run.join(" ")));
            }
        }
    }
    if failed.is_empty() {
        println!("no report on {}", targets.join(", "));
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}", failed.join("; "));
    Ok(ExitCode::FAILURE)
}

fn miri(target: &str, run: &[&str]) -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(["+nightly", "miri", "test", "--target", target]).args(run);
    cargo.arg("--target-dir").arg(tree::host_target().join("miri"));
    // Tests time themselves and read seeds from the environment.
    cargo.env("MIRIFLAGS", "-Zmiri-strict-provenance -Zmiri-disable-isolation");
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let status = cargo.current_dir(tree::root()).status().with_context(|| format!("cannot start {cargo:?}"))?;
    Ok(status.success())
}
