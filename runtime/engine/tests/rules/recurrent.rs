//! Recurrent: extents, tags, bounds, constants, and where states are.

use kinglet_blob::Operand;

use super::*;

const NAME: &str = "recurrent-f32";

/// Byte offsets of parameters.
const CONSTANTS: usize = 0;
const EXTENTS: [usize; 4] = [4, 8, 12, 16];
const CLIP: usize = 20;
const CELL: usize = 24;
const FUNCTIONS: [usize; 3] = [25, 26, 27];
const FLAGS: usize = 28;
const RESERVED: [usize; 3] = [29, 30, 31];

#[test]
fn tags_and_bounds() {
    for clip in [f32::NAN, 0.0, -0.0, -1.0] {
        assert_eq!(parameter(NAME, CLIP, &clip.to_le_bytes()), LoadRule::Parameter, "bound {clip}");
    }
    for at in FUNCTIONS.into_iter().chain([CELL]) {
        assert_eq!(parameter(NAME, at, &[4]), LoadRule::Parameter, "tag at {at}");
    }
    for at in RESERVED {
        assert_eq!(parameter(NAME, at, &[1]), LoadRule::Parameter, "reserved byte {at}");
    }
    assert_eq!(parameter(NAME, FLAGS, &[32]), LoadRule::Parameter, "a flag that is not known");
    // Sequence, cell state, states at first: a cell of one state has no cell state.
    assert_eq!(parameter(NAME, CELL, &[0]), LoadRule::Shape);
}

#[test]
fn extents() {
    for at in EXTENTS {
        assert_eq!(parameter(NAME, at, &[0; 4]), LoadRule::Shape, "nothing at {at}");
        assert_eq!(parameter(NAME, at, &[255; 4]), LoadRule::Shape, "more than 32 bits count at {at}");
    }
    // More steps or sequences want memory, wider ones constants.
    assert_eq!(parameter(NAME, EXTENTS[0], &[0, 0, 1, 0]), LoadRule::ArenaRange);
    assert_eq!(parameter(NAME, EXTENTS[1], &[0, 0, 1, 0]), LoadRule::ArenaRange);
    assert_eq!(parameter(NAME, EXTENTS[2], &[0, 0, 1, 0]), LoadRule::ConstantRange);
    assert_eq!(parameter(NAME, EXTENTS[3], &[0, 4, 0, 0]), LoadRule::ConstantRange);
    assert_eq!(parameter(NAME, CONSTANTS, &[2, 0, 0, 0]), LoadRule::ConstantRange, "not at a multiple of 4");
    assert_eq!(parameter(NAME, CONSTANTS, &[0, 0, 1, 0]), LoadRule::ConstantRange);
}

#[test]
fn places() {
    for index in 0..4 {
        assert_eq!(placed(NAME, index, &[1, 0, 0, 0]), LoadRule::ArenaAlignment, "operand {index}");
        assert_eq!(placed(NAME, index, &[0, 0, 0, 1]), LoadRule::ArenaRange, "operand {index}");
        // The result is longer than what is behind the scratch memory.
        for other in (0..4).filter(|other| *other != index && (index, *other) != (2, 3)) {
            let record = &program(NAME).operators[0];
            let place = record[operand(record, other)..][..4].to_vec();
            assert_eq!(placed(NAME, index, &place), LoadRule::ArenaOverlap, "operand {index} over {other}");
        }
    }
    let types = program(NAME).operators[0][6..].to_vec();
    for index in [0, 2] {
        let constant = types[index] | Operand::CONSTANTS << 4;
        assert_eq!(patched(NAME, 6 + index, &[constant]), LoadRule::Operands, "operand {index} is no constant");
    }
    let mut constant = program(NAME);
    let record = &mut constant.operators[0];
    record[7] |= Operand::CONSTANTS << 4;
    let at = operand(record, 1);
    record[at..at + 4].copy_from_slice(&[0; 4]);
    assert!(is_sound(&constant), "states at first may be constants");
}

const CODES: &str = "recurrent-i8";

#[test]
fn int8() {
    for at in [12, 16, 20, 24] {
        assert_eq!(parameter(CODES, at, &[0; 4]), LoadRule::Shape, "nothing at {at}");
        assert_eq!(parameter(CODES, at, &[255; 4]), LoadRule::Shape, "more than 32 bits count at {at}");
    }
    for at in [0, 4, 8] {
        assert_eq!(parameter(CODES, at, &[2, 0, 0, 0]), LoadRule::ConstantRange, "constants at {at}");
        assert_eq!(parameter(CODES, at, &[0, 0, 1, 0]), LoadRule::ConstantRange, "constants at {at}");
    }
    for quant in [28, 36] {
        assert_eq!(parameter(CODES, quant, &[127]), LoadRule::Parameter, "shifts");
        assert_eq!(parameter(CODES, quant + 1, &[0]), LoadRule::Parameter, "sums of 64 bits");
        assert_eq!(parameter(CODES, quant + 2, &[1]), LoadRule::Parameter, "a lower clamp");
        assert_eq!(parameter(CODES, quant + 6, &[1]), LoadRule::Parameter, "reserved");
    }
    for factor in 0..3 {
        assert_eq!(parameter(CODES, 44 + 4 * factor, &[255; 4]), LoadRule::Parameter, "multiplier {factor}");
        assert_eq!(parameter(CODES, 56 + factor, &[100]), LoadRule::Parameter, "shift {factor}");
    }
    for (at, bad, what) in [
        (59, 1, "units of the cell state"),
        (59, 240, "units of the cell state"),
        (61, 255, "bound of the cell state"),
        (63, 2, "a GRU whose reset stands before the product"),
        (63, 4, "no cell"),
        (64, 3, "no function"),
        (67, 8, "a cell state in the result"),
        (67, 16, "states at first"),
        (67, 32, "no flag"),
    ] {
        assert_eq!(parameter(CODES, at, &[bad]), LoadRule::Parameter, "{what}");
    }
    let scratch = program(CODES).operators[0][operand(&program(CODES).operators[0], 2)..][..4].to_vec();
    assert_eq!(placed(CODES, 0, &scratch), LoadRule::ArenaOverlap);
    assert_eq!(placed(CODES, 2, &[1, 0, 0, 0]), LoadRule::ArenaAlignment);
    let output = program(CODES).operators[0][operand(&program(CODES).operators[0], 1)..][..4].to_vec();
    assert_eq!(placed(CODES, 0, &output), LoadRule::ArenaOverlap);
}
