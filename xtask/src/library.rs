//! Builds the C library in its many shapes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tree;

/// How to build it. The default is what `cargo build --release` in `ffi/` builds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    /// The Rust target; none for this machine.
    pub(crate) target: Option<&'static str>,
    /// With overflow checks and debug assertions.
    pub(crate) debug: bool,
    /// `libkinglet.so` instead of `libkinglet.a`.
    pub(crate) shared: bool,
    /// One optimisation level for everything, instead of the profile's.
    pub(crate) opt_level: Option<&'static str>,
    /// The only operators; none for all.
    pub(crate) operators: Option<Vec<String>>,
    /// Other features.
    pub(crate) features: Vec<&'static str>,
    /// Instrumented, so that the sanitizer of the C side sees what the library reads and writes. Uses an option of the
    /// Rust compiler that is not stable.
    pub(crate) address_sanitizer: bool,
}

impl Library {
    /// Builds it and returns the library file. Each shape has a folder of its own, so that several can be at hand at
    /// once.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let folder = tree::library_target().join(self.name());
        let mut cargo = tree::cargo();
        cargo.current_dir(tree::root().join("ffi")).env("CARGO_TARGET_DIR", &folder);
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(name);
        }
        cargo.args(["rustc", "--quiet", "--lib", "--crate-type", if self.shared { "cdylib" } else { "staticlib" }]);
        if !self.debug {
            cargo.arg("--release");
        }
        // With a target named, the instrumentation does not reach build scripts.
        let target = match self.target {
            Some(target) => Some(target.to_owned()),
            None if self.address_sanitizer => Some(host()?),
            None => None,
        };
        if let Some(target) = &target {
            cargo.args(["--target", target]);
        }
        if let Some(level) = self.opt_level {
            for package in ["", "package.kinglet-kernels."] {
                cargo.arg("--config").arg(format!("profile.release.{package}opt-level={}", toml_level(level)));
            }
        }
        let mut features = self.features.iter().map(|feature| (*feature).to_owned()).collect::<Vec<_>>();
        if let Some(operators) = &self.operators {
            cargo.arg("--no-default-features");
            features.extend(operators.iter().cloned());
        }
        if !features.is_empty() {
            cargo.args(["--features", &features.join(",")]);
        }
        if self.address_sanitizer {
            cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
        }
        let status = cargo.stdin(Stdio::null()).status().context("cannot start cargo")?;
        if !status.success() {
            bail!("the C library ({}) was not built", self.name());
        }
        let profile = if self.debug { "debug" } else { "release" };
        let folder = target.map_or(folder.clone(), |target| folder.join(target)).join(profile);
        if self.shared {
            name_for_programs(&folder)?;
        }
        Ok(folder.join(if self.shared { "libkinglet.so" } else { "libkinglet.a" }))
    }

    /// The name of its folder.
    fn name(&self) -> String {
        let mut name = self.target.unwrap_or("host").to_owned();
        let marks = [
            (self.debug, "debug"),
            (self.shared, "shared"),
            (self.address_sanitizer, "sanitized"),
            (self.operators.is_some(), "chosen"),
        ];
        for (_, mark) in marks.iter().filter(|(set, _)| *set) {
            name = format!("{name}-{mark}");
        }
        for part in self.opt_level.iter().chain(&self.features) {
            name = format!("{name}-{part}");
        }
        name
    }
}

/// The name that programs look for when they start.
pub(crate) const SONAME: &str = "libkinglet.so.0";

/// Puts the shared library of a folder under [`SONAME`] too.
fn name_for_programs(folder: &Path) -> Result<()> {
    let copied = std::fs::copy(folder.join("libkinglet.so"), folder.join(SONAME));
    copied.map(drop).with_context(|| format!("cannot make {} in {}", SONAME, folder.display()))
}

/// A line of what the Rust compiler says of itself.
fn rustc_says(arguments: &[&str], prefix: &str) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix(prefix));
    Ok(line.with_context(|| format!("rustc {} says no line with {prefix:?}", arguments.join(" ")))?.trim().to_owned())
}

/// The target of this machine.
pub(crate) fn host() -> Result<String> {
    rustc_says(&["-vV"], "host: ")
}

/// The linker that comes with the Rust compiler, for any target; none where a distribution has left it out.
pub(crate) fn rust_linker() -> Result<Option<PathBuf>> {
    let sysroot = rustc_says(&["--print", "sysroot"], "")?;
    let linker = PathBuf::from(sysroot).join("lib/rustlib").join(host()?).join("bin/rust-lld");
    Ok(linker.is_file().then_some(linker))
}

/// `3` is a number to cargo and `"s"` a string.
fn toml_level(level: &str) -> String {
    if level.bytes().all(|byte| byte.is_ascii_digit()) { level.to_owned() } else { format!("{level:?}") }
}
