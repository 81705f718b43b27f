//! Real models in stripes: the outputs are the oracle's to the bit, and arenas are as small as they have been.

mod shared;

use std::path::{Path, PathBuf};

use kinglet_quantize::compile::{CompileError, Compiled, Options, compile_file};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::sample;
use kinglet_quantize::stripe::Ram;
use kinglet_quantize::target::Target;
use shared::shared;

const TARGETS: [Target; 4] = [Target::Portable, Target::CortexM3, Target::CortexM4, Target::CortexM55];

fn compile(path: &Path, target: Target, ram: Option<Ram>) -> Result<Compiled, CompileError> {
    compile_file(path, &Options { target, ram, golden: 1, ..Options::default() }, &mut |_| {})
}

/// The outputs of the golden vectors' inputs, by the vector's name.
fn outputs(compiled: &Compiled) -> Vec<(&'static str, Vec<u8>)> {
    let len = compiled.graph.value(compiled.graph.inputs[0].value).len();
    let is_float = compiled.report.arithmetic == "float32";
    let bytes = |codes: Vec<i8>| -> Vec<u8> {
        match is_float {
            true => codes.into_iter().flat_map(|code| (f32::from(code) / 128.0).to_le_bytes()).collect(),
            false => codes.into_iter().map(|code| code as u8).collect(),
        }
    };
    let vectors = [("ramp", sample::ramp(len)), ("lcg1", sample::lcg(1, len)), ("lcg2", sample::lcg(2, len))];
    let output = |codes: Vec<i8>| with_session(&compiled.blob, |session| infer(session, &[bytes(codes)]));
    vectors.map(|(name, codes)| (name, output(codes).expect("runs").concat())).to_vec()
}

/// Compares outputs with the golden files `{stem}.{vector}.out.bin`. Those of float models are near ours only.
fn check_golden(compiled: &Compiled, stem: &Path) {
    for (vector, output) in outputs(compiled) {
        let golden = stem.with_extension(format!("{vector}.out.bin"));
        let expected = std::fs::read(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        let is_float = compiled.report.arithmetic == "float32";
        assert!(is_float || output == expected, "{}", golden.display());
    }
}

/// Whole, as small as possible, and a size between: each fits, and no bit changes.
fn check_sizes(path: &Path, stem: &Path) {
    for target in TARGETS {
        let name = format!("{} for {}", stem.display(), target.name());
        let whole = compile(path, target, None).expect("compiles");
        assert!(whole.report.stripes.is_none());
        check_golden(&whole, stem);
        let expected = outputs(&whole);
        let least = compile(path, target, Some(Ram::Least)).expect("compiles");
        let (most, least) = (whole.report.arena_bytes, least.report.arena_bytes);
        for bytes in [least, least.midpoint(most), most] {
            let fitted = compile(path, target, Some(Ram::Bytes(bytes))).expect("compiles");
            assert!(fitted.report.arena_bytes <= bytes, "{name}");
            assert_eq!(fitted.report.stripes.is_some(), bytes < most, "{name}, {bytes} bytes");
            assert_eq!(fitted.report.macs, whole.report.macs, "{name}, {bytes} bytes: nothing is computed twice");
            assert_eq!(fitted.report.weight_bytes, whole.report.weight_bytes, "{name}, {bytes} bytes");
            assert_eq!(outputs(&fitted), expected, "{name}, {bytes} bytes");
            if bytes == most {
                assert_eq!(&*fitted.blob, &*whole.blob, "{name}: what fits is left as it is");
            }
        }
    }
}

#[test]
fn models_of_the_project_keep_every_bit() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/models"));
    for name in ["digits_int8", "tiny_int8", "tiny_float"] {
        let stem = if name == "tiny_float" { name } else { name.trim_end_matches("_int8") };
        check_sizes(&folder.join(format!("{name}.tflite")), &folder.join(stem));
    }
}

#[test]
fn shared_models_keep_every_bit() {
    for name in ["ic", "vww", "kws", "sww"] {
        let Some(path) = shared(&format!("models/{name}_int8.tflite")) else { return };
        let Some(golden) = shared("models/golden") else { return };
        check_sizes(&path, &golden.join(name));
    }
}

/// Working memory that a model fits for a target, and the most operators that may cost.
const FITS: [(&str, Target, usize, usize); 8] = [
    ("ic", Target::Portable, 28_000, 4),
    ("ic", Target::Portable, 24_000, 21),
    ("ic", Target::Portable, 18_200, 153),
    ("ic", Target::CortexM4, 28_000, 8),
    ("ic", Target::CortexM4, 20_000, 153),
    ("vww", Target::Portable, 28_000, 38),
    ("vww", Target::CortexM4, 40_000, 8),
    ("vww", Target::CortexM4, 28_200, 76),
];

#[test]
fn models_fit_what_they_have_fitted() {
    for (name, target, bytes, operators) in FITS {
        let Some(path) = shared(&format!("models/{name}_int8.tflite")) else { return };
        let case = format!("{name} for {} in {bytes} bytes", target.name());
        let report = compile(&path, target, Some(Ram::Bytes(bytes))).unwrap_or_else(|e| panic!("{case}: {e}")).report;
        let stripes = report.stripes.expect("stripes");
        assert!(stripes.operators_added <= operators, "{case}: {} operators more", stripes.operators_added);
        assert_eq!(stripes.macs_recomputed, 0, "{case}");
    }
}

#[test]
fn what_does_not_fit_says_what_would() {
    let Some(path) = shared("models/ic_int8.tflite") else { return };
    let error = compile(&path, Target::Portable, Some(Ram::Bytes(9_000))).expect_err("too small").to_string();
    assert!(error.contains("does not fit 9000 bytes") && error.contains("use --ram"), "{error}");
}
