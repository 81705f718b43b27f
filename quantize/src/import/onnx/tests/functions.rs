//! Functions of one element: their attributes, and bounds of every kind.

use super::writer::{Attr, Onnx};
use super::{agrees, import};
use crate::import::{Kind, from_bytes};
use crate::ir::{Op, interpret};
use crate::op::{Clip, Map, MapFunction};

/// The operators that a node on `x [1, 8]` becomes.
fn made(op_type: &str, attributes: &[(&str, Attr<'_>)]) -> Vec<Op> {
    let onnx = Onnx::new(20).input("x", &[1, 8]).node(op_type, &["x"], "y", attributes).output("y");
    import(onnx).nodes.into_iter().map(|node| node.op).collect()
}

/// What a node on `x` that has no finite bound says.
fn refused(op_type: &str, attributes: &[(&str, Attr<'_>)]) -> String {
    let onnx = Onnx::new(20).input("x", &[1, 8]).node(op_type, &["x"], "y", attributes).output("y");
    from_bytes(&onnx.bytes(), Kind::Onnx, "test").expect_err("refused").to_string()
}

#[test]
fn names_without_attributes() {
    for &(name, function) in &[
        ("Exp", MapFunction::Exp),
        ("Sqrt", MapFunction::Sqrt),
        ("Round", MapFunction::Round),
        ("Erf", MapFunction::Erf),
        ("Softplus", MapFunction::Softplus),
        ("HardSwish", MapFunction::HardSwish),
        ("Mish", MapFunction::Mish),
        ("Atanh", MapFunction::Atanh),
    ] {
        assert_eq!(made(name, &[]), [Op::Map(Map::plain(function))], "{name}");
    }
}

#[test]
fn attributes_and_what_they_are_when_they_are_left_out() {
    let one = [("alpha", Attr::Float(0.75))];
    let two = [("alpha", Attr::Float(0.75)), ("beta", Attr::Float(0.25)), ("gamma", Attr::Float(2.0))];
    let of = |function, parameters| [Op::Map(Map { function, parameters })];
    assert_eq!(made("LeakyRelu", &[]), of(MapFunction::LeakyRelu, [0.01, 0.0]));
    assert_eq!(made("LeakyRelu", &one), of(MapFunction::LeakyRelu, [0.75, 0.0]));
    assert_eq!(made("ThresholdedRelu", &[]), of(MapFunction::ThresholdedRelu, [1.0, 0.0]));
    assert_eq!(made("Swish", &[]), of(MapFunction::Swish, [1.0, 0.0]));
    assert_eq!(made("HardSigmoid", &[]), of(MapFunction::HardSigmoid, [0.2, 0.5]));
    assert_eq!(made("HardSigmoid", &two), of(MapFunction::HardSigmoid, [0.75, 0.25]));
    assert_eq!(made("Elu", &one), of(MapFunction::Elu, [0.75, 1.0]));
    assert_eq!(made("Selu", &[]), of(MapFunction::Elu, [1.673_263_2, 1.050_701]));
    assert_eq!(made("Selu", &two), of(MapFunction::Elu, [0.75, 2.0]));
    assert_eq!(made("Celu", &one), of(MapFunction::Celu, [0.75, 0.0]));
    let shrink = [("lambd", Attr::Float(0.75)), ("bias", Attr::Float(0.25))];
    assert_eq!(made("Shrink", &[]), of(MapFunction::Shrink, [0.5, 0.0]));
    assert_eq!(made("Shrink", &shrink), of(MapFunction::Shrink, [0.75, 0.25]));
    assert_eq!(made("Gelu", &[]), of(MapFunction::Gelu, [0.0; 2]));
    assert_eq!(made("Gelu", &[("approximate", Attr::Text("tanh"))]), of(MapFunction::GeluTanh, [0.0; 2]));
    assert!(refused("Gelu", &[("approximate", Attr::Text("fast"))]).contains("`approximate` is `fast`"));
    assert!(refused("Celu", &[("alpha", Attr::Float(0.0))]).contains("which is 0"));
    assert!(refused("LeakyRelu", &[("alpha", Attr::Float(f32::NAN))]).contains("parameter NaN"));
}

#[test]
fn functions_agree_with_tract() {
    for name in ["Exp", "Neg", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu"] {
        let onnx = Onnx::new(13).input("x", &[1, 3, 4]).node(name, &["x"], "y", &[]).output("y");
        assert_eq!(agrees(onnx), ["Map"], "{name}");
    }
}

#[test]
fn bounds_of_every_kind() {
    let clip = |low: f32, high: f32| {
        let onnx = Onnx::new(7).input("x", &[1, 8]);
        let bounds = [("min", Attr::Float(low)), ("max", Attr::Float(high))];
        let onnx = onnx.node("Clip", &["x"], "y", &bounds).node("Tanh", &["y"], "z", &[]).output("z");
        let ops = import(onnx).nodes.into_iter().map(|node| node.op).collect::<Vec<_>>();
        ops[..ops.len() - 1].to_vec()
    };
    assert_eq!(clip(-1.0, 1.0), [Op::Clip(Clip { low: -1.0, high: 1.0 })]);
    assert_eq!(clip(1e-10, f32::INFINITY), [Op::Clip(Clip { low: 1e-10, high: f32::INFINITY })]);
    assert_eq!(clip(f32::MIN, 2.0), [Op::Clip(Clip { low: f32::NEG_INFINITY, high: 2.0 })]);
    assert_eq!(clip(f32::MIN, f32::MAX), [], "no bounds at all");
    assert_eq!(clip(f32::NEG_INFINITY, f32::INFINITY), []);
    // The upper one is applied last.
    assert_eq!(clip(2.0, 1.0), [Op::Clip(Clip { low: 1.0, high: 1.0 })]);
    let nan = refused("Clip", &[("min", Attr::Float(f32::NAN)), ("max", Attr::Float(1.0))]);
    assert!(nan.contains("bound `min` is NaN"), "{nan}");
    let agreed = |low, high| {
        let bounds = [("min", Attr::Float(low)), ("max", Attr::Float(high))];
        agrees(Onnx::new(7).input("x", &[1, 8]).node("Clip", &["x"], "y", &bounds).output("y"))
    };
    assert_eq!(agreed(-0.25, 0.5), ["Clip"]);
}

#[test]
fn functions_of_constants_are_computed_on_import() {
    let onnx = Onnx::new(13)
        .floats("c", &[2], &[0.0, 4.0])
        .ints("i", &[2], &[-1, 2])
        .input("x", &[1, 2])
        .node("Sqrt", &["c"], "root", &[])
        .node("Neg", &["i"], "shape", &[])
        .node("Abs", &["shape"], "sizes", &[])
        .node("Add", &["x", "root"], "sum", &[])
        .node("Reshape", &["sum", "sizes"], "y", &[])
        .output("y");
    let graph = import(onnx);
    assert_eq!(graph.operators()[0], "Add");
    assert_eq!(interpret(&graph, &[vec![1.0, 1.0]]).expect("a float graph"), [vec![1.0, 3.0]]);
}
