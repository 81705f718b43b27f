//! `kinglet seal`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;
use kinglet_slots::DELTA_MAGIC;

use super::{Failure, Outcome, print};
use crate::signing::{self, SignatureLine};
use crate::{blob_file, file};

/// The largest file that is sealed.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The signed blob, or a delta
    blob: PathBuf,
    /// The key of the device that is to open it
    #[arg(long = "for", value_name = "DEVICE_KEY")]
    device_key: PathBuf,
    /// Where the sealed blob goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let key = signing::read_device_key(&arguments.device_key)?;
    let named = |problem: String| Failure::Other(format!("{}: {problem}", arguments.blob.display()));
    let bytes = file::read(&arguments.blob, FILE_SIZE_BYTES_MAX).map_err(|error| named(error.to_string()))?;
    // What a delta makes is signed; the delta itself is not.
    if !bytes.starts_with(&DELTA_MAGIC) {
        let blob = blob_file::accepted(&arguments.blob, &bytes)?;
        if SignatureLine::of(Model::from_bytes(&blob)?.blob()).is_none() {
            let problem = "it is not signed, and a seal says nothing about who made it; run `kinglet sign` first";
            return Err(named(problem.into()));
        }
    }
    let sealed = signing::seal(&bytes, &key)?;
    file::write(&arguments.output, &sealed)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", arguments.output.display())))?;
    print(&format!("{} is sealed: {} bytes for one device", arguments.output.display(), sealed.len()))
}
