//! Elimination on real int8 models: what it removes, and that every golden output bit stays.

mod interpreter;
mod shared;

use kinglet_quantize::import;
use kinglet_quantize::ir::Graph;
use kinglet_quantize::pass::{eliminate, optimize};
use kinglet_quantize::sample;
use shared::shared;

/// The model as the compiler sees it before elimination.
fn load(name: &str) -> Option<Graph> {
    let path = shared(&format!("models/{name}_int8.tflite"))?;
    let mut graph = import::load(&path).unwrap_or_else(|error| panic!("{error}"));
    optimize(&mut graph).unwrap_or_else(|error| panic!("{error}"));
    Some(graph)
}

/// The golden vectors' inputs, which their names define.
fn inputs(graph: &Graph) -> [(&'static str, Vec<i8>); 3] {
    let len = graph.value(graph.inputs[0].value).len();
    [("ramp", sample::ramp(len)), ("lcg1", sample::lcg(1, len)), ("lcg2", sample::lcg(2, len))]
}

/// The model's golden output for a vector.
fn golden(name: &str, vector: &str) -> Option<Vec<i8>> {
    let path = shared(&format!("models/golden/{name}.{vector}.out.bin"))?;
    let bytes = std::fs::read(path).expect("readable");
    Some(bytes.into_iter().map(|byte| byte as i8).collect())
}

/// Eliminates, checks the outputs of both graphs against the golden ones, and returns the report.
fn check(name: &str) -> Option<eliminate::EliminationReport> {
    let graph = load(name)?;
    let mut smaller = graph.clone();
    let report = eliminate::eliminate(&mut smaller).expect("a valid graph");
    for (vector, input) in inputs(&graph) {
        let Some(expected) = golden(name, vector) else { continue };
        for (graph, which) in [(&graph, "before"), (&smaller, "after")] {
            let outputs = interpreter::outputs(graph, core::slice::from_ref(&input));
            assert_eq!(outputs[0], expected, "{name} {vector} {which} elimination");
        }
    }
    let (before, after) = (report.before(), report.after());
    println!(
        "{name}: {} MACs to {}, {} weight bytes to {}",
        before.macs, after.macs, before.weight_bytes, after.weight_bytes
    );
    Some(report)
}

#[test]
fn visual_wake_words_halves() {
    let Some(report) = check("vww") else { return };
    let (before, after) = (report.before(), report.after());
    assert!((7_480_000..7_500_000).contains(&before.macs), "{before:?}");
    assert!((3_700_000..3_760_000).contains(&after.macs), "{after:?}");
    assert!((205_000..212_000).contains(&before.weight_bytes), "{before:?}");
    assert!((28_000..32_000).contains(&after.weight_bytes), "{after:?}");
}

#[test]
fn dense_models_stay_as_they_are() {
    for name in ["kws", "ic", "ad", "sww", "hello"] {
        let Some(report) = check(name) else { continue };
        let removed = 1.0 - report.after().macs as f64 / report.before().macs as f64;
        assert!(removed < 0.05, "{name}: {removed}");
    }
}
