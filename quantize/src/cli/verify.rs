//! `kinglet verify`

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Outcome, print, print_json};
use crate::blob_file::{self, BlobFileError};
use crate::verification::{VerificationError, verify};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// Refuse a blob that has more than this to do in a run: multiplications, elements that windows and means look at,
    /// elements read and written (`kinglet inspect` prints them)
    #[arg(long, value_name = "N")]
    max_work: Option<u64>,
    /// Refuse a blob that this key has not signed; up to four may be given, of which one must have
    #[arg(long, value_name = "FILE")]
    public: Vec<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let work_max = arguments.max_work.unwrap_or(u64::MAX);
    let verified = verify(&blob, work_max, &arguments.public).map_err(|error| match error {
        VerificationError::Refused(error) => BlobFileError::Refused { file: arguments.blob.clone(), error }.into(),
        error => Failure::Other(format!("{}: {error}", arguments.blob.display())),
    })?;
    if arguments.json {
        return print_json(&verified);
    }
    let vectors = match verified.golden_vectors {
        0 => "it carries no test vectors".to_owned(),
        count => format!("{count} test vectors give the same bits"),
    };
    let signed = verified.signature.map_or_else(String::new, |line| format!("; signed by {line}"));
    print(&format!(
        "{} is sound: {} operators within {} bytes of arena; {vectors}{signed}",
        arguments.blob.display(),
        verified.operators,
        verified.arena_bytes
    ))
}
