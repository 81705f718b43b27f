//! Cryptography that is fast and fools nobody who does not try: the proof is about power, not about forgery.

use kinglet_trust::{Crypto, Hash};

/// A keyed sum for a signature, four FNV sums for a digest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fast;

/// Four sums that start differently.
#[derive(Clone, Copy, Debug)]
pub struct Sums([u64; 4]);

impl Hash for Sums {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            for sum in &mut self.0 {
                *sum = (*sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
            }
        }
    }

    fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (place, sum) in out.chunks_mut(8).zip(self.0) {
            place.copy_from_slice(&(sum ^ (sum >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
        }
        out
    }
}

/// The signature of `key` on `message`.
pub fn sign(key: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut hash = Fast.hash();
    hash.update(key);
    hash.update(message);
    let half = hash.finish();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&half);
    signature[32..].copy_from_slice(&half);
    signature
}

impl Crypto for Fast {
    type Hash = Sums;

    fn hash(&mut self) -> Sums {
        Sums([0xCBF2_9CE4_8422_2325, 1, 2, 3])
    }

    fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        sign(key, message) == *signature
    }
}
