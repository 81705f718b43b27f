//! Why bytes are not trusted.

use kinglet_blob::FormatRule;

/// Why a blob is refused. Each has a number of its own, which does not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// The first bytes are not those of a blob; the codes are those of the format's rules.
    Format(FormatRule),
    /// The bytes cannot be read from where they are.
    Unreadable,
    /// The blob has no SIGNATURE section.
    Unsigned,
    /// SIGNATURE is not the last section, has another scheme than this reader's, or a reserved or last word that is wrong.
    SignatureForm,
    /// No key of the ring has the blob's key id.
    KeyUnknown,
    /// The key is in the ring, and revoked.
    KeyRevoked,
    /// The signature is not the key's signature on these bytes.
    Signature,
    /// It is another model than the one that this device runs.
    ModelId,
    /// Its version lies outside the range that this device takes.
    Version,
    /// Its security counter is below the device's: it would undo what must not be undone.
    Counter,
    /// It was compiled for a machine that this device is not.
    KernelSet,
    /// It is longer than the place for it.
    Length,
    /// It did not come sealed, and this device takes no others.
    NotSealed,
    /// The first bytes are not those of a sealed blob, or its lengths contradict each other.
    SealForm,
    /// It is sealed for another device.
    SealKey,
    /// The seal is broken: some byte has changed.
    SealTag,
}

impl TrustError {
    /// A stable number; those of the format's rules are below 64 and those of the engine's below 96.
    pub fn code(&self) -> u8 {
        match self {
            TrustError::Format(rule) => *rule as u8,
            TrustError::Unreadable => 96,
            TrustError::Unsigned => 97,
            TrustError::SignatureForm => 98,
            TrustError::KeyUnknown => 99,
            TrustError::KeyRevoked => 100,
            TrustError::Signature => 101,
            TrustError::ModelId => 102,
            TrustError::Version => 103,
            TrustError::Counter => 104,
            TrustError::KernelSet => 105,
            TrustError::Length => 106,
            TrustError::NotSealed => 107,
            TrustError::SealForm => 108,
            TrustError::SealKey => 109,
            TrustError::SealTag => 110,
        }
    }
}
