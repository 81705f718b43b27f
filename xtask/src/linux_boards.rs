//! `cargo xtask linux-boards`: Linux on other processors, built as a user builds and run under user-mode QEMU.
//!
//! A program that loads a blob and runs it (`xtask/host-runner`) is built for each target by the configuration of the
//! repository alone, and must print the digest of all output bits that it prints on this machine. A target whose
//! compiler or emulator is missing is skipped, with the command that installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::c_test::{Outcome, Report};
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this target; may be given more than once
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// Use this kinglet binary instead of building it
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// A Linux on another processor.
pub(crate) struct Linux {
    pub(crate) target: &'static str,
    /// The linker, which `tools/linkers` calls; none where it comes with Rust.
    linker: Option<&'static str>,
    emulator: &'static str,
    /// Where the emulator finds the C library; none for programs that have it inside.
    sysroot: Option<&'static str>,
}

pub(crate) const LINUX: [Linux; 5] = [
    Linux {
        target: "aarch64-unknown-linux-gnu",
        linker: Some("aarch64-linux-gnu-gcc"),
        emulator: "qemu-aarch64",
        sysroot: Some("/usr/aarch64-linux-gnu"),
    },
    Linux { target: "aarch64-unknown-linux-musl", linker: None, emulator: "qemu-aarch64", sysroot: None },
    Linux {
        target: "armv7-unknown-linux-gnueabihf",
        linker: Some("arm-linux-gnueabihf-gcc"),
        emulator: "qemu-arm",
        sysroot: Some("/usr/arm-linux-gnueabihf"),
    },
    Linux { target: "armv7-unknown-linux-musleabihf", linker: None, emulator: "qemu-arm", sysroot: None },
    Linux {
        target: "riscv64gc-unknown-linux-gnu",
        linker: Some("riscv64-linux-gnu-gcc"),
        emulator: "qemu-riscv64",
        sysroot: Some("/usr/riscv64-linux-gnu"),
    },
];

/// Models of integers: floats may round otherwise where a processor fuses multiplications.
const MODELS: [&str; 3] = ["digits_int8", "shapes_int8", "tiny_int8"];
const RUNS: &str = "2";
const PROGRAM: &str = "kinglet-host-runner";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    for name in &arguments.target {
        let names: Vec<&str> = LINUX.iter().map(|linux| linux.target).collect();
        ensure!(names.contains(&name.as_str()), "{name} is not one of {}", names.join(", "));
    }
    let blobs = blobs(&prerequisites::kinglet(arguments.kinglet.as_deref())?)?;
    let expected = digests(&mut Command::new(built(None)?), &blobs)?;
    let mut report = Report::default();
    for linux in &LINUX {
        if arguments.target.is_empty() || arguments.target.iter().any(|name| name == linux.target) {
            report.lane(linux.target, linux.gives(&blobs, &expected));
        }
    }
    Ok(report.finish())
}

/// Models that run everywhere.
fn blobs(kinglet: &Path) -> Result<Vec<PathBuf>> {
    let folder = tree::host_target().join("linux-boards");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let compiled = MODELS.iter().map(|name| {
        let blob = folder.join(format!("{name}.kgl"));
        let source = tree::root().join("tests/golden/models").join(format!("{name}.tflite"));
        let mut command = Command::new(kinglet);
        said(command.arg("compile").arg(source).args(["--target", "portable", "-o"]).arg(&blob))?;
        Ok(blob)
    });
    compiled.collect()
}

/// The program for a target, built by nothing but `cargo build --target`.
fn built(target: Option<&str>) -> Result<PathBuf> {
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root()).args(["build", "--release", "--quiet", "--package", PROGRAM]);
    if let Some(target) = target {
        cargo.args(["--target", target]);
    }
    said(&mut cargo)?;
    let folder = target.map_or_else(tree::host_target, |target| tree::host_target().join(target));
    Ok(folder.join("release").join(PROGRAM))
}

impl Linux {
    fn missing(&self) -> Option<String> {
        let is_there = |program: &&str| {
            let silent = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            silent.is_ok_and(|status| status.success())
        };
        let program = self.linker.into_iter().chain([self.emulator]).find(|program| !is_there(program));
        let how = |program: &str| {
            let packages = if program == self.emulator { "qemu-user".to_owned() } else { packages(program) };
            format!("{program} is not installed; on Debian or Ubuntu run: sudo apt-get install -y {packages}")
        };
        program.map(how).or_else(|| prerequisites::rust_target(self.target).err().map(|error| error.to_string()))
    }

    fn gives(&self, blobs: &[PathBuf], expected: &[String]) -> Result<Outcome> {
        if let Some(missing) = self.missing() {
            return Ok(Outcome::Skipped(missing));
        }
        let program = built(Some(self.target))?;
        let mut emulator = Command::new(self.emulator);
        if let Some(sysroot) = self.sysroot {
            emulator.args(["-L", sysroot]);
        }
        let given = digests(emulator.arg(program), blobs)?;
        ensure!(given == expected, "outputs have the digests {given:?}, on this machine {expected:?}");
        Ok(Outcome::Passed(format!("built, run, {} models give this machine's bits", blobs.len())))
    }
}

/// The packages that a linker's script names.
pub(crate) fn packages(linker: &str) -> String {
    let script = fs::read_to_string(tree::root().join("tools/linkers").join(linker)).unwrap_or_default();
    script.split('"').nth(5).unwrap_or(linker).to_owned()
}

/// What the program prints first for each blob: a digest of all output bits.
fn digests(program: &mut Command, blobs: &[PathBuf]) -> Result<Vec<String>> {
    let of = |blob: &PathBuf| {
        let mut command = Command::new(program.get_program());
        let text = said(command.args(program.get_args()).arg(blob).arg(RUNS))?;
        Ok(text.lines().next().context("the program prints nothing")?.to_owned())
    };
    blobs.iter().map(of).collect()
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkers_say_how_they_are_installed() {
        let config: toml::Table = fs::read_to_string(tree::root().join(".cargo/config.toml")).unwrap().parse().unwrap();
        for linux in &LINUX {
            let named = config["target"][linux.target]["linker"].as_str().unwrap();
            let Some(linker) = linux.linker else {
                assert_eq!(named, "rust-lld", "{}", linux.target);
                continue;
            };
            assert_eq!(named, format!("tools/linkers/{linker}"));
            assert!(packages(linker).starts_with(&format!("gcc-{}", linker.trim_end_matches("-gcc"))), "{linker}");
            // Nothing is found on an empty path but what the script needs itself.
            let script = tree::root().join("tools/linkers/linker");
            let output =
                Command::new("sh").arg(script).args(["no-such-gcc", &packages(linker), "--"]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && text.contains(&format!("apt-get install -y {}", packages(linker))));
        }
    }
}
