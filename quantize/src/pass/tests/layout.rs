//! Transpositions vanish, and what they meant stays.

use super::{misses, operators_after, optimized};
use crate::ir::sketch::Sketch;
use crate::ir::{Activation, Op, Padding, ValueId};
use crate::op::{
    Add, Concat, Conv2D, FullyConnected, Logistic, Mean, Pad, Reduce, Reduction, Relu, Softmax, Tanh, Transpose,
};

const LAST: [usize; 4] = [0, 2, 3, 1];
const FIRST: [usize; 4] = [0, 3, 1, 2];

fn transpose(sketch: &mut Sketch, x: ValueId, permutation: &[usize]) -> ValueId {
    sketch.node(Op::Transpose(Transpose { permutation: permutation.to_vec() }), &[x])
}

/// A convolution of a channels-first image, as the ONNX importer wraps it.
fn conv_first(sketch: &mut Sketch, x: ValueId, outputs: usize) -> ValueId {
    let channels = sketch.graph.value(x).shape[1];
    let w = sketch.random(&[outputs, 3, 3, channels]);
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    let (groups, activation) = (1, Activation::None);
    let x = transpose(sketch, x, &LAST);
    let y = sketch.node(Op::Conv2D(Conv2D { stride: [1, 1], dilation: [1, 1], padding, groups, activation }), &[x, w]);
    transpose(sketch, y, &FIRST)
}

fn add(sketch: &mut Sketch, a: ValueId, b: ValueId) -> ValueId {
    sketch.node(Op::Add(Add { activation: Activation::None }), &[a, b])
}

#[test]
fn a_residual_network_keeps_no_transposition() {
    let mut sketch = Sketch::new(1);
    let x = sketch.input(&[1, 3, 4, 5]);
    let a = conv_first(&mut sketch, x, 3);
    let a = sketch.node(Op::Relu(Relu), &[a]);
    let b = conv_first(&mut sketch, a, 3);
    // The input itself is added: it must be channels-last for both readers.
    let b = add(&mut sketch, b, x);
    let bias = sketch.random(&[1, 3, 1, 1]);
    let y = add(&mut sketch, b, bias);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D", "Conv2D", "Add", "Add"]);
    assert_eq!(after.inputs[0].permutation.as_deref(), Some(&LAST[..]));
    assert_eq!(after.outputs[0].permutation.as_deref(), Some(&LAST[..]));
    assert_eq!(after.outputs[0].source_shape, [1, 3, 4, 5]);
}

#[test]
fn elementwise_operators_before_the_first_convolution_do_not_stop_it() {
    let mut sketch = Sketch::new(2);
    let x = sketch.input(&[1, 3, 4, 5]);
    let mean = sketch.random(&[1, 3, 1, 1]);
    let y = add(&mut sketch, x, mean);
    let y = sketch.node(Op::Tanh(Tanh), &[y]);
    let y = conv_first(&mut sketch, y, 2);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Add", "Tanh", "Conv2D"]);
}

#[test]
fn concat_pad_and_reductions_take_permuted_axes() {
    let mut sketch = Sketch::new(3);
    let x = sketch.input(&[1, 3, 4, 5]);
    let (a, b) = (conv_first(&mut sketch, x, 2), conv_first(&mut sketch, x, 3));
    let y = sketch.node(Op::Concat(Concat { axis: 1 }), &[a, b]);
    let y = sketch.node(Op::Pad(Pad { before: vec![0, 1, 2, 0], after: vec![0, 0, 0, 3], value: 1.5 }), &[y]);
    let kept = sketch.node(Op::Mean(Mean { axes: vec![2], keep_dims: true }), &[y]);
    let dropped = sketch.node(Op::Mean(Mean { axes: vec![1], keep_dims: false }), &[y]);
    let max = sketch.node(Op::Reduce(Reduce { kind: Reduction::Max, axes: vec![2, 3], keep_dims: false }), &[y]);
    let (after, _) = optimized(&sketch.finish(&[kept, dropped, max]));
    assert_eq!(after.operators(), ["Conv2D", "Conv2D", "Concat", "Pad", "Mean", "Mean", "ReduceMax"]);
}

#[test]
fn a_dense_layer_behind_a_flattened_image_gets_its_columns_permuted() {
    let mut sketch = Sketch::new(4);
    let x = sketch.input(&[1, 3, 4, 5]);
    let y = conv_first(&mut sketch, x, 2);
    let y = sketch.reshape(y, &[1, 40]);
    let bias = sketch.random(&[1, 40]);
    let y = add(&mut sketch, y, bias);
    let (w, b) = (sketch.random(&[6, 40]), sketch.random(&[6]));
    let y = sketch.node(Op::FullyConnected(FullyConnected { activation: Activation::None }), &[y, w, b]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D", "Reshape", "FullyConnected"]);
}

#[test]
fn a_flattened_image_that_is_an_output_must_be_transposed() {
    let mut sketch = Sketch::new(5);
    let x = sketch.input(&[1, 3, 4, 5]);
    let y = conv_first(&mut sketch, x, 2);
    let y = sketch.reshape(y, &[1, 40]);
    let (after, reports) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D", "Transpose", "Reshape"]);
    assert!(misses(&reports, "layout").iter().any(|why| why.contains("insist")));
}

#[test]
fn squeezed_axes_are_carried_along() {
    let mut sketch = Sketch::new(6);
    let x = sketch.input(&[1, 3, 4, 1]);
    let y = conv_first(&mut sketch, x, 2);
    let y = sketch.reshape(y, &[1, 2, 4]);
    let y = sketch.node(Op::Logistic(Logistic), &[y]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D", "Logistic", "Reshape"]);
    assert_eq!(after.outputs[0].permutation.as_deref(), Some(&[0, 2, 1][..]));
}

#[test]
fn softmax_over_channels_needs_no_transposition() {
    let mut sketch = Sketch::new(7);
    let x = sketch.input(&[1, 3, 4, 5]);
    let y = conv_first(&mut sketch, x, 2);
    let y = transpose(&mut sketch, y, &LAST);
    let y = sketch.node(Op::Softmax(Softmax { beta: 1.0 }), &[y]);
    let y = transpose(&mut sketch, y, &FIRST);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D", "Softmax"]);
}

#[test]
fn a_transposed_input_that_is_an_output_becomes_a_copy() {
    let mut sketch = Sketch::new(8);
    let x = sketch.input(&[2, 3]);
    let y = transpose(&mut sketch, x, &[1, 0]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Reshape"]);
    assert_eq!(after.inputs[0].permutation.as_deref(), Some(&[1, 0][..]));
}

#[test]
fn moving_only_axes_of_extent_one_is_a_reshape() {
    let mut sketch = Sketch::new(9);
    let x = sketch.input(&[1, 4]);
    let y = sketch.node(Op::Tanh(Tanh), &[x]);
    let y = sketch.reshape(y, &[1, 4, 1, 1]);
    let y = conv_first(&mut sketch, y, 2);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Tanh", "Reshape", "Conv2D"]);
}
