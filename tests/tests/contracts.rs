//! Rules that loading does not look at and `kinglet verify` does: sound blobs keep them, and each broken by itself is
//! found.

use std::collections::BTreeSet;

use kinglet_blob::Blob;
use kinglet_quantize::contract::{self, Broken};
use kinglet_quantize::program::PlacedOperator;
use kinglet_test_blobs::Program;
use kinglet_test_blobs::programs::{every_opcode, in_place};

fn check(program: &Program) -> Result<(), Broken> {
    let bytes = program.blob_without_golden();
    contract::check(&Blob::parse(&bytes).expect("a sound structure"))
}

/// Replaces the program's first record.
fn change(program: &mut Program, change: impl FnOnce(&mut PlacedOperator)) {
    let bytes = program.blob_without_golden();
    let blob = Blob::parse(&bytes).expect("a sound structure");
    let mut operator = PlacedOperator::read(&blob.operators().next().expect("an operator")).expect("a known one");
    change(&mut operator);
    program.writer_mut().operators[0] = operator.bytes();
}

#[test]
fn what_kernels_promise_to_bear_is_accepted_and_one_element_more_is_not() {
    let mut tightest = 0;
    for mut program in in_place() {
        assert_eq!(check(&program), Ok(()), "{}", program.name());
        // Layers lie over their operands as far as they may, others may lie where the operand is.
        let is_layer = ["conv", "depthwise", "fully", "pool"].iter().any(|word| program.name().contains(word));
        tightest += usize::from(is_layer);
        change(&mut program, |operator| {
            let (input, output) = (operator.operands.inputs[0].offset, &mut operator.operands.outputs[0]);
            let from = if is_layer { output.offset } else { input };
            output.offset = from + output.dtype.size_bytes() as u32;
        });
        let broken = check(&program).expect_err(program.name());
        assert!(broken.what.contains("overwrites what is still to be read"), "{}: {broken}", program.name());
    }
    assert!(tightest > 15, "{tightest}");
}

#[test]
fn random_layers_are_exact() {
    for program in every_opcode() {
        assert_eq!(check(&program), Ok(()), "{}", program.name());
    }
}

/// Programs that are not exact once all their constants' words are `word`.
fn broken_by(change_weights: impl Fn(&mut [u8])) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for mut program in every_opcode() {
        change_weights(&mut program.writer_mut().weights);
        if let Err(broken) = check(&program) {
            assert!(broken.what.contains("kernels are exact"), "{}: {broken}", program.name());
            names.insert(program.name().to_owned());
        }
    }
    names
}

#[test]
fn biases_beyond_a_packing_are_found() {
    // The first channel's bias, and for four-channels the chunk length stays as it was.
    let names = broken_by(|weights| {
        if let Some(bias) = weights.first_chunk_mut() {
            *bias = i32::MAX.to_le_bytes();
        }
    });
    for name in [
        "conv2d-i8 channel-pairs",
        "conv2d-i8 four-channels",
        "conv2d-i8 unsigned-rows-20",
        "conv2d-i8 unsigned-rows-23",
        "fully-connected-i8 channel-pairs-by-four",
        "fully-connected-i8 eight-channels-unsigned",
        "fully-connected-i8 four-channels-unsigned",
        "depthwise-i8 four-pair-planes",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    for name in ["conv2d-i8", "conv2d-i8 four-by-sixteen", "fully-connected-i8", "depthwise-i8"] {
        assert!(!names.contains(name), "{name} takes any bias");
    }
}

#[test]
fn weights_that_a_packing_excludes_are_found() {
    let names = broken_by(|weights| {
        // The last weight of each of them.
        let at = weights.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        if let Some(weight) = weights.get_mut(at) {
            *weight = 0x80;
        }
    });
    for name in ["depthwise-i8 row-major-symmetric", "conv2d-i8 channel-pairs, per tensor"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert!(!names.contains("conv2d-i8") && !names.contains("depthwise-i8"), "{names:?}");
}
