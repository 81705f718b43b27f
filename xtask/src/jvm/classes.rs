//! The Kotlin classes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::kotlin::{Kotlin, Sources};

/// What Android of any version, and any JVM from 8 on, can load and has.
const OPTIONS: [&str; 6] =
    ["-jvm-target", "1.8", "-Xjdk-release=1.8", "-Xexplicit-api=strict", "-module-name", "kinglet"];

/// Compiles them anew and returns the folder.
pub(crate) fn build(kotlin: &Kotlin) -> Result<PathBuf> {
    let files = super::files_below(&super::sources().join("src/main/kotlin"), "kt")?;
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        ensure!(!text.contains("android."), "{} names a class of Android: a JVM has none", file.display());
    }
    let out = super::target().join("classes");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    kotlin.compile(&Sources { files: &files, class_path: &[], out: &out, options: &OPTIONS })?;
    Ok(out)
}
