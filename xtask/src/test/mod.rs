//! `cargo xtask test`: everything that must hold, in one command.
//!
//! The same command runs on a desk and in continuous integration. Steps run in order, cheap ones first, and all of
//! them run whatever fails before; the summary at the end counts them. What is missing is installed when that is
//! possible without asking (`install`), else named together with the command that installs it. A step that cannot run
//! is *skipped* and says so; nothing is left out silently. A test inside a step skips something by printing a line
//! that begins with `skipped`; those lines are counted and repeated at the end.
//!
//! Not here, because they run for many minutes: `cargo xtask fuzz` and the whole of `cargo xtask miri` and
//! `cargo xtask panic-proof`. Of each there is a short form: the fuzz targets on a few thousand inputs
//! (`tests/tests/fuzz_short.rs`), `cargo xtask miri --short` and `cargo xtask panic-proof --short`.

mod install;
mod steps;

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use self::steps::Step;
use crate::tree;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this step; may be given more than once
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and the commands that they run
    #[arg(long)]
    list: bool,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
}

/// How a step ended.
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// A finished step.
struct Finished {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
    /// What the tests within it said they had left out.
    left_out: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let all = steps::all();
    for name in &arguments.only {
        let names: Vec<&str> = all.iter().map(|step| step.name).collect();
        ensure!(names.contains(&name.as_str()), "there is no step `{name}`; steps: {}", names.join(", "));
    }
    let chosen =
        all.into_iter().filter(|step| arguments.only.is_empty() || arguments.only.iter().any(|n| n == step.name));
    if arguments.list {
        for step in chosen {
            print_heading(&step);
            step.commands.iter().for_each(|command| println!("$ {}", shown(command)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    if !arguments.no_install {
        install::what_is_missing();
    }
    let finished = chosen.map(run_step).collect::<Result<Vec<_>>>()?;
    let (summary, code) = summarise(&finished, start.elapsed());
    print!("{summary}");
    Ok(code)
}

/// Whether there is a step of this name: pages say which step runs their commands.
#[cfg(test)]
pub(crate) fn has_step(name: &str) -> bool {
    steps::all().iter().any(|step| step.name == name)
}

fn print_heading(step: &Step) {
    println!("\n== {}: {}", step.name, step.what);
}

fn run_step(mut step: Step) -> Result<Finished> {
    print_heading(&step);
    let start = Instant::now();
    let mut left_out = Vec::new();
    let outcome = match (step.missing)() {
        Some(reason) => {
            println!("skipped: {reason}");
            Outcome::Skipped(reason)
        }
        None => {
            let mut passed = true;
            for command in &mut step.commands {
                passed &= run_command(command, &mut left_out)?;
            }
            if passed { Outcome::Passed } else { Outcome::Failed }
        }
    };
    let took = start.elapsed();
    println!("-- {} {} after {}", step.name, outcome.verdict(), seconds(took));
    Ok(Finished { name: step.name, outcome, took, left_out })
}

/// Runs a command, shows what it prints, and collects what it says it has skipped. True when it succeeds.
fn run_command(command: &mut Command, left_out: &mut Vec<String>) -> Result<bool> {
    println!("$ {}", shown(command));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let output = child.stdout.take().context("the command has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read what the command prints")?;
        let text = String::from_utf8_lossy(&line);
        println!("{text}");
        left_out.extend(skipped(&text).map(str::to_owned));
    }
    stdout().flush().context("cannot write")?;
    Ok(child.wait().context("cannot wait for the command")?.success())
}

/// What a line says was skipped.
fn skipped(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("skipped")?;
    rest.strip_prefix(": ").or_else(|| rest.strip_prefix("  ")).map(str::trim)
}

/// The command as one would type it, with the folder to type it in.
fn shown(command: &Command) -> String {
    let mut words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    words.insert(0, program.to_string_lossy().into_owned());
    let folder = command.get_current_dir().and_then(|folder| folder.strip_prefix(tree::root()).ok());
    match folder.filter(|folder| !folder.as_os_str().is_empty() && *folder != Path::new(".")) {
        Some(folder) => format!("(cd {} && {})", folder.display(), words.join(" ")),
        None => words.join(" "),
    }
}

impl Outcome {
    fn verdict(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Skipped(_) => "skipped",
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// The end of it all. Its last line is for whoever reads nothing else.
fn summarise(finished: &[Finished], took: Duration) -> (String, ExitCode) {
    let mut text = format!("\n== summary, after {:.1} minutes\n", took.as_secs_f64() / 60.0);
    for step in finished {
        let _ = writeln!(text, "{:<8} {:>8}  {}", step.outcome.verdict(), seconds(step.took), step.name);
        let reason = if let Outcome::Skipped(reason) = &step.outcome { Some(reason) } else { None };
        for what in reason.into_iter().chain(&step.left_out) {
            let _ = writeln!(text, "{:<18}  skipped: {what}", "");
        }
    }
    let count = |verdict: &str| finished.iter().filter(|step| step.outcome.verdict() == verdict).count();
    let within: usize = finished.iter().map(|step| step.left_out.len()).sum();
    let (passed, failed, skipped) = (count("passed"), count("FAILED"), count("skipped") + within);
    let _ = writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped");
    (text, if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_lines_are_found_however_they_are_written() {
        assert_eq!(skipped("skipped: no models"), Some("no models"));
        assert_eq!(skipped("  skipped  soak: no valgrind"), Some("soak: no valgrind"));
        assert_eq!(skipped("skipped bytes"), None);
        assert_eq!(skipped("test skipped: no"), None);
    }

    #[test]
    fn names_of_steps_are_unique() {
        let mut names: Vec<_> = steps::all().iter().map(|step| step.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_failing_command_fails_and_what_it_skips_is_kept() {
        let mut left_out = Vec::new();
        let mut command = Command::new("sh");
        // The line must not look like one of ours where the tests of this file are shown.
        command.args(["-c", "printf '%s: a lane\\n' skipped; exit 3"]);
        assert!(!run_command(&mut command, &mut left_out).unwrap());
        assert_eq!(left_out, ["a lane"]);
        let finished = |outcome| Finished { name: "x", outcome, took: Duration::ZERO, left_out: Vec::new() };
        let ok = format!("{:?}", ExitCode::SUCCESS);
        let code = |outcomes: Vec<Outcome>| {
            let all: Vec<_> = outcomes.into_iter().map(finished).collect();
            format!("{:?}", summarise(&all, Duration::ZERO).1)
        };
        assert_eq!(code(vec![Outcome::Passed, Outcome::Skipped("no".into())]), ok);
        assert_ne!(code(vec![Outcome::Failed, Outcome::Passed]), ok);
    }
}
