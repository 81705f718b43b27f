//! `kinglet verify`

use std::path::PathBuf;

use clap::Args;
use kinglet::{Error, Model, SelfTestError};
use kinglet_blob::SectionKind;
use kinglet_trust::{KeyRing, Software, TrustError};
use serde::Serialize;

use super::{Failure, Outcome, print, print_json};
use crate::blob_file::{self, BlobFileError};
use crate::contract;
use crate::emit::{Certificate, Manifest};
use crate::host::{self, AlignedBytes, HostError};
use crate::signing::{self, SignatureLine};

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

/// What has been checked.
#[derive(Debug, Serialize)]
struct Verified {
    /// Always true: what fails is an error.
    ok: bool,
    /// Size of the blob.
    blob_bytes: usize,
    /// Operators proved to stay within the arena and the constants.
    operators: usize,
    /// Size of the arena.
    arena_bytes: usize,
    /// What a run has to do, in all.
    work: u64,
    /// Test vectors replayed.
    golden_vectors: u32,
    /// `true`, `false`, or absent when the blob has no certificate.
    certificate: Option<bool>,
    /// True when the manifest can be read.
    manifest: bool,
    /// What the signature vouches for; absent when no key was given.
    signature: Option<SignatureLine>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let named = |problem: String| Failure::Other(format!("{}: {problem}", arguments.blob.display()));
    let model = Model::from_bytes_within(&blob, arguments.max_work.unwrap_or(u64::MAX))
        .map_err(|error| BlobFileError::Refused { file: arguments.blob.clone(), error })?;
    let signature = signature(arguments, &blob).map_err(named)?;
    contract::check(model.blob()).map_err(|broken| named(broken.to_string()))?;
    let section = |kind| model.blob().section(kind);
    let has_certificate = !section(SectionKind::Certificate).is_empty();
    let verified = Verified {
        ok: true,
        blob_bytes: model.blob().bytes().len(),
        operators: model.operator_count(),
        arena_bytes: model.arena_bytes(),
        work: model.work().total(),
        golden_vectors: if section(SectionKind::Golden).is_empty() { 0 } else { replay(&blob).map_err(named)? },
        certificate: has_certificate.then(|| Certificate::is_true_of(model.blob())),
        manifest: Manifest::decode(section(SectionKind::Manifest)).is_ok(),
        signature,
    };
    if verified.certificate == Some(false) {
        return Err(named("its certificate does not say what its operators add up to".into()));
    }
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

/// Checks the signature, when there are keys to check it with.
fn signature(arguments: &Arguments, blob: &[u8]) -> Result<Option<SignatureLine>, String> {
    if arguments.public.is_empty() {
        return Ok(None);
    }
    let keys = arguments.public.iter().map(|path| signing::read_public(path));
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let ring = KeyRing::new(&keys, 0).ok_or("a device has up to four keys; give no more")?;
    match kinglet_trust::verify(&mut &blob[..], &ring, &mut Software) {
        Ok(signed) => Ok(Some(signed.claims.into())),
        Err(error) => Err(format!("{} (code {})", explain(&error), error.code())),
    }
}

fn explain(error: &TrustError) -> &'static str {
    match error {
        TrustError::Unsigned => "it is not signed; run `kinglet sign`",
        TrustError::SignatureForm => "its signature is damaged, or of a scheme that this kinglet does not know",
        TrustError::KeyUnknown => "another key than the given ones has signed it",
        TrustError::Signature => {
            "its signature is wrong: the blob was changed after it was signed, or was never signed"
        }
        _ => "it is damaged",
    }
}

/// Runs the test vectors of a blob, which needs its arena; returns how many there are.
fn replay(blob: &AlignedBytes) -> Result<u32, String> {
    match host::with_session(blob, |session| Ok(session.self_test()?.vectors)) {
        Ok(vectors) => Ok(vectors),
        Err(HostError::Engine(Error::SelfTest(SelfTestError::Mismatch { vector, output }))) => {
            Err(format!("output {output} of test vector {vector} differs from what the compiler computed"))
        }
        Err(error) => Err(error.to_string()),
    }
}
