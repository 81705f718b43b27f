//! Operators that take tensors apart.

use super::writer::{Attr, Onnx};
use super::{agrees, import};
use crate::import::{ImportError, Kind, from_bytes};

fn problem(onnx: Onnx) -> String {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "test") {
        Err(ImportError::Unsupported { mut problems, .. }) => problems.remove(0).problem,
        other => panic!("expected refusals, found {other:?}"),
    }
}

/// A slice of `[1, 4, 6]` with constant starts, ends, axes and steps.
fn slice(starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]) -> Onnx {
    let list = |onnx: Onnx, name: &str, values: &[i64]| onnx.ints(name, &[values.len() as i64], values);
    let mut onnx = Onnx::new(13);
    for (name, values) in [("starts", starts), ("ends", ends), ("axes", axes), ("steps", steps)] {
        onnx = list(onnx, name, values);
    }
    let inputs = ["x", "starts", "ends", "axes", "steps"];
    onnx.input("x", &[1, 4, 6]).node("Slice", &inputs, "y", &[]).output("y")
}

#[test]
fn slices_are_those_of_tract() {
    assert_eq!(agrees(slice(&[1], &[3], &[1], &[1])), ["Slice"]);
    assert_eq!(agrees(slice(&[-3, 0], &[-1, i64::MAX], &[-1, 1], &[1, 2])), ["Slice"]);
    assert_eq!(agrees(slice(&[i64::MIN, 1], &[3, 6], &[1, 2], &[1, 3])), ["Slice"]);
    assert_eq!(agrees(slice(&[3, -1], &[0, i64::MIN], &[1, 2], &[-1, -2])), ["Take"]);
    // Older operator sets have attributes.
    let lists = [("starts", Attr::Ints(&[1, 2])), ("ends", Attr::Ints(&[9, -1]))];
    let onnx = Onnx::new(9).input("x", &[3, 6]).node("Slice", &["x"], "y", &lists).output("y");
    assert_eq!(agrees(onnx), ["Slice"]);
}

#[test]
fn slices_that_take_nothing_are_refused() {
    assert!(problem(slice(&[1], &[3], &[1], &[-1])).contains("takes nothing"));
    assert!(problem(slice(&[3], &[1], &[1], &[0])).contains("steps of 0"));
    assert!(problem(slice(&[2], &[2], &[1], &[1])).contains("takes nothing"));
    assert!(problem(slice(&[9], &[i64::MAX], &[1], &[1])).contains("takes nothing"));
    assert!(problem(slice(&[0], &[1], &[3], &[1])).contains("axis 3"));
    assert!(problem(slice(&[0, 0], &[1, 1], &[1, 1], &[1, 1])).contains("axis 1 twice"));
    assert!(problem(slice(&[0, 0], &[1], &[1], &[1])).contains("differ in number"));
}

#[test]
fn splits_are_those_of_tract() {
    let split = |onnx: Onnx, inputs: &[&str], attributes: &[(&str, Attr<'_>)]| {
        let onnx = onnx.input("x", &[2, 6]).node_of("Split", inputs, &["a", "b"], attributes);
        onnx.node("Relu", &["a"], "y", &[]).node("Tanh", &["b"], "z", &[]).output("z").output("y")
    };
    let expected = ["Split", "Relu", "Tanh"];
    assert_eq!(
        agrees(split(Onnx::new(11), &["x"], &[("axis", Attr::Int(1)), ("split", Attr::Ints(&[2, 4]))])),
        expected
    );
    let sizes = Onnx::new(13).ints("sizes", &[2], &[5, 1]);
    assert_eq!(agrees(split(sizes, &["x", "sizes"], &[("axis", Attr::Int(-1))])), expected);
    assert_eq!(agrees(split(Onnx::new(13), &["x"], &[])), expected);
    // A result that nobody wants, and parts of which the last is smaller.
    let uneven = Onnx::new(18).input("x", &[2, 5]).node_of(
        "Split",
        &["x"],
        &["", "b"],
        &[("axis", Attr::Int(1)), ("num_outputs", Attr::Int(2))],
    );
    let graph = import(uneven.output("b"));
    assert_eq!(graph.outputs[0].source_shape, [2, 2]);
}

#[test]
fn splits_whose_parts_do_not_add_up_are_refused() {
    let split = |attributes: &[(&str, Attr<'_>)]| {
        problem(Onnx::new(11).input("x", &[2, 6]).node_of("Split", &["x"], &["a", "b"], attributes).output("a"))
    };
    assert!(split(&[("axis", Attr::Int(2))]).contains("axis 2"));
    assert!(split(&[("split", Attr::Ints(&[1, 2]))]).contains("cannot be split"));
    assert!(split(&[("split", Attr::Ints(&[3, -1]))]).contains("cannot be split"));
    assert!(split(&[("split", Attr::Ints(&[i64::MAX, i64::MAX]))]).contains("cannot be split"));
    assert!(split(&[("split", Attr::Ints(&[2]))]).contains("1 sizes for 2 results"));
    assert!(split(&[("num_outputs", Attr::Int(1 << 40))]).contains("2 results"));
}
