//! The first bytes of a blob: header and section table.

use crate::field::record;

/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"KGLT";
/// Readers refuse another major version.
pub const FORMAT_MAJOR: u16 = 2;
/// Readers accept any minor version of their major one.
pub const FORMAT_MINOR: u16 = 0;
/// Every section starts at a multiple of this; so must the blob itself in memory.
pub const SECTION_ALIGN: usize = 16;
/// The kernel set of a blob that runs everywhere.
pub const PORTABLE: u16 = 0;

record! {
    /// 64 bytes at offset 0.
    Header {
        /// [`MAGIC`].
        magic: [u8; 4],
        /// [`FORMAT_MAJOR`].
        format_major: u16,
        /// [`FORMAT_MINOR`].
        format_minor: u16,
        /// Length of the whole blob.
        total_bytes: u32,
        /// Length of header and section table, the prefix that the CRC covers.
        table_bytes: u32,
        /// Working memory that a session needs, 16-byte aligned.
        arena_bytes: u32,
        /// Operators in OPERATORS.
        operator_count: u16,
        /// Entries of the section table.
        section_count: u16,
        /// Model inputs: the first records of PORTS.
        input_count: u16,
        /// Model outputs: the records after them.
        output_count: u16,
        /// The machine that the blob's packings were chosen for, a tag of the table of machines, which this crate does not
        /// know (`kinglet_kernels::machine`), or [`PORTABLE`]. Informative: each operator names its packing.
        kernel_set: u16,
        /// Zero.
        reserved: u16,
        /// Which model this is a version of, as its owner counts; 0 when nobody does.
        model_id: u64,
        /// The owner's count of versions that must not be undone; 0 when nobody counts.
        security_counter: u32,
        /// Which key has signed the blob; 0 when none has.
        key_id: u32,
        /// Zero.
        reserved_end: [u8; 12],
        /// CRC-32 (IEEE 802.3) of the first `table_bytes` bytes, this field left out.
        crc32: u32,
    }
}

record! {
    /// One entry of the section table, 16 bytes.
    SectionEntry {
        /// A [`SectionKind`].
        kind: u16,
        /// Bit 0: a reader that does not know the kind must refuse the blob. The others are zero.
        flags: u16,
        /// Offset from the blob's start, a multiple of [`SECTION_ALIGN`].
        offset: u32,
        /// Length without the zero padding that follows, a multiple of 4.
        bytes: u32,
        /// [`crate::checksum::words`] of the section.
        checksum: u32,
    }
}

const _: () = assert!(<Header as crate::Field>::SIZE == 64 && <SectionEntry as crate::Field>::SIZE == 16);

impl SectionEntry {
    /// Flag: an unknown section of this kind must not be skipped.
    pub const REQUIRED: u16 = 1;
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[non_exhaustive]
pub enum SectionKind {
    /// Inputs and outputs: [`crate::PortRecord`]s.
    Ports = 1,
    /// Operator records in execution order.
    Operators = 2,
    /// The names that ports refer to, UTF-8.
    Names = 3,
    /// Weights, biases, requantization words, tables.
    Weights = 4,
    /// Postcard-encoded description for people and tools; the engine does not read it.
    Manifest = 5,
    /// What the compiler computed: see `docs/blob-format.md`.
    Certificate = 6,
    /// Test vectors, see [`crate::golden`].
    Golden = 7,
    /// Tensors that are kept from run to run, and their initial values, see [`crate::state`].
    State = 8,
}

impl SectionKind {
    /// Every kind, in the order in which sections stand.
    pub const ALL: [SectionKind; 8] = [
        SectionKind::Ports,
        SectionKind::Operators,
        SectionKind::Names,
        SectionKind::Weights,
        SectionKind::Manifest,
        SectionKind::Certificate,
        SectionKind::Golden,
        SectionKind::State,
    ];

    /// Kinds that later versions give a meaning: preprocessing of inputs. Today's readers do not know them: they skip them,
    /// or refuse a blob that requires one.
    pub const RESERVED: [(u16, &'static str); 1] = [(10, "Preprocess")];

    /// Kinds that [`crate::Blob::parse`] skips, because no run needs them; who reads them looks for them by
    /// [`crate::Blob::section_beside`].
    pub const BESIDE: [(u16, &'static str); 2] =
        [(crate::baseline::KIND, "Baseline"), (crate::signature::KIND, "Signature")];

    /// The kind with tag `tag`.
    pub fn from_tag(tag: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == tag)
    }
}
