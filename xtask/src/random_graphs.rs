//! `cargo xtask random-graphs`: random float graphs of ONNX operators, with onnxruntime as the oracle.
//!
//! `tests/oracle/random_graphs.py` draws them and writes them as cases. A graph that is refused has an operator, or a form
//! of one, that is not read yet; a wrong one fails the command. What failed can be drawn again by its seed.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{cases, python};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many graphs
    #[arg(long, value_name = "N", default_value_t = 2000)]
    count: u32,
    /// Another seed draws other graphs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    #[command(flatten)]
    suite: cases::SuiteArguments,
    #[command(flatten)]
    python: python::Arguments,
}

const PACKAGES: &[&str] = &["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = [("--count", arguments.count), ("--seed", arguments.seed)];
    let options: Vec<_> = options.iter().flat_map(|(name, value)| [name.into(), value.to_string().into()]).collect();
    let maker =
        cases::Maker { name: "random-graphs", script: "random_graphs.py", packages: PACKAGES, options: &options };
    maker.run(&arguments.suite, &arguments.python)
}
