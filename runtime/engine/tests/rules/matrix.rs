//! Rules that records of reductions over any axes and of products of matrices can break.

use super::*;

#[test]
fn parameter_of_a_reduction() {
    assert_eq!(parameter("reduce-f32 Sum", 28, &[7]), LoadRule::Parameter, "a kind that does not exist");
    for at in 29..32 {
        assert_eq!(parameter("reduce-f32 Sum", at, &[1]), LoadRule::Parameter, "zero at {at}");
    }
    for name in ["reduce-i8 Sum", "reduce-i16 Mean"] {
        assert_eq!(parameter(name, 28, &(-1i32).to_le_bytes()), LoadRule::Parameter, "{name}: multiplier");
        for shift in [31i8, -32, 127, -128] {
            assert_eq!(parameter(name, 32, &[shift as u8]), LoadRule::Parameter, "{name}: shift {shift}");
        }
        for kind in [4, 5, 6, 7, 255] {
            assert_eq!(parameter(name, 33, &[kind]), LoadRule::Parameter, "{name}: kind {kind}");
        }
    }
}

#[test]
fn parameter_of_a_function_along_an_axis() {
    assert_eq!(parameter("along-f32 Rms", 16, &[11]), LoadRule::Parameter, "a function that does not exist");
    for at in 17..20 {
        assert_eq!(parameter("along-f32 Rms", at, &[1]), LoadRule::Parameter, "zero at {at}");
    }
    for epsilon in [-0.5, f32::NAN, f32::INFINITY] {
        assert_eq!(parameter("along-f32 Standard", 12, &epsilon.to_le_bytes()), LoadRule::Parameter, "{epsilon}");
    }
    for at in [0, 4, 8] {
        assert_eq!(parameter("along-f32 Softmax", at, &[0; 4]), LoadRule::Shape, "field at {at}");
    }
    assert_eq!(placed("along-f32 L1", 0, &[2]), LoadRule::ArenaAlignment);
}

#[test]
fn parameter_of_a_function_along_an_axis_of_codes() {
    for tag in [0, 1, 2, 4, 6, 11] {
        assert_eq!(parameter("along-i8 L2", 26, &[tag]), LoadRule::Parameter, "int8 has no function {tag}");
    }
    for at in [27, 30, 31] {
        assert_eq!(parameter("along-i8 L2", at, &[1]), LoadRule::Parameter, "zero at {at}");
    }
    // What a function has no use for is zero.
    let (one, minus) = (1i32.to_le_bytes(), (-1i32).to_le_bytes());
    for (name, at) in [("L2", 16), ("L2", 20), ("L2", 12), ("SumUpTo", 20), ("SumUpTo", 12), ("LogSoftmax", 12)] {
        assert_eq!(parameter(&format!("along-i8 {name}"), at, &one), LoadRule::Parameter, "{name}: field at {at}");
    }
    for (name, at) in [("L2", 29), ("LogSoftmax", 28), ("LogSoftmax", 29)] {
        assert_eq!(parameter(&format!("along-i8 {name}"), at, &[1]), LoadRule::Parameter, "{name}: zero point");
    }
    for at in [16, 20] {
        assert_eq!(parameter("along-i8 LogSoftmax", at, &minus), LoadRule::Parameter, "factor at {at}");
    }
    for at in [24, 25] {
        assert_eq!(parameter("along-i8 LogSoftmax", at, &[31]), LoadRule::Parameter, "shift at {at}");
    }
    for at in [0, 4, 8] {
        assert_eq!(parameter("along-i8 SumFrom", at, &[0; 4]), LoadRule::Shape, "field at {at}");
    }
}

#[test]
fn parameter_of_a_product() {
    for at in [64, 68] {
        assert_eq!(parameter("mat-mul-f32", at, &f32::NAN.to_le_bytes()), LoadRule::Parameter, "clamp at {at}");
    }
    let minus = (-1i32).to_le_bytes();
    for name in ["mat-mul-i8", "mat-mul-i16"] {
        assert_eq!(parameter(name, 64, &minus), LoadRule::Parameter, "{name}: multiplier");
        for shift in [31i8, -32, 127, -128] {
            assert_eq!(parameter(name, 68, &[shift as u8]), LoadRule::Parameter, "{name}: shift {shift}");
        }
        for at in [74, 75] {
            assert_eq!(parameter(name, at, &[1]), LoadRule::Parameter, "{name}: zero at {at}");
        }
    }
    assert_eq!(parameter("mat-mul-i8", 72, &[111]), LoadRule::Parameter, "min > max");
    assert_eq!(parameter("mat-mul-i16", 68, &[15]), LoadRule::Parameter, "sums of 64 bits are shifted less");
    assert_eq!(parameter("mat-mul-i16", 69, &[1]), LoadRule::Parameter, "zero");
    assert_eq!(parameter("mat-mul-i16", 70, &31_001i16.to_le_bytes()), LoadRule::Parameter, "min > max");
}

#[test]
fn products_that_reach_too_far() {
    // Strides along the batch, the rows and the columns of both factors.
    for at in [32, 36, 40, 52, 56, 60] {
        let stride = |stride: u32| parameter("mat-mul-f32", at, &stride.to_le_bytes());
        assert_eq!(stride(u32::MAX), LoadRule::Shape, "stride at {at}");
        assert_eq!(stride(1 << 20), LoadRule::ArenaRange, "stride at {at}");
    }
    // Along axes of one matrix they do not count.
    for at in [24, 28, 44, 48] {
        let mut program = program("mat-mul-i8");
        let start = parameters(&program.operators[0]);
        program.operators[0][start + at..][..4].fill(255);
        assert!(is_sound(&program), "stride at {at}");
    }
    for [rows, columns] in [[1 << 16, 1 << 16], [u32::MAX, 2]] {
        let mut program = program("mat-mul-i8");
        let start = parameters(&program.operators[0]);
        program.operators[0][start + 12..][..4].copy_from_slice(&rows.to_le_bytes());
        program.operators[0][start + 20..][..4].copy_from_slice(&columns.to_le_bytes());
        // Their strides are 0, so that only the result is too large.
        program.operators[0][start + 24..][..40].fill(0);
        assert_eq!(broken(&program).0, LoadRule::Shape, "{rows} by {columns}");
    }
}

#[test]
fn operands_of_a_product() {
    // Both factors constant.
    let mut program = program("mat-mul-f32 constant");
    program.operators[0][6] |= 0xF0;
    assert_eq!(broken(&program).0, LoadRule::Operands);
    let mut elsewhere = self::program("mat-mul-i8");
    elsewhere.operators[0][7] |= 0x30;
    assert_eq!(broken(&elsewhere).0, LoadRule::Operands);
}
