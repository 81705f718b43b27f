//! `cargo xtask onnx-nodes`: the node suite of the Python package `onnx`, through the `kinglet` program.
//!
//! `tests/oracle/onnx_nodes.py` writes the suite as cases: its models as they are, its inputs, its outputs. What has to be
//! a constant (a shape, an axis, a layer's weights) is given by `--input-value`. Then it is as `cargo xtask cases`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{cases, python, tree};

#[derive(Args)]
pub(crate) struct Arguments {
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
    #[command(flatten)]
    python: python::Arguments,
}

/// The suite is a part of the package.
const PACKAGES: &[&str] = &["onnx==1.23.2", "numpy==2.4.6"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let python = match arguments.python.find("onnx-venv", PACKAGES) {
        Ok(python) => python,
        Err(missing) => {
            println!("skipped: onnx-nodes: {missing}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let folder = tree::host_target().join("onnx-nodes").join(std::process::id().to_string());
    let script = tree::root().join("tests/oracle/onnx_nodes.py");
    let output = Command::new(python).arg(script).arg(&folder).stdin(Stdio::null()).output();
    let output = output.context("cannot start python")?;
    ensure!(output.status.success(), "onnx_nodes.py failed: {}", String::from_utf8_lossy(&output.stderr));
    if !arguments.json {
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    let suite = cases::Suite {
        folder: &folder,
        only: &arguments.only,
        at_least: arguments.at_least,
        json: arguments.json,
        kinglet: arguments.kinglet.as_deref(),
    };
    let outcome = suite.run();
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    outcome
}
