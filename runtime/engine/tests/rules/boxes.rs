//! Suppress and Detect: numbers of boxes, thresholds, and where they are.

use kinglet_blob::Operand;

use super::*;

#[test]
fn thresholds_and_scales() {
    let nan = f32::NAN.to_le_bytes();
    for (name, fields) in [("suppress", [16, 20]), ("detect", [24, 28])] {
        fields.iter().for_each(|&at| assert_eq!(parameter(name, at, &nan), LoadRule::Parameter, "{name}: {at}"));
    }
    for bad in [nan, 0f32.to_le_bytes(), f32::INFINITY.to_le_bytes()] {
        for at in [32, 36, 40, 44] {
            assert_eq!(parameter("detect", at, &bad), LoadRule::Parameter, "scale at {at}");
        }
    }
    for (name, at) in [("suppress", 24), ("detect", 48)] {
        assert_eq!(parameter(name, at, &[2]), LoadRule::Parameter, "{name}: no truth value");
        assert_eq!(parameter(name, at + 1, &[1]), LoadRule::Parameter, "{name}: reserved");
    }
}

#[test]
fn numbers_of_boxes() {
    for (name, fields) in [("suppress", &[0, 4, 8, 12][..]), ("detect", &[0, 4, 8, 12, 16, 20])] {
        for &at in fields {
            assert_eq!(parameter(name, at, &[0; 4]), LoadRule::Shape, "{name}: none at {at}");
        }
        for &at in fields.iter().filter(|&&at| name == "suppress" || ![8, 20].contains(&at)) {
            assert_eq!(parameter(name, at, &[0, 0, 1, 0]), LoadRule::ArenaRange, "{name}: many at {at}");
            assert_eq!(parameter(name, at, &[255; 4]), LoadRule::Shape, "{name}: more than 32 bits count at {at}");
        }
    }
    assert_eq!(parameter("detect", 8, &[5]), LoadRule::Shape, "more classes than scores");
}

#[test]
fn places_of_boxes() {
    for (name, output) in [("suppress", 2), ("detect", 3)] {
        for index in 0..2 {
            assert_eq!(placed(name, index, &[1, 0, 0, 0]), LoadRule::ArenaAlignment, "{name}, operand {index}");
            assert_eq!(placed(name, index, &[0, 0, 0, 1]), LoadRule::ArenaRange, "{name}, operand {index}");
            let record = &program(name).operators[0];
            let place = record[operand(record, index)..][..4].to_vec();
            assert_eq!(placed(name, output, &place), LoadRule::ArenaOverlap, "{name}, over operand {index}");
        }
        let types = program(name).operators[0][6..].to_vec();
        for index in 0..=output {
            assert_eq!(
                patched(name, 6 + index, &[0]),
                if index == 0 { LoadRule::UnknownOperator } else { LoadRule::Operands },
                "{name}, {index}"
            );
        }
        let constant = types[output] | Operand::CONSTANTS << 4;
        assert_eq!(patched(name, 6 + output, &[constant]), LoadRule::Operands, "{name}: no constant is written");
    }
    assert_eq!(placed("detect", 2, &[0, 0, 1, 0]), LoadRule::ConstantRange);
}
