//! Layers that go over time.

use super::import;
use super::writer::{Attr, Onnx};
use crate::calibrate::{EngineRunner, Runner};
use crate::import::{ImportError, Kind, from_bytes};
use crate::ir::interpret;
use crate::ir::sketch::assert_close;
use crate::pass::optimize;

fn problem(onnx: Onnx) -> String {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "test") {
        Err(ImportError::Unsupported { mut problems, .. }) => problems.remove(0).problem,
        other => panic!("expected refusals, found {other:?}"),
    }
}

/// Numbers that differ.
fn numbers(len: usize, step: usize) -> Vec<f32> {
    (0..len).map(|index| ((index * step + 3) % 17) as f32 / 16.0 - 0.5).collect()
}

const STEPS: i64 = 4;
const BATCH: i64 = 2;
const INPUTS: i64 = 3;
const UNITS: i64 = 5;

/// A layer of so many gates and directions with all of its constants, and states at first when these are wanted.
fn layer(kind: &str, gates: i64, directions: i64, states: usize, attribute: Option<(&str, Attr<'_>)>) -> Onnx {
    let mut onnx = Onnx::new(14).input("x", &[STEPS, BATCH, INPUTS]);
    let rows = gates * UNITS;
    let shapes = [
        ("w", vec![directions, rows, INPUTS]),
        ("r", vec![directions, rows, UNITS]),
        ("b", vec![directions, 2 * rows]),
    ];
    for (index, (name, shape)) in shapes.iter().enumerate() {
        onnx = onnx.floats(name, shape, &numbers(shape.iter().product::<i64>() as usize, 5 + 2 * index));
    }
    let mut inputs = vec!["x", "w", "r", "b", ""];
    for name in ["h", "c"].into_iter().take(states) {
        onnx = onnx.input(name, &[directions, BATCH, UNITS]);
        inputs.push(name);
    }
    let results = if kind == "LSTM" { &["y", "y_h", "y_c"][..] } else { &["y", "y_h"] };
    let all: Vec<(&str, Attr<'_>)> = attribute.into_iter().chain([("hidden_size", Attr::Int(UNITS))]).collect();
    let onnx = onnx.node_of(kind, &inputs, results, &all);
    results.iter().fold(onnx, |onnx, name| onnx.output(name))
}

/// The engine computes what the formulas do. Gives back the operators that are left.
fn agrees(onnx: Onnx) -> Vec<&'static str> {
    let mut graph = import(onnx);
    optimize(&mut graph).expect("optimized");
    let sample = graph.sample(1);
    let inputs: Vec<&[f32]> = sample.iter().map(Vec::as_slice).collect();
    let mut values = vec![Vec::new(); graph.values.len()];
    let mut runner = EngineRunner::new(&graph).expect("lowered");
    runner.run(&inputs, &mut |id, numbers: &[f32]| values[id.0 as usize] = numbers.to_vec()).expect("it runs");
    let found: Vec<Vec<f32>> = graph.outputs.iter().map(|port| values[port.value.0 as usize].clone()).collect();
    assert_close(&found, &interpret(&graph, &sample).expect("a float graph"), 1e-5, &format!("{graph}"));
    graph.operators()
}

#[test]
fn the_engine_computes_the_formulas() {
    let towards = |direction: &'static str| Some(("direction", Attr::Text(direction)));
    for (states, kind, gates) in
        [(0, "RNN", 1), (1, "RNN", 1), (0, "GRU", 3), (1, "GRU", 3), (0, "LSTM", 4), (2, "LSTM", 4)]
    {
        assert!(agrees(layer(kind, gates, 1, states, None)).contains(&kind), "{kind}");
        agrees(layer(kind, gates, 1, states, towards("reverse")));
        let found = agrees(layer(kind, gates, 2, states, towards("bidirectional")));
        assert_eq!(found.iter().filter(|found| **found == kind).count(), 2, "{kind}: one for each direction");
    }
    agrees(layer("GRU", 3, 1, 1, Some(("linear_before_reset", Attr::Int(1)))));
}

#[test]
fn what_nobody_reads_is_not_computed() {
    let onnx = layer("LSTM", 4, 1, 0, None);
    let whole = import(onnx).to_string();
    assert!(whole.contains("sequence") && whole.contains("cell state"), "{whole}");
    let onnx = Onnx::new(14)
        .input("x", &[STEPS, BATCH, INPUTS])
        .floats("w", &[1, UNITS, INPUTS], &numbers(15, 5))
        .floats("r", &[1, UNITS, UNITS], &numbers(25, 7))
        .node_of("RNN", &["x", "w", "r"], &["y", "y_h"], &[("hidden_size", Attr::Int(UNITS))])
        .output("y_h");
    let graph = import(onnx).to_string();
    assert!(!graph.contains("sequence") && !graph.contains("Split"), "{graph}");
}

#[test]
fn what_is_not_read_is_named() {
    let coupled = Some(("input_forget", Attr::Int(1)));
    assert!(problem(layer("LSTM", 4, 1, 0, coupled)).contains("input_forget"));
    let functions = Some(("activations", Attr::Texts(&["Softsign"])));
    assert!(problem(layer("RNN", 1, 1, 0, functions)).contains("Softsign"));
    assert!(problem(layer("GRU", 3, 1, 0, Some(("clip", Attr::Float(-1.0))))).contains("clip"));
    assert!(problem(layer("GRU", 4, 1, 0, None)).contains("weights of the state"));
    assert!(problem(layer("GRU", 3, 2, 0, None)).contains("weights of the state"));
    let peepholes = layer("LSTM", 4, 1, 2, None).floats("p", &[1, 3 * UNITS], &numbers(15, 3));
    let inputs = ["x", "w", "r", "b", "", "h", "c", "p"];
    let onnx = peepholes.node_of("LSTM", &inputs, &["z"], &[("hidden_size", Attr::Int(UNITS))]).output("z");
    assert!(problem(onnx).contains("peepholes"));
    let lengths = layer("RNN", 1, 1, 0, None).ints("lengths", &[BATCH], &[STEPS, STEPS - 1]);
    let onnx = lengths.node_of("RNN", &["x", "w", "r", "b", "lengths"], &["z"], &[]).output("z");
    assert!(problem(onnx).contains("sequence_lens"));
}
