//! `cargo xtask python-test`: the Python package, as its users have it.
//!
//! The wheel is built by maturin, from the compiler that the other steps have built already, and installed into a fresh
//! environment, so that the tests see nothing but what is in the wheel. Packages that the tests need beside it are in an
//! environment of their own, which is kept: the fresh one looks there too.
//!
//! The core group runs always. Each library that Kinglet is plugged into is a group with its own versions: `--all`, or
//! `--group`.

mod groups;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use self::groups::{BUILDER, CORE, GROUPS, Group};
use crate::{prerequisites, python, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Test with every library that Kinglet is plugged into, each in an environment of its own
    #[arg(long)]
    all: bool,
    /// Test with this library, instead of the core; may be given more than once
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Measure the overhead of a call and the time of an import, instead of testing
    #[arg(long)]
    bench: bool,
    /// The kinglet program that results are compared with [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    #[command(flatten)]
    python: python::Arguments,
}

/// The package's folder.
fn package() -> PathBuf {
    tree::root().join("ffi/python")
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = chosen(arguments)?;
    let builder = match arguments.python.find("python-builder", BUILDER) {
        Ok(python) => python,
        Err(missing) => return skipped("the wheel is not built", &missing),
    };
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let root = std::path::absolute(tree::host_target())?.join("python-test").join(std::process::id().to_string());
    let wheel = wheel(&builder, &root)?;
    let mut failed = Vec::new();
    for group in chosen {
        let packages = [CORE, group.packages].concat();
        let known = match arguments.python.find(&format!("python-{}", group.name), &packages) {
            Ok(python) => python,
            Err(missing) => {
                println!("skipped: python-test: {}: {missing}", group.name);
                continue;
            }
        };
        let fresh = fresh(&root.join(group.name), &known, &wheel)?;
        let place = Place { python: &fresh, kinglet: &kinglet, folder: root.join(group.name) };
        let passed = if arguments.bench { place.bench()? } else { place.test(group)? };
        if !passed {
            failed.push(group.name);
        }
    }
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    ensure!(failed.is_empty(), "tests of the Python package fail: {}", failed.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The groups that were asked for.
fn chosen(arguments: &Arguments) -> Result<Vec<&'static Group>> {
    if arguments.group.is_empty() {
        let count = if arguments.all { GROUPS.len() } else { 1 };
        return Ok(GROUPS.iter().take(count).collect());
    }
    let find = |name: &String| {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        let group = GROUPS.iter().find(|group| group.name == name);
        group.with_context(|| format!("there is no group `{name}`; groups: {}", names.join(", ")))
    };
    arguments.group.iter().map(find).collect()
}

fn skipped(what: &str, missing: &str) -> Result<ExitCode> {
    println!("skipped: python-test: {what}: {missing}");
    Ok(ExitCode::SUCCESS)
}

/// Builds the wheel; where it is.
fn wheel(builder: &Path, root: &Path) -> Result<PathBuf> {
    let out = root.join("wheel");
    let mut command = Command::new(builder);
    command.args(["-m", "maturin", "build", "--release", "--locked", "--quiet"]);
    // A wheel for this machine, which need not run on all that manylinux covers.
    command.args(["--compatibility", "linux", "--auditwheel", "skip", "--interpreter"]).arg(builder);
    command.arg("--manifest-path").arg(package().join("Cargo.toml")).arg("--out").arg(&out);
    command.arg("--target-dir").arg(std::path::absolute(tree::host_target())?);
    succeed(&mut command)?;
    let built = fs::read_dir(&out).with_context(|| format!("cannot read {}", out.display()))?;
    let wheels = built.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some(OsStr::new("whl")));
    let wheel = wheels.last().with_context(|| format!("maturin left no wheel in {}", out.display()))?;
    println!("{}: {} bytes", wheel.file_name().unwrap_or_default().display(), fs::metadata(&wheel)?.len());
    Ok(wheel)
}

/// An environment with the wheel, which sees the packages of the Python `known`.
fn fresh(folder: &Path, known: &Path, wheel: &Path) -> Result<PathBuf> {
    let environment = folder.join("environment");
    succeed(Command::new(known).args(["-m", "venv", "--without-pip"]).arg(&environment))?;
    let python = environment.join("bin").join("python");
    let (own, others) = (site_packages(&python)?, site_packages(known)?);
    fs::write(own.join("others.pth"), format!("{}\n", others.display()))
        .with_context(|| format!("cannot write into {}", own.display()))?;
    let mut install = Command::new(known);
    install.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "--python"]).arg(&python);
    install.args(["install", "--no-index", "--no-deps"]).arg(wheel);
    succeed(&mut install)?;
    Ok(python)
}

fn site_packages(python: &Path) -> Result<PathBuf> {
    let program = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let output = Command::new(python).args(["-c", program]).output();
    let output = output.with_context(|| format!("cannot start {}", python.display()))?;
    ensure!(output.status.success(), "{} does not say where its packages are", python.display());
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Where tests run.
struct Place<'a> {
    python: &'a Path,
    kinglet: &'a Path,
    folder: PathBuf,
}

impl Place<'_> {
    fn test(&self, group: &Group) -> Result<bool> {
        let mut command = self.command();
        // Without a cache, because nothing is to be left beside the sources.
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]).arg(package());
        command.arg("--basetemp").arg(self.folder.join("tmp")).arg(package().join(group.tests));
        Ok(command.status().context("cannot start pytest")?.success())
    }

    fn bench(&self) -> Result<bool> {
        let mut command = self.command();
        command.arg(package().join("benches/overhead.py"));
        Ok(command.status().context("cannot start the benchmark")?.success())
    }

    /// Python in the folder of this run, so that the package cannot come from its sources.
    fn command(&self) -> Command {
        let mut command = Command::new(self.python);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.env("KINGLET_BIN", self.kinglet).env("KINGLET_ROOT", tree::root());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH");
        command
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_tests_and_pinned_versions() {
        for group in GROUPS {
            let tests = package().join(group.tests);
            assert!(tests.exists(), "{}: there is no {}", group.name, tests.display());
            let loose = CORE.iter().chain(group.packages).find(|package| !package.contains("=="));
            assert_eq!(loose, None, "{}", group.name);
        }
    }
}
