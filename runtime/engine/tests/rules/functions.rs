//! What a record of Map may say.

use kinglet::LoadRule;
use kinglet_blob::MapFunction;

use super::{is_sound, parameter, parameters, program};

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
