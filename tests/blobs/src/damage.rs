//! Ways to damage a blob, and to make the damage look intended.

use kinglet_blob::{Cursor, Field, Header, SectionEntry, checksum};

use crate::Random;

/// Makes every checksum of `blob` right again, as far as its header and section table still say where things
/// are. Damage then reaches the checks behind the checksums.
pub fn fix_checksums(blob: &mut [u8]) {
    let Some(header) = Header::take(&mut Cursor::new(blob)) else { return };
    let table_bytes = (header.table_bytes as usize).min(blob.len());
    for index in 0..usize::from(header.section_count) {
        let at = Header::SIZE + index * SectionEntry::SIZE;
        let Some(entry) = blob.get(at..).and_then(|bytes| SectionEntry::take(&mut Cursor::new(bytes))) else { break };
        let (start, end) = (entry.offset as usize, (entry.offset as usize).saturating_add(entry.bytes as usize));
        let sum = blob.get(start..end).map_or(0, |section| checksum::words(&words(section)));
        blob[at + SectionEntry::SIZE - 4..at + SectionEntry::SIZE].copy_from_slice(&sum.to_le_bytes());
    }
    let crc_at = Header::SIZE - 4;
    let rest = blob.get(Header::SIZE..table_bytes).unwrap_or_default();
    let crc = checksum::crc32(checksum::crc32(0, &blob[..crc_at]), rest);
    blob[crc_at..Header::SIZE].copy_from_slice(&crc.to_le_bytes());
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// Inverts bit `bit` of the blob, counted from the least significant one of the first byte.
pub fn flip(blob: &mut [u8], bit: usize) {
    blob[bit / 8] ^= 1 << (bit % 8);
}

/// Changes one to eight places, each as an attacker or a bad sector would: a bit, a byte, a whole number at its
/// limits, or a run copied from elsewhere.
pub fn mutate(blob: &mut [u8], random: &mut Random) {
    if blob.len() < 8 {
        return;
    }
    for _ in 0..random.count(1, 8) {
        let at = random.count(0, blob.len() - 1);
        match random.range(0, 5) {
            0 | 1 => flip(blob, 8 * at + random.count(0, 7)),
            2 => blob[at] = random.next() as u8,
            3 => blob[at] = [0, 1, 0x7f, 0x80, 0xff][random.count(0, 4)],
            4 => {
                let limits = [0, 1, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX, random.next()];
                let number = limits[random.count(0, limits.len() - 1)];
                let word = at.min(blob.len() - 4) & !3;
                blob[word..word + 4].copy_from_slice(&number.to_le_bytes());
            }
            _ => {
                let len = random.count(1, 8).min(blob.len() - at);
                let from = random.count(0, blob.len() - len);
                blob.copy_within(from..from + len, at);
            }
        }
    }
}
