//! SIGNATURE: who vouches for a blob, and for which version of which model.
//!
//! ```text
//! | header | table | PORTS ... STATE | scheme, version | signature | balance |
//! |<-------------- signed ---------------------------->|<-------->|         |
//!                                                       64 bytes   4 bytes
//! ```
//!
//! The section is the last one and ends the blob. What is signed is everything before the signature's own bytes: the
//! header with the model's id, security counter and key id, the section table, every section, every gap. The section's own
//! entry in the table is signed too, and with it the section's checksum, which must therefore not depend on the signature:
//! the last word is chosen so that the checksum of the whole section is [`CHECKSUM`]. So readers that know no signatures
//! load a signed blob as any other, and no bit of it is free.
//!
//! This module knows where things are. Whether a signature is right is the question of `runtime/trust`.

use crate::field::record;
use crate::header::SectionEntry;
use crate::{Cursor, Field, checksum};

/// The section's tag in the section table.
pub const KIND: u16 = 11;
/// The section's checksum in the section table.
pub const CHECKSUM: u32 = 0;
/// Ed25519 over a domain tag and the SHA-256 of what is signed.
pub const ED25519_SHA256: u16 = 1;

record! {
    /// The section, 80 bytes.
    SignatureRecord {
        /// [`ED25519_SHA256`].
        scheme: u16,
        /// The model's version as its owner counts: major, minor, patch.
        version: [u16; 3],
        /// Zero.
        reserved: u32,
        /// The signature.
        signature: [u8; 64],
        /// Makes the section's checksum [`CHECKSUM`].
        balance: u32,
    }
}

/// As offsets count.
const SECTION_BYTES: u32 = 80;

/// Bytes of the section that are signed themselves.
const SIGNED_BYTES: u32 = 12;

/// Where the section starts in a blob of `total_bytes`, if it has one.
pub fn offset(total_bytes: u32) -> Option<u32> {
    total_bytes.checked_sub(SECTION_BYTES)
}

/// How many of the first bytes of a blob of `total_bytes` are signed: all before the signature's own.
pub fn signed_bytes(total_bytes: u32) -> u32 {
    total_bytes.saturating_sub(SECTION_BYTES - SIGNED_BYTES)
}

/// The only table entry that the section of a blob of `total_bytes` can have.
pub fn entry(total_bytes: u32) -> Option<SectionEntry> {
    Some(SectionEntry { kind: KIND, flags: 0, offset: offset(total_bytes)?, bytes: SECTION_BYTES, checksum: CHECKSUM })
}

/// The word that makes the checksum of a section that ends with it [`CHECKSUM`]: the last step of
/// [`checksum::words`], turned around. `before` are the section's other words, a number of them that leaves no
/// multiplication for the last step.
#[cfg(feature = "alloc")]
fn balance(before: &[u32]) -> u32 {
    CHECKSUM.wrapping_sub(checksum::words(before).rotate_right(5))
}

/// True when the last word of the section is the one that it must be.
pub fn is_balanced(section: &[u8; SignatureRecord::SIZE]) -> bool {
    let mut words = [0; SignatureRecord::SIZE / 4];
    let (chunks, _) = section.as_chunks::<4>();
    words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u32::from_le_bytes(*chunk));
    checksum::words(&words) == CHECKSUM
}

impl SignatureRecord {
    /// Reads a section; `None` when it is not exactly as long as one.
    pub fn read(section: &[u8]) -> Option<Self> {
        if section.len() == Self::SIZE { Self::take(&mut Cursor::new(section)) } else { None }
    }
}

/// What the owner of a model says about a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// See [`crate::Header::model_id`].
    pub model_id: u64,
    /// See [`crate::Header::security_counter`].
    pub security_counter: u32,
    /// See [`crate::Header::key_id`].
    pub key_id: u32,
    /// See [`SignatureRecord::version`].
    pub version: [u16; 3],
}

