//! Combine, Select and Cast: functions, types, and operands that repeat.

use kinglet_blob::{DType, Function, Operand};

use super::*;

/// Where the bytes of types stand in a record.
const TYPES: usize = 6;

#[test]
fn functions_and_types() {
    for name in ["combine-f32", "combine-i32", "combine-bool"] {
        assert_eq!(parameter(name, 0, &[200]), LoadRule::Parameter, "{name}");
    }
    for name in ["combine-f32", "combine-i32"] {
        assert_eq!(parameter(name, 0, &[Function::Equal as u8]), LoadRule::Operands, "{name} is no truth value");
    }
    assert_eq!(parameter("combine-f32", 0, &[Function::And as u8]), LoadRule::Parameter);
    assert_eq!(parameter("combine-bool", 0, &[Function::Add as u8]), LoadRule::Parameter);
    assert_eq!(parameter("combine-f32", 28, &f32::NAN.to_le_bytes()), LoadRule::Parameter);
    assert_eq!(parameter("select", 0, &[1]), LoadRule::Parameter);
    for name in ["combine-f32", "combine-i32", "combine-bool", "select"] {
        let types = program(name).operators[0][TYPES..].to_vec();
        let count = if name == "select" { 4 } else { 3 };
        for (index, other) in (1..count).zip(types.iter().skip(1)) {
            let wrong = if *other == DType::U8 as u8 { DType::I8 } else { DType::U8 };
            assert_eq!(patched(name, TYPES + index, &[wrong as u8]), LoadRule::Operands, "{name}, operand {index}");
            let elsewhere = other & 15 | 3 << 4;
            assert_eq!(patched(name, TYPES + index, &[elsewhere]), LoadRule::Operands, "{name}, operand {index}");
        }
        let result = types[count - 1] | Operand::CONSTANTS << 4;
        assert_eq!(patched(name, TYPES + count - 1, &[result]), LoadRule::Operands, "{name}: no constant is written");
    }
}

#[test]
fn repeats() {
    for name in ["combine-f32", "combine-i32", "combine-bool", "select"] {
        let inner = 1 << 5;
        assert_eq!(parameter(name, 1, &[inner; 3]), LoadRule::Shape, "{name}: all repeat");
        assert_eq!(parameter(name, 1, &[1 << 6]), LoadRule::Shape, "{name}: there is no seventh axis");
        assert_eq!(parameter(name, 4, &[0]), LoadRule::Shape, "{name}: empty");
    }
    assert_eq!(parameter("combine-f32", 3, &[1]), LoadRule::Shape, "there is no third operand");
}

#[test]
fn places() {
    for (name, output, misaligned) in [("combine-f32", 2, 0), ("combine-i32", 2, 1), ("select", 3, 1)] {
        assert_eq!(placed(name, misaligned, &[1, 0, 0, 0]), LoadRule::ArenaAlignment, "{name}");
        let over_first = &program(name).operators[0][operand(&program(name).operators[0], 1)..][..4].to_vec();
        assert_eq!(placed(name, output, over_first), LoadRule::ArenaOverlap, "{name}");
        assert_eq!(placed(name, 0, &[0, 0, 0, 1]), LoadRule::ArenaRange, "{name}");
    }
    assert_eq!(placed("combine-f32 constant", 0, &[0, 1, 0, 0]), LoadRule::ConstantRange);
    assert_eq!(placed("combine-f32 constant", 0, &[2, 0, 0, 0]), LoadRule::ConstantRange, "not a multiple of four");
    assert_eq!(placed("select constant", 2, &[0, 1, 0, 0]), LoadRule::ConstantRange);
    assert_eq!(placed("cast", 1, &[0; 4]), LoadRule::ArenaOverlap);
    assert_eq!(placed("cast", 0, &[2, 0, 0, 0]), LoadRule::ArenaAlignment);
}
