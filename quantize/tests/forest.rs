//! Trees in integers: forests of `tests/cases` and of `examples`, calibrated, decide what their float forms decide.

use std::path::{Path, PathBuf};

use kinglet::Model;
use kinglet_quantize::compile::{Compiled, Options, compile_file};
use kinglet_quantize::data::npy::{Array, read_arrays};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::report::ForestLine;
use kinglet_quantize::target::Target;
use kinglet_quantize::tensor::ports;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn compiled(model: &Path, calibration: PathBuf, arrays: Option<Vec<Array>>, target: Target) -> Compiled {
    let calibration = Some(calibration);
    let options = Options { calibration, calibration_arrays: arrays, golden: 2, target, ..Options::default() };
    compile_file(model, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{}: {error}", model.display()))
}

/// Samples of a case without the rows that miss a feature, which calibration refuses.
fn samples(case: &str) -> Vec<Array> {
    let path = root().join("tests/cases").join(case).join("in0.npy");
    let arrays = read_arrays(&path).unwrap_or_else(|error| panic!("{error}"));
    let columns = arrays[0].shape[1];
    let reals = arrays[0].to_f32();
    let rows = reals.chunks(columns).filter(|row| !row.iter().any(|real| real.is_nan()));
    let rows: Vec<f32> = rows.flatten().copied().collect();
    vec![Array::of_reals("x".into(), vec![rows.len() / columns, columns], &rows)]
}

/// What compiling a case says of its trees, when they are in integers and no operator of the blob computes on floats.
fn line_of(case: &str) -> ForestLine {
    let folder = root().join("tests/cases").join(case);
    let compiled = compiled(&folder.join("model.onnx"), folder.join("in0.npy"), Some(samples(case)), Target::Portable);
    let model = Model::from_bytes(&compiled.blob).expect("loads");
    let features: Vec<&str> = model.blob().features().collect();
    assert!(features.contains(&"trees-i16"), "{case}: {features:?}");
    assert!(!features.iter().any(|name| name.ends_with("f32") || name.contains("quantize-f")), "{case}: {features:?}");
    assert_eq!(compiled.report.arithmetic, "int16", "{case}");
    compiled.report.forest.expect("trees in integers")
}

#[test]
fn forests_of_converters_decide_the_same() {
    for case in [
        "classical_forest_boosted_integers",
        "classical_forest_boosted_texts",
        "classical_forest_rows_integers",
        "classical_forest_rows_texts",
        "classical_forest_two_boosted_integers",
        "classical_forest_two_of_second_integers",
        "classical_forest_two_probabilities_integers",
        "classical_tree_ensemble_sum",
        "classical_trees_leq_sum",
        "classical_trees_lt_sum",
    ] {
        let line = line_of(case);
        assert!(line.samples > 0 && line.changed == 0, "{case}: {line:?}");
        assert!(line.error_max < 2e-3, "{case}: {line:?}");
    }
}

#[test]
fn what_has_no_integer_form_stays_on_floats_and_says_why() {
    for (case, why) in [
        ("classical_trees_eq_sum", "equal to a number"),
        ("classical_trees_mix_max", "stay on floats"),
        ("classical_forest_softmax_zero_integers", "stay on floats"),
    ] {
        let folder = root().join("tests/cases").join(case);
        let compiled =
            compiled(&folder.join("model.onnx"), folder.join("in0.npy"), Some(samples(case)), Target::Portable);
        assert!(compiled.report.forest.is_none(), "{case}");
        assert!(compiled.warnings.iter().any(|warning| warning.contains(why)), "{case}: {:?}", compiled.warnings);
    }
}

#[test]
fn the_example_has_the_same_bits_on_every_target() {
    let folder = root().join("examples/vibration");
    let answers = |target| {
        let compiled = compiled(&folder.join("model.onnx"), folder.join("test.npz"), None, target);
        let line = compiled.report.forest.expect("trees in integers");
        assert!(line.samples == 500 && line.changed <= 1, "{line:?}");
        let run = |seed: i16| {
            with_session(&compiled.blob, |session| {
                let len = ports(session.model()).0[0].len() as i16;
                let codes = (0..len).flat_map(|at| (at.wrapping_mul(7919).wrapping_mul(seed)).to_le_bytes()).collect();
                infer(session, &[codes])
            })
        };
        (1..20).map(|seed| run(seed).expect("runs")).collect::<Vec<_>>()
    };
    let expected = answers(Target::Portable);
    assert!(expected.windows(2).any(|pair| pair[0] != pair[1]), "the inputs make no difference");
    for target in [Target::CortexM0, Target::CortexM4, Target::CortexM55] {
        assert_eq!(answers(target), expected, "{}", target.name());
    }
}
