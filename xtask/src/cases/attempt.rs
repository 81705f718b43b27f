//! One case, from its model to a verdict. The compiler is a program here: what its users see is what is judged.

use core::time::Duration;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::array::Array;
use super::case::{Case, Expect};
use super::judge;

/// Longer than any case takes, by far: one that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should.
    Right,
    /// It does not compile; with the compiler's reason.
    Refused(String),
    /// It compiles, and something else than what is right comes out.
    Wrong(String),
    /// A program ended in a way that it never should.
    Crashed(String),
}

/// How a program ended.
enum Ended {
    /// With status 0; what it printed and what it said on the side.
    Well { stdout: String, stderr: String },
    /// With status 1: what it said.
    Refusing(String),
    /// In no way that is part of its interface.
    Badly(String),
}

/// Compiles and runs a case in an empty folder, and judges it. Fails only for want of what the test itself needs.
pub(super) fn attempt(kinglet: &Path, case: &Case, folder: &Path) -> Result<Outcome> {
    let blob = folder.join("model.kgl");
    let mut compile = Command::new(kinglet);
    compile.arg("compile").arg(&case.model).arg("-o").arg(&blob).args(&case.options);
    if let Some(calib) = &case.calib {
        compile.arg("--calib").arg(calib);
    }
    for (name, path) in &case.constants {
        let mut value = OsString::from(format!("{name}="));
        value.push(path);
        compile.arg("--input-value").arg(value);
    }
    let warned = match run(&mut compile, folder)? {
        Ended::Badly(how) => return Ok(Outcome::Crashed(format!("compile {how}"))),
        Ended::Refusing(reason) if case.expect != Expect::Refusal => return Ok(Outcome::Refused(reason)),
        Ended::Refusing(reason) if reason.is_empty() => return Ok(Outcome::Wrong("refused without a reason".into())),
        Ended::Refusing(_) => return Ok(Outcome::Right),
        Ended::Well { stderr, .. } => stderr.lines().any(|line| line.starts_with("warning:")),
    };
    match case.expect {
        Expect::Refusal => return Ok(Outcome::Wrong("it compiles, and should be refused".into())),
        Expect::Warning if warned => return Ok(Outcome::Right),
        Expect::Warning => return Ok(Outcome::Wrong("it compiles without a warning".into())),
        Expect::Codes | Expect::Reals | Expect::Close | Expect::SqnrDb | Expect::Runs => {}
    }
    let outcome = run_and_judge(kinglet, case, folder, &blob)?;
    if case.integer
        && matches!(outcome, Outcome::Right)
        && let Some(float) = float_operator(kinglet, &blob, folder)?
    {
        // Right numbers, but not what the maker of a file of integers asked for.
        return Ok(Outcome::Refused(format!("it computes on floats: {float}")));
    }
    Ok(outcome)
}

fn run_and_judge(kinglet: &Path, case: &Case, folder: &Path, blob: &Path) -> Result<Outcome> {
    let mut infer = Command::new(kinglet);
    infer.arg("run").arg(blob);
    infer.args(case.inputs.iter().flat_map(|path| [Path::new("--input"), path]));
    let outputs: Vec<PathBuf> = (0..case.outputs.len()).map(|index| folder.join(format!("out{index}.npy"))).collect();
    infer.args(outputs.iter().flat_map(|path| [Path::new("--output"), path]));
    // Integers among the inputs are codes, whatever the outputs are compared as; close ones are what the file's types say.
    let mut is_raw = case.expect == Expect::Codes;
    let typed = if case.expect == Expect::Close { &case.outputs[..] } else { &[] };
    for path in case.inputs.iter().chain(typed) {
        is_raw |= Array::read(path)?.is_integer();
    }
    if is_raw {
        infer.arg("--raw");
    }
    match run(&mut infer, folder)? {
        Ended::Well { .. } => {}
        Ended::Refusing(reason) => return Ok(Outcome::Wrong(format!("it compiles, and does not run: {reason}"))),
        Ended::Badly(how) => return Ok(Outcome::Crashed(format!("run {how}"))),
    }
    for (index, (right, found)) in case.outputs.iter().zip(&outputs).enumerate() {
        if case.not_compared.contains(&index) {
            continue;
        }
        let (right, mut found) = (Array::read(right)?, Array::read(found)?);
        if case.expect == Expect::Codes && right.element_type != found.element_type {
            let (right, found) = (right.element_type, found.element_type);
            return Ok(Outcome::Wrong(format!("output {index} is of type {found} instead of {right}")));
        }
        if found.is_integer() && !right.is_integer() {
            found = reals(kinglet, blob, folder, index, found)?;
        }
        if let Some(problem) = judge::output(case, index, &right, &found) {
            return Ok(Outcome::Wrong(problem));
        }
    }
    Ok(Outcome::Right)
}

