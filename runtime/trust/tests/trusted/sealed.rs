//! Sealed blobs: in pieces, with a power cut between them, and with every bit flipped.

use kinglet_test_blobs::damage::flip;
use kinglet_trust::{DeviceKey, Opener, SEAL_HEADER_BYTES, SEAL_TAG_BYTES, Software, TrustError};

use super::seal;

pub(crate) const KEY: DeviceKey = DeviceKey([0x42; 32]);

/// Opens a whole container in pieces.
pub(crate) fn open(sealed: &[u8], key: &DeviceKey, piece: usize) -> Result<Vec<u8>, TrustError> {
    let header = sealed.first_chunk::<SEAL_HEADER_BYTES>().ok_or(TrustError::SealForm)?;
    let mut opener = Opener::new(header, key, &mut Software, &mut Software)?;
    let blob_bytes = opener.left() as usize;
    let rest = &sealed[SEAL_HEADER_BYTES..];
    let mut plain = rest.get(..blob_bytes).ok_or(TrustError::SealForm)?.to_vec();
    plain.chunks_mut(piece).try_for_each(|bytes| opener.decrypt(bytes))?;
    opener.finish(rest[blob_bytes..].try_into().map_err(|_| TrustError::SealForm)?)?;
    Ok(plain)
}

fn plain() -> Vec<u8> {
    (0..333u32).map(|at| (at * 7) as u8).collect()
}

#[test]
fn what_another_implementation_sealed_is_opened() {
    let sealed = seal(&plain(), &KEY, *b"once and on.");
    for piece in [1, 15, 16, 64, 1000] {
        assert_eq!(open(&sealed, &KEY, piece), Ok(plain()), "pieces of {piece}");
    }
    assert_eq!(open(&sealed, &DeviceKey([0x43; 32]), 64), Err(TrustError::SealKey));
}

#[test]
fn no_bit_and_no_length_is_free() {
    let sealed = seal(&plain(), &KEY, [7; 12]);
    let mut damaged = sealed.clone();
    for bit in 0..sealed.len() * 8 {
        flip(&mut damaged, bit);
        assert!(open(&damaged, &KEY, 64).is_err(), "bit {bit} is free");
        flip(&mut damaged, bit);
    }
    assert!((0..sealed.len()).all(|len| open(&sealed[..len], &KEY, 64).is_err()));
    assert_eq!(open(&[&sealed[..], &[0]].concat(), &KEY, 64), Err(TrustError::SealForm));
}

#[test]
fn an_opener_goes_on_after_a_power_cut() {
    let sealed = seal(&plain(), &KEY, [9; 12]);
    let header = sealed.first_chunk().unwrap();
    let (body, tag) = sealed[SEAL_HEADER_BYTES..].split_at(plain().len());
    for cut in [0, 1, 16, 100, 333] {
        let mut opener = Opener::new(header, &KEY, &mut Software, &mut Software).unwrap();
        // What is in the slot already.
        let mut written = plain()[..cut].to_vec();
        written.chunks_mut(10).for_each(|bytes| opener.resume(bytes).unwrap());
        let mut rest = body[cut..].to_vec();
        rest.chunks_mut(13).for_each(|bytes| opener.decrypt(bytes).unwrap());
        assert_eq!(rest, plain()[cut..]);
        assert_eq!(opener.finish(tag.try_into().unwrap()), Ok(()), "cut at {cut}");
    }
}

#[test]
fn an_opener_takes_exactly_what_its_header_says() {
    let sealed = seal(&plain(), &KEY, [9; 12]);
    let header = sealed.first_chunk().unwrap();
    let mut opener = Opener::new(header, &KEY, &mut Software, &mut Software).unwrap();
    assert_eq!(opener.decrypt(&mut [0; 334]), Err(TrustError::SealForm));
    assert_eq!(opener.finish(&[0; SEAL_TAG_BYTES]), Err(TrustError::SealForm));
}
