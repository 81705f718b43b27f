//! Weights at zero, on the project's own models: how often blobs of them decide as the float models do, on data that
//! calibration has not seen.

mod examples;

use examples::{compared, example};
use kinglet_quantize::compile::{CompileError, Compiled, Options, compile_file};
use kinglet_quantize::ir::{Elements, Graph};
use kinglet_quantize::shrink::{Bits, Wish};

fn tried(model: &str, change: impl FnOnce(&mut Options)) -> Result<Compiled, CompileError> {
    let path = example(model);
    let mut options = Options { calibration: Some(path.with_file_name("calib.npz")), ..Options::default() };
    change(&mut options);
    compile_file(&path, &options, &mut |_| {})
}

fn sparse(model: &str, percent: f64) -> Compiled {
    tried(model, |options| options.sparsity = Some(percent)).unwrap_or_else(|error| panic!("{error}"))
}

/// Weights of layers, and those of them that are zero.
fn zeros(graph: &Graph) -> [usize; 2] {
    let weights = graph.nodes.iter().filter_map(|node| graph.value(*node.inputs.get(1)?).elements.as_ref());
    let codes = weights.filter_map(|elements| if let Elements::I8(codes) = elements { Some(codes) } else { None });
    codes.fold([0; 2], |[all, zeros], codes| {
        [all + codes.len(), zeros + codes.iter().filter(|code| **code == 0).count()]
    })
}

/// What was measured is 99.3 % and 28.2 dB for the digits, 96.6 % and 18.3 dB for the gestures.
#[test]
fn models_with_half_of_their_weights_decide_as_the_float_models_do() {
    for (model, agreement) in [("digits/model.onnx", 0.985), ("gesture/model.tflite", 0.95)] {
        let compiled = sparse(model, 50.0);
        let found = compared(model, &compiled);
        assert!(found.agreement >= agreement, "{model}: {} {:?}", found.agreement, found.sqnr_db);
        let report = compiled.report.sparse.as_ref().expect("zeros");
        assert!(report.zeros * 1000 >= report.weights * 499 && report.zeros * 100 <= report.weights * 55, "{report:?}");
        // What the report says is what the graph has; whole channels may have gone besides.
        let [all, zeros] = zeros(&compiled.graph);
        assert!(all <= report.weights && zeros <= report.zeros && zeros * 10 >= all * 4, "{all} {zeros} {report:?}");
        assert!(report.layers.iter().any(|layer| layer.zeros * report.weights != report.zeros * layer.weights));
        assert!(report.layers.iter().all(|layer| (0.0..0.5).contains(&layer.loss)), "{report:?}");
        let text = compiled.report.to_string();
        assert!(text.contains("\n  zeros      50."), "{text}");
    }
}

#[test]
fn zeros_that_are_left_out_change_bytes_and_no_output() {
    let model = "digits/model.onnx";
    let with = |leave_out_zeros: bool| {
        let change = |options: &mut Options| {
            (options.sparsity, options.leave_out_zeros) = (Some(50.0), leave_out_zeros);
        };
        tried(model, change).unwrap_or_else(|error| panic!("{error}"))
    };
    let [without, whole] = [with(true), with(false)];
    // 8,656 and 11,776 bytes.
    assert!(without.blob.len() * 10 < whole.blob.len() * 8, "{} {}", without.blob.len(), whole.blob.len());
    let [without, whole] = [without, whole].map(|compiled| compared(model, &compiled));
    assert_eq!((without.agreement, without.sqnr_db), (whole.agreement, whole.sqnr_db));
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let blob = || sparse("gesture/model.tflite", 30.0).blob;
    assert_eq!(*blob(), *blob());
}

#[test]
fn zeros_go_with_given_bits_and_not_with_a_choice_of_them() {
    let with =
        |bits: Bits| tried("gesture/model.tflite", |options| (options.sparsity, options.bits) = (Some(40.0), bits));
    let four = with(Bits::All(kinglet_kernels::packing::Storage::Bits4)).unwrap_or_else(|error| panic!("{error}"));
    let [all, zeros] = zeros(&four.graph);
    assert!(zeros * 100 >= all * 35, "{zeros} of {all}");
    let problem = with(Bits::Mixed(Wish::default())).err().map(|error| error.to_string());
    assert!(problem.as_deref().is_some_and(|problem| problem.contains("use --bits 8")), "{problem:?}");
}
