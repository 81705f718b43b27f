//! Whether a key of the ring has signed a blob.
//!
//! The blob is read once, in pieces of [`PIECE_BYTES`] bytes, and needs not lie in memory. What is signed is everything before
//! the signature's own bytes (see [`kinglet_blob::signature`]): a flipped bit anywhere, a moved section, a byte more or
//! less changes the digest or breaks the form.

use kinglet_blob::signature::{self, Claims, SignatureRecord};
use kinglet_blob::{Cursor, FORMAT_MAJOR, Field, FormatRule, Header, MAGIC, SectionEntry, size};

use crate::crypto::{Crypto, Hash};
use crate::error::TrustError;
use crate::key::KeyRing;
use crate::source::Source;

/// What a signature is for: nothing that is signed for another purpose is a signature on a blob.
pub const DOMAIN: [u8; 24] = *b"kinglet blob signature 1";

/// Bytes that are read and hashed at a time, on the stack.
const PIECE_BYTES: u32 = 128;

/// Of an entry of the section table, as offsets count.
const ENTRY_BYTES: u32 = 16;
const _: () = assert!(ENTRY_BYTES as usize == SectionEntry::SIZE);

/// A blob that an unrevoked key of the ring has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What the owner says about it.
    pub claims: Claims,
    /// See [`Header::kernel_set`].
    pub kernel_set: u16,
    /// Its length.
    pub total_bytes: u32,
    /// SHA-256 of what is signed.
    pub digest: [u8; 32],
}

/// What Ed25519 signs: the domain tag and the digest.
pub fn signed_message(digest: &[u8; 32]) -> [u8; DOMAIN.len() + 32] {
    let mut message = [0; DOMAIN.len() + 32];
    message.iter_mut().zip(DOMAIN.iter().chain(digest)).for_each(|(to, from)| *to = *from);
    message
}

/// Checks the signature of a blob.
pub fn verify(source: &mut impl Source, ring: &KeyRing<'_>, crypto: &mut impl Crypto) -> Result<Signed, TrustError> {
    let header = header(source)?;
    let section = section(source, &header)?;
    let record = SignatureRecord::read(&section).ok_or(TrustError::SignatureForm)?;
    let is_known = record.scheme == signature::ED25519_SHA256 && record.reserved == 0;
    if !is_known || !signature::is_balanced(&section) {
        return Err(TrustError::SignatureForm);
    }
    let key = ring.valid(header.key_id, crypto)?;
    let digest = digest(source, signature::signed_bytes(header.total_bytes), crypto)?;
    if !crypto.verify(key, &signed_message(&digest), &record.signature) {
        return Err(TrustError::Signature);
    }
    let claims = Claims {
        model_id: header.model_id,
        security_counter: header.security_counter,
        key_id: header.key_id,
        version: record.version,
    };
    Ok(Signed { claims, kernel_set: header.kernel_set, total_bytes: header.total_bytes, digest })
}

/// The header, as far as its fields are used here. The rest of the format is the engine's to check.
fn header(source: &mut impl Source) -> Result<Header, TrustError> {
    let mut bytes = [0; Header::SIZE];
    if (source.bytes() as usize) < Header::SIZE {
        return Err(TrustError::Format(FormatRule::Truncated));
    }
    read(source, 0, &mut bytes)?;
    let header = Header::take(&mut Cursor::new(&bytes)).ok_or(TrustError::Format(FormatRule::Truncated))?;
    let table_bytes = size::product(header.section_count.into(), SectionEntry::SIZE)
        .and_then(|entries| size::sum(entries, Header::SIZE))
        .unwrap_or(usize::MAX);
    let checks = [
        (header.magic == MAGIC, FormatRule::Magic),
        (header.format_major == FORMAT_MAJOR, FormatRule::Version),
        (header.total_bytes == source.bytes(), FormatRule::TotalLength),
        (
            header.table_bytes as usize == table_bytes && header.table_bytes <= header.total_bytes,
            FormatRule::TableLength,
        ),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(TrustError::Format(*rule)),
        None => Ok(header),
    }
}

/// The bytes of SIGNATURE, which the last entry of the section table must name.
fn section(source: &mut impl Source, header: &Header) -> Result<[u8; SignatureRecord::SIZE], TrustError> {
    let mut bytes = [0; SectionEntry::SIZE];
    read(source, header.table_bytes.saturating_sub(ENTRY_BYTES), &mut bytes)?;
    let entry = SectionEntry::take(&mut Cursor::new(&bytes));
    let entry = entry.filter(|entry| header.section_count > 0 && entry.kind == signature::KIND);
    let entry = entry.ok_or(TrustError::Unsigned)?;
    if signature::entry(header.total_bytes) != Some(entry) || entry.offset < header.table_bytes {
        return Err(TrustError::SignatureForm);
    }
    let mut section = [0; SignatureRecord::SIZE];
    read(source, entry.offset, &mut section)?;
    Ok(section)
}

/// SHA-256 of the first `end` bytes.
fn digest(source: &mut impl Source, end: u32, crypto: &mut impl Crypto) -> Result<[u8; 32], TrustError> {
    let mut hash = crypto.hash();
    let mut piece = [0; PIECE_BYTES as usize];
    let mut offset = 0u32;
    while offset < end {
        let len = end.saturating_sub(offset).min(PIECE_BYTES);
        let piece = piece.get_mut(..len as usize).unwrap_or_default();
        read(source, offset, piece)?;
        hash.update(piece);
        offset = offset.saturating_add(len);
    }
    Ok(hash.finish())
}

fn read(source: &mut impl Source, offset: u32, out: &mut [u8]) -> Result<(), TrustError> {
    if source.read(offset, out) { Ok(()) } else { Err(TrustError::Unreadable) }
}
