//! Signatures: every bit, every length, every section, each with its code.

use kinglet::Model;
use kinglet_blob::signature::{self, SignatureRecord};
use kinglet_blob::{Blob, Field, FormatRule, Header, SectionEntry};
use kinglet_test_blobs::damage::{fix_checksums, flip};
use kinglet_test_blobs::{AlignedBlob, Random};
use kinglet_trust::{Crypto, KeyRing, PublicKey, Software, TrustError, signed_message, verify};

use super::{blob, claims, pair, sign};

fn keys() -> [PublicKey; 4] {
    [9, 1, 8, 7].map(|seed| *pair(seed).pk)
}

fn check(bytes: &[u8], revoked: u8) -> Result<kinglet_trust::Signed, TrustError> {
    verify(&mut &*bytes, &KeyRing::new(&keys(), revoked).unwrap(), &mut Software)
}

fn signed() -> Vec<u8> {
    sign(&blob(), &claims(&pair(1)), &pair(1))
}

#[test]
fn a_signed_blob_runs_as_before_and_says_who_signed_it() {
    let (plain, bytes) = (blob(), AlignedBlob::copy_of(&signed()));
    let found = check(&bytes, 0b1101).unwrap();
    assert_eq!((found.claims, found.total_bytes), (claims(&pair(1)), bytes.len() as u32));
    let (before, after) = (Model::from_bytes(&plain).unwrap(), Model::from_bytes(&bytes).unwrap());
    for kind in kinglet_blob::SectionKind::ALL {
        assert_eq!(before.blob().section(kind), after.blob().section(kind), "{kind:?}");
    }
    let section = after.blob().section_beside(signature::KIND);
    assert_eq!(SignatureRecord::read(section).unwrap().version, [1, 4, 2]);
    assert!(before.blob().section_beside(signature::KIND).is_empty());
    // Signing again replaces the signature.
    assert_eq!(sign(&bytes, &claims(&pair(1)), &pair(1)), *bytes);
}

/// Checks signatures for real where the signature itself was damaged, and of other damage in one case of 32: a digest
/// that has changed is enough for the rest.
struct Sampled {
    good: Vec<u8>,
    asked: u32,
}

impl Crypto for Sampled {
    type Hash = <Software as Crypto>::Hash;

    fn hash(&mut self) -> Self::Hash {
        Software.hash()
    }

    fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        self.asked += 1;
        (message == self.good || self.asked.is_multiple_of(32)) && Software.verify(key, message, signature)
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = signed();
    let mut codes = std::collections::BTreeMap::<u8, usize>::new();
    let mut damaged = bytes.clone();
    let keys = keys();
    let ring = KeyRing::new(&keys, 0).unwrap();
    let mut crypto = Sampled { good: signed_message(&check(&bytes, 0).unwrap().digest).to_vec(), asked: 0 };
    for bit in 0..bytes.len() * 8 {
        flip(&mut damaged, bit);
        let verdict = verify(&mut &damaged[..], &ring, &mut crypto);
        let error = verdict.expect_err(&format!("bit {bit} is free"));
        *codes.entry(error.code()).or_default() += 1;
        flip(&mut damaged, bit);
    }
    assert_eq!(damaged, bytes);
    let known: Vec<u8> = codes.keys().copied().collect();
    assert_eq!(known, [3, 4, 5, 6, 97, 98, 99, 101], "{codes:?}");
}

#[test]
fn every_length_is_refused_but_the_right_one() {
    let bytes = signed();
    for len in 0..bytes.len() {
        let rule = if len < Header::SIZE { FormatRule::Truncated } else { FormatRule::TotalLength };
        assert_eq!(check(&bytes[..len], 0), Err(TrustError::Format(rule)), "{len} bytes");
    }
    for at in 0..=bytes.len() {
        let mut longer = bytes.clone();
        longer.insert(at, 0);
        assert!(check(&longer, 0).is_err(), "a zero at {at}");
        // As one who knows the format would do it.
        if at >= Header::SIZE {
            longer[8..12].copy_from_slice(&(bytes.len() as u32 + 1).to_le_bytes());
            assert!(check(&longer, 0).is_err(), "a zero at {at}, and the length made right");
        }
    }
}

#[test]
fn damage_that_is_made_right_again_is_refused() {
    let bytes = signed();
    let mut random = Random::new(3);
    for _ in 0..2_000 {
        let mut damaged = AlignedBlob::copy_of(&bytes);
        for _ in 0..1 + random.range(0, 2) {
            flip(&mut damaged, random.range(0, bytes.len() as i32 * 8 - 1) as usize);
        }
        fix_checksums(&mut damaged);
        assert!(*damaged == *bytes || check(&damaged, 0).is_err());
    }
}

#[test]
fn swapped_sections_are_refused() {
    let bytes = signed();
    let blob = AlignedBlob::copy_of(&bytes);
    let count = usize::from(Blob::parse(&blob).unwrap().header().section_count);
    for first in 0..count {
        for second in first + 1..count {
            let mut swapped = bytes.clone();
            let at = |index: usize| Header::SIZE + index * SectionEntry::SIZE;
            for byte in 0..SectionEntry::SIZE {
                swapped.swap(at(first) + byte, at(second) + byte);
            }
            fix_checksums(&mut swapped);
            assert!(check(&swapped, 0).is_err(), "sections {first} and {second}");
        }
    }
}

#[test]
fn who_may_sign_is_up_to_the_ring() {
    let by = |seed: u8| sign(&blob(), &claims(&pair(seed)), &pair(seed));
    assert_eq!(check(&by(2), 0), Err(TrustError::KeyUnknown));
    assert_eq!(check(&by(1), 0b0010), Err(TrustError::KeyRevoked));
    // A foreign key under a known id.
    assert_eq!(check(&sign(&blob(), &claims(&pair(1)), &pair(2)), 0), Err(TrustError::Signature));
    assert_eq!(check(&blob(), 0), Err(TrustError::Unsigned));
    for seed in [9, 8, 7] {
        assert!(check(&by(seed), 0b0010).is_ok());
    }
    let keys = [[0; 32]; 5];
    assert!(KeyRing::new(&keys, 0).is_none() && KeyRing::new(&keys[..0], 0).is_none());
    // A key of small order signs anything for anybody, if one lets it.
    let ring = KeyRing::new(&keys[..1], 0).unwrap();
    let small = kinglet_blob::signature::Claims { key_id: KeyRing::id(&keys[0], &mut Software), ..claims(&pair(1)) };
    assert_eq!(verify(&mut &sign(&blob(), &small, &pair(1))[..], &ring, &mut Software), Err(TrustError::Signature));
}

/// Flash that cannot be read from some byte on.
struct Broken<'b>(&'b [u8], u32);

impl kinglet_trust::Source for Broken<'_> {
    fn bytes(&self) -> u32 {
        self.0.len() as u32
    }

    fn read(&mut self, offset: u32, out: &mut [u8]) -> bool {
        offset + out.len() as u32 <= self.1 && (&*self.0).read(offset, out)
    }
}

#[test]
fn what_cannot_be_read_is_not_trusted() {
    let bytes = signed();
    let ring = keys();
    let ring = KeyRing::new(&ring, 0).unwrap();
    for end in (0..bytes.len() as u32).step_by(7) {
        assert_eq!(verify(&mut Broken(&bytes, end), &ring, &mut Software), Err(TrustError::Unreadable), "{end}");
    }
}
