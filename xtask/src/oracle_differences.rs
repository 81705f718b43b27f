//! `cargo xtask oracle-differences`: single int8 operators in TensorFlow Lite Micro, in LiteRT and here.
//!
//! `tests/oracle/differences.py` does the work and says what is compared. It needs Python packages, which go into an
//! environment of their own below the build folder. Where they cannot be installed the command says so and succeeds:
//! the golden operators (`tests/golden`) hold the bits without them.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::{prerequisites, tree};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kinglet program [default: ours, built if need be]
    #[arg(long, value_name = "FILE", env = "KINGLET_BIN")]
    kinglet: Option<PathBuf>,
    /// A Python that has the packages, instead of an environment of our own
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Write the list of known differences anew instead of comparing with it
    #[arg(long)]
    write: bool,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
}

/// The oracle of `tests/golden`, and LiteRT. A verdict may change with another version of either.
const PACKAGES: [&str; 4] =
    ["tflite_micro==0.dev20261023182759", "ai-edge-litert==2.3.0", "numpy==2.4.6", "flatbuffers==25.12.19"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let python = match find(arguments) {
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

/// A Python with the packages, or what to do about it.
fn find(arguments: &Arguments) -> core::result::Result<PathBuf, String> {
    if let Some(given) = &arguments.python {
        return if has_packages(given) {
            Ok(given.clone())
        } else {
            Err(format!("{} lacks packages; run: {} -m pip install --pre {}", given.display(), given.display(), list()))
        };
    }
    let environment = tree::host_target().join("oracle-venv");
    let python = environment.join("bin").join("python");
    if has_packages(&python) {
        return Ok(python);
    }
    if arguments.no_install {
        return Err(format!("its packages are not installed: {}", list()));
    }
    println!("$ python3 -m venv {} and pip install --pre {}", environment.display(), list());
    if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment)) {
        return Err(
            "python3 with its module venv is needed; on Debian or Ubuntu: sudo apt-get install -y python3-venv"
                .to_owned(),
        );
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--pre"]).args(PACKAGES);
    if succeeds(&mut install) && has_packages(&python) {
        return Ok(python);
    }
    Err(format!("pip could not install {}", list()))
}

fn list() -> String {
    PACKAGES.join(" ")
}

/// Whether a Python has these packages in these versions.
fn has_packages(python: &Path) -> bool {
    let lines: Vec<String> = PACKAGES
        .iter()
        .filter_map(|package| package.split_once("=="))
        .map(|(name, version)| format!("assert version({name:?}) == {version:?}"))
        .collect();
    let program = format!("from importlib.metadata import version\n{}", lines.join("\n"));
    succeeds(Command::new(python).args(["-c", &program]))
}

fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
