//! Reads the structure of a blob: every section found, every checksum right, nothing out of bounds.

use crate::header::{FORMAT_MAJOR, MAGIC, SECTION_ALIGN};
use crate::operator::STATE_FEATURE;
use crate::{Cursor, Field, Header, Operators, PortRecord, SectionEntry, SectionKind, cast, checksum, size};

/// Which rule of the format a byte string breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum FormatRule {
    /// The bytes must start at a 16-byte aligned address.
    BlobAlignment = 1,
    /// There must be a whole header and section table.
    Truncated = 2,
    /// The first four bytes must be `KGLT`.
    Magic = 3,
    /// The major version must be the reader's.
    Version = 4,
    /// `total_bytes` must be the number of bytes given.
    TotalLength = 5,
    /// `table_bytes` must be where the section table ends, within the blob.
    TableLength = 6,
    /// The CRC over the tables must match: the blob is damaged.
    Crc = 7,
    /// Sections must be aligned, in order, apart, and within the blob.
    SectionBounds = 8,
    /// Each section may occur once.
    SectionTwice = 9,
    /// A required section of an unknown kind: the blob needs a newer reader.
    SectionUnknown = 10,
    /// PORTS, OPERATORS, NAMES and WEIGHTS must be there.
    SectionMissing = 11,
    /// The section's checksum must match: the blob is damaged.
    Checksum = 12,
    /// PORTS must hold as many records as the header counts.
    PortCount = 13,
    /// Reserved bytes and flags must be zero, and so must the bytes between sections and after the last.
    Reserved = 14,
}

/// What is wrong with a byte string, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The broken rule.
    pub rule: FormatRule,
    /// Byte offset in the blob.
    pub offset: u32,
}

/// A blob whose structure is sound. What its operators say is not checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'b> {
    bytes: &'b [u8],
    header: Header,
    sections: [&'b [u8]; SectionKind::ALL.len()],
    /// NAMES, decoded once: decoding it for each port would make loading quadratic. Empty if it is not UTF-8.
    names: &'b str,
}

