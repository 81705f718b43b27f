//! What must be installed or built before an image can be measured. What is missing is named together with the
//! command that installs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tree;

pub(crate) const QEMU: &str = "qemu-system-arm";

/// Fails unless the compiler has the core library for the target.
pub(crate) fn rust_target(target: &str) -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("cannot start rustc")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !output.status.success() || !folder.is_dir() {
        bail!("the Rust target {target} is not installed; run: rustup target add {target}");
    }
    Ok(())
}

/// The emulator's version, or how to install it.
pub(crate) fn qemu_version() -> Result<String> {
    let Ok(output) = Command::new(QEMU).arg("--version").output() else {
        bail!("{QEMU} is not installed; on Debian or Ubuntu run: sudo apt-get install -y qemu-system-arm");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(version.unwrap_or("unknown").to_owned())
}

/// Builds the counter for this QEMU and returns the library.
pub(crate) fn plugin() -> Result<PathBuf> {
    let version = qemu_version()?;
    let major: u32 = version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root()).args(["build", "--release", "--quiet", "--package", "kinglet-icount"]);
    if major >= 9 {
        cargo.args(["--features", "qemu9"]);
    }
    run(&mut cargo).context("building the instruction counter")?;
    let library = tree::host_target().join("release").join("libkinglet_icount.so");
    library.canonicalize().with_context(|| format!("{} was not built", library.display()))
}

/// The kinglet binary: the given one, or else ours, built if need be.
pub(crate) fn kinglet(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return given.canonicalize().with_context(|| format!("there is no kinglet binary at {}", given.display()));
    }
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root());
    cargo.args(["build", "--release", "--package", "kinglet-quantize", "--bin", "kinglet"]);
    // The first build takes minutes, and its progress is the only sign of life.
    cargo.args(if built_kinglet().is_file() { &["--quiet"][..] } else { &[] });
    run(&mut cargo).context("building the kinglet compiler")?;
    built_kinglet().canonicalize().context("the kinglet binary was not built")
}

fn built_kinglet() -> PathBuf {
    tree::host_target().join("release").join("kinglet")
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}
