//! What is refused, and how: every node of a graph at once, each with its name and what would work.

use super::*;
use crate::ir::sketch::Sketch;
use crate::ir::{Activation, Elements, Op, Padding, Quantization, Window};
use crate::op::{FullyConnected, MaxPool2D, Mean, Reduce, Reduction, Relu, Transpose};

fn refusals(graph: &Graph) -> Vec<Refusal> {
    graph.verify().expect("a sound graph");
    match lower(graph, Target::Portable) {
        Ok(_) => Vec::new(),
        Err(error) => error.refusals,
    }
}

#[test]
fn all_nodes_in_the_way_are_named_together() {
    let mut sketch = Sketch::new(1);
    let x = sketch.input(&[1, 300, 300, 4]);
    // A window of 300 rows is beyond the record's byte.
    let window = Window { size: [300, 1], stride: [1, 1], padding: Padding::default() };
    let pool = Op::MaxPool2D(MaxPool2D { window, activation: Activation::None });
    let pooled = sketch.node(pool.clone(), &[x]);
    let turned = sketch.node(Op::Transpose(Transpose { permutation: vec![0, 2, 1, 3] }), &[pooled]);
    let again = sketch.node(pool, &[turned]);
    let fine = sketch.node(Op::Relu(Relu), &[again]);
    sketch.output(fine);
    let refusals = refusals(&sketch.graph);
    let found: Vec<(&str, bool)> = refusals.iter().map(|refusal| (refusal.op, refusal.remedy.is_empty())).collect();
    assert_eq!(found, [("MaxPool2D", false), ("MaxPool2D", false)]);
    assert!(refusals[0].reason.contains("kernel height is 300") && refusals[0].remedy.contains("255"));
    let message = LowerError { refusals }.to_string();
    assert!(message.starts_with("2 nodes cannot be compiled:\n  node `MaxPool2D0` (MaxPool2D): "), "{message}");
}

#[test]
fn reductions_take_three_groups_of_axes() {
    let graph = |shape: &[usize], axes: Vec<usize>, is_mean: bool| {
        let max = Reduce { kind: Reduction::Max, axes: axes.clone(), keep_dims: false };
        let op = if is_mean { Op::Mean(Mean { axes, keep_dims: false }) } else { Op::Reduce(max) };
        let mut sketch = Sketch::new(2);
        let x = sketch.input(shape);
        let reduced = sketch.node(op, &[x]);
        sketch.output(reduced);
        sketch.graph
    };
    for is_mean in [true, false] {
        assert!(lower(&graph(&[2, 3, 4, 5], vec![1, 3], is_mean), Target::Portable).is_ok());
        let refusals = refusals(&graph(&[2; 8], vec![0, 2, 4, 6], is_mean));
        assert!(refusals.iter().any(|refusal| refusal.reason.contains("more than three groups")), "{refusals:?}");
    }
}

#[test]
fn an_accumulator_that_could_overflow_is_refused_by_name() {
    let mut sketch = Sketch::new(4);
    let x = sketch.input(&[1, 4]);
    let quantize = |graph: &mut Graph, id: ValueId, dtype| {
        let value = graph.value_mut(id);
        (value.dtype, value.quantization) = (dtype, Some(Quantization::per_tensor(0.5, 0)));
    };
    let w = sketch.graph.add_constant("w", vec![1, 4], Elements::I8(vec![127; 4]));
    let b = sketch.graph.add_constant("b", vec![1], Elements::I32(vec![i32::MAX - 100]));
    let y = sketch.node(Op::FullyConnected(FullyConnected { activation: Activation::None }), &[x, w, b]);
    sketch.output(y);
    quantize(&mut sketch.graph, x, DType::I8);
    quantize(&mut sketch.graph, y, DType::I8);
    quantize(&mut sketch.graph, w, DType::I8);
    let found = refusals(&sketch.graph);
    assert_eq!(found.len(), 1);
    assert!(found[0].reason.contains("output channel 0 can reach"), "{}", found[0]);
    // One that just fits is fine.
    sketch.graph.value_mut(b).elements = Some(Elements::I32(vec![i32::MAX - 1 - 4 * 127 * 128]));
    assert_eq!(refusals(&sketch.graph), []);
}