#[cfg(feature = "alloc")]
mod write {
    use alloc::vec::Vec;

    use super::*;
    use crate::reader::crc_of_table;
    use crate::{Blob, FormatError, FormatRule, Header};

    /// A blob with claims and without the signature on them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Unsigned {
        bytes: Vec<u8>,
    }

    impl Unsigned {
        /// Puts `claims` into a blob; an older signature is removed. A blob of nearly 4 GiB has no room for one.
        pub fn new(blob: &[u8], claims: &Claims) -> Result<Self, FormatError> {
            let parsed = Blob::parse(blob)?;
            let too_long = FormatError { rule: FormatRule::TotalLength, offset: 8 };
            Self::put(blob, *parsed.header(), claims).ok_or(too_long)
        }

        fn put(blob: &[u8], old: Header, claims: &Claims) -> Option<Self> {
            let mut cursor = Cursor::new(blob.get(Header::SIZE..old.table_bytes as usize)?);
            let sections = core::iter::from_fn(|| cursor.take::<SectionEntry>());
            let sections: Vec<SectionEntry> = sections.filter(|entry| entry.kind != KIND).collect();
            let section_count = u16::try_from(sections.len()).ok()?.checked_add(1)?;
            let entries_bytes = usize::from(section_count).checked_mul(SectionEntry::SIZE)?;
            let table_bytes = u32::try_from(entries_bytes.checked_add(Header::SIZE)?).ok()?;
            // What stands behind the table moves with it.
            let moved = |offset: u32| offset.checked_sub(old.table_bytes)?.checked_add(table_bytes);
            let last = sections.last()?;
            let mut body = blob.get(old.table_bytes as usize..last.offset.checked_add(last.bytes)? as usize)?.to_vec();
            body.resize(body.len().checked_next_multiple_of(crate::SECTION_ALIGN)?, 0);
            let total_bytes = table_bytes.checked_add(u32::try_from(body.len()).ok()?)?.checked_add(SECTION_BYTES)?;
            let mut table = Vec::new();
            for entry in &sections {
                SectionEntry { offset: moved(entry.offset)?, ..*entry }.put(&mut table);
            }
            entry(total_bytes)?.put(&mut table);
            let Claims { model_id, security_counter, key_id, version } = *claims;
            let claimed = Header { model_id, security_counter, key_id, ..old };
            let header = Header { table_bytes, section_count, total_bytes, ..claimed };
            let head = |header: Header| {
                let mut bytes = Vec::new();
                header.put(&mut bytes);
                [bytes, table.clone()].concat()
            };
            let mut bytes = head(Header { crc32: crc_of_table(&head(header)), ..header });
            bytes.extend_from_slice(&body);
            let signature = [0; 64];
            SignatureRecord { scheme: ED25519_SHA256, version, reserved: 0, signature, balance: 0 }.put(&mut bytes);
            Some(Unsigned { bytes })
        }

        /// What has to be signed.
        pub fn signed_bytes(&self) -> &[u8] {
            let end = signed_bytes(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
            self.bytes.get(..end as usize).unwrap_or_default()
        }

        /// The blob with the signature.
        pub fn with(mut self, signature: &[u8; 64]) -> Vec<u8> {
            let start = self.signed_bytes().len();
            self.bytes.truncate(start);
            self.bytes.extend_from_slice(signature);
            let section = self.bytes.get(start.saturating_sub(SIGNED_BYTES as usize)..).unwrap_or_default();
            let (words, _) = section.as_chunks::<4>();
            let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
            self.bytes.extend_from_slice(&balance(&words).to_le_bytes());
            self.bytes
        }
    }
}

#[cfg(feature = "alloc")]
pub use write::Unsigned;

const _: () = assert!(SignatureRecord::SIZE == SECTION_BYTES as usize);
// The last word is no eighth one: the checksum's last step is a rotation and a sum, which `balance` turns around.
const _: () = assert!(!(SignatureRecord::SIZE / 4).is_multiple_of(8));
