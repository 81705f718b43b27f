//! Each rule of a model, broken by itself.
//!
//! `OperatorNotLinked` needs a build in which an operator is missing: see `features.rs`.
#![cfg(feature = "all-operators")]

mod boxes;
mod functions;
mod grids;
mod matrix;
mod recurrent;
mod rows;
mod sizes;
mod tensors;
mod trees;

use std::sync::OnceLock;

use kinglet::{DType, LoadError, LoadRule, Model};
use kinglet_blob::state::{self, StateRecord};
use kinglet_blob::{Counts, Field, OpCode, PortRecord, SectionKind, Writer, golden};
use kinglet_test_blobs::programs::{every_opcode, in_place, network_i8};
use kinglet_test_blobs::{AlignedBlob, Program};

/// What the writer gets for the program of that name, to be spoilt.
fn program(name: &str) -> Writer {
    static WRITERS: OnceLock<Vec<(String, Writer)>> = OnceLock::new();
    let all = || every_opcode().into_iter().chain(in_place()).chain([network_i8()]);
    let writers = WRITERS.get_or_init(|| all().map(|each| (each.name().to_owned(), each.writer().clone())).collect());
    let found = writers.iter().find(|(each, _)| each == name);
    found.unwrap_or_else(|| panic!("no program is called {name}")).1.clone()
}

/// The names of every opcode's programs.
fn names() -> Vec<String> {
    every_opcode().iter().map(|program| program.name().to_owned()).collect()
}

fn blob(writer: &Writer) -> AlignedBlob {
    AlignedBlob::copy_of(&writer.finish().expect("test blobs are small"))
}

/// Where a section starts.
fn section_offset(writer: &Writer, kind: SectionKind) -> u32 {
    kinglet_blob::Blob::parse(&blob(writer)).unwrap().section_offset(kind) as u32
}

/// The rule that a blob breaks, and where; panics if it breaks none.
fn broken(writer: &Writer) -> (LoadRule, u32) {
    match Model::from_bytes(&blob(writer)).expect_err("the blob breaks a rule") {
        LoadError::Record { rule, offset } => (rule, offset),
        error => panic!("{error}"),
    }
}

fn is_sound(writer: &Writer) -> bool {
    Model::from_bytes(&blob(writer)).is_ok()
}

/// The rule that is broken when the first record of program `name` has `bytes` at byte `at`, counted with its head.
fn patched(name: &str, at: usize, bytes: &[u8]) -> LoadRule {
    let mut program = program(name);
    program.operators[0][at..at + bytes.len()].copy_from_slice(bytes);
    let (rule, offset) = broken(&program);
    assert_eq!(offset, section_offset(&program, SectionKind::Operators), "the error names the record");
    rule
}

/// The numbers of a record's operands.
fn counts(record: &[u8]) -> Counts {
    Counts::from_bytes([record[4], record[5]])
}

/// Where the parameters of a record start.
fn parameters(record: &[u8]) -> usize {
    counts(record).parameters_start()
}

/// Where the offset of operand `index` stands in a record: inputs, outputs, scratch.
fn operand(record: &[u8], index: usize) -> usize {
    counts(record).offsets_start() + 4 * index
}

/// [`patched`], `at` being counted from the first of the operator's parameters.
fn parameter(name: &str, at: usize, bytes: &[u8]) -> LoadRule {
    patched(name, parameters(&program(name).operators[0]) + at, bytes)
}

/// [`patched`], for the offset of operand `index`.
fn placed(name: &str, index: usize, bytes: &[u8]) -> LoadRule {
    patched(name, operand(&program(name).operators[0], index), bytes)
}

/// Byte offsets of parameters of a convolution.
mod conv {
    pub(super) const CONSTANTS: usize = 0;
    pub(super) const INPUT_DIMS: [usize; 3] = [4, 6, 8];
    pub(super) const OUTPUT_DIMS: [usize; 3] = [10, 12, 14];
    pub(super) const KERNEL: usize = 16;
    pub(super) const STRIDE: usize = 18;
    pub(super) const DILATION: usize = 20;
    pub(super) const BATCH: usize = 24;
    pub(super) const GROUPS: usize = 26;
    pub(super) const SHIFT_BASE: usize = 28;
    pub(super) const MIN: usize = 31;
    pub(super) const FLAGS: usize = 33;
    pub(super) const RESERVED: usize = 34;
}

/// Index of the scratch memory of a layer among its operands.
const SCRATCH: usize = 2;

/// Names of operators whose records have constants and a window in the same places, int8 first.
const CONVOLUTIONS: [&str; 11] = [
    "conv2d-i8",
    "asymmetric-conv2d-i8",
    "depthwise-i8",
    "transpose-conv-i8",
    "conv2d-f32",
    "depthwise-f32",
    "transpose-conv-f32",
    "conv2d-i16",
    "depthwise-i16",
    "transpose-conv-i16",
    "hybrid-conv2d",
];

