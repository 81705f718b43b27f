//! `kinglet demo`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::compile::with_progress;
use super::progress::Progress;
use super::{Failure, Outcome, compare, print};
use crate::compare::Request;
use crate::compile::{Options, compile_file};
use crate::file;
use crate::import::Changes;

/// The example model and its data, so that the demo needs neither the repository nor a network.
const FILES: [(&str, &[u8]); 3] = [
    ("model.onnx", include_bytes!("../../demo/model.onnx")),
    ("calib.npz", include_bytes!("../../demo/calib.npz")),
    ("test.npz", include_bytes!("../../demo/test.npz")),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep the files here instead of in a temporary directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let temporary = std::env::temp_dir().join(format!("kinglet-demo-{}", std::process::id()));
    let dir = arguments.keep.as_deref().unwrap_or(&temporary);
    let outcome = in_directory(dir);
    if arguments.keep.is_none() {
        // What cannot be removed from a temporary directory is removed by the system.
        let _ = fs::remove_dir_all(&temporary);
    }
    outcome
}

fn in_directory(dir: &Path) -> Outcome {
    let failed = |what: &str, path: &Path, error| Failure::Other(format!("cannot {what} {}: {error}", path.display()));
    fs::create_dir_all(dir).map_err(|error| failed("create", dir, error))?;
    for (name, bytes) in FILES {
        let path = dir.join(name);
        fs::write(&path, bytes).map_err(|error| failed("write", &path, error))?;
    }
    let begun = Instant::now();
    print("$ kinglet compile model.onnx --calib calib.npz --target cortex-m4 --golden 2 --name digits -o digits.kgl")?;
    let options = Options {
        target: crate::target::Target::CortexM4,
        calibration: Some(dir.join("calib.npz")),
        golden: 2,
        name: Some("digits".into()),
        ..Options::default()
    };
    let compiled = with_progress(|progress| compile_file(&dir.join("model.onnx"), &options, progress))?;
    let path = dir.join("digits.kgl");
    file::write(&path, &compiled.blob).map_err(|error| failed("write", &path, error))?;
    print(&format!("{}\n", compiled.report))?;
    print("$ kinglet compare model.onnx digits.kgl --data test.npz")?;
    let progress = Progress::new();
    let (model, data, changes) = (dir.join("model.onnx"), dir.join("test.npz"), Changes::default());
    let request = Request::new(&model, &changes, &compiled.blob, &data);
    let comparison = crate::compare::compare(&request, &|done, total| progress.counting("comparing", done, total))?;
    drop(progress);
    print(&compare::text(&comparison, false))?;
    print(&format!("\ndone in {:.1} s: the blob runs on a Cortex-M4 with the same bits", begun.elapsed().as_secs_f64()))
}