/// What `kinglet inspect` says about a blob.
fn inspect(kinglet: &Path, blob: &Path, folder: &Path) -> Result<Value> {
    let mut inspect = Command::new(kinglet);
    match run(inspect.arg("inspect").arg(blob).arg("--json"), folder)? {
        Ended::Well { stdout, .. } => serde_json::from_str(&stdout).context("inspect --json prints no JSON"),
        Ended::Refusing(how) | Ended::Badly(how) => bail!("{} cannot be inspected: {how}", blob.display()),
    }
}

/// The numbers that the codes of an output stand for.
fn reals(kinglet: &Path, blob: &Path, folder: &Path, index: usize, codes: Array) -> Result<Array> {
    let seen = inspect(kinglet, blob, folder)?;
    let port = &seen["outputs"][index];
    let (Some(scale), Some(zero)) = (port["scale"].as_f64(), port["zero_point"].as_f64()) else { return Ok(codes) };
    let numbers = codes.numbers.iter().map(|code| scale * (code - zero)).collect();
    Ok(Array { element_type: "<f8".into(), numbers })
}

/// An operator of a blob that computes on floats, apart from those that convert.
fn float_operator(kinglet: &Path, blob: &Path, folder: &Path) -> Result<Option<String>> {
    let seen = inspect(kinglet, blob, folder)?;
    let operators = seen["operators"].as_array().context("inspect --json lists no operators")?;
    let mut names = operators.iter().filter_map(|operator| operator["operator"].as_str());
    Ok(names.find(|name| name.ends_with("-f32")).map(str::to_owned))
}

/// Runs a program to its end. What it prints goes through files in `folder`, so that it never waits for a reader.
fn run(command: &mut Command, folder: &Path) -> Result<Ended> {
    let name = command.get_program().to_string_lossy().into_owned();
    let [stdout, stderr] = ["stdout", "stderr"].map(|stream| folder.join(stream));
    let create = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&stdout)?).stderr(create(&stderr)?);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {name}"))? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().and_then(|()| child.wait()).with_context(|| format!("cannot end {name}"))?;
            return Ok(Ended::Badly(format!("does not end within {} s", PATIENCE.as_secs())));
        }
        thread::sleep(Duration::from_millis(2));
    };
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let [stdout, stderr] = [read(&stdout)?, read(&stderr)?].map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(ended(status, stdout, stderr))
}

/// Status 2 is wrong usage: the fault of who wrote the case.
fn ended(status: ExitStatus, stdout: String, stderr: String) -> Ended {
    let panicked = stderr.lines().find(|line| line.contains("panicked at"));
    match (status.code(), panicked) {
        (_, Some(line)) => Ended::Badly(format!("panics: {line}")),
        (Some(0), None) => Ended::Well { stdout, stderr },
        (Some(1), None) => Ended::Refusing(stderr.trim().into()),
        (Some(code), None) => Ended::Badly(format!("ends with status {code}: {}", stderr.trim())),
        (None, None) => Ended::Badly(format!("is ended by a signal ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn ends_are_told_apart() {
        let of =
            |wait_status: i32, stderr: &str| ended(ExitStatus::from_raw(wait_status), String::new(), stderr.into());
        assert!(matches!(of(0, "warning: x"), Ended::Well { .. }));
        assert!(matches!(of(1 << 8, "error: x"), Ended::Refusing(reason) if reason == "error: x"));
        assert!(matches!(of(2 << 8, "usage"), Ended::Badly(_)), "the case's own mistake");
        assert!(matches!(of(101 << 8, "thread 'main' panicked at x"), Ended::Badly(how) if how.contains("panics")));
        assert!(matches!(of(11, ""), Ended::Badly(how) if how.contains("signal")));
    }
}
