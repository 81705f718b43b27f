//! Elements by indices, and indices of elements.

use super::import;
use super::writer::{Attr, Onnx};
use crate::ir::interpret;

const INT64: u64 = 7;

/// Every result of a model on these inputs.
fn computed(onnx: Onnx, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
    let graph = import(onnx);
    graph.verify().expect("a sound graph");
    let inputs: Vec<Vec<f32>> = inputs.iter().map(|input| input.to_vec()).collect();
    interpret(&graph, &inputs).expect("it is interpreted")
}

/// The names of a graph's operators.
fn operators(onnx: Onnx) -> Vec<&'static str> {
    import(onnx).nodes.iter().map(|node| node.op.name()).collect()
}

const X: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];

#[test]
fn gathered() {
    let of = |shape: &[i64], axis: i64, indices: &[f32]| {
        let onnx = Onnx::new(18).input("x", &[2, 3]).typed_input("i", shape, INT64);
        let onnx = onnx.node("Gather", &["x", "i"], "y", &[("axis", Attr::Int(axis))]).output("y");
        computed(onnx, &[&X, indices]).remove(0)
    };
    assert_eq!(of(&[2], 1, &[2.0, -3.0]), [2.0, 0.0, 5.0, 3.0]);
    assert_eq!(of(&[], 0, &[1.0]), [3.0, 4.0, 5.0]);
    // The nearest that there is.
    assert_eq!(of(&[2], 0, &[7.0, -9.0]), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
}

#[test]
fn gathered_from_a_table() {
    let onnx = Onnx::new(18).floats("table", &[2, 3], &X).typed_input("i", &[1, 2], INT64);
    let onnx = onnx.node("Gather", &["table", "i"], "y", &[]).output("y");
    assert_eq!(computed(onnx, &[&[1.0, 0.0]]), [[3.0, 4.0, 5.0, 0.0, 1.0, 2.0]]);
}

#[test]
fn elements_and_tuples() {
    for is_constant in [false, true] {
        let with = |shape: &[i64], indices: &[i64]| {
            let onnx = Onnx::new(18).input("x", &[2, 3]);
            if is_constant { onnx.ints("i", shape, indices) } else { onnx.typed_input("i", shape, INT64) }
        };
        let run = |onnx: Onnx, indices: &[i64]| {
            let indices: Vec<f32> = indices.iter().map(|&index| index as f32).collect();
            let inputs: &[&[f32]] = if is_constant { &[&X] } else { &[&X, &indices] };
            computed(onnx.output("y"), inputs).remove(0)
        };
        let list = [1, 0, -1];
        let onnx = with(&[1, 3], &list).node("GatherElements", &["x", "i"], "y", &[]);
        assert_eq!(run(onnx, &list), [3.0, 1.0, 5.0]);
        let list = [2, 1, -3, 0];
        let onnx = with(&[2, 2], &list).node("GatherElements", &["x", "i"], "y", &[("axis", Attr::Int(1))]);
        assert_eq!(run(onnx, &list), [2.0, 1.0, 3.0, 3.0]);
        let list = [1, 2, 0, -1];
        let onnx = with(&[2, 2], &list).node("GatherND", &["x", "i"], "y", &[]);
        assert_eq!(run(onnx, &list), [5.0, 2.0]);
        let list = [2, 0];
        let onnx = with(&[2, 1], &list).node("GatherND", &["x", "i"], "y", &[("batch_dims", Attr::Int(1))]);
        assert_eq!(run(onnx, &list), [2.0, 3.0]);
    }
}

#[test]
fn scattered() {
    let scatter = |onnx: Onnx, op_type: &str, attributes: &[(&str, Attr<'_>)]| {
        onnx.node(op_type, &["x", "i", "u"], "y", attributes).output("y")
    };
    let onnx = || Onnx::new(18).input("x", &[4]).typed_input("i", &[3, 1], INT64).input("u", &[3]);
    let inputs: [&[f32]; 3] = [&[1.0, 2.0, 3.0, 4.0], &[3.0, 0.0, -1.0], &[10.0, 20.0, 30.0]];
    let of = |reduction: &str| {
        computed(scatter(onnx(), "ScatterND", &[("reduction", Attr::Text(reduction))]), &inputs).remove(0)
    };
    assert_eq!(of("none"), [20.0, 2.0, 3.0, 30.0]);
    assert_eq!(of("add"), [21.0, 2.0, 3.0, 44.0]);
    assert_eq!(of("mul"), [20.0, 2.0, 3.0, 1200.0]);
    assert_eq!(of("min"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(of("max"), [20.0, 2.0, 3.0, 30.0]);
    // Along an axis that is not the last.
    let onnx = Onnx::new(18).input("x", &[3, 2]).typed_input("i", &[1, 2], INT64).input("u", &[1, 2]);
    let onnx = scatter(onnx, "ScatterElements", &[]);
    assert_eq!(computed(onnx, &[&X, &[2.0, 0.0], &[9.0, 8.0]]), [[0.0, 8.0, 2.0, 3.0, 9.0, 5.0]]);
}

#[test]
fn rows_that_constants_name_are_joined() {
    let onnx = |indices: &[i64]| {
        let shape = [indices.len() as i64, 1];
        let onnx = Onnx::new(18).input("x", &[5, 2]).ints("i", &shape, indices).input("u", &[shape[0], 2]);
        onnx.node("ScatterND", &["x", "i", "u"], "y", &[]).output("y")
    };
    assert_eq!(operators(onnx(&[1, 2])), ["Slice", "Slice", "Slice", "Concat"]);
    let x: Vec<f32> = (0..10).map(|number| number as f32).collect();
    let found = computed(onnx(&[1, 2]), &[&x, &[10.0, 11.0, 12.0, 13.0]]);
    assert_eq!(found, [[0.0, 1.0, 10.0, 11.0, 12.0, 13.0, 6.0, 7.0, 8.0, 9.0]]);
}

#[test]
fn the_greatest_and_the_least() {
    let of = |op_type: &str, attributes: &[(&str, Attr<'_>)]| {
        let onnx = Onnx::new(18).input("x", &[2, 3]).node(op_type, &["x"], "y", attributes).output("y");
        computed(onnx, &[&[3.0, 1.0, 3.0, -1.0, -1.0, 0.0]]).remove(0)
    };
    assert_eq!(of("ArgMax", &[("axis", Attr::Int(1))]), [0.0, 2.0]);
    assert_eq!(of("ArgMax", &[("axis", Attr::Int(1)), ("select_last_index", Attr::Int(1))]), [2.0, 2.0]);
    assert_eq!(of("ArgMin", &[("axis", Attr::Int(-1)), ("keepdims", Attr::Int(0))]), [1.0, 0.0]);
    assert_eq!(of("ArgMax", &[]), [0.0, 0.0, 0.0]);
    let onnx = Onnx::new(18).input("x", &[2, 3]).ints("k", &[1], &[2]);
    let onnx = onnx.node_of("TopK", &["x", "k"], &["v", "i"], &[("largest", Attr::Int(0))]).output("v").output("i");
    let found = computed(onnx, &[&[3.0, 1.0, 3.0, -1.0, -1.0, 0.0]]);
    assert_eq!(found, [[1.0, 3.0, -1.0, -1.0], [1.0, 0.0, 0.0, 1.0]]);
}

#[test]
fn one_hot() {
    let onnx =
        Onnx::new(18).typed_input("x", &[3], INT64).ints("depth", &[], &[3]).floats("values", &[2], &[-1.0, 1.0]);
    let onnx = onnx.node("OneHot", &["x", "depth", "values"], "y", &[]).output("y");
    // An index below zero counts from the end; one outside is nowhere.
    let expected = [-1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0, -1.0];
    assert_eq!(computed(onnx, &[&[1.0, -1.0, 3.0]]), [expected]);
}

#[test]
fn sequences_of_computed_lengths() {
    let onnx = Onnx::new(18).input("x", &[3, 2]).typed_input("len", &[2], INT64);
    let onnx = onnx.node("ReverseSequence", &["x", "len"], "y", &[]).output("y");
    assert_eq!(computed(onnx, &[&X, &[2.0, 3.0]]), [[2.0, 5.0, 0.0, 3.0, 4.0, 1.0]]);
}

#[test]
fn numbers_that_are_known() {
    let onnx = Onnx::new(18).input("x", &[2, 3]).ints("from", &[], &[5]).ints("to", &[], &[-1]).ints("by", &[], &[-2]);
    let onnx = onnx.node("Range", &["from", "to", "by"], "numbers", &[]).node("Size", &["x"], "size", &[]);
    let onnx = onnx.ints("two", &[1], &[2]).node("Tile", &["numbers", "two"], "tiled", &[]);
    let onnx = onnx.node("Add", &["tiled", "size"], "sum", &[]).node("Cast", &["sum"], "real", &[("to", Attr::Int(1))]);
    let onnx = onnx.node("Reshape", &["x", "flat"], "line", &[]).ints("flat", &[1], &[6]);
    let onnx = onnx.node("Add", &["real", "line"], "y", &[]).output("y");
    assert_eq!(computed(onnx, &[&[0.0; 6]]), [[11.0, 9.0, 7.0, 11.0, 9.0, 7.0]]);
}

#[test]
fn constants_are_joined() {
    let onnx = Onnx::new(18).input("x", &[1, 2]).floats("c", &[1, 1], &[7.0]);
    let onnx = onnx.node("Concat", &["x", "c"], "y", &[("axis", Attr::Int(1))]).output("y");
    assert_eq!(computed(onnx, &[&[1.0, 2.0]]), [[1.0, 2.0, 7.0]]);
}
