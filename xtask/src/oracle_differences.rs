//! `cargo xtask oracle-differences`: single int8 operators in TensorFlow Lite Micro, in LiteRT and here.
//!
//! `tests/oracle/differences.py` does the work and says what is compared. It needs Python packages, which go into an
//! environment of their own below the build folder. Where they cannot be installed the command says so and succeeds:
//! the golden operators (`tests/golden`) hold the bits without them.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::{prerequisites, python, tree};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// Write the list of known differences anew instead of comparing with it
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    python: python::Arguments,
}

/// The oracle of `tests/golden`, and LiteRT. A verdict may change with another version of either.
const PACKAGES: &[&str] =
    &["tflite_micro==0.dev20261023182759", "ai-edge-litert==2.3.0", "numpy==2.4.6", "flatbuffers==25.12.19"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let python = match arguments.python.find("oracle-venv", PACKAGES) {
        Ok(python) => python,
        Err(missing) => {
            println!("skipped: oracle-differences: {missing}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let kinglet = prerequisites::kinglet(arguments.kinglet.as_deref())?;
    let mut script = Command::new(python);
    script.arg(tree::root().join("tests/oracle/differences.py")).arg("--kinglet").arg(kinglet);
    if arguments.write {
        script.arg("--write");
    }
    // The oracles write a line there for each model that they refuse; what matters comes last.
    let output = script.stdin(Stdio::null()).output().context("cannot start python")?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(ExitCode::FAILURE)
}
