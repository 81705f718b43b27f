//! What can be told about a blob without its source model: whether it is sound, computes what the compiler computed, and
//! who has signed it.

use std::path::PathBuf;

use kinglet::{Error, LoadError, Model, SelfTestError};
use kinglet_blob::SectionKind;
use kinglet_trust::{KeyRing, Software, TrustError};
use serde::Serialize;

use crate::contract::{self, Broken};
use crate::emit::{Certificate, Manifest};
use crate::host::{self, AlignedBlob, HostError};
use crate::signing::{self, KeyFileError, SignatureLine};

/// What has been checked. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// Always true: what fails is an error.
    pub ok: bool,
    /// Size of the blob.
    pub blob_bytes: usize,
    /// Operators proved to stay within the arena and the constants.
    pub operators: usize,
    /// Size of the arena.
    pub arena_bytes: usize,
    /// What a run has to do, in all.
    pub work: u64,
    /// Test vectors replayed.
    pub golden_vectors: u32,
    /// `true`, `false`, or absent when the blob has no certificate.
    pub certificate: Option<bool>,
    /// True when the manifest can be read.
    pub manifest: bool,
    /// What the signature vouches for; absent when no key was given.
    pub signature: Option<SignatureLine>,
}

/// Why a blob is not to be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// The engine refuses it, or it has more to do than it may.
    #[error("{} (rule {}, byte {})", crate::blob_file::explain(.0), .0.code(), .0.offset())]
    Refused(LoadError),
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// More keys than a device has room for.
    #[error("a device has up to four keys; give no more")]
    KeyCount,
    /// The signature is none of theirs.
    #[error("{} (code {})", explain(.0), .0.code())]
    Signature(TrustError),
    /// It breaks what its records promise each other.
    #[error("{0}")]
    Contract(#[from] Broken),
    /// It computes something else than when it was compiled.
    #[error("output {output} of test vector {vector} differs from what the compiler computed")]
    Mismatch {
        /// Which vector.
        vector: u32,
        /// Which output.
        output: u16,
    },
    /// It does not run.
    #[error(transparent)]
    Run(HostError),
    /// Its figures are wrong.
    #[error("its certificate does not say what its operators add up to")]
    Certificate,
}

/// Checks everything about a blob that may have at most `work_max` to do in a run; its signature where there are `keys`,
/// of which one must have signed it.
pub fn verify(blob: &AlignedBlob, work_max: u64, keys: &[PathBuf]) -> Result<Verified, VerificationError> {
    let model = Model::from_bytes_within(blob, work_max).map_err(VerificationError::Refused)?;
    let signature = signature(blob, keys)?;
    contract::check(model.blob())?;
    let section = |kind| model.blob().section(kind);
    let has_certificate = !section(SectionKind::Certificate).is_empty();
    let verified = Verified {
        ok: true,
        blob_bytes: model.blob().bytes().len(),
        operators: model.operator_count(),
        arena_bytes: model.arena_bytes(),
        work: model.work().total(),
        golden_vectors: if section(SectionKind::Golden).is_empty() { 0 } else { replay(blob)? },
        certificate: has_certificate.then(|| Certificate::is_true_of(model.blob())),
        manifest: Manifest::decode(section(SectionKind::Manifest)).is_ok(),
        signature,
    };
    if verified.certificate == Some(false) {
        return Err(VerificationError::Certificate);
    }
    Ok(verified)
}

/// Checks the signature, when there are keys to check it with.
fn signature(blob: &[u8], keys: &[PathBuf]) -> Result<Option<SignatureLine>, VerificationError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let keys = keys.iter().map(|path| signing::read_public(path)).collect::<Result<Vec<_>, _>>()?;
    let ring = KeyRing::new(&keys, 0).ok_or(VerificationError::KeyCount)?;
    match kinglet_trust::verify(&mut &blob[..], &ring, &mut Software) {
        Ok(signed) => Ok(Some(signed.claims.into())),
        Err(error) => Err(VerificationError::Signature(error)),
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
pub fn replay(blob: &AlignedBlob) -> Result<u32, VerificationError> {
    match host::with_session(blob, |session| Ok(session.self_test()?.vectors)) {
        Ok(vectors) => Ok(vectors),
        Err(HostError::Engine(Error::SelfTest(SelfTestError::Mismatch { vector, output }))) => {
            Err(VerificationError::Mismatch { vector, output })
        }
        Err(error) => Err(VerificationError::Run(error)),
    }
}
