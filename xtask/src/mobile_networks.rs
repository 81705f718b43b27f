//! `cargo xtask mobile-networks`: networks of torchvision and timm, as `torch.onnx.export` writes them today.
//!
//! `tests/oracle/mobile_networks.py` exports them with random weights and writes them as cases, with what onnxruntime computes
//! from them. It needs a Python that has torch; where there is none it says so and does nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{cases, python};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only networks whose name contains this; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    network: Vec<String>,
    #[command(flatten)]
    suite: cases::SuiteArguments,
    #[command(flatten)]
    python: python::Arguments,
}

const PACKAGES: &[&str] = &[
    "torch==2.15.0",
    "torchvision==0.29.2",
    "timm==1.0.31",
    "onnxscript==0.7.2",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "numpy==2.4.6",
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options: Vec<_> = arguments.network.iter().flat_map(|name| ["--only".into(), name.into()]).collect();
    let maker =
        cases::Maker { name: "mobile-networks", script: "mobile_networks.py", packages: PACKAGES, options: &options };
    maker.run(&arguments.suite, &arguments.python)
}
