//! `kinglet seal`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::{Failure, Outcome, print};
use crate::signing::{self, SignatureLine};
use crate::{blob_file, file};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The signed blob
    blob: PathBuf,
    /// The key of the device that is to open it
    #[arg(long = "for", value_name = "DEVICE_KEY")]
    device_key: PathBuf,
    /// Where the sealed blob goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let key = signing::read_device_key(&arguments.device_key)?;
    if SignatureLine::of(Model::from_bytes(&blob)?.blob()).is_none() {
        let problem = "it is not signed, and a seal says nothing about who made it; run `kinglet sign` first";
        return Err(Failure::Other(format!("{}: {problem}", arguments.blob.display())));
    }
    let sealed = signing::seal(&blob, &key)?;
    file::write(&arguments.output, &sealed)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", arguments.output.display())))?;
    print(&format!("{} is sealed: {} bytes for one device", arguments.output.display(), sealed.len()))
}
