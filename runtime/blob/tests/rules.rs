//! Each rule of the format, broken by itself.

use std::sync::OnceLock;

use kinglet_blob::{Blob, Field, FormatError, FormatRule, Header, PortRecord, SectionEntry, SectionKind};
use kinglet_test_blobs::damage::fix_checksums;
use kinglet_test_blobs::programs::{every_opcode, network_i8};
use kinglet_test_blobs::{AlignedBlob, Program};

fn sound() -> AlignedBlob {
    static BLOB: OnceLock<AlignedBlob> = OnceLock::new();
    BLOB.get_or_init(|| network_i8().blob(1)).clone()
}

/// The rule that `bytes` break; panics if they break none.
fn rule(bytes: &[u8]) -> FormatRule {
    Blob::parse(bytes).expect_err("the bytes break a rule").rule
}

/// A sound blob after `change`, with its checksums made right again.
fn changed(change: impl FnOnce(&mut [u8])) -> AlignedBlob {
    let mut blob = sound();
    change(&mut blob);
    fix_checksums(&mut blob);
    blob
}

fn put_u16(blob: &mut [u8], at: usize, value: u16) {
    blob[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put_u32(blob: &mut [u8], at: usize, value: u32) {
    blob[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn get_u32(blob: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(blob[at..at + 4].try_into().unwrap())
}

/// Where the table entry of `kind` starts.
fn entry(blob: &[u8], kind: SectionKind) -> usize {
    let mut entries = (Header::SIZE..).step_by(SectionEntry::SIZE);
    entries.find(|&at| blob[at] == kind as u8 && blob[at + 1] == 0).unwrap()
}

/// Where the section of `kind` starts.
fn section(blob: &[u8], kind: SectionKind) -> usize {
    get_u32(blob, entry(blob, kind) + 4) as usize
}

#[test]
fn a_sound_blob_breaks_none() {
    for program in every_opcode() {
        let blob = program.blob(1);
        let parsed = Blob::parse(&blob).unwrap();
        let writer = program.writer();
        assert_eq!(parsed.section(SectionKind::Operators), writer.operators.concat());
        assert!(parsed.section(SectionKind::Weights).starts_with(&writer.weights));
        assert_eq!(usize::from(parsed.header().operator_count), writer.operators.len());
        for (index, port) in writer.inputs.iter().chain(&writer.outputs).enumerate() {
            assert_eq!(parsed.port(index).as_ref(), Some(port));
            assert_eq!(parsed.name(port).unwrap().len(), usize::from(port.name_bytes));
        }
        assert!(parsed.port(writer.inputs.len() + writer.outputs.len()).is_none());
        assert!(parsed.port(usize::MAX).is_none());
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    assert_eq!(*network_i8().blob(2), *network_i8().blob(2));
}

#[test]
fn blob_alignment() {
    let blob = sound();
    let mut shifted = AlignedBlob::filled(blob.len() + 16, 0);
    for shift in 0..16 {
        shifted[shift..shift + blob.len()].copy_from_slice(&blob);
        let outcome = Blob::parse(&shifted[shift..shift + blob.len()]).map_err(|error| error.rule);
        assert_eq!(outcome.err(), if shift == 0 { None } else { Some(FormatRule::BlobAlignment) }, "shift {shift}");
    }
}

#[test]
fn truncated() {
    for len in 0..Header::SIZE {
        let error = Blob::parse(&AlignedBlob::copy_of(&sound()[..len])).unwrap_err();
        assert_eq!(error, FormatError { rule: FormatRule::Truncated, offset: len as u32 });
    }
}

#[test]
fn magic() {
    assert_eq!(rule(&changed(|blob| blob[3] = b'U')), FormatRule::Magic);
}

#[test]
fn version() {
    assert_eq!(rule(&changed(|blob| put_u16(blob, 4, 1))), FormatRule::Version);
    assert_eq!(rule(&changed(|blob| put_u16(blob, 4, 3))), FormatRule::Version);
    // A reader takes every minor version of its major one.
    assert!(Blob::parse(&changed(|blob| put_u16(blob, 6, 7))).is_ok());
}

#[test]
fn total_length() {
    let len = sound().len() as u32;
    for total in [0, len - 1, len + 1, u32::MAX] {
        assert_eq!(rule(&changed(|blob| put_u32(blob, 8, total))), FormatRule::TotalLength);
    }
    let mut longer = AlignedBlob::filled(len as usize + 4, 0);
    longer[..len as usize].copy_from_slice(&sound());
    assert_eq!(rule(&longer), FormatRule::TotalLength);
    assert_eq!(rule(&AlignedBlob::copy_of(&sound()[..len as usize - 4])), FormatRule::TotalLength);
}

#[test]
fn table_length() {
    let len = sound().len() as u32;
    for table in [0, 64, 64 + 16 * 5 - 1, len + 1, u32::MAX] {
        assert_eq!(rule(&changed(|blob| put_u32(blob, 12, table))), FormatRule::TableLength, "{table}");
    }
    // More entries than the table has room for.
    assert_eq!(rule(&changed(|blob| put_u16(blob, 22, u16::MAX))), FormatRule::TableLength);
}

#[test]
fn crc() {
    let mut blob = sound();
    blob[16] ^= 1;
    assert_eq!(Blob::parse(&blob).unwrap_err(), FormatError { rule: FormatRule::Crc, offset: 60 });
}

#[test]
fn section_bounds() {
    let first = entry(&sound(), SectionKind::Ports);
    let weights = entry(&sound(), SectionKind::Weights);
    let broken = [
        // Beyond the end, by offset and by length, and past the end of the address space.
        (weights + 4, 0x0100_0000),
        (weights + 8, 0x0100_0000),
        (weights + 4, 0xffff_fff0),
        (weights + 8, 0xffff_fffc),
        // Over the section table, and over the section before.
        (first + 4, 0),
        (weights + 4, section(&sound(), SectionKind::Names) as u32),
        // Misaligned, and not a whole number of words.
        (weights + 4, section(&sound(), SectionKind::Weights) as u32 + 8),
        (weights + 8, 5),
    ];
    for (at, value) in broken {
        assert_eq!(rule(&changed(|blob| put_u32(blob, at, value))), FormatRule::SectionBounds, "{value:#x} at {at}");
    }
}

#[test]
fn section_twice() {
    let names = entry(&sound(), SectionKind::Names);
    let twice = changed(|blob| put_u16(blob, names, SectionKind::Weights as u16));
    assert_eq!(rule(&twice), FormatRule::SectionTwice);
}

#[test]
fn section_unknown() {
    // GOLDEN may be missing, so a reader that does not know its kind skips it unless told otherwise.
    let golden = entry(&sound(), SectionKind::Golden);
    let unknown = |flags: u16| {
        changed(|blob| {
            put_u16(blob, golden, 500);
            put_u16(blob, golden + 2, flags);
        })
    };
    assert_eq!(rule(&unknown(SectionEntry::REQUIRED)), FormatRule::SectionUnknown);
    assert_eq!(Blob::parse(&unknown(0)).unwrap().section(SectionKind::Golden), []);
}

#[test]
fn section_missing() {
    for kind in [SectionKind::Ports, SectionKind::Operators, SectionKind::Names, SectionKind::Weights] {
        let at = entry(&sound(), kind);
        let missing = changed(|blob| {
            put_u16(blob, at, 500);
            put_u16(blob, at + 2, 0);
        });
        assert_eq!(rule(&missing), FormatRule::SectionMissing, "{kind:?}");
    }
}

#[test]
fn checksum() {
    use SectionKind::{Golden, Names, Operators, Ports, Weights};
    for kind in [Ports, Operators, Names, Weights, Golden] {
        let mut blob = sound();
        let at = section(&blob, kind);
        blob[at] ^= 0x10;
        assert_eq!(rule(&blob), FormatRule::Checksum, "{kind:?}");
    }
}

#[test]
fn checksum_of_an_unknown_section() {
    let mut blob = sound();
    let (at, data) = (entry(&blob, SectionKind::Golden), section(&blob, SectionKind::Golden));
    put_u16(&mut blob, at, 500);
    blob[data] ^= 1;
    refresh_crc(&mut blob);
    assert_eq!(rule(&blob), FormatRule::Checksum);
}

/// Makes the CRC right and leaves the sections' checksums as they are.
fn refresh_crc(blob: &mut [u8]) {
    let table_bytes = get_u32(blob, 12) as usize;
    let crc = kinglet_blob::checksum::crc32(0, &blob[..60]);
    let crc = kinglet_blob::checksum::crc32(crc, &blob[64..table_bytes]);
    put_u32(blob, 60, crc);
}

#[test]
fn port_count() {
    for at in [24, 26] {
        assert_eq!(rule(&changed(|blob| put_u16(blob, at, 3))), FormatRule::PortCount);
        assert_eq!(rule(&changed(|blob| put_u16(blob, at, u16::MAX))), FormatRule::PortCount);
    }
    // PORTS that are not a whole number of records.
    let ports = entry(&sound(), SectionKind::Ports) + 8;
    let bytes = get_u32(&sound(), ports);
    assert_eq!(rule(&changed(|blob| put_u32(blob, ports, bytes - 4))), FormatRule::Reserved, "the rest is a gap");
    let shorter = changed(|blob| {
        put_u32(blob, ports, bytes - 4);
        let end = section(blob, SectionKind::Ports) + bytes as usize;
        put_u32(blob, end - 4, 0);
    });
    assert_eq!(rule(&shorter), FormatRule::PortCount);
}

#[test]
fn reserved() {
    for at in (30..32).chain(48..60) {
        assert_eq!(rule(&changed(|blob| blob[at] = 1)), FormatRule::Reserved, "header byte {at}");
    }
    // Model id, security counter and key id are the owner's: any number is right.
    for at in 32..48 {
        assert!(Blob::parse(&changed(|blob| blob[at] = 1)).is_ok(), "header byte {at}");
    }
    let names = entry(&sound(), SectionKind::Names);
    for bit in 1..16 {
        let flags = SectionEntry::REQUIRED | 1 << bit;
        assert_eq!(rule(&changed(|blob| put_u16(blob, names + 2, flags))), FormatRule::Reserved, "flag {bit}");
    }
}

#[test]
fn reserved_between_and_behind_sections() {
    // Everything that is in no section.
    let blob = sound();
    let parsed = Blob::parse(&blob).unwrap();
    let mut covered = vec![false; blob.len()];
    let table = Header::SIZE + SectionEntry::SIZE * usize::from(parsed.header().section_count);
    covered[..table].fill(true);
    for kind in SectionKind::ALL {
        let bytes = parsed.section(kind);
        if !bytes.is_empty() {
            let start = parsed.section_offset(kind);
            covered[start..start + bytes.len()].fill(true);
        }
    }
    let gaps: Vec<usize> = (0..blob.len()).filter(|&at| !covered[at]).collect();
    assert!(gaps.len() >= 4, "the blob has gaps to test: {gaps:?}");
    for at in gaps {
        assert_eq!(rule(&changed(|blob| blob[at] = 0x80)), FormatRule::Reserved, "byte {at}");
    }
    // Behind the last section.
    let mut longer = AlignedBlob::filled(blob.len() + 16, 0);
    longer[..blob.len()].copy_from_slice(&blob);
    put_u32(&mut longer, 8, blob.len() as u32 + 16);
    fix_checksums(&mut longer);
    assert!(Blob::parse(&longer).is_ok(), "zeros behind the last section are harmless");
    longer[blob.len() + 15] = 1;
    assert_eq!(rule(&longer), FormatRule::Reserved);
}

#[test]
fn names_are_found_whole_or_not_at_all() {
    let mut program = Program::new("names");
    let at = program.memory(4);
    program.input(kinglet_blob::DType::I8, &[4], at);
    program.writer_mut().names = "aé".into();
    let blob = program.blob_without_golden();
    let parsed = Blob::parse(&blob).unwrap();
    let first = program.writer().inputs[0];
    let port = |name_offset, name_bytes| PortRecord { name_offset, name_bytes, ..first };
    assert_eq!(parsed.name(&port(0, 3)), Some("aé"));
    assert_eq!(parsed.name(&port(1, 2)), Some("é"));
    assert_eq!(parsed.name(&port(4, 0)), Some(""));
    for (offset, bytes) in [(0, 2), (2, 1), (0, 5), (5, 0), (u16::MAX, u16::MAX)] {
        assert_eq!(parsed.name(&port(offset, bytes)), None, "{bytes} bytes at {offset}");
    }
    program.writer_mut().names = vec![b'a', 0xff, b'b'];
    let blob = program.blob_without_golden();
    assert_eq!(Blob::parse(&blob).unwrap().name(&port(0, 1)), None, "NAMES must be UTF-8 as a whole");
}
