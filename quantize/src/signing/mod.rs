//! Signs and seals blobs; what a device does with them is `runtime/trust`.
//!
//! Equal blobs, keys and claims give equal signatures. A seal draws a fresh nonce each time and so is never the same twice.

mod delta;
mod key_file;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use ed25519_compact::KeyPair;
use kinglet::Model;
use kinglet_blob::signature::{Claims, SignatureRecord, Unsigned};
use kinglet_blob::{Blob, FormatError, signature};
use kinglet_trust::{
    Crypto, DeviceKey, Hash, KeyRing, SEAL_HEADER_BYTES, SEAL_TAG_BYTES, SealHeader, Software, signed_message,
};
use serde::Serialize;

use crate::emit::Manifest;

pub use delta::{apply_delta, delta};
pub use key_file::{
    KeyFileError, new_device_key, new_key_pair, read_device_key, read_private, read_public, write_public, write_secret,
};

/// Why a blob is not signed or sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// It is no blob.
    #[error("it is no blob: rule {} is broken at byte {}", .0.rule as u8, .0.offset)]
    Format(FormatError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// Longer than a container can say.
    #[error("it is longer than a sealed blob can be (4 GiB)")]
    TooLarge,
    /// A delta does not make what it should: a bug of ours.
    #[error("the delta does not make the new blob; please report the two blobs")]
    Delta,
}

/// What a blob claims about itself, checked or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureLine {
    /// The key that the signature is said to be by.
    pub key_id: u32,
    /// The model.
    pub model_id: u64,
    /// Major, minor, patch.
    pub version: [u16; 3],
    /// Blobs of a lower one are refused once a device has confirmed this one.
    pub security_counter: u32,
}

impl SignatureLine {
    /// What the blob's header and SIGNATURE say; none when it is not signed.
    pub fn of(blob: &Blob<'_>) -> Option<Self> {
        let record = SignatureRecord::read(blob.section_beside(signature::KIND))?;
        let header = blob.header();
        let claims = Claims {
            model_id: header.model_id,
            security_counter: header.security_counter,
            key_id: header.key_id,
            version: record.version,
        };
        Some(claims.into())
    }
}

impl From<Claims> for SignatureLine {
    fn from(claims: Claims) -> Self {
        let Claims { model_id, security_counter, key_id, version } = claims;
        SignatureLine { key_id, model_id, version, security_counter }
    }
}

impl core::fmt::Display for SignatureLine {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [major, minor, patch] = self.version;
        write!(
            out,
            "key {:08x}, model {}, version {major}.{minor}.{patch}, security counter {}",
            self.key_id, self.model_id, self.security_counter
        )
    }
}

/// `MAJOR.MINOR.PATCH`, each up to 65,535 and without anything behind: devices compare three numbers.
pub fn parse_version(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split('.').map(|part| part.parse::<u16>().ok().filter(|_| part.bytes().all(|b| b != b'+')));
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

/// How a key is named in blobs.
pub fn key_id(pair: &KeyPair) -> u32 {
    KeyRing::id(&pair.pk, &mut Software)
}

/// What a blob claims when nobody says otherwise: what it was signed with before, or else the version of its manifest.
pub fn known_claims(model: &Model<'_>) -> Claims {
    let header = model.blob().header();
    let signed = SignatureLine::of(model.blob()).map(|line| line.version);
    let version = signed.or_else(|| parse_version(&Manifest::of(model)?.version)).unwrap_or_default();
    Claims { model_id: header.model_id, security_counter: header.security_counter, key_id: header.key_id, version }
}

/// Signs a blob, whose bytes start at a multiple of 16; a signature that it has is replaced. The key id of `claims` is
/// the pair's.
pub fn sign(blob: &[u8], claims: &Claims, pair: &KeyPair) -> Result<Vec<u8>, SigningError> {
    let claims = Claims { key_id: key_id(pair), ..*claims };
    let unsigned = Unsigned::new(blob, &claims).map_err(SigningError::Format)?;
    let mut hash = Software.hash();
    hash.update(unsigned.signed_bytes());
    let signature = pair.sk.sign(signed_message(&hash.finish()), None);
    Ok(unsigned.with(&signature))
}

/// Seals bytes for the device that has `key`.
pub fn seal(plain: &[u8], key: &DeviceKey) -> Result<Vec<u8>, SigningError> {
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).map_err(|error| SigningError::Random(error.to_string()))?;
    let total = plain.len().checked_add(SEAL_HEADER_BYTES + SEAL_TAG_BYTES);
    let total_bytes = total.and_then(|total| u32::try_from(total).ok()).ok_or(SigningError::TooLarge)?;
    let header = SealHeader { total_bytes, key_id: key.id(&mut Software), nonce }.bytes();
    let cipher = ChaCha20Poly1305::new(&key.0.into());
    let payload = Payload { msg: plain, aad: &header };
    let body = cipher.encrypt(&nonce.into(), payload).map_err(|_| SigningError::TooLarge)?;
    Ok([&header[..], &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers() {
        assert_eq!(parse_version("1.20.65535"), Some([1, 20, 65_535]));
        for wrong in ["", "1", "1.2", "1.2.3.4", "1.2.65536", "1.2.3-rc1", "+1.2.3", "1..3", "a.b.c", " 1.2.3"] {
            assert_eq!(parse_version(wrong), None, "{wrong:?}");
        }
    }
}
