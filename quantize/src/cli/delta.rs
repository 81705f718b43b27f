//! `kinglet delta`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::{Failure, Outcome, print, print_json};
use crate::signing::{self, SignatureLine};
use crate::{blob_file, file};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The signed blob that devices keep now
    old: PathBuf,
    /// The signed blob that they shall have
    new: PathBuf,
    /// Where the delta goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// How long a delta is.
#[derive(serde::Serialize)]
struct Lengths {
    delta_bytes: usize,
    old_bytes: usize,
    new_bytes: usize,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let [old, new] = [&arguments.old, &arguments.new].map(|path| {
        let blob = blob_file::read(path)?;
        if SignatureLine::of(Model::from_bytes(&blob)?.blob()).is_none() {
            let problem = "it is not signed, and devices know models by what is signed; run `kinglet sign` first";
            return Err(Failure::Other(format!("{}: {problem}", path.display())));
        }
        Ok(blob)
    });
    let (old, new) = (old?, new?);
    let delta = signing::delta(&old, &new)?;
    file::write(&arguments.output, &delta)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", arguments.output.display())))?;
    let lengths = Lengths { delta_bytes: delta.len(), old_bytes: old.len(), new_bytes: new.len() };
    if arguments.json {
        return print_json(&lengths);
    }
    let Lengths { delta_bytes, new_bytes, .. } = lengths;
    print(&format!("{} makes {new_bytes} bytes of {delta_bytes}", arguments.output.display()))
}
