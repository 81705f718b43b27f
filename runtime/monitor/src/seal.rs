//! Telemetry that says whom it is from: a record and sixteen bytes that only who has the device's key can make.
//!
//! The key is of this purpose only: not the one that opens sealed blobs. Who computes sits behind a trait, so that a
//! secure element can serve; [`Hmac`] does it with a [`Crypto`]'s SHA-256 (RFC 2104, the first half).

use kinglet_trust::{Crypto, Hash};

use crate::record::{RECORD_BYTES_MAX, Record};

/// Bytes behind a record.
pub const TAG_BYTES: usize = 16;
/// What tags are for.
const DOMAIN: [u8; 19] = *b"kinglet telemetry 1";
/// Bytes that SHA-256 takes at a time.
const BLOCK_BYTES: usize = 64;

/// Makes tags of messages with a key that it has.
pub trait Authenticator {
    /// The tag of a domain's message.
    fn tag(&mut self, domain: &[u8], message: &[u8]) -> [u8; TAG_BYTES];
}

/// HMAC-SHA-256 in software.
#[derive(Debug)]
pub struct Hmac<'h, C> {
    /// The device's key for telemetry.
    pub key: &'h [u8; 32],
    /// Who computes.
    pub crypto: &'h mut C,
}

impl<C: Crypto> Authenticator for Hmac<'_, C> {
    fn tag(&mut self, domain: &[u8], message: &[u8]) -> [u8; TAG_BYTES] {
        let inner = self.keyed(0x36, &[domain, message]);
        let outer = self.keyed(0x5c, &[&inner]);
        outer.first_chunk().copied().unwrap_or_default()
    }
}

impl<C: Crypto> Hmac<'_, C> {
    /// SHA-256 of the padded key and the parts.
    fn keyed(&mut self, pad: u8, parts: &[&[u8]]) -> [u8; 32] {
        let mut block = [pad; BLOCK_BYTES];
        block.iter_mut().zip(self.key).for_each(|(byte, key)| *byte ^= key);
        let mut hash = self.crypto.hash();
        hash.update(&block);
        parts.iter().for_each(|part| hash.update(part));
        hash.finish()
    }
}

impl Record {
    /// Writes the record and its tag; how many bytes they took.
    pub fn encode_signed(&self, authenticator: &mut impl Authenticator, out: &mut [u8; RECORD_BYTES_MAX]) -> usize {
        let len = self.encode(out);
        let tag = authenticator.tag(&DOMAIN, out.get(..len).unwrap_or_default());
        out.iter_mut().skip(len).zip(tag).for_each(|(to, from)| *to = from);
        len.saturating_add(TAG_BYTES)
    }

    /// Reads a record whose tag is right. Takes the same time wherever a tag differs.
    pub fn decode_signed(bytes: &[u8], authenticator: &mut impl Authenticator) -> Option<Self> {
        let (record, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
        let right = authenticator.tag(&DOMAIN, record);
        let differs = tag.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b));
        (core::hint::black_box(differs) == 0).then(|| Record::decode(record)).flatten()
    }
}
