//! Gather, Scatter and Rank: which rows there are, types of operands, and where they are.

use kinglet_blob::{DType, Operand};

use super::*;

/// Where the bytes of types stand in a record.
const TYPES: usize = 6;

#[test]
fn places_of_tuples() {
    for name in ["gather-i8", "scatter-i8"] {
        assert_eq!(parameter(name, 24, &[0]), LoadRule::Shape, "{name}: no index");
        assert_eq!(parameter(name, 24, &[5]), LoadRule::Shape, "{name}: more than there are extents");
        assert_eq!(parameter(name, 8, &[2]), LoadRule::Shape, "{name}: an extent that no index names");
        for field in [0, 4, 20, 28, 32] {
            assert_eq!(parameter(name, field, &[0; 4]), LoadRule::Shape, "{name}: nothing at {field}");
            assert_eq!(parameter(name, field, &[0, 0, 1, 0]), LoadRule::ArenaRange, "{name}: much at {field}");
        }
        for fields in [[0, 4], [4, 20], [20, 32], [28, 32], [0, 28]] {
            let mut large = program(name);
            let start = parameters(&large.operators[0]);
            fields.iter().for_each(|at| large.operators[0][start + at..][..4].copy_from_slice(&[0, 0, 1, 0]));
            assert_eq!(broken(&large).0, LoadRule::Shape, "{name}: {fields:?}");
        }
    }
}

#[test]
fn updates() {
    assert_eq!(parameter("scatter-i32", 36, &[5]), LoadRule::Parameter);
    assert_eq!(parameter("scatter-i32", 37, &[1]), LoadRule::Parameter);
    for name in ["scatter-i8", "scatter-i16", "scatter-u8", "scatter-bool"] {
        assert_eq!(parameter(name, 36, &[1]), LoadRule::Parameter, "{name}: codes are not added");
    }
}

#[test]
fn types_of_rows() {
    for (name, count) in [("gather-i8", 3), ("scatter-i8", 4)] {
        for index in 1..count {
            let wrong = if index == 1 { DType::F32 } else { DType::U8 };
            assert_eq!(patched(name, TYPES + index, &[wrong as u8]), LoadRule::Operands, "{name}, operand {index}");
        }
        assert_eq!(patched(name, TYPES + 1, &[DType::I32 as u8 | 3 << 4]), LoadRule::Operands, "{name}: elsewhere");
        let constant = Operand::CONSTANTS << 4;
        assert_eq!(patched(name, TYPES + count - 1, &[constant]), LoadRule::Operands, "{name}: no constant is written");
    }
    assert_eq!(patched("rank-f32", TYPES + 1, &[DType::F32 as u8]), LoadRule::Operands, "an index is no float");
}

#[test]
fn places_of_rows() {
    for (name, output) in [("gather-f32", 2), ("scatter-f32", 3)] {
        for index in 0..output {
            assert_eq!(placed(name, index, &[1, 0, 0, 0]), LoadRule::ArenaAlignment, "{name}, operand {index}");
            assert_eq!(placed(name, index, &[0, 0, 0, 1]), LoadRule::ArenaRange, "{name}, operand {index}");
            let record = &program(name).operators[0];
            let place = record[operand(record, index)..][..4].to_vec();
            assert_eq!(placed(name, output, &place), LoadRule::ArenaOverlap, "{name}, over operand {index}");
        }
    }
    assert_eq!(placed("gather table", 0, &[0, 0, 1, 0]), LoadRule::ConstantRange);
    assert_eq!(placed("scatter constant", 1, &[0, 0, 1, 0]), LoadRule::ConstantRange);
    assert_eq!(placed("scatter constant", 1, &[2, 0, 0, 0]), LoadRule::ConstantRange, "not a multiple of four");
}

#[test]
fn ranks() {
    assert_eq!(parameter("rank-i8", 12, &[10]), LoadRule::Shape, "more than there are");
    assert_eq!(parameter("rank-i8", 12, &[0]), LoadRule::Shape, "none");
    for (at, value) in [(16, 2), (17, 2), (18, 1), (19, 1)] {
        assert_eq!(parameter("rank-i8", at, &[value]), LoadRule::Parameter, "byte {at}");
    }
    assert_eq!(placed("rank-f32", 0, &[2, 0, 0, 0]), LoadRule::ArenaAlignment);
    assert_eq!(placed("rank-i8", 1, &[2, 0, 0, 0]), LoadRule::ArenaAlignment);
    assert_eq!(placed("rank-i8", 1, &[0; 4]), LoadRule::ArenaOverlap);
    assert_eq!(parameter("rank-i8", 0, &[0, 0, 1, 0]), LoadRule::ArenaRange);
    assert_eq!(parameter("rank-i8", 0, &[0, 0, 0, 0xF0]), LoadRule::Shape);
}
