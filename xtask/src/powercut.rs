//! `cargo xtask powercut`: the power-cut proof of the slots, which is a program of its own (`tests/powercut`), because this
//! one need not wait for it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::tree;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Options of the proof: --soak, --faults, --seed N, --replay GEOMETRY ... (--help lists them)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root()).args(["run", "--release", "--quiet", "--package", "kinglet-powercut", "--"]);
    let status = cargo.args(&arguments.options).status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
