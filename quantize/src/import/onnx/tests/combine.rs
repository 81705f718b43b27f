//! Functions of two elements, selections and changes of type.

use super::writer::{Attr, Onnx};
use super::{agrees, import};
use crate::ir::{DType, interpret};

const BOOL: u64 = 9;
const INT64: u64 = 7;
const UINT8: u64 = 2;

/// What a model computes of these inputs.
fn computed(onnx: Onnx, inputs: &[&[f32]]) -> Vec<f32> {
    let graph = import(onnx);
    let inputs: Vec<Vec<f32>> = inputs.iter().map(|input| input.to_vec()).collect();
    interpret(&graph, &inputs).expect("it is interpreted").remove(0)
}

fn two(op_type: &str, code: u64, [a, b]: [&[i64]; 2], attributes: &[(&str, Attr<'_>)]) -> Onnx {
    let onnx = Onnx::new(18).typed_input("a", a, code).typed_input("b", b, code);
    onnx.node(op_type, &["a", "b"], "y", attributes).output("y")
}

#[test]
fn floats_with_broadcasting() {
    for (op_type, name) in [("Max", "Max"), ("Min", "Min"), ("Div", "Div")] {
        let onnx = || Onnx::new(13).input("a", &[2, 1, 4]).input("b", &[3, 1]);
        assert_eq!(agrees(onnx().node(op_type, &["a", "b"], "y", &[]).output("y")), ["Reshape", name]);
    }
    // A constant first.
    let onnx = Onnx::new(13).floats("c", &[3, 1], &[1.0, 2.0, -3.0]).input("x", &[2, 3, 4]);
    assert_eq!(agrees(onnx.node("Max", &["c", "x"], "y", &[]).output("y")), ["Max"]);
    let onnx = Onnx::new(13).floats("slope", &[2, 1], &[0.5, -2.0]).input("x", &[2, 2]);
    let onnx = onnx.node("PRelu", &["x", "slope"], "y", &[]).output("y");
    assert_eq!(computed(onnx, &[&[-1.0, 3.0, -4.0, 5.0]]), [-0.5, 3.0, 8.0, 5.0]);
}

#[test]
fn any_number_of_operands() {
    let three = |op_type: &str| {
        let onnx = Onnx::new(13).input("a", &[2, 2]).input("b", &[2]).input("c", &[2, 1]);
        computed(
            onnx.node(op_type, &["a", "b", "c"], "y", &[]).output("y"),
            &[&[1.0, 8.0, 3.0, 4.0], &[5.0, 6.0], &[7.0, 2.0]],
        )
    };
    assert_eq!(three("Max"), [7.0, 8.0, 5.0, 6.0]);
    assert_eq!(three("Min"), [1.0, 6.0, 2.0, 2.0]);
    assert_eq!(three("Sum"), [13.0, 21.0, 10.0, 12.0]);
    assert_eq!(three("Mean"), [13.0, 21.0, 10.0, 12.0].map(|sum: f32| sum * (1.0 / 3.0)));
}

#[test]
fn a_square_is_a_product_and_a_maximum_with_zero_is_relu() {
    let onnx = Onnx::new(13).floats("two", &[], &[2.0]).input("x", &[2, 3]);
    assert_eq!(agrees(onnx.node("Pow", &["x", "two"], "y", &[]).output("y")), ["Mul"]);
    let onnx = Onnx::new(13).floats("zero", &[], &[0.0]).input("x", &[2, 3]);
    assert_eq!(agrees(onnx.node("Max", &["x", "zero"], "y", &[]).output("y")), ["Relu"]);
}

#[test]
fn integers_of_every_width() {
    let onnx = two("Div", INT64, [&[4], &[4]], &[]);
    assert_eq!(computed(onnx, &[&[-7.0, 7.0, 9.0, 1.0], &[2.0, 2.0, -3.0, 0.0]]), [-3.0, 3.0, -3.0, 0.0]);
    let onnx = two("Mod", INT64, [&[4], &[1]], &[]);
    assert_eq!(computed(onnx, &[&[-7.0, 7.0, -6.0, 2.0], &[3.0]]), [2.0, 1.0, 0.0, 2.0]);
    // What leaves eight bits wraps.
    let onnx = two("Add", UINT8, [&[3], &[1]], &[]);
    assert_eq!(computed(onnx, &[&[250.0, 5.0, 255.0], &[10.0]]), [4.0, 15.0, 9.0]);
    let graph = import(two("BitShift", UINT8, [&[3], &[3]], &[("direction", Attr::Text("LEFT"))]));
    assert_eq!(graph.operators(), ["Cast", "Cast", "ShiftLeft", "Cast"]);
    assert_eq!(graph.value(graph.outputs[0].value).dtype, DType::U8);
}

#[test]
fn comparisons_and_logic_make_truth_values() {
    let (a, b): (&[f32], &[f32]) = (&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]);
    for (op_type, expected) in [
        ("Less", [1.0, 0.0, 0.0]),
        ("LessOrEqual", [1.0, 1.0, 0.0]),
        ("Greater", [0.0, 0.0, 1.0]),
        ("GreaterOrEqual", [0.0, 1.0, 1.0]),
        ("Equal", [0.0, 1.0, 0.0]),
    ] {
        assert_eq!(computed(two(op_type, 1, [&[3], &[3]], &[]), &[a, b]), expected, "{op_type}");
    }
    let (a, b): (&[f32], &[f32]) = (&[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 0.0, 1.0]);
    for (op_type, expected) in [("And", [0., 0., 0., 1.]), ("Or", [0., 1., 1., 1.]), ("Xor", [0., 1., 1., 0.])] {
        assert_eq!(computed(two(op_type, BOOL, [&[4], &[4]], &[]), &[a, b]), expected, "{op_type}");
    }
    let not = Onnx::new(13).typed_input("x", &[4], BOOL).node("Not", &["x"], "y", &[]).output("y");
    assert_eq!(computed(not, &[b]), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_selection_takes_constants_of_any_kind() {
    let onnx = Onnx::new(13).ints("mask", &[2], &[1, 0]).floats("low", &[], &[f32::NEG_INFINITY]).input("x", &[2, 2]);
    let onnx = onnx.node("Where", &["mask", "x", "low"], "y", &[]).output("y");
    let (infinity, x) = (f32::NEG_INFINITY, &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(computed(onnx, &[x]), [1.0, infinity, 3.0, infinity]);
}

#[test]
fn changes_of_type() {
    let onnx = Onnx::new(13).input("x", &[4]).node("Cast", &["x"], "i", &[("to", Attr::Int(INT64 as i64))]);
    let onnx = onnx.node("Cast", &["i"], "y", &[("to", Attr::Int(1))]).output("y");
    assert_eq!(computed(onnx, &[&[1.9, -1.9, 0.2, 100.0]]), [1.0, -1.0, 0.0, 100.0]);
    let onnx = Onnx::new(13).input("x", &[3]).node("Cast", &["x"], "y", &[("to", Attr::Int(BOOL as i64))]).output("y");
    assert_eq!(computed(onnx, &[&[0.5, 0.0, -1.0]]), [1.0, 0.0, 1.0]);
}

#[test]
fn known_numbers_are_computed_on_import() {
    let onnx = Onnx::new(13).ints("a", &[2], &[7, -7]).ints("b", &[1], &[2]).input("x", &[2]);
    let onnx = onnx.node("Mod", &["a", "b"], "m", &[]).node("Greater", &["m", "a"], "g", &[]);
    let onnx = onnx.node("Where", &["g", "a", "b"], "w", &[]).node("Cast", &["w"], "f", &[("to", Attr::Int(1))]);
    let onnx = onnx.node("Add", &["x", "f"], "y", &[]).output("y");
    assert_eq!(computed(onnx, &[&[0.0, 0.0]]), [2.0, -7.0]);
}
