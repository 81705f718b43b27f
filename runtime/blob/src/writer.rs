//! Puts sections together into a blob. Equal inputs give equal bytes.

use alloc::vec::Vec;

use crate::header::{FORMAT_MAJOR, FORMAT_MINOR, MAGIC, SECTION_ALIGN};
use crate::reader::crc_of_table;
use crate::{Field, Header, OpCode, Operands, PORTABLE, PortRecord, SectionEntry, SectionKind, baseline, checksum};

/// The parts of a blob.
#[derive(Clone, Debug)]
pub struct Writer {
    /// What the packings were chosen for.
    pub kernel_set: u16,
    /// Working memory of a session.
    pub arena_bytes: u32,
    /// Inputs.
    pub inputs: Vec<PortRecord>,
    /// Outputs.
    pub outputs: Vec<PortRecord>,
    /// Operator records with their heads, see [`operator_bytes`].
    pub operators: Vec<Vec<u8>>,
    /// NAMES.
    pub names: Vec<u8>,
    /// WEIGHTS.
    pub weights: Vec<u8>,
    /// MANIFEST, left out when empty.
    pub manifest: Vec<u8>,
    /// CERTIFICATE, left out when empty.
    pub certificate: Vec<u8>,
    /// GOLDEN, left out when empty.
    pub golden: Vec<u8>,
    /// STATE, left out when empty; see [`crate::state::section`].
    pub state: Vec<u8>,
    /// BASELINE, left out when empty; see [`crate::baseline`].
    pub baseline: Vec<u8>,
}

impl Default for Writer {
    /// A blob without anything, for every machine.
    fn default() -> Self {
        Writer {
            kernel_set: PORTABLE,
            arena_bytes: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
            operators: Vec::new(),
            names: Vec::new(),
            weights: Vec::new(),
            manifest: Vec::new(),
            certificate: Vec::new(),
            golden: Vec::new(),
            state: Vec::new(),
            baseline: Vec::new(),
        }
    }
}

/// The order and the storage of an operator's weights; zeros where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WeightForm {
    /// The packing's tag.
    pub packing: u8,
    /// The storage's tag.
    pub storage: u8,
}

/// A whole record. Records are shorter than the 1,020 bytes that the length byte can say: the longest parameters have
/// less than 200 bytes, and at most 38 operands less than 200.
pub fn operator_bytes<R: Field>(opcode: OpCode, form: WeightForm, operands: &Operands, parameters: &R) -> Vec<u8> {
    let mut out = alloc::vec![opcode as u8, 0, form.packing, form.storage];
    operands.put(&mut out);
    parameters.put(&mut out);
    out.resize(out.len().next_multiple_of(4), 0);
    let words = u8::try_from(out.len() >> 2).unwrap_or(u8::MAX);
    if let Some(slot) = out.get_mut(1) {
        *slot = words;
    }
    out
}

impl Writer {
    /// The blob's bytes; `None` when a part is larger than the format can say (4 GiB, 65,535 operators or ports).
    pub fn finish(&self) -> Option<Vec<u8>> {
        let mut ports = Vec::new();
        self.inputs.iter().chain(&self.outputs).for_each(|port| port.put(&mut ports));
        let known = [
            (SectionKind::Ports, ports),
            (SectionKind::Operators, self.operators.concat()),
            (SectionKind::Names, self.names.clone()),
            (SectionKind::Weights, self.weights.clone()),
            (SectionKind::Manifest, self.manifest.clone()),
            (SectionKind::Certificate, self.certificate.clone()),
            (SectionKind::Golden, self.golden.clone()),
            (SectionKind::State, self.state.clone()),
        ];
        // A run without its state would compute something else.
        let is_required = |kind| is_needed(kind) || kind == SectionKind::State;
        let flags = |kind| if is_required(kind) { SectionEntry::REQUIRED } else { 0 };
        let present = known.into_iter().filter(|(kind, bytes)| !bytes.is_empty() || is_needed(*kind));
        let present = present.map(|(kind, bytes)| (kind as u16, flags(kind), bytes));
        let baseline = (baseline::KIND, 0, self.baseline.clone());
        let sections: Vec<(u16, u16, Vec<u8>)> =
            present.chain([baseline].into_iter().filter(|(.., bytes)| !bytes.is_empty())).collect();

        let mut body = alloc::vec![0; sections.len().saturating_mul(SectionEntry::SIZE).saturating_add(Header::SIZE)];
        let mut entries = Vec::new();
        let table_bytes = body.len();
        for (kind, flags, bytes) in &sections {
            body.resize(body.len().next_multiple_of(SECTION_ALIGN), 0);
            let offset = body.len();
            body.extend_from_slice(bytes);
            body.resize(body.len().next_multiple_of(4), 0);
            let padded = body.get(offset..)?;
            let checksum = checksum::words(&words(padded));
            let bytes = u32::try_from(padded.len()).ok()?;
            SectionEntry { kind: *kind, flags: *flags, offset: u32::try_from(offset).ok()?, bytes, checksum }
                .put(&mut entries);
        }
        let mut header = Header {
            magic: MAGIC,
            format_major: FORMAT_MAJOR,
            format_minor: FORMAT_MINOR,
            total_bytes: u32::try_from(body.len()).ok()?,
            table_bytes: u32::try_from(table_bytes).ok()?,
            arena_bytes: self.arena_bytes,
            operator_count: u16::try_from(self.operators.len()).ok()?,
            section_count: u16::try_from(sections.len()).ok()?,
            input_count: u16::try_from(self.inputs.len()).ok()?,
            output_count: u16::try_from(self.outputs.len()).ok()?,
            kernel_set: self.kernel_set,
            reserved: 0,
            model_id: 0,
            security_counter: 0,
            key_id: 0,
            reserved_end: [0; 12],
            crc32: 0,
        };
        place(&mut body, &header, &entries);
        header.crc32 = crc_of_table(body.get(..table_bytes)?);
        place(&mut body, &header, &entries);
        Some(body)
    }
}

/// Sections without which a reader refuses the blob.
fn is_needed(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::Ports | SectionKind::Operators | SectionKind::Names | SectionKind::Weights)
}

/// Overwrites the start of `body` with header and section table.
fn place(body: &mut [u8], header: &Header, entries: &[u8]) {
    let mut head = Vec::new();
    header.put(&mut head);
    head.extend_from_slice(entries);
    body.iter_mut().zip(head).for_each(|(to, from)| *to = from);
}

/// The words of padded bytes.
fn words(bytes: &[u8]) -> Vec<u32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}
