//! `cargo xtask cases`: folders of small models, each with what is right, tried through the `kinglet` program.
//!
//! A case is a folder with a `case.json` (`case` reads it; `tests/cases/README.md` says what its fields mean). Every
//! case ends in one of four ways, which the summary counts: *right*; *refused*, with a reason, where it should not
//! be; *wrong*, when something else comes out; *crashed*, when a program panics, hangs or is killed. Only the first is
//! good, and of the others a refusal is the best.

mod array;
mod attempt;
mod case;
mod judge;
mod suite;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

pub(crate) use self::array::Array;
use self::attempt::{Outcome, attempt};
use self::case::{Case, When};
pub(crate) use self::suite::{Maker, SuiteArguments, try_folder};
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of folders with a case.json; may be given more than once [default: tests/cases, and what is marked `now`
    /// in ../shared/cases]
    #[arg(long, value_name = "DIR")]
    folder: Vec<PathBuf>,
    /// Only cases whose name contains this; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Only cases that are marked so, and all of them must be right. Without it only those marked `now` must
    #[arg(long, value_enum)]
    when: Option<When>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
}

/// A case that was tried.
pub(crate) struct Tried {
    case: Case,
    outcome: Outcome,
    /// Whether anything but right fails the command.
    must_be_right: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let cases = chosen(arguments)?;
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let outcomes = attempt_all(&kinglet, &cases)?;
    let is_due = |case: &Case| arguments.when.is_some() || case.when == When::Now;
    let tried: Vec<Tried> = cases
        .into_iter()
        .zip(outcomes)
        .map(|(case, outcome)| Tried { must_be_right: is_due(&case), case, outcome })
        .collect();
    print_report(&tried, arguments.json)?;
    Ok(if tried.iter().any(Tried::fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print_report(tried: &[Tried], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&Report::of(tried))?);
    } else {
        print!("{}", text(tried));
    }
    Ok(())
}

/// The cases that the arguments mean.
fn chosen(arguments: &Arguments) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in &arguments.folder {
        cases.extend(case::read_folder(folder)?);
    }
    if arguments.folder.is_empty() {
        cases.extend(case::read_folder(&tree::root().join("tests/cases"))?);
        let shared = tree::shared().join("cases");
        if shared.is_dir() {
            let when = arguments.when.unwrap_or(When::Now);
            cases.extend(case::read_folder(&shared)?.into_iter().filter(|case| case.when == when));
        } else {
            // Not on standard output, where the JSON goes.
            let line = format!("skipped: cases: there is no {}; see KINGLET_SHARED", shared.display());
            if arguments.json { eprintln!("{line}") } else { println!("{line}") }
        }
    }
    cases.retain(|case| arguments.when.is_none_or(|when| case.when == when));
    cases.retain(|case| arguments.only.is_empty() || arguments.only.iter().any(|part| case.name.contains(part)));
    ensure!(!cases.is_empty(), "no case has such a name and is marked so");
    Ok(cases)
}

/// Tries all cases, as many at a time as the machine has processors. Outcomes are in the order of the cases.
fn attempt_all(kinglet: &Path, cases: &[Case]) -> Result<Vec<Outcome>> {
    let work = tree::host_target().join("cases").join(std::process::id().to_string());
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { return Ok(()) };
            let folder = work.join(index.to_string());
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let outcome = attempt(kinglet, case, &folder).with_context(|| format!("case {}", case.name))?;
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        }
    };
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Ok(()))).collect()
    });
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    results.into_iter().collect::<Result<()>>()?;
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(index, _)| *index);
    ensure!(outcomes.len() == cases.len(), "{} of {} cases were tried", outcomes.len(), cases.len());
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

impl Outcome {
    /// A word for it, and its reason.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Outcome::Right => ("right", ""),
            Outcome::Refused(reason) => ("refused", reason),
            Outcome::Wrong(reason) => ("wrong", reason),
            Outcome::Crashed(reason) => ("crashed", reason),
        }
    }
}

impl Tried {
    /// The case's name.
    pub(crate) fn name(&self) -> &str {
        &self.case.name
    }

    /// How it ended, in a word (`right`, `refused`, `wrong` or `crashed`), and why.
    pub(crate) fn verdict(&self) -> (&'static str, &str) {
        self.outcome.parts()
    }

    fn fails(&self) -> bool {
        self.must_be_right && self.outcome != Outcome::Right
    }
}

/// For machines.
#[derive(Debug, Serialize)]
struct Report<'a> {
    right: usize,
    refused: usize,
    wrong: usize,
    crashed: usize,
    /// Cases that are not right and must be.
    failed: usize,
    cases: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    outcome: &'static str,
    /// Empty when it is right.
    reason: &'a str,
    must_be_right: bool,
}

impl<'a> Report<'a> {
    fn of(tried: &'a [Tried]) -> Self {
        let count = |word: &str| tried.iter().filter(|tried| tried.outcome.parts().0 == word).count();
        let line = |tried: &'a Tried| {
            let (outcome, reason) = tried.outcome.parts();
            Line { name: &tried.case.name, outcome, reason, must_be_right: tried.must_be_right }
        };
        Report {
            right: count("right"),
            refused: count("refused"),
            wrong: count("wrong"),
            crashed: count("crashed"),
            failed: tried.iter().filter(|tried| tried.fails()).count(),
            cases: tried.iter().map(line).collect(),
        }
    }
}

/// A line for each case that is not right, then the counts.
fn text(tried: &[Tried]) -> String {
    let report = Report::of(tried);
    let mut text = String::new();
    for line in report.cases.iter().filter(|line| line.outcome != "right") {
        let Line { name, outcome, reason, must_be_right } = line;
        let due = if *must_be_right { "" } else { " (not due yet)" };
        // The reasons of a compiler have several lines.
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{outcome:<8} {name}{due}: {reason}\n"));
    }
    let Report { right, refused, wrong, crashed, failed, .. } = report;
    let all = tried.len();
    text.push_str(&format!("{all} cases: {right} right, {refused} refused, {wrong} wrong, {crashed} crashed"));
    text.push_str(&if failed == 0 { "\n".to_owned() } else { format!("; {failed} of them must be right\n") });
    text
}