#[test]
fn unknown_operator() {
    for tag in [0, 200, 255] {
        assert_eq!(patched("copy", 0, &[tag]), LoadRule::UnknownOperator);
    }
}

#[test]
fn packing_not_runnable() {
    for name in ["conv2d-i8", "depthwise-i8", "fully-connected-i8"] {
        assert_eq!(patched(name, 2, &[99]), LoadRule::PackingNotRunnable, "{name}");
    }
    // Other orders than row-major know no groups, planes no dilation, and dense layers no extra shifts.
    for name in ["conv2d-i8 channel-pairs", "conv2d-i8 four-channels", "conv2d-i8 unsigned-rows-20"] {
        let mut grouped = program(name);
        let record = &mut grouped.operators[0];
        let start = parameters(record);
        record[start + conv::INPUT_DIMS[2]..][..2].copy_from_slice(&[2, 0]);
        record[start + conv::GROUPS..][..2].copy_from_slice(&[2, 0]);
        assert_eq!(broken(&grouped).0, LoadRule::PackingNotRunnable, "{name}");
    }
    for name in ["depthwise-i8 four-halfword-planes", "depthwise-i8 four-pair-planes", "depthwise-i8 one-pair-plane"] {
        assert_eq!(parameter(name, conv::DILATION, &[2, 1]), LoadRule::PackingNotRunnable, "{name}");
    }
    // Some orders of dense weights are for one operator.
    let dense = "fully-connected-i8 four-channels-unsigned";
    let eight = "fully-connected-i8 eight-channels-unsigned";
    let wrong = [("conv2d-i8 four-channels", 3), (eight, 2), (dense, 6), (dense, 7)];
    for (name, packing) in wrong.into_iter().chain([("conv2d-i8 unsigned-rows-20", 8)]) {
        let mut other = program(name);
        other.operators[0][2] = packing;
        other.weights.resize(1024, 0);
        assert_eq!(broken(&other).0, LoadRule::PackingNotRunnable, "{name}");
    }
    let mut extra = program("fully-connected-i8, extra shifts");
    extra.operators[0][2] = 5;
    extra.weights.resize(1024, 0);
    extra.arena_bytes += 64;
    assert_eq!(broken(&extra).0, LoadRule::PackingNotRunnable);
}

#[test]
fn chunks_of_no_length() {
    let mut program = program("conv2d-i8 four-channels");
    // Behind four biases and four factors.
    for length in [0_u32, 4, 12] {
        program.weights[32..36].copy_from_slice(&length.to_le_bytes());
        assert_eq!(broken(&program).0, LoadRule::Parameter, "{length}");
    }
    program.weights[32..36].copy_from_slice(&8_u32.to_le_bytes());
    assert!(is_sound(&program));
}

#[test]
fn storage_not_runnable() {
    for name in names() {
        for tag in [5, 6, 255] {
            assert_eq!(patched(&name, 3, &[tag]), LoadRule::PackingNotRunnable, "{name}: storage {tag}");
        }
    }
    // Fewer than eight bits are for the weights of some operators. Constants and scratch are as long as the storage needs
    // that they were made for.
    let mut narrow = 0;
    for (name, tag) in names().iter().flat_map(|name| [1, 2, 3, 4].map(|tag| (name, tag))) {
        let mut program = program(name);
        let record = &mut program.operators[0];
        record[3] = tag;
        let dtype = DType::from_tag(record[6] & 15).unwrap();
        let opcode = OpCode::from_tag(record[0]).unwrap();
        // Layers on floats read each weight where it is.
        let is_read = tag != 4 || opcode != OpCode::HybridConv2d;
        if opcode.has_storages(dtype) && is_read {
            let rule = if is_sound(&program) { None } else { Some(broken(&program).0) };
            // Without zeros, the number of weights is among them.
            let lengths = [
                None,
                Some(LoadRule::ConstantRange),
                Some(LoadRule::Parameter),
                Some(LoadRule::ArenaRange),
                Some(LoadRule::ArenaOverlap),
            ];
            assert!(lengths.contains(&rule), "{name}, storage {tag}: {rule:?}");
            narrow += 1;
        } else {
            assert_eq!(broken(&program).0, LoadRule::PackingNotRunnable, "{name}, storage {tag}");
        }
    }
    assert!(narrow >= 21, "{narrow}");
}

