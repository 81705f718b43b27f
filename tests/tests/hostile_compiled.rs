//! Hostile bytes, once more, on blobs that the compiler makes of whole models: a few kilobytes each.
//!
//! `runtime/engine/tests/hostile.rs` does the same to blobs made by hand, with overflow checks; these have what
//! compiled blobs have besides: a manifest, a certificate, planned memory, packed weights.

use kinglet_quantize::compile::{Compiled, Options, compile_file};
use kinglet_quantize::target::Target;
use kinglet_test_blobs::damage::{fix_checksums, flip, mutate};
use kinglet_test_blobs::{AlignedBlob, Random, Tally};
use kinglet_tests::tree::root;

const ARENA_BYTES_MAX: usize = 1 << 16;

fn compiled(path: &str, calibration: Option<&str>, target: Target) -> AlignedBlob {
    let calibration = calibration.map(|path| root().join(path));
    let options = Options { target, calibration, golden: 1, ..Options::default() };
    let Compiled { blob, .. } =
        compile_file(&root().join(path), &options, &mut |_| ()).unwrap_or_else(|error| panic!("{path}: {error}"));
    AlignedBlob::copy_of(&blob)
}

/// The smallest model, from each format, in each element type, in both packings.
fn blobs() -> Vec<(&'static str, AlignedBlob)> {
    let (onnx, calibration) = ("examples/tiny/model.onnx", Some("examples/tiny/calib.npz"));
    let int8 = "tests/golden/models/tiny_int8.tflite";
    vec![
        ("tiny.onnx, int8", compiled(onnx, calibration, Target::Portable)),
        ("tiny.onnx, float", compiled(onnx, None, Target::Portable)),
        ("tiny_int8.tflite, cortex-m4", compiled(int8, None, Target::CortexM4)),
    ]
}

fn new_tally() -> Tally {
    Tally::new(ARENA_BYTES_MAX)
}

/// Cuts the blob at every byte and flips every bit: all must be refused.
fn all_damage_is_an_error(name: &str, blob: &AlignedBlob) {
    let mut random = Random::new(1);
    let mut truncations = new_tally();
    for len in 0..blob.len() {
        truncations.exercise(&AlignedBlob::copy_of(&blob[..len]), &mut random);
    }
    truncations.print("truncations");
    assert_eq!(truncations.refusals(), blob.len(), "{name}");

    let mut flips = new_tally();
    let mut damaged = blob.clone();
    for bit in 0..8 * blob.len() {
        flip(&mut damaged, bit);
        flips.exercise(&damaged, &mut random);
        flip(&mut damaged, bit);
    }
    flips.print("flips");
    assert_eq!(flips.refusals(), 8 * blob.len(), "{name}");
}

/// Flips every bit, and damages at random, behind checksums that are right: refused, or run to the end.
fn hidden_damage_is_harmless(name: &str, blob: &AlignedBlob) {
    let mut random = Random::new(1);
    let mut damaged = blob.clone();
    let mut flips = new_tally();
    for bit in 0..8 * blob.len() {
        damaged.copy_from_slice(blob);
        flip(&mut damaged, bit);
        fix_checksums(&mut damaged);
        flips.exercise(&damaged, &mut random);
    }
    flips.print("flips, made right");
    assert!(flips.ran > 0 && flips.refusals() > 0, "{name}: damage must reach both sides");

    let mut tally = new_tally();
    println!("seeds 1..5001");
    for seed in 1..5001 {
        damaged.copy_from_slice(blob);
        let mut random = Random::new(seed);
        mutate(&mut damaged, &mut random);
        fix_checksums(&mut damaged);
        tally.exercise(&damaged, &mut random);
    }
    tally.print("random damage, made right");
}

#[test]
fn small_blobs_survive_all_damage() {
    for (name, blob) in blobs() {
        println!("{name}: {} bytes", blob.len());
        let mut sound = new_tally();
        sound.exercise(&blob, &mut Random::new(1));
        assert_eq!(sound.ran, 1, "{name}");
        all_damage_is_an_error(name, &blob);
        hidden_damage_is_harmless(name, &blob);
    }
}

#[test]
fn no_damaged_bit_of_a_larger_blob_escapes() {
    let blob = compiled("tests/golden/models/digits_int8.tflite", None, Target::Portable);
    println!("digits_int8.tflite: {} bytes", blob.len());
    all_damage_is_an_error("digits_int8.tflite", &blob);
}