impl<'b> Blob<'b> {
    /// Checks structure and checksums of `bytes`, reading each byte once.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, FormatError> {
        let fail = |rule, offset: usize| FormatError { rule, offset: u32::try_from(offset).unwrap_or(u32::MAX) };
        if !(bytes.as_ptr() as usize).is_multiple_of(SECTION_ALIGN) {
            return Err(fail(FormatRule::BlobAlignment, 0));
        }
        let header = Header::take(&mut Cursor::new(bytes)).ok_or(fail(FormatRule::Truncated, bytes.len()))?;
        if header.magic != MAGIC {
            return Err(fail(FormatRule::Magic, 0));
        }
        if header.format_major != FORMAT_MAJOR {
            return Err(fail(FormatRule::Version, 4));
        }
        if header.total_bytes as usize != bytes.len() {
            return Err(fail(FormatRule::TotalLength, 8));
        }
        if header.reserved != 0 || header.reserved_end.iter().any(|&byte| byte != 0) {
            return Err(fail(FormatRule::Reserved, 30));
        }
        let sections_end = usize::from(header.section_count)
            .checked_mul(SectionEntry::SIZE)
            .and_then(|size| size.checked_add(Header::SIZE))
            .ok_or(fail(FormatRule::Truncated, Header::SIZE))?;
        let table = bytes.get(..header.table_bytes as usize).ok_or(fail(FormatRule::TableLength, 12))?;
        if table.len() != sections_end {
            return Err(fail(FormatRule::TableLength, 12));
        }
        let entries = table.get(Header::SIZE..).unwrap_or_default();
        if crc_of_table(table) != header.crc32 {
            return Err(fail(FormatRule::Crc, Header::SIZE - 4));
        }
        let mut blob = Blob { bytes, header, sections: [&[]; SectionKind::ALL.len()], names: "" };
        blob.find_sections(entries, sections_end)?;
        blob.names = core::str::from_utf8(blob.section(SectionKind::Names)).unwrap_or_default();
        let ports = usize::from(header.input_count).saturating_add(usize::from(header.output_count));
        if blob.section(SectionKind::Ports).len() != ports.saturating_mul(PortRecord::SIZE) {
            return Err(fail(FormatRule::PortCount, 0));
        }
        Ok(blob)
    }

    /// Walks the section table: order, bounds, checksums, required kinds. Every byte behind the table is
    /// either in one section or zero.
    fn find_sections(&mut self, entries: &'b [u8], entries_end: usize) -> Result<(), FormatError> {
        let fail = |rule, offset: u32| FormatError { rule, offset };
        let mut cursor = Cursor::new(entries);
        let mut found = 0u32;
        let mut free = entries_end;
        while let Some(entry) = cursor.take::<SectionEntry>() {
            let bytes = self.section_bytes(&entry, free).ok_or(fail(FormatRule::SectionBounds, entry.offset))?;
            if !self.is_gap(free, entry.offset as usize) || entry.flags & !SectionEntry::REQUIRED != 0 {
                return Err(fail(FormatRule::Reserved, entry.offset));
            }
            free = (entry.offset as usize).saturating_add(bytes.len());
            if cast::u32s(bytes).map(checksum::words) != Some(entry.checksum) {
                return Err(fail(FormatRule::Checksum, entry.offset));
            }
            let Some(kind) = SectionKind::from_tag(entry.kind) else {
                if entry.flags & SectionEntry::REQUIRED != 0 {
                    return Err(fail(FormatRule::SectionUnknown, entry.offset));
                }
                continue;
            };
            let bit = 1u32 << kind as u32;
            if found & bit != 0 {
                return Err(fail(FormatRule::SectionTwice, entry.offset));
            }
            found |= bit;
            if let Some(slot) = self.sections.get_mut((kind as usize).wrapping_sub(1)) {
                *slot = bytes;
            }
        }
        if !self.is_gap(free, self.bytes.len()) {
            return Err(fail(FormatRule::Reserved, self.header.total_bytes));
        }
        let needed = [SectionKind::Ports, SectionKind::Operators, SectionKind::Names, SectionKind::Weights];
        if needed.iter().any(|&kind| found & (1 << kind as u32) == 0) {
            return Err(fail(FormatRule::SectionMissing, 64));
        }
        Ok(())
    }

    /// The bytes of an entry's section, which stands at `free` or later.
    fn section_bytes(&self, entry: &SectionEntry, free: usize) -> Option<&'b [u8]> {
        let start = entry.offset as usize;
        let bounded = start >= free && start.is_multiple_of(SECTION_ALIGN) && entry.bytes.is_multiple_of(4);
        self.bytes.get(start..size::sum(start, entry.bytes as usize)?).filter(|_| bounded)
    }

    /// True when the bytes `start .. end` are zero.
    fn is_gap(&self, start: usize, end: usize) -> bool {
        self.bytes.get(start..end).is_some_and(|gap| gap.iter().all(|&byte| byte == 0))
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The whole blob.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// The bytes of a section; empty when the blob has none.
    #[inline]
    pub fn section(&self, kind: SectionKind) -> &'b [u8] {
        self.sections.get((kind as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// Offset of a section in the blob, for error messages.
    pub fn section_offset(&self, kind: SectionKind) -> usize {
        (self.section(kind).as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize)
    }

    /// The bytes of the first section of a kind that [`Blob::parse`] skips ([`SectionKind::BESIDE`]); empty when the blob
    /// has none. Walks the section table, so that those who do not ask pay nothing.
    pub fn section_beside(&self, tag: u16) -> &'b [u8] {
        let table = self.bytes.get(Header::SIZE..self.header.table_bytes as usize).unwrap_or_default();
        let mut entries = Cursor::new(table);
        while let Some(entry) = entries.take::<SectionEntry>() {
            if entry.kind == tag {
                return self.section_bytes(&entry, 0).unwrap_or_default();
            }
        }
        &[]
    }

    /// The operator records.
    pub fn operators(&self) -> Operators<'b> {
        Operators::new(self.section(SectionKind::Operators), 0)
    }

    /// The engine's cargo features that run this blob; some may come more than once.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + use<'b> {
        let state = (!self.section(SectionKind::State).is_empty()).then_some(STATE_FEATURE);
        self.operators().flat_map(|operator| operator.features()).chain(state)
    }

    /// Record `index` of PORTS: inputs first, then outputs.
    pub fn port(&self, index: usize) -> Option<PortRecord> {
        let start = index.checked_mul(PortRecord::SIZE)?;
        PortRecord::take(&mut Cursor::new(self.section(SectionKind::Ports).get(start..)?))
    }

    /// A port's name; `None` when it lies outside NAMES or splits a character, or when NAMES is not UTF-8.
    pub fn name(&self, port: &PortRecord) -> Option<&'b str> {
        let start = usize::from(port.name_offset);
        self.names.get(start..start.checked_add(usize::from(port.name_bytes))?)
    }
}

/// The CRC of the tables: everything but the CRC's own field.
pub(crate) fn crc_of_table(table: &[u8]) -> u32 {
    let before = table.get(..Header::SIZE - 4).unwrap_or_default();
    let after = table.get(Header::SIZE..).unwrap_or_default();
    checksum::crc32(checksum::crc32(0, before), after)
}
