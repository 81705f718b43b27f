//! Keys: up to four that may sign, and the one that a device opens sealed blobs with.

use crate::crypto::{Crypto, Hash};
use crate::error::TrustError;

/// Keys of a ring at most.
pub const KEYS_MAX: usize = 4;

/// An Ed25519 public key, as RFC 8032 encodes it.
pub type PublicKey = [u8; 32];

/// The keys that may sign for this device, and which of them no longer may.
///
/// The keys are part of the firmware image. The bitmap is kept where the device can set bits and nobody can clear them,
/// one-time-programmable memory for example: bit `i` revokes key `i`.
#[derive(Clone, Copy, Debug)]
pub struct KeyRing<'k> {
    keys: &'k [PublicKey],
    revoked: u8,
}

/// What a ring knows of a key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found<'k> {
    Nothing,
    Revoked,
    Valid(&'k PublicKey),
}

impl<'k> KeyRing<'k> {
    /// A ring of one to [`KEYS_MAX`] keys; `None` for other numbers.
    pub fn new(keys: &'k [PublicKey], revoked: u8) -> Option<Self> {
        (1..=KEYS_MAX).contains(&keys.len()).then_some(KeyRing { keys, revoked })
    }

    /// How a key is named in a blob's header: the first four bytes of its SHA-256 as a little-endian number, and 1 where
    /// that is 0, which means "none".
    pub fn id(key: &PublicKey, crypto: &mut impl Crypto) -> u32 {
        id(key, crypto)
    }

    /// The key with this id, for what is signed besides blobs.
    pub fn valid(&self, key_id: u32, crypto: &mut impl Crypto) -> Result<&'k PublicKey, TrustError> {
        match self.find(key_id, crypto) {
            Found::Nothing => Err(TrustError::KeyUnknown),
            Found::Revoked => Err(TrustError::KeyRevoked),
            Found::Valid(key) => Ok(key),
        }
    }

    /// The key with this id. A revoked key does not hide a valid one of the same id.
    fn find(&self, key_id: u32, crypto: &mut impl Crypto) -> Found<'k> {
        let mut found = Found::Nothing;
        for (index, key) in self.keys.iter().enumerate() {
            if id(key, crypto) != key_id {
                continue;
            }
            if (self.revoked >> index) & 1 == 0 {
                return Found::Valid(key);
            }
            found = Found::Revoked;
        }
        found
    }
}

/// The key that a device opens sealed blobs with: 32 random bytes that nobody else's device has.
#[derive(Clone, Copy)]
pub struct DeviceKey(pub [u8; 32]);

impl DeviceKey {
    /// How the key is named in a sealed blob's header, as [`KeyRing::id`].
    pub fn id(&self, crypto: &mut impl Crypto) -> u32 {
        id(&self.0, crypto)
    }
}

fn id(key: &[u8; 32], crypto: &mut impl Crypto) -> u32 {
    let mut hash = crypto.hash();
    hash.update(key);
    let digest = hash.finish();
    digest.first_chunk::<4>().map_or(1, |start| u32::from_le_bytes(*start)).max(1)
}
