//! `cargo xtask onnx-nodes`: the node suite of the Python package `onnx`, through the `kinglet` program.
//!
//! `tests/oracle/onnx_nodes.py` writes the suite as cases: its models as they are, its inputs, its outputs. What has to be
//! a constant (a shape, an axis, a layer's weights) is given by `--input-value`. Then it is as `cargo xtask cases`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{cases, python};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    suite: cases::SuiteArguments,
    #[command(flatten)]
    python: python::Arguments,
}

/// The suite is a part of the package.
const PACKAGES: &[&str] = &["onnx==1.23.2", "numpy==2.4.6"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let maker = cases::Maker { name: "onnx-nodes", script: "onnx_nodes.py", packages: PACKAGES, options: &[] };
    maker.run(&arguments.suite, &arguments.python)
}
