//! What a record of Map may say.

use kinglet::LoadRule;
use kinglet_blob::MapFunction;

use super::{is_sound, parameter, parameters, placed, program};

#[test]
fn parameter_of_a_function() {
    let (number, zero) = (1.5f32.to_le_bytes(), 0.0f32.to_le_bytes());
    // The first tag that no function has, and the bytes behind it.
    assert_eq!(parameter("map-f32 exp", 4, &[MapFunction::ALL.len() as u8]), LoadRule::Parameter);
    assert_eq!(parameter("map-f32 exp", 4, &[255]), LoadRule::Parameter);
    for at in 5..8 {
        assert_eq!(parameter("map-f32 exp", at, &[1]), LoadRule::Parameter);
    }
    // Parameters that a function does not have are zero, and not the other zero.
    for at in [8, 12] {
        for value in [number, (-0.0f32).to_le_bytes()] {
            assert_eq!(parameter("map-f32 exp", at, &value), LoadRule::Parameter);
        }
    }
    assert_eq!(parameter("map-f32 leaky-relu", 12, &number), LoadRule::Parameter);
    // Those that it has are finite.
    for (name, at) in [("map-f32 leaky-relu", 8), ("map-f32 elu", 8), ("map-f32 elu", 12)] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(parameter(name, at, &value.to_le_bytes()), LoadRule::Parameter, "{name}: {value}");
        }
        let mut other = program(name);
        let start = parameters(&other.operators[0]) + at;
        other.operators[0][start..start + 4].copy_from_slice(&zero);
        assert!(is_sound(&other), "{name}: any finite number");
    }
}

#[test]
fn parameter_of_a_function_of_int16() {
    let of = |function: &str, at: usize, bytes: &[u8]| parameter(&format!("map-i16 {function}"), at, bytes);
    assert_eq!(of("Abs", 4, &[6]), LoadRule::Parameter, "a function that does not exist");
    assert_eq!(of("Abs", 7, &[1]), LoadRule::Parameter, "what is reserved");
    assert_eq!(of("Abs", 16, &32_000i16.to_le_bytes()), LoadRule::Parameter, "min above max");
    let (one, minus) = (1i32.to_le_bytes(), (-1i32).to_le_bytes());
    // Factors are not negative, and those that a function does not have are zero.
    for (function, at) in [("Rescale", 8), ("Rescale", 12), ("Abs", 8), ("Logistic", 8), ("Tanh", 8)] {
        assert_eq!(of(function, at, &minus), LoadRule::Parameter, "{function}: factor at {at}");
    }
    for (function, at) in [("Abs", 12), ("Rsqrt", 12), ("Logistic", 12), ("Table", 8), ("Table", 12)] {
        assert_eq!(of(function, at, &one), LoadRule::Parameter, "{function}: factor at {at}");
    }
    for (function, at, shift) in [("Rescale", 5, 31), ("Rescale", 6, -32), ("Rsqrt", 5, -12), ("Logistic", 5, 1)] {
        assert_eq!(of(function, at, &[shift as u8]), LoadRule::Parameter, "{function}: shift {shift}");
    }
    assert_eq!(of("Tanh", 8, &(1i32 << 15).to_le_bytes()), LoadRule::Parameter, "a multiplier of more than 15 bits");
    assert_eq!(of("Abs", 20, &4u32.to_le_bytes()), LoadRule::Parameter, "a table of a function without");
    for offset in [1u32 << 20, 2] {
        assert_eq!(of("Table", 20, &offset.to_le_bytes()), LoadRule::ConstantRange, "a table at {offset}");
    }
    assert_eq!(of("Abs", 0, &[0; 4]), LoadRule::Shape);
    assert_eq!(placed("map-i16 Abs", 0, &[1]), LoadRule::ArenaAlignment);
}

#[test]
fn parameter_of_a_softmax_of_int16() {
    assert_eq!(parameter("softmax-i16", 8, &(-1i32).to_le_bytes()), LoadRule::Parameter);
    for shift in [16i32, -32] {
        assert_eq!(parameter("softmax-i16", 12, &shift.to_le_bytes()), LoadRule::Parameter);
    }
    assert_eq!(parameter("softmax-i16", 16, &(1u32 << 20).to_le_bytes()), LoadRule::ConstantRange);
    for at in [0, 4] {
        assert_eq!(parameter("softmax-i16", at, &[0; 4]), LoadRule::Shape);
    }
    assert_eq!(placed("softmax-i16", 0, &[1]), LoadRule::ArenaAlignment);
}
