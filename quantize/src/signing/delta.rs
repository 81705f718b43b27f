//! Deltas between signed blobs, applied once before anybody gets them.

use kinglet_blob::signature;
use kinglet_slots::{Blobs, DELTA_HEADER_BYTES, DeltaHeader, Patch, encode_delta};
use kinglet_trust::{Crypto, Hash, Software};

use super::SigningError;

/// The delta that makes `new` of `old`, both signed blobs. Applied here as a device does, it gives `new`.
pub fn delta(old: &[u8], new: &[u8]) -> Result<Vec<u8>, SigningError> {
    let delta = encode_delta(old, new, [old, new].map(name));
    match apply_delta(old, &delta) {
        Some(made) if made == new => Ok(delta),
        _ => Err(SigningError::Delta),
    }
}

/// What a delta makes of `old`; none when it is no delta from it.
pub fn apply_delta(old: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let (header, steps) = delta.split_first_chunk::<DELTA_HEADER_BYTES>()?;
    let header = DeltaHeader::read(header)?;
    if header.old_bytes as usize != old.len() || header.old != name(old) {
        return None;
    }
    let mut memory = Memory { old, new: Vec::new() };
    let mut patch = Patch::new(&header, 0);
    patch.feed(steps, &mut memory).ok()?;
    patch.is_complete().then_some(memory.new)
}

/// How devices call a blob: the start of the digest that is signed.
fn name(blob: &[u8]) -> [u8; 8] {
    let end = u32::try_from(blob.len()).map_or(0, signature::signed_bytes);
    let mut hash = Software.hash();
    hash.update(blob.get(..end as usize).unwrap_or_default());
    hash.finish().first_chunk().copied().unwrap_or_default()
}

struct Memory<'m> {
    old: &'m [u8],
    new: Vec<u8>,
}

impl Blobs for Memory<'_> {
    type Error = ();

    fn old(&mut self, offset: u32, out: &mut [u8]) -> Result<(), ()> {
        let start = offset as usize;
        let bytes = start.checked_add(out.len()).and_then(|end| self.old.get(start..end)).ok_or(())?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.new.extend_from_slice(bytes);
        Ok(())
    }
}
