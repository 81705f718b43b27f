//! Blobs that are signed and sealed here, and everything that can be wrong with them.

mod product;
mod sealed;
mod signed;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use ed25519_compact::{KeyPair, Seed};
use kinglet_blob::signature::{Claims, Unsigned};
use kinglet_test_blobs::{AlignedBlob, programs};
use kinglet_trust::{Crypto, DeviceKey, Hash, KeyRing, SEAL_TAG_BYTES, SealHeader, Software, signed_message};

/// A key pair that is the same in every run.
fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn key_id(pair: &KeyPair) -> u32 {
    KeyRing::id(&pair.pk, &mut Software)
}

/// A small blob with weights.
fn blob() -> AlignedBlob {
    let all = programs::every_opcode();
    let program = all.iter().find(|program| program.name().contains("fully")).unwrap_or(&all[0]);
    program.blob(1)
}

/// What the tests' owner says about it.
fn claims(pair: &KeyPair) -> Claims {
    Claims { model_id: 77, security_counter: 5, key_id: key_id(pair), version: [1, 4, 2] }
}

/// Signs a blob.
fn sign(blob: &[u8], claims: &Claims, pair: &KeyPair) -> Vec<u8> {
    let unsigned = Unsigned::new(&AlignedBlob::copy_of(blob), claims).unwrap();
    let mut hash = Software.hash();
    hash.update(unsigned.signed_bytes());
    let signature = pair.sk.sign(signed_message(&hash.finish()), None);
    unsigned.with(&signature)
}

/// Seals bytes with an implementation of its own.
fn seal(plain: &[u8], key: &DeviceKey, nonce: [u8; 12]) -> Vec<u8> {
    let total_bytes = (kinglet_trust::SEAL_HEADER_BYTES + plain.len() + SEAL_TAG_BYTES) as u32;
    let header = SealHeader { total_bytes, key_id: key.id(&mut Software), nonce }.bytes();
    let cipher = chacha20poly1305::ChaCha20Poly1305::new(&key.0.into());
    let body = cipher.encrypt(&nonce.into(), Payload { msg: plain, aad: &header }).unwrap();
    [&header[..], &body].concat()
}
