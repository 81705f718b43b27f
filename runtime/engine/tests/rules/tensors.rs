//! Operands, ports, states and test vectors.

use super::*;

#[test]
fn operands() {
    for name in names() {
        let record = program(&name).operators[0].clone();
        let count = counts(&record).typed();
        // Another number of inputs, of outputs; a state; scratch that is not there, or not where it should be.
        for (at, change) in [(4, 1u8), (4, 0x10), (5, 1), (5, 8), (5, 0x10)] {
            let rule = patched(&name, at, &[record[at] ^ change]);
            assert_eq!(rule, LoadRule::Operands, "{name}: byte {at} changed by {change}");
        }
        for (at, byte) in record.iter().enumerate().skip(6).take(count) {
            // A type that does not exist, and a region that no machine has.
            let expected = if at == 6 { LoadRule::UnknownOperator } else { LoadRule::Operands };
            assert_eq!(patched(&name, at, &[byte | 0x0F]), expected, "{name}: operand {}", at - 6);
            assert_eq!(patched(&name, at, &[byte ^ 0x10]), LoadRule::Operands, "{name}: operand {}", at - 6);
        }
        for at in 6 + count..counts(&record).offsets_start() {
            assert_eq!(patched(&name, at, &[1]), LoadRule::Operands, "{name}: padding at {at}");
        }
    }
    // Results of another type than the operand's.
    for name in ["copy", "conv2d-i8", "add-i8"] {
        let at = 5 + counts(&program(name).operators[0]).typed();
        assert_eq!(patched(name, at, &[DType::F32 as u8]), LoadRule::Operands, "{name}");
    }
    // A second operand that is the first has as many elements.
    assert_eq!(parameter("add-i8 same", 4, &[2]), LoadRule::Shape);
    assert_eq!(parameter("mul-f32 same", 8, &[2]), LoadRule::Shape);
}

#[test]
fn state_section() {
    let with = |records: &[(StateRecord, Vec<u8>)], change: fn(&mut Vec<u8>)| {
        let mut program = program("network-i8");
        program.state = state::section(records);
        change(&mut program.state);
        program
    };
    let record = StateRecord { arena_offset: 0, bytes: 8, dtype: DType::I8 as u8, region: 0, flags: 0, reserved: 0 };
    let value = || (1..=8).collect::<Vec<u8>>();
    assert!(is_sound(&with(&[(record, value()), (record, vec![7; 8])], |_| {})));
    let spoilt = |spoil: fn(&mut StateRecord)| {
        let mut record = record;
        spoil(&mut record);
        broken(&with(&[(record, value())], |_| {})).0
    };
    assert_eq!(spoilt(|record| record.dtype = 15), LoadRule::State);
    assert_eq!(spoilt(|record| record.region = 1), LoadRule::State);
    assert_eq!(spoilt(|record| record.reserved = 1), LoadRule::State);
    assert_eq!(spoilt(|record| record.bytes = 0), LoadRule::State);
    assert_eq!(spoilt(|record| record.bytes = 12), LoadRule::State, "longer than its value");
    assert_eq!(spoilt(|record| record.arena_offset = 2), LoadRule::ArenaAlignment);
    assert_eq!(spoilt(|record| record.arena_offset = u32::MAX - 3), LoadRule::ArenaRange);
    let longer = with(&[(record, value())], |section| section.extend([0; 4]));
    assert_eq!(broken(&longer).0, LoadRule::State);
    let counted = with(&[(record, value())], |section| section[0] = 2);
    assert_eq!(broken(&counted).0, LoadRule::State);
    let flagged = with(&[(record, value())], |section| section[4 + 10] = 2);
    assert_eq!(broken(&flagged).0, LoadRule::State);
}

#[test]
fn port() {
    let spoilt = |spoil: fn(&mut kinglet_blob::PortRecord)| {
        let mut program = program("network-i8");
        spoil(&mut program.outputs[0]);
        let ports = section_offset(&program, SectionKind::Ports);
        let (rule, offset) = broken(&program);
        assert_eq!(offset, ports + PortRecord::SIZE as u32, "the error names the record");
        rule
    };
    assert_eq!(spoilt(|port| port.dtype = 6), LoadRule::Port);
    assert_eq!(spoilt(|port| port.region = 1), LoadRule::Port);
    assert_eq!(spoilt(|port| port.rank = 0), LoadRule::Port);
    assert_eq!(spoilt(|port| port.rank = 5), LoadRule::Port);
    assert_eq!(spoilt(|port| port.rank = 1), LoadRule::Port, "an extent beyond the rank");
    assert_eq!(spoilt(|port| port.dims[1] = 0), LoadRule::Port);
    assert_eq!(spoilt(|port| port.dims = [u32::MAX; 4]), LoadRule::Port);
    assert_eq!(spoilt(|port| port.channels_moved = 2), LoadRule::Port);
    assert_eq!(spoilt(|port| port.name_offset = 1000), LoadRule::Port);
    assert_eq!(spoilt(|port| port.name_bytes = u16::MAX), LoadRule::Port);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let mut program = program("network-i8");
        program.inputs[0].scale = scale;
        assert_eq!(broken(&program).0, LoadRule::Port, "scale {scale}");
    }
}

#[test]
fn port_outside_the_arena() {
    let mut program = program("network-i8");
    program.inputs[0].arena_offset = 2;
    assert_eq!(broken(&program).0, LoadRule::ArenaAlignment);
    for offset in [program.arena_bytes, u32::MAX - 3] {
        program.inputs[0].arena_offset = offset;
        assert_eq!(broken(&program).0, LoadRule::ArenaRange);
    }
}

#[test]
fn golden_section() {
    let each = 4 * 48 + 4 * 5 + golden::padded(5);
    for (count, bytes) in [(1u32, each - 4), (1, each + 4), (2, each), (0, 4), (u32::MAX, each), (1, 0)] {
        let mut program = program("network-i8");
        program.golden = count.to_le_bytes().to_vec();
        program.golden.resize(4 + bytes, 0);
        assert_eq!(
            broken(&program),
            (LoadRule::Golden, section_offset(&program, SectionKind::Golden)),
            "{count} vectors, {bytes} bytes"
        );
    }
    let mut none = program("network-i8");
    none.golden = vec![0; 4];
    assert!(is_sound(&none), "no vectors are no fault");
}

#[test]
fn golden_vectors_of_nothing() {
    // A model without ports: each of its vectors has no bytes, so the section could claim four billion of them.
    let mut program = Program::new("no ports");
    let at = program.memory(16);
    program.lookup_i8(at, at, 16);
    let mut writer = program.writer().clone();
    assert!(is_sound(&writer));
    writer.golden = u32::MAX.to_le_bytes().to_vec();
    assert_eq!(broken(&writer).0, LoadRule::Golden);
}

#[test]
fn arena_size() {
    for arena_bytes in [0x8000_0000, u32::MAX] {
        let mut program = program("network-i8");
        program.arena_bytes = arena_bytes;
        assert_eq!(broken(&program), (LoadRule::ArenaSize, 16));
    }
    let mut program = program("network-i8");
    program.arena_bytes = 0x7fff_ffff;
    assert!(is_sound(&program));
}
