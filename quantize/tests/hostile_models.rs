//! No file makes the importers panic, hang or take memory out of proportion.
//!
//! Every truncation and many seeded mutations of small files of both formats, and of a real one when the
//! shared models are there. What is accepted is optimized too: a graph that got in must not break a pass.

#[path = "../src/import/onnx/tests/writer.rs"]
#[allow(dead_code)] // Not every test file needs every part of the writers.
mod onnx_writer;
mod shared;
#[path = "../src/import/tflite/tests/writer.rs"]
#[allow(dead_code)]
mod tflite_writer;

use kinglet_quantize::import::{Kind, from_bytes};
use kinglet_quantize::pass::optimize;
use kinglet_tract::FloatReference;
use onnx_writer::{Attr, Onnx};
use peak_alloc::PeakAlloc;
use shared::shared;

/// Counts what the whole test process holds at its worst moment.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The files have a few kilobytes. Two tests run at once, so this is far from what one import takes.
const MEMORY_PEAK_MB_MAX: f32 = 256.0;

const MUTATION_COUNT: u32 = 20_000;

fn small_onnx() -> Vec<u8> {
    Onnx::new(13)
        .floats("w", &[4, 2, 3, 3], &[0.5; 72])
        .floats("p", &[4], &[1.0, 0.5, 2.0, 0.25])
        .floats("dense", &[16, 3], &[0.25; 48])
        .ints("shape", &[2], &[0, -1])
        .input("x", &[0, 2, 4, 4])
        .node("Conv", &["x", "w"], "a", &[("pads", Attr::Ints(&[1, 1, 1, 1])), ("strides", Attr::Ints(&[2, 2]))])
        .node("BatchNormalization", &["a", "p", "p", "p", "p"], "b", &[("epsilon", Attr::Float(0.01))])
        .node("Clip", &["b"], "c", &[])
        .node("MaxPool", &["c"], "d", &[("kernel_shape", Attr::Ints(&[1, 1]))])
        .node("Shape", &["d"], "s", &[])
        .node("Reshape", &["d", "shape"], "e", &[])
        .node("MatMul", &["e", "dense"], "f", &[])
        .node("Softmax", &["f"], "y", &[("axis", Attr::Int(1))])
        .output("y")
        .bytes()
}

/// The file, and a real one when the shared models are there.
fn tflite_files() -> Vec<Vec<u8>> {
    let mut files = vec![tflite_writer::small_network()];
    if let Some(path) = shared("models/hello_int8.tflite") {
        files.push(std::fs::read(path).expect("it exists"));
    }
    files
}

/// Imports, and optimizes what was accepted; true when it was. The point is that it comes back.
fn try_import(bytes: &[u8], kind: Kind) -> bool {
    match from_bytes(bytes, kind, "hostile") {
        Ok(mut graph) => {
            // A well-formed graph may have meaningless numbers; it must not become ill-formed.
            if let Err(error) = optimize(&mut graph) {
                assert!(!matches!(error, kinglet_quantize::pass::PassError::Broken { .. }), "{error}");
            }
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

struct Numbers(u32);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 4) as usize % bound
    }
}

/// Overwrites, removes or doubles a few bytes; with numbers that lie at the edges of ranges most of all.
fn mutated(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9));
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + 1 + numbers.below(8)).min(bytes.len());
        match numbers.below(8) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            2 => bytes[at] = numbers.below(256) as u8,
            3 => bytes[at] ^= 1 << numbers.below(8),
            4 => bytes[at..end].fill(0xff),
            5 => bytes[at..end].fill(0),
            6 => bytes[at] = bytes[at].wrapping_add(1),
            _ => bytes[at] = [0x7f, 0x80, 0x01, 0x04][numbers.below(4)],
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Every truncation, then the mutations; gives how many mutations were accepted.
fn assault(bytes: &[u8], kind: Kind) -> u32 {
    assert!(try_import(bytes, kind), "the file itself is good");
    for len in 0..bytes.len() {
        try_import(&bytes[..len], kind);
    }
    let mut accepted = 0;
    for seed in 0..MUTATION_COUNT {
        let bytes = mutated(bytes, seed);
        let outcome = std::panic::catch_unwind(|| try_import(&bytes, kind));
        match outcome {
            Ok(taken) => accepted += u32::from(taken),
            Err(_) => panic!("mutation {seed} of a {kind:?} file of {} bytes", bytes.len()),
        }
    }
    assert!(MEMORY.peak_usage_as_mb() < MEMORY_PEAK_MB_MAX, "{} MB", MEMORY.peak_usage_as_mb());
    accepted
}

#[test]
fn damaged_tflite_files() {
    for bytes in tflite_files() {
        let accepted = assault(&bytes, Kind::Tflite);
        // Neither all nor none: the mutations get past the first checks and are not all harmless.
        assert!((MUTATION_COUNT / 50..MUTATION_COUNT).contains(&accepted), "{accepted} accepted");
    }
}

#[test]
fn damaged_onnx_files() {
    let accepted = assault(&small_onnx(), Kind::Onnx);
    assert!((MUTATION_COUNT / 50..MUTATION_COUNT).contains(&accepted), "{accepted} accepted");
}

#[test]
fn the_float_reference_survives_what_the_importer_accepts() {
    let (bytes, mut ran) = (small_onnx(), 0);
    for seed in 0..2000 {
        let bytes = mutated(&bytes, seed);
        if from_bytes(&bytes, Kind::Onnx, "hostile").is_err() {
            continue;
        }
        let Ok(reference) = FloatReference::from_onnx(&bytes, 1) else { continue };
        let inputs: Vec<kinglet_tract::Tensor> = reference
            .input_shapes()
            .iter()
            .map(|shape| kinglet_tract::Tensor { shape: shape.clone(), data: vec![0.5; shape.iter().product()] })
            .collect();
        ran += u32::from(reference.run(&inputs).is_ok());
    }
    assert!(ran > 100, "{ran} ran");
}

#[test]
fn a_file_of_nothing_but_lengths() {
    // Vectors and messages that claim more than there is, at every width.
    for fill in [0x00u8, 0x01, 0x0a, 0x3a, 0x7f, 0x80, 0xff] {
        for len in [0, 1, 7, 8, 64, 4096] {
            let mut bytes = vec![fill; len];
            try_import(&bytes, Kind::Onnx);
            if len >= 8 {
                bytes[4..8].copy_from_slice(b"TFL3");
            }
            assert!(!try_import(&bytes, Kind::Tflite));
        }
    }
}
