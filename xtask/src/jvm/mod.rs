//! The library for the JVM and the Kotlin classes around it: what `package --android`, `package --jvm` and `jvm-test`
//! build.

pub(crate) mod classes;
pub(crate) mod kotlin;
pub(crate) mod native;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::tree;

/// The folder with the classes' sources, their tests, and the package's files.
pub(crate) fn sources() -> PathBuf {
    tree::root().join("ffi/jvm")
}

/// Where all of it is built.
pub(crate) fn target() -> PathBuf {
    tree::host_target().join("jvm")
}

/// Files below a folder with this ending, in order.
pub(crate) fn files_below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What is missing is skipped, visibly; but not in continuous integration, whose machines can have all of it.
pub(crate) fn skipped(what: &str, missing: &str) -> Result<ExitCode> {
    ensure!(env::var_os("CI").is_none(), "{what}: {missing}");
    println!("skipped: {what}: {missing}");
    Ok(ExitCode::SUCCESS)
}

/// Runs a command to its end; what it prints. Shown when it fails.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?}: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}