#[test]
fn weights_of_fewer_bits_take_fewer_bytes() {
    // Of 4 * 27, 5 * 19 or 10 * 9 weights, in words or three words.
    for (bits, bytes) in [(4, [56, 48, 48]), (3, [48, 36, 36]), (2, [28, 24, 24])] {
        for (name, bytes) in ["conv2d-i8", "fully-connected-i8", "depthwise-i8"].into_iter().zip(bytes) {
            let name = format!("{name} {bits}-bit");
            let sound = program(&name);
            assert!(is_sound(&sound), "{name}");
            // A bias and a factor for each channel.
            let channels =
                [("conv2d", 4), ("fully", 5), ("depth", 10)].iter().find(|(start, _)| name.starts_with(start));
            let len = 8 * channels.unwrap().1 + bytes;
            assert_eq!(sound.weights.len(), len, "{name}");
            let mut program = sound;
            program.weights.truncate(len - 4);
            assert_eq!(broken(&program).0, LoadRule::ConstantRange, "{name}");
        }
    }
}

#[test]
fn packing_of_an_operator_without_weights_is_zero() {
    for name in names() {
        let mut program = program(&name);
        let record = &mut program.operators[0];
        let dtype = DType::from_tag(record[6] & 15).unwrap();
        let opcode = OpCode::from_tag(record[0]).unwrap();
        if !opcode.is_packed(dtype) {
            // The storage stands behind the packing.
            let heads = if opcode.has_storages(dtype) { 2..3 } else { 2..4 };
            for at in heads {
                let before = core::mem::replace(&mut program.operators[0][at], 1);
                assert_eq!(broken(&program).0, LoadRule::PackingNotRunnable, "{name}");
                program.operators[0][at] = before;
            }
        }
    }
}

#[test]
fn record_length() {
    for name in names() {
        // A word more than the operator's record has, and a word less.
        for change in [1i8, -1] {
            let mut program = program(&name);
            let record = &mut program.operators[0];
            record[1] = record[1].wrapping_add_signed(change);
            let len = usize::from(record[1]) * 4;
            record.resize(len, 0);
            assert_eq!(broken(&program).0, LoadRule::RecordLength, "{name}");
        }
    }
    // Lengths that lead nowhere, and beyond the section.
    for words in [0, 255] {
        let mut program = program("copy");
        program.operators[0][1] = words;
        assert_eq!(broken(&program).0, LoadRule::RecordLength);
    }
    // Half a record behind the last one.
    let mut program = program("copy");
    let len = program.operators[0].len();
    program.operators[0].extend_from_slice(&[10, 7, 0, 0]);
    let (rule, offset) = broken(&program);
    let records = section_offset(&program, SectionKind::Operators);
    assert_eq!((rule, offset), (LoadRule::RecordLength, records + len as u32));
}

#[test]
fn operator_count() {
    let mut program = program("network-i8");
    let all: Vec<u8> = program.operators.concat();
    // The writer counts its pieces, so two records in one piece make the count wrong.
    program.operators = vec![all];
    assert_eq!(broken(&program), (LoadRule::OperatorCount, 20));
}

#[test]
fn arena_range() {
    for name in CONVOLUTIONS {
        for offset in [0x0001_0000u32, 0x7fff_fff0, 0xffff_fff0] {
            assert_eq!(placed(name, 0, &offset.to_le_bytes()), LoadRule::ArenaRange, "{name}");
        }
    }
    assert_eq!(placed("conv2d-i8", SCRATCH, &u32::MAX.to_le_bytes()), LoadRule::ArenaRange);
    // One byte too small for whatever reaches the arena's end.
    for name in names() {
        let mut program = program(&name);
        program.arena_bytes = 4;
        assert_eq!(broken(&program).0, LoadRule::ArenaRange, "{name}");
    }
}

#[test]
fn arena_alignment() {
    for name in [
        "conv2d-f32",
        "depthwise-f32",
        "average-pool-f32",
        "pad-f32",
        "mean-f32",
        "softmax-f32",
        "tanh-f32",
        "reduce-max-f32",
        "rearrange-f32",
        "take-f32",
        "resample-f32",
        "map-f32 exp",
        "reduce-f32 Sum",
        "mat-mul-f32",
    ] {
        for offset in [1u8, 2, 3] {
            assert_eq!(placed(name, 0, &[offset]), LoadRule::ArenaAlignment, "{name}");
        }
    }
    assert_eq!(placed("quantize", 0, &[2]), LoadRule::ArenaAlignment);
    assert_eq!(placed("dequantize", 1, &[82]), LoadRule::ArenaAlignment);
    // Scratch is aligned whatever the element.
    let mut program = program("conv2d-i8");
    let record = &mut program.operators[0];
    let at = operand(record, SCRATCH);
    record[at] += 1;
    program.arena_bytes += 16;
    assert_eq!(broken(&program).0, LoadRule::ArenaAlignment);
    // The second operand of a binary operator.
    assert_eq!(placed("add-f32", 1, &[98]), LoadRule::ArenaAlignment);
}

