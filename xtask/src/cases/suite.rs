//! Cases that a script makes of what others publish: nobody promises that each is right. What counts is how many are,
//! and that none is wrong.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use super::attempt::Outcome;
use super::{Tried, attempt_all, case, print_report};
use crate::{prerequisites, python, tree};

#[derive(clap::Args)]
pub(crate) struct SuiteArguments {
    /// Only cases whose name contains this; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Fail when fewer cases are right
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    at_least: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// A script of `tests/oracle` that writes cases.
pub(crate) struct Maker<'a> {
    /// The command's name, and that of its folders below the build folder.
    pub(crate) name: &'a str,
    /// The script; its first argument is the folder to write to.
    pub(crate) script: &'a str,
    /// What it needs.
    pub(crate) packages: &'a [&'a str],
    /// Its further arguments.
    pub(crate) options: &'a [OsString],
}

impl Maker<'_> {
    /// Makes the cases, tries them and says how they ended.
    pub(crate) fn run(&self, suite: &SuiteArguments, python: &python::Arguments) -> Result<ExitCode> {
        self.make(python, suite.json, |folder| suite.run(folder))
    }

    /// Makes the cases and hands over the folder of them, which is gone afterwards. `quiet` keeps what the script prints
    /// from standard output.
    pub(crate) fn make(
        &self,
        python: &python::Arguments,
        quiet: bool,
        then: impl FnOnce(&Path) -> Result<ExitCode>,
    ) -> Result<ExitCode> {
        let Maker { name, script, packages, options } = self;
        let python = match python.find(&format!("{name}-venv"), packages) {
            Ok(python) => python,
            Err(missing) => {
                println!("skipped: {name}: {missing}");
                return Ok(ExitCode::SUCCESS);
            }
        };
        let folder = tree::host_target().join(name).join(std::process::id().to_string());
        let mut command = Command::new(python);
        command.arg(tree::root().join("tests/oracle").join(script)).arg(&folder).args(*options).stdin(Stdio::null());
        let output = command.output().context("cannot start python")?;
        ensure!(output.status.success(), "{script} failed: {}", String::from_utf8_lossy(&output.stderr));
        if !quiet {
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
        let outcome = then(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        outcome
    }
}

impl SuiteArguments {
    /// Tries the cases in a folder, and prints how they ended.
    fn run(&self, folder: &Path) -> Result<ExitCode> {
        let tried = try_folder(folder, &self.only, self.kinglet.as_deref())?;
        print_report(&tried, self.json)?;
        let right = tried.iter().filter(|tried| tried.outcome == Outcome::Right).count();
        if right < self.at_least {
            eprintln!("error: {right} are right, {} must be", self.at_least);
        }
        let fails = right < self.at_least || tried.iter().any(Tried::fails);
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Tries those cases of a folder whose names contain one of `only`, or all. A refusal is no failure of them.
pub(crate) fn try_folder(folder: &Path, only: &[String], kinglet: Option<&Path>) -> Result<Vec<Tried>> {
    let mut cases = case::read_folder(folder)?;
    cases.retain(|case| only.is_empty() || only.iter().any(|part| case.name.contains(part)));
    ensure!(!cases.is_empty(), "no case has such a name");
    let outcomes = attempt_all(&prerequisites::kinglet(kinglet)?, &cases)?;
    let bad = |outcome: &Outcome| matches!(outcome, Outcome::Wrong(_) | Outcome::Crashed(_));
    let tried = cases.into_iter().zip(outcomes);
    Ok(tried.map(|(case, outcome)| Tried { must_be_right: bad(&outcome), case, outcome }).collect())
}
