//! Files whose nodes stand in another order, wait for each other, or have results that nobody reads.

use super::import;
use super::writer::{Attr, Onnx};
use crate::import::{ImportError, Kind, from_bytes};

#[test]
fn nodes_may_stand_in_any_order() {
    let onnx = Onnx::new(13)
        .input("x", &[1, 4])
        .node("Relu", &["b"], "y", &[])
        .node("Mul", &["x", "a"], "b", &[])
        .node("Tanh", &["x"], "a", &[])
        .output("y");
    assert_eq!(import(onnx).operators(), ["Tanh", "Mul", "Relu"]);
}

#[test]
fn a_circle_is_named() {
    let onnx = Onnx::new(13)
        .input("x", &[1, 4])
        .node("Add", &["x", "c"], "a", &[])
        .node("Relu", &["a"], "b", &[])
        .node("Tanh", &["b"], "c", &[])
        .node("Relu", &["c"], "y", &[])
        .output("y");
    let Err(ImportError::Unsupported { problems, .. }) = from_bytes(&onnx.bytes(), Kind::Onnx, "m") else {
        panic!("it is accepted")
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].problem.contains("by way of `node_a`, `node_c`, `node_b`"), "{}", problems[0]);
}

#[test]
fn initializers_that_are_inputs_and_results_that_nobody_reads_are_no_obstacle() {
    let onnx = Onnx::new(13)
        .floats("w", &[4], &[1.0, 2.0, 3.0, 4.0])
        .input("w", &[4])
        .input("x", &[1, 4])
        .node_of("Dropout", &["x"], &["d", ""], &[])
        .node_of("Dropout", &["d"], &["e", "unread"], &[("ratio", Attr::Float(0.1))])
        .node("Add", &["e", "w"], "y", &[])
        .output("y");
    assert_eq!(import(onnx).operators(), ["Add"]);
}