#[test]
fn arena_overlap() {
    // Scratch over the input, over the output, and inside the hull of an input and output that overlap.
    for over in [0u8, 64] {
        assert_eq!(placed("conv2d-i8", SCRATCH, &[over, 0, 0, 0]), LoadRule::ArenaOverlap);
    }
    let scratch = 40u32.to_le_bytes();
    assert_eq!(placed("in place: conv2d-i8", SCRATCH, &scratch), LoadRule::ArenaOverlap);
    // The second operand over the output, and over the first.
    assert_eq!(placed("add-i8", 1, &[64]), LoadRule::ArenaOverlap);
    assert_eq!(placed("mul-f32", 1, &[4]), LoadRule::ArenaOverlap);
    // A factor of a product over the result, and neither over the other.
    assert_eq!(placed("mat-mul-i8", 0, &[112]), LoadRule::ArenaOverlap);
    assert_eq!(placed("mat-mul-i8", 1, &[80]), LoadRule::ArenaOverlap);
    // Operators that change the element type cannot be in place.
    for name in ["quantize", "dequantize"] {
        assert_eq!(placed(name, 1, &[0, 0, 0, 0]), LoadRule::ArenaOverlap, "{name}");
    }
}

#[test]
fn constant_range() {
    for name in CONVOLUTIONS.into_iter().chain(["fully-connected-i8"]) {
        for offset in [1u32, 2, 4, 0x0010_0000, 0xffff_fffc] {
            let rule = parameter(name, conv::CONSTANTS, &offset.to_le_bytes());
            assert_eq!(rule, LoadRule::ConstantRange, "{name} at {offset}");
        }
        let mut shorter = program(name);
        let len = shorter.weights.len();
        shorter.weights.truncate(len - 4);
        assert_eq!(broken(&shorter).0, LoadRule::ConstantRange, "{name}");
    }
    assert_eq!(parameter("fully-connected-f32", 0, &[4]), LoadRule::ConstantRange);
    assert_eq!(parameter("lookup-i8", 4, &[4]), LoadRule::ConstantRange);
    assert_eq!(placed("add-f32 constant", 1, &[8]), LoadRule::ConstantRange);
    assert_eq!(placed("mul-i8 constant", 1, &[1]), LoadRule::ConstantRange);
    assert_eq!(placed("mul-i8 constant", 1, &[4]), LoadRule::ConstantRange);
    for offset in [1, 4] {
        assert_eq!(placed("mat-mul-f32 constant", 1, &[offset]), LoadRule::ConstantRange);
        assert_eq!(placed("mat-mul-i16 constant first", 0, &[offset]), LoadRule::ConstantRange);
    }
}

#[test]
fn shape_without_elements() {
    let zero = [0u8; 2];
    for name in CONVOLUTIONS {
        for at in conv::INPUT_DIMS.into_iter().chain(conv::OUTPUT_DIMS).chain([conv::BATCH, conv::GROUPS]) {
            assert_eq!(parameter(name, at, &zero), LoadRule::Shape, "{name}, field at {at}");
        }
        for at in [conv::KERNEL, conv::STRIDE, conv::DILATION] {
            for axis in 0..2 {
                assert_eq!(parameter(name, at + axis, &[0]), LoadRule::Shape, "{name}, field at {at}");
            }
        }
    }
    let nothing = [0u8; 4];
    for at in [4, 8, 12] {
        assert_eq!(parameter("fully-connected-i8", at, &nothing), LoadRule::Shape);
        assert_eq!(parameter("fully-connected-f32", at, &nothing), LoadRule::Shape);
    }
    for at in [0, 4, 8] {
        assert_eq!(parameter("add-i8", at, &nothing), LoadRule::Shape);
    }
    let reductions = ["mean-i8", "mean-f32", "reduce-max-i8", "reduce-max-f32"].map(|name| (name, &[0, 4, 8][..]));
    for (name, fields) in reductions.into_iter().chain([("softmax-i8", &[0, 4][..]), ("softmax-f32", &[0])]) {
        for &at in fields {
            assert_eq!(parameter(name, at, &nothing), LoadRule::Shape, "{name}, field at {at}");
        }
    }
    for name in ["lookup-i8", "tanh-f32", "map-f32 exp", "quantize", "dequantize"] {
        for name in ["reduce-i8 Max", "reduce-f32 L1", "reduce-i16 Mean"] {
            for at in (0..28).step_by(4) {
                assert_eq!(parameter(name, at, &nothing), LoadRule::Shape, "{name}, field at {at}");
            }
        }
        for name in ["mat-mul-i8", "mat-mul-f32 constant", "mat-mul-i16 constant first"] {
            for at in (0..24).step_by(4) {
                assert_eq!(parameter(name, at, &nothing), LoadRule::Shape, "{name}, field at {at}");
            }
        }
        assert_eq!(parameter(name, 0, &nothing), LoadRule::Shape, "{name}");
    }
    for at in (0..8).step_by(2).chain((16..24).step_by(2)) {
        assert_eq!(parameter("pad-i8", at, &zero), LoadRule::Shape);
    }
}

