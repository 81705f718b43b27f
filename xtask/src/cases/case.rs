//! A case as its `case.json` states it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expect {
    /// Outputs in the blob's own type are within `at_most_apart` of the case's.
    Codes,
    /// Outputs as reals are within `relative` times the largest magnitude, but at least `floor`, which is 1 by default.
    Reals,
    /// Every element of the outputs is within `atol` + `rtol` times its magnitude of the case's.
    Close,
    /// The signal to noise ratio against the case's outputs is at least `at_least` decibels.
    SqnrDb,
    /// It compiles and runs.
    Runs,
    /// It does not compile, and says why.
    Refusal,
    /// It compiles, with a warning.
    Warning,
}

/// Since when a case has to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum When {
    /// What exists has to do it.
    Now,
    /// Needs operators or types that are to come.
    Operators,
    /// Needs work on calibration that is to come.
    Shrink,
}

/// The file. Unknown fields are an error: one that is not read is one that is not tested.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "situation")]
    _situation: String,
    #[serde(rename = "source")]
    _source: String,
    #[serde(default, rename = "oracle")]
    _oracle: Option<String>,
    model: PathBuf,
    inputs: Vec<PathBuf>,
    #[serde(default)]
    outputs: Vec<PathBuf>,
    calib: Option<PathBuf>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    constants: BTreeMap<String, PathBuf>,
    expect: Expect,
    when: When,
    at_most_apart: Option<f64>,
    relative: Option<f64>,
    floor: Option<f64>,
    rtol: Option<f64>,
    #[serde(default)]
    atol: f64,
    at_least: Option<f64>,
    #[serde(default)]
    not_compared: Vec<usize>,
    #[serde(default)]
    integer: bool,
}

/// A case, with paths that can be opened from here.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The name of its folder.
    pub(super) name: String,
    pub(super) model: PathBuf,
    pub(super) inputs: Vec<PathBuf>,
    pub(super) outputs: Vec<PathBuf>,
    pub(super) calib: Option<PathBuf>,
    /// Arguments for `kinglet compile`.
    pub(super) options: Vec<String>,
    /// Inputs that are to be constants, with their values.
    pub(super) constants: BTreeMap<String, PathBuf>,
    pub(super) expect: Expect,
    pub(super) when: When,
    /// The number that belongs to `expect`; 0 where it has none.
    pub(super) bound: f64,
    /// What is allowed beside it where `expect` has two numbers.
    pub(super) atol: f64,
    /// The least magnitude that a relative bound goes by.
    pub(super) floor: f64,
    /// Outputs that may be anything.
    pub(super) not_compared: Vec<usize>,
    /// No operator may compute on floats, apart from those that convert.
    pub(super) integer: bool,
}

impl Case {
    /// Reads the case in a folder.
    fn read(folder: &Path) -> Result<Case> {
        let path = folder.join("case.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Case::parse(folder, &text).with_context(|| format!("{} is no case", path.display()))
    }

    fn parse(folder: &Path, text: &str) -> Result<Case> {
        let file: File = serde_json::from_str(text)?;
        let (bound, needed) = match file.expect {
            Expect::Codes => (file.at_most_apart, "at_most_apart"),
            Expect::Reals => (file.relative, "relative"),
            Expect::Close => (file.rtol, "rtol"),
            Expect::SqnrDb => (file.at_least, "at_least"),
            Expect::Runs | Expect::Refusal | Expect::Warning => (Some(0.0), ""),
        };
        ensure!(needed.is_empty() || !file.outputs.is_empty(), "there are no `outputs` to compare with");
        let inside = |path: &PathBuf| folder.join(path);
        Ok(Case {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            model: inside(&file.model),
            inputs: file.inputs.iter().map(inside).collect(),
            outputs: file.outputs.iter().map(inside).collect(),
            calib: file.calib.as_ref().map(inside),
            options: file.options,
            constants: file.constants.iter().map(|(name, path)| (name.clone(), inside(path))).collect(),
            expect: file.expect,
            when: file.when,
            bound: bound.with_context(|| format!("`{needed}` is missing"))?,
            atol: file.atol,
            floor: file.floor.unwrap_or(1.0),
            not_compared: file.not_compared,
            integer: file.integer,
        })
    }
}

/// The cases in the folders of `parent`, by name.
pub(super) fn read_folder(parent: &Path) -> Result<Vec<Case>> {
    let entries = fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))?;
    let mut folders = BTreeSet::new();
    for entry in entries {
        let folder = entry.with_context(|| format!("cannot read {}", parent.display()))?.path();
        if folder.join("case.json").is_file() {
            folders.insert(folder);
        }
    }
    ensure!(!folders.is_empty(), "{} holds no folder with a case.json", parent.display());
    folders.iter().map(|folder| Case::read(folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#""situation": "s", "source": "o", "model": "m.tflite", "inputs": ["i.npy"], "when": "now""#;

    fn parse(rest: &str) -> Result<Case> {
        Case::parse(Path::new("some/folder"), &format!("{{{HEAD}, {rest}}}"))
    }

    #[test]
    fn a_case_is_read() {
        let case = parse(r#""expect": "sqnr_db", "at_least": 20, "outputs": ["o.npy"], "integer": true"#).unwrap();
        assert_eq!((case.name.as_str(), case.expect, case.when), ("folder", Expect::SqnrDb, When::Now));
        assert_eq!((case.bound, case.integer), (20.0, true));
        assert_eq!(case.model, Path::new("some/folder/m.tflite"));
    }

    #[test]
    fn what_could_not_be_judged_is_an_error() {
        assert!(parse(r#""expect": "codes", "outputs": ["o.npy"]"#).is_err(), "no bound");
        assert!(parse(r#""expect": "codes", "at_most_apart": 0"#).is_err(), "no outputs");
        assert!(parse(r#""expect": "close", "atol": 1, "outputs": ["o.npy"]"#).is_err(), "one of two bounds");
        assert!(parse(r#""expect": "perfect""#).is_err(), "an unknown expectation");
        assert!(parse(r#""expect": "runs", "tolerance": 1"#).is_err(), "an unknown field");
    }
}
