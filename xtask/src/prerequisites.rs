//! What must be installed or built before an image can be measured. What is missing is named together with the
//! command that installs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tree;

pub(crate) const QEMU: &str = "qemu-system-arm";
/// Runs programs for a Linux on AArch64.
pub(crate) const QEMU_USER: &str = "qemu-aarch64";

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
    version_of(QEMU, "qemu-system-arm")
}

fn version_of(qemu: &str, package: &str) -> Result<String> {
    let Ok(output) = Command::new(qemu).arg("--version").output() else {
        bail!("{qemu} is not installed; on Debian or Ubuntu run: sudo apt-get install -y {package}");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(version.unwrap_or("unknown").to_owned())
}

/// Builds the counter for the emulator of boards and returns the library.
pub(crate) fn plugin() -> Result<PathBuf> {
    plugin_for(&qemu_version()?)
}

/// The same for the emulator of programs.
pub(crate) fn user_plugin() -> Result<PathBuf> {
    plugin_for(&version_of(QEMU_USER, "qemu-user")?)
}

fn plugin_for(version: &str) -> Result<PathBuf> {
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