#[test]
fn shape_of_a_copy_that_would_never_end() {
    // No blocks; blocks of nothing, four billion of them; blocks that overlap each other.
    assert_eq!(parameter("copy: concat", 0, &0u32.to_le_bytes()), LoadRule::Shape);
    let mut endless = [0u8; 16];
    endless[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(parameter("copy: concat", 0, &endless), LoadRule::Shape);
    assert_eq!(parameter("copy: concat", 12, &2u32.to_le_bytes()), LoadRule::Shape);
}

#[test]
fn copies_of_constants() {
    let name = "copy: concat with a constant";
    assert_eq!(placed(name, 0, &[4, 0, 0, 0]), LoadRule::ConstantRange);
    assert_eq!(placed(name, 0, &[2, 0, 0, 0]), LoadRule::ConstantRange, "not a multiple of four");
    assert_eq!(parameter(name, 8, &[3, 0, 0, 0]), LoadRule::ConstantRange, "strides beyond the constants");
    assert_eq!(placed(name, 1, &[0, 0, 1, 0]), LoadRule::ArenaRange);
    assert_eq!(patched(name, 7, &[DType::U8 as u8]), LoadRule::Operands);
    assert_eq!(patched(name, 6, &[DType::I8 as u8 | 3 << 4]), LoadRule::Operands);
    assert_eq!(patched(name, 7, &[DType::I8 as u8 | 15 << 4]), LoadRule::Operands, "no constant is written");
}

#[test]
fn elements_that_would_meet() {
    // Extents, the input's strides, the output's strides; the axes of [4, 2, 3] are the last three.
    for axis in 0..6 {
        assert_eq!(parameter("rearrange-i8", 4 * axis, &[0; 4]), LoadRule::Shape, "no extent of axis {axis}");
    }
    assert_eq!(parameter("rearrange-i8", 48 + 12, &5u32.to_le_bytes()), LoadRule::Shape, "planes in each other");
    assert_eq!(parameter("rearrange-i8", 48 + 20, &[0; 4]), LoadRule::Shape, "all in one place");
    let swapped = [1u32, 4].map(u32::to_le_bytes).concat();
    assert_eq!(parameter("rearrange-i8", 48 + 16, &swapped), LoadRule::Shape, "the inner axis farther apart");
}

#[test]
fn tables_of_indices() {
    let none = [0u8; 4];
    for (name, fields) in
        [("take-i8", &[4, 8, 12, 16][..]), ("resample-i8", &[4, 8, 12, 16, 20]), ("resample-f32", &[4, 20])]
    {
        for &at in fields {
            assert_eq!(parameter(name, at, &none), LoadRule::Shape, "{name}, field at {at}");
        }
        assert_eq!(parameter(name, 0, &[1]), LoadRule::ConstantRange, "{name}: no table begins there");
        assert_eq!(parameter(name, 0, &[255; 4]), LoadRule::ConstantRange, "{name}: behind all constants");
    }
    // Indices beyond the axis, and a zero point that no code has.
    for name in ["take-f32", "resample-i8", "resample-f32"] {
        let mut program = program(name);
        program.weights[..4].copy_from_slice(&3u32.to_le_bytes());
        assert_eq!(broken(&program).0, LoadRule::Parameter, "{name}");
    }
    assert_eq!(parameter("resample-i8", 24, &[128, 0]), LoadRule::Parameter);
    assert_eq!(parameter("resample-f32", 24, &[1]), LoadRule::Parameter);
    for at in (8..32).step_by(4) {
        assert_eq!(parameter("resize-bilinear-i8", at, &none), LoadRule::Shape, "field at {at}");
    }
    for at in [0, 4] {
        assert_eq!(parameter("resize-bilinear-i8", at, &[2]), LoadRule::ConstantRange);
    }
    for (at, number) in [(0, 2), (4, -1), (8, 2049), (8, -1025)] {
        let mut program = program("resize-bilinear-i8");
        program.weights[at..at + 4].copy_from_slice(&i32::to_le_bytes(number));
        assert_eq!(broken(&program).0, LoadRule::Parameter, "{number} at {at}");
    }
}

#[test]
fn rearranging_over_itself() {
    // The output begins behind the input.
    let program = program("rearrange-i8");
    let input = kinglet_blob::Operators::new(&program.operators[0], 0).next().expect("one record");
    let places = input.split().expect("operands").0;
    let (from, to) = (places.input(0).expect("one").offset, places.output(0).expect("one").offset);
    assert!(from < to);
    for offset in [from, from + 1, from + 23] {
        assert_eq!(placed("rearrange-i8", 1, &offset.to_le_bytes()), LoadRule::ArenaOverlap, "{offset}");
    }
}

#[test]
fn shape_that_does_not_fit() {
    // Channels that groups do not divide; a multiplier that does not give the output's channels.
    assert_eq!(parameter("conv2d-i8", conv::GROUPS, &[2]), LoadRule::Shape);
    assert_eq!(parameter("conv2d-f32", conv::GROUPS, &[4]), LoadRule::Shape);
    assert_eq!(parameter("depthwise-i8", conv::GROUPS, &[3]), LoadRule::Shape);
    assert_eq!(parameter("depthwise-f32", conv::GROUPS, &[1]), LoadRule::Shape);
    assert_eq!(parameter("transpose-conv-i8", conv::GROUPS, &[2]), LoadRule::Shape);
    assert_eq!(parameter("asymmetric-conv2d-i8", conv::GROUPS, &[2]), LoadRule::Shape);
    // Transposed windows are not dilated.
    for name in ["transpose-conv-i8", "transpose-conv-f32", "transpose-conv-i16"] {
        assert_eq!(parameter(name, conv::DILATION, &[2, 1]), LoadRule::Shape, "{name}");
        assert_eq!(parameter(name, conv::DILATION, &[1, 2]), LoadRule::Shape, "{name}");
    }
    // A pool that changes the number of channels, or has groups.
    for name in ["average-pool-i8", "average-pool-f32", "average-pool-i16", "max-pool-i8", "max-pool-f32"] {
        assert_eq!(parameter(name, 10, &[2]), LoadRule::Shape, "{name}");
        assert_eq!(parameter(name, 22, &[3]), LoadRule::Shape, "{name}");
    }
}

#[test]
fn parameter_of_a_layer() {
    for name in ["conv2d-i8", "depthwise-i8", "transpose-conv-i8", "asymmetric-conv2d-i8"] {
        assert_eq!(parameter(name, conv::MIN, &[121]), LoadRule::Parameter, "{name}: min > max");
        assert_eq!(parameter(name, conv::FLAGS, &[4]), LoadRule::Parameter, "{name}: a flag that does not exist");
        assert_eq!(parameter(name, conv::RESERVED, &[1]), LoadRule::Parameter, "{name}");
        assert_eq!(parameter(name, conv::RESERVED + 1, &[1]), LoadRule::Parameter, "{name}");
        for shift in [-32i8, 31, 127, -128] {
            assert_eq!(parameter(name, conv::SHIFT_BASE, &[shift as u8]), LoadRule::Parameter, "{name}: {shift}");
        }
    }
    for name in ["conv2d-i8 channel-pairs", "depthwise-i8 four-halfword-planes"] {
        assert_eq!(parameter(name, conv::SHIFT_BASE, &[0]), LoadRule::Parameter, "{name}");
    }
    // A base within the range to which the channels add.
    assert_eq!(parameter("fully-connected-i8", 16, &[30]), LoadRule::Parameter);
}

#[test]
fn short_tables() {
    // Where LayerQuant stands in the record.
    let names = [
        ("conv2d-i8 short tables", 28),
        ("depthwise-i8 short tables, 2-bit", 28),
        ("fully-connected-i8 short tables", 16),
    ];
    for (name, quant) in names {
        let [flags, bias_shift] = [5, 6].map(|at| quant + at);
        let sound = program(name);
        assert!(is_sound(&sound), "{name}");
        let with = |at: usize, value: &[u8]| {
            let mut program = sound.clone();
            let at = parameters(&program.operators[0]) + at;
            program.operators[0][at..at + value.len()].copy_from_slice(value);
            program
        };
        assert_eq!(broken(&with(bias_shift, &[16, 0])).0, LoadRule::Parameter, "{name}");
        assert_eq!(broken(&with(bias_shift, &[0, 1])).0, LoadRule::Parameter, "{name}");
        assert!(is_sound(&with(bias_shift, &[15, 0])), "{name}");
        // Without short biases there is nothing to shift, and 128 alone is another layout.
        assert_eq!(broken(&with(flags, &[128])).0, LoadRule::Parameter, "{name}");
        assert_eq!(broken(&with(flags, &[0])).0, LoadRule::Parameter, "{name}");
        for shift_base in [-32i8, 31, 127, -128] {
            assert_eq!(broken(&with(quant, &[shift_base as u8])).0, LoadRule::Parameter, "{name}: {shift_base}");
        }
        // Shifts of short words are looked at: with 30 some reach 31.
        assert_eq!(broken(&with(quant, &[30])).0, LoadRule::Parameter, "{name}");
        // Scratch has to have room for both tables.
        let mut small = sound.clone();
        small.arena_bytes -= 20;
        assert!(!is_sound(&small), "{name}");
    }
    // Operators that do not lengthen them.
    for (name, quant) in [("asymmetric-conv2d-i8", 28), ("transpose-conv-i8", 28)] {
        assert_eq!(parameter(name, quant + 5, &[64]), LoadRule::Parameter, "{name}");
        assert_eq!(parameter(name, quant + 6, &[1]), LoadRule::Parameter, "{name}");
    }
}

#[test]
fn parameter_of_a_layer_on_int16() {
    // Where LayerQuantI16 stands in the record.
    for (name, quant) in
        [("conv2d-i16", 28), ("depthwise-i16", 28), ("transpose-conv-i16", 28), ("fully-connected-i16", 16)]
    {
        let [shift_base, flags, min, reserved] = [0, 1, 2, 6].map(|at| quant + at);
        assert_eq!(parameter(name, min, &31_001i16.to_le_bytes()), LoadRule::Parameter, "{name}: min > max");
        assert_eq!(parameter(name, flags, &[16]), LoadRule::Parameter, "{name}: a flag that does not exist");
        assert_eq!(parameter(name, reserved, &[1]), LoadRule::Parameter, "{name}");
        assert_eq!(parameter(name, reserved + 1, &[1]), LoadRule::Parameter, "{name}");
        for shift in [-32i8, 15, 31, 127, -128] {
            assert_eq!(parameter(name, shift_base, &[shift as u8]), LoadRule::Parameter, "{name}: {shift}");
        }
    }
    // Sums of 32 bits may be shifted further to the left.
    let mut twice = program("conv2d-i16 rounded twice");
    let at = parameters(&twice.operators[0]) + 28;
    twice.operators[0][at] = 20;
    assert!(is_sound(&twice));
    assert_eq!(parameter("conv2d-i16 rounded twice", 28, &[31]), LoadRule::Parameter);
    // Upper halves of biases that are not there.
    assert_eq!(parameter("conv2d-i16", 29, &[8]), LoadRule::ConstantRange);
}

#[test]
fn parameter_of_a_hybrid_layer() {
    let name = "hybrid-conv2d zero points";
    assert_eq!(parameter(name, 28, &700.0f32.to_le_bytes()), LoadRule::Parameter, "min > max");
    assert_eq!(parameter(name, 28, &f32::NAN.to_le_bytes()), LoadRule::Parameter);
    for flag in [2, 4, 8, 64, 128] {
        assert_eq!(parameter(name, 36, &[16 | flag]), LoadRule::Parameter, "a flag that does not exist");
    }
    for at in 37..40 {
        assert_eq!(parameter(name, at, &[1]), LoadRule::Parameter, "reserved");
    }
    // No packing but row-major, no storage that does not exist.
    assert_eq!(patched(name, 2, &[1]), LoadRule::PackingNotRunnable);
    assert_eq!(patched(name, 3, &[4]), LoadRule::PackingNotRunnable);
    // Scales, weights and zero points that are not there.
    let mut cut = program(name);
    let end = cut.weights.len() - 1;
    cut.weights.truncate(end / 4 * 4);
    assert_eq!(broken(&cut).0, LoadRule::ConstantRange);
    assert_eq!(parameter("hybrid-conv2d", conv::GROUPS, &[2]), LoadRule::Shape);
}

#[test]
fn parameter_of_a_pool_of_int16() {
    for name in ["average-pool-i16", "max-pool-i16"] {
        assert_eq!(parameter(name, 24, &10_001i16.to_le_bytes()), LoadRule::Parameter, "{name}: min > max");
    }
}

#[test]
fn parameter_of_a_requantization() {
    for name in ["requantize", "requantize to int8", "requantize from int8"] {
        assert_eq!(parameter(name, 4, &(-1i32).to_le_bytes()), LoadRule::Parameter, "{name}");
        assert_eq!(parameter(name, 8, &[31]), LoadRule::Parameter, "{name}: shift");
        assert_eq!(parameter(name, 8, &[224]), LoadRule::Parameter, "{name}: shift");
        assert_eq!(parameter(name, 11, &[1]), LoadRule::Parameter, "{name}: reserved");
    }
    // int16 and int32 have no zero point.
    assert_eq!(parameter("requantize from int32 to int8", 9, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("requantize from int8 to int32", 10, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("requantize", 9, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("requantize", 10, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("quantize to int16", 8, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("dequantize-i16", 8, &[1]), LoadRule::Parameter);
    // From int8 to int8 is a table, to floats another operator, and floats are not made of floats.
    let int8 = kinglet_blob::DType::I8 as u8;
    let float = kinglet_blob::DType::F32 as u8;
    assert_eq!(patched("requantize from int8", 7, &[int8]), LoadRule::Operands);
    assert_eq!(patched("requantize", 7, &[float]), LoadRule::Operands);
    assert_eq!(patched("requantize from int32", 7, &[kinglet_blob::DType::I32 as u8]), LoadRule::Operands);
    assert_eq!(patched("quantize to int16", 7, &[float]), LoadRule::Operands);
}

#[test]
fn parameter_of_an_addition_of_int16() {
    for at in [12, 16, 20] {
        assert_eq!(parameter("add-i16", at, &(-1i32).to_le_bytes()), LoadRule::Parameter);
        assert_eq!(parameter("mul-i16", at, &(-1i32).to_le_bytes()), LoadRule::Parameter);
    }
    for at in [24, 25, 26] {
        assert_eq!(parameter("add-i16", at, &[1]), LoadRule::Parameter, "factors are below one");
        assert_eq!(parameter("add-i16", at, &[224]), LoadRule::Parameter);
    }
    assert_eq!(parameter("add-i16", 27, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("add-i16", 28, &31_001i16.to_le_bytes()), LoadRule::Parameter);
    assert_eq!(placed("add-i16", 1, &[49]), LoadRule::ArenaAlignment);
}

#[test]
fn parameter_of_a_float_clamp() {
    let nan = f32::NAN.to_le_bytes();
    let fields = [
        ("conv2d-f32", 28),
        ("depthwise-f32", 28),
        ("transpose-conv-f32", 28),
        ("fully-connected-f32", 16),
        ("average-pool-f32", 24),
        ("max-pool-f32", 24),
        ("add-f32", 12),
        ("mul-f32", 12),
        ("clamp-f32", 4),
        ("logistic-f32", 4),
        ("tanh-f32", 4),
    ];
    for (name, min) in fields {
        assert_eq!(parameter(name, min, &nan), LoadRule::Parameter, "{name}: min is NaN");
        assert_eq!(parameter(name, min + 4, &nan), LoadRule::Parameter, "{name}: max is NaN");
        let upside_down = [1.0f32.to_le_bytes(), 0.5f32.to_le_bytes()].concat();
        assert_eq!(parameter(name, min, &upside_down), LoadRule::Parameter, "{name}: min > max");
    }
}

#[test]
fn parameter_of_other_operators() {
    let minus = (-1i32).to_le_bytes();
    // Binary: three multipliers, three shifts, clamp.
    for at in [12, 16, 20] {
        assert_eq!(parameter("add-i8", at, &minus), LoadRule::Parameter);
    }
    for at in [24, 25, 26] {
        assert_eq!(parameter("mul-i8", at, &[31]), LoadRule::Parameter);
        assert_eq!(parameter("mul-i8", at, &[224]), LoadRule::Parameter);
    }
    assert_eq!(parameter("add-i8", 30, &[111]), LoadRule::Parameter);
    // Pool: clamp, zeros.
    assert_eq!(parameter("max-pool-i8", 24, &[101]), LoadRule::Parameter);
    assert_eq!(parameter("average-pool-i8", 26, &[1]), LoadRule::Parameter);
    assert_eq!(parameter("average-pool-i8", 27, &[1]), LoadRule::Parameter);
    // Mean: multiplier, shift, zero.
    assert_eq!(parameter("mean-i8", 12, &minus), LoadRule::Parameter);
    assert_eq!(parameter("mean-i8", 16, &[31]), LoadRule::Parameter);
    assert_eq!(parameter("mean-i8", 19, &[1]), LoadRule::Parameter);
    // Softmax: multiplier, shift, limit of differences.
    assert_eq!(parameter("softmax-i8", 8, &minus), LoadRule::Parameter);
    assert_eq!(parameter("softmax-i8", 12, &[32]), LoadRule::Parameter);
    assert_eq!(parameter("softmax-i8", 16, &1i32.to_le_bytes()), LoadRule::Parameter);
    // Conversions: scale, zero point.
    for name in ["quantize", "dequantize"] {
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(parameter(name, 4, &scale.to_le_bytes()), LoadRule::Parameter, "{name}: {scale}");
        }
        for zero_point in [128i32, -129, i32::MAX] {
            assert_eq!(parameter(name, 8, &zero_point.to_le_bytes()), LoadRule::Parameter, "{name}");
        }
    }
}

#[test]
fn constants_shared_without_end() {
    // Factors with extra shifts are looked at one by one. A thousand records that share a thousand of them would
    // make loading take the square of the blob's length.
    let mut program = Program::new("shared");
    let (input, output) = (program.memory(1), program.memory(1000));
    program.input(DType::I8, &[1], input);
    program.output(DType::I8, &[1000], output);
    let factors = kinglet_test_blobs::Factors { extra: true, ..Default::default() };
    let row_major = kinglet_kernels::packing::Packing::RowMajor;
    program.fully_connected_i8(input, output, [1, 1, 1000], row_major, factors);
    let mut writer = program.writer().clone();
    let record = writer.operators[0].clone();
    // The layer alone, and a few that share its constants, are fine.
    writer.operators = vec![record.clone(); 8];
    assert!(is_sound(&writer));
    writer.operators = vec![record; 1000];
    assert_eq!(broken(&writer).0, LoadRule::ConstantRange);
}
