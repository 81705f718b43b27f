//! `kinglet sign`

use std::path::PathBuf;

use clap::Args;
use kinglet::Model;
use kinglet_blob::signature::Claims;

use super::{Failure, Outcome, print};
use crate::signing::{self, SignatureLine};
use crate::{blob_file, file};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// The private key, in PKCS#8 PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The security counter: a device that has confirmed this blob refuses all with a lower one
    #[arg(long, value_name = "N")]
    counter: Option<u32>,
    /// Which model this is a version of: a number, 0x and hexadecimal digits as well
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    model_id: Option<u64>,
    /// The model's version: MAJOR.MINOR.PATCH
    #[arg(long, value_name = "SEMVER", value_parser = parse_version)]
    model_version: Option<Version>,
    /// Where the signed blob goes [default: the blob itself]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
struct Version([u16; 3]);

fn parse_version(text: &str) -> Result<Version, String> {
    let version = signing::parse_version(text).map(Version);
    version.ok_or_else(|| "a device compares three numbers up to 65,535, as in 1.4.2".into())
}

fn parse_id(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x");
    let parsed = digits.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    parsed.map_err(|_| "a device compares a whole number of 64 bits, as in 7 or 0x1f00".into())
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let pair = signing::read_private(&arguments.key)?;
    let model = Model::from_bytes(&blob)?;
    let known = signing::known_claims(&model);
    let claims = Claims {
        model_id: arguments.model_id.unwrap_or(known.model_id),
        security_counter: arguments.counter.unwrap_or(known.security_counter),
        key_id: 0,
        version: arguments.model_version.map_or(known.version, |version| version.0),
    };
    let signed = signing::sign(&blob, &claims, &pair)?;
    let output = arguments.output.as_ref().unwrap_or(&arguments.blob);
    file::write(output, &signed)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", output.display())))?;
    let line = SignatureLine::from(Claims { key_id: signing::key_id(&pair), ..claims });
    print(&format!("{} is signed: {line}", output.display()))
}
