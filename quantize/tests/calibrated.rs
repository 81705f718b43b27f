//! A float model whose widths and heights grow on the way, as floats and calibrated to int8: every target's kernels give
//! the same bits. What is right, to some decibels, its case says (`tests/cases/conv_transpose_*`).

use std::path::{Path, PathBuf};

use kinglet_quantize::compile::{Options, compile_file};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::ir::DType;
use kinglet_quantize::sample;
use kinglet_quantize::target::Target;

/// Every target that has kernels of its own, and so packings that the host emulates.
const TARGETS: [Target; 5] =
    [Target::Portable, Target::CortexM0, Target::CortexM3, Target::CortexM4, Target::CortexM55];
const VECTORS: u32 = 8;

/// The outputs' bytes for pseudo-random inputs.
fn outputs(target: Target, calibration: Option<PathBuf>) -> Vec<Vec<u8>> {
    let model = folder().join("model.onnx");
    let dtype = if calibration.is_some() { DType::I8 } else { DType::F32 };
    let options = Options { target, calibration, ..Options::default() };
    let compiled = compile_file(&model, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let input = compiled.graph.value(compiled.graph.inputs[0].value);
    assert_eq!(input.dtype, dtype);
    let run = |vector| {
        let codes = sample::lcg(vector, input.len());
        let bytes = match dtype {
            DType::F32 => codes.into_iter().flat_map(|code| (f32::from(code) / 32.0).to_le_bytes()).collect(),
            _ => codes.into_iter().map(|code| code as u8).collect(),
        };
        with_session(&compiled.blob, |session| infer(session, &[bytes])).expect("runs").concat()
    };
    (1..=VECTORS).map(run).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/conv_transpose_calibrated")
}

#[test]
fn a_widening_model_gives_the_same_bits_on_every_target() {
    for calibration in [None, Some(folder().join("calib.npy"))] {
        let expected = outputs(Target::Portable, calibration.clone());
        assert!(expected.windows(2).all(|pair| pair[0] != pair[1]), "the inputs make no difference");
        for target in TARGETS {
            let found = outputs(target, calibration.clone());
            assert!(found == expected, "{} with {calibration:?}", target.name());
        }
    }
}
