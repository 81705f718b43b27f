//! Folding and fusing, one small graph for each rule.

use super::{misses, operators_after, optimized};
use crate::ir::sketch::{Sketch, int8};
use crate::ir::{Activation, Elements, Graph, Op, Padding, ValueId, Window};
use crate::op::{
    Add, AveragePool2D, BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Mul, Pad, Reduce,
    Reduction, Relu, Relu6, Softmax, Tanh,
};
use crate::pass::{PassError, optimize};

const NONE: Activation = Activation::None;

fn conv(padding: Padding) -> Op {
    Op::Conv2D(Conv2D { stride: [1, 1], dilation: [1, 1], padding, groups: 1, activation: NONE })
}

fn around(amount: usize) -> Padding {
    Padding { top: amount, bottom: amount, left: amount, right: amount }
}

fn batch_norm(sketch: &mut Sketch, x: ValueId) -> ValueId {
    let channels = *sketch.graph.value(x).shape.last().expect("not a scalar");
    let [scale, shift, mean] = [(); 3].map(|()| sketch.random(&[channels]));
    let variance = (0..channels).map(|_| sketch.numbers.float().abs() + 0.1).collect();
    let variance = sketch.floats(&[channels], variance);
    sketch.node(Op::BatchNorm(BatchNorm { epsilon: 1e-3 }), &[x, scale, shift, mean, variance])
}

/// `[1, 5, 5, 3]` through a convolution with 4 outputs.
fn convolved(sketch: &mut Sketch, padding: Padding) -> ValueId {
    let (x, w) = (sketch.input(&[1, 5, 5, 3]), sketch.random(&[4, 3, 3, 3]));
    sketch.node(conv(padding), &[x, w])
}

#[test]
fn batch_norm_goes_into_a_convolution_and_relu_into_the_result() {
    let mut sketch = Sketch::new(1);
    let y = convolved(&mut sketch, around(1));
    let y = batch_norm(&mut sketch, y);
    let y = sketch.node(Op::Relu(Relu), &[y]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D"]);
    assert!(matches!(after.nodes[0].op, Op::Conv2D(Conv2D { activation: Activation::Relu, .. })));
    assert_eq!(after.nodes[0].inputs.len(), 3, "it got a bias");
}

#[test]
fn batch_norm_goes_into_depthwise_grouped_and_dense_layers() {
    let mut sketch = Sketch::new(2);
    let (x, w) = (sketch.input(&[1, 5, 5, 4]), sketch.random(&[1, 3, 3, 8]));
    let depthwise = Op::DepthwiseConv2D(DepthwiseConv2D {
        stride: [1, 1],
        dilation: [1, 1],
        padding: around(0),
        multiplier: 2,
        activation: NONE,
    });
    let y = sketch.node(depthwise, &[x, w]);
    let y = batch_norm(&mut sketch, y);
    let w = sketch.random(&[6, 1, 1, 4]);
    let grouped =
        Op::Conv2D(Conv2D { stride: [1, 1], dilation: [1, 1], padding: around(0), groups: 2, activation: NONE });
    let y = sketch.node(grouped, &[y, w]);
    let y = batch_norm(&mut sketch, y);
    let y = sketch.reshape(y, &[1, 54]);
    let (w, b) = (sketch.random(&[5, 54]), sketch.random(&[5]));
    let y = sketch.node(Op::FullyConnected(FullyConnected { activation: NONE }), &[y, w, b]);
    let y = batch_norm(&mut sketch, y);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["DepthwiseConv2D", "Conv2D", "Reshape", "FullyConnected"]);
}

#[test]
fn a_product_and_a_sum_with_constants_fold_with_their_activation() {
    let mut sketch = Sketch::new(3);
    let y = convolved(&mut sketch, around(1));
    let (scale, shift) = (sketch.random(&[1, 1, 1, 4]), sketch.random(&[1, 1, 1, 1]));
    let y = sketch.node(Op::Mul(Mul { activation: NONE }), &[y, scale]);
    let y = sketch.node(Op::Add(Add { activation: Activation::Relu6 }), &[y, shift]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D"]);
    assert!(matches!(after.nodes[0].op, Op::Conv2D(Conv2D { activation: Activation::Relu6, .. })));
}

#[test]
fn batch_norm_before_a_layer_folds_ahead_when_nothing_pads() {
    let mut sketch = Sketch::new(4);
    let x = sketch.input(&[1, 5, 5, 3]);
    let y = batch_norm(&mut sketch, x);
    let w = sketch.random(&[4, 3, 3, 3]);
    let y = sketch.node(conv(around(0)), &[y, w]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D"]);
}

#[test]
fn a_shift_does_not_pass_padding_but_a_scale_does() {
    let mut sketch = Sketch::new(5);
    let x = sketch.input(&[1, 5, 5, 3]);
    let scale = sketch.random(&[1, 1, 1, 3]);
    let y = sketch.node(Op::Mul(Mul { activation: NONE }), &[x, scale]);
    let w = sketch.random(&[4, 3, 3, 3]);
    let y = sketch.node(conv(around(1)), &[y, w]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D"]);

    let mut sketch = Sketch::new(6);
    let x = sketch.input(&[1, 5, 5, 3]);
    let y = batch_norm(&mut sketch, x);
    let w = sketch.random(&[4, 3, 3, 3]);
    let y = sketch.node(conv(around(1)), &[y, w]);
    let (after, reports) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Mul", "Add", "Conv2D"]);
    let why = misses(&reports, "fold-affine");
    assert!(why.iter().any(|why| why.contains("pads with zeros")), "{why:?}");
}

#[test]
fn what_is_read_twice_is_not_folded() {
    let mut sketch = Sketch::new(7);
    let y = convolved(&mut sketch, around(1));
    let normal = batch_norm(&mut sketch, y);
    let relu = sketch.node(Op::Relu(Relu), &[y]);
    let sum = sketch.node(Op::Add(Add { activation: NONE }), &[normal, relu]);
    let (after, reports) = optimized(&sketch.finish(&[sum]));
    assert_eq!(after.operators(), ["Conv2D", "Mul", "Add", "Relu", "Add"]);
    assert!(misses(&reports, "fuse-activation").iter().any(|why| why.contains("read elsewhere")));
}

#[test]
fn a_variance_without_a_root_is_refused_by_name() {
    let mut sketch = Sketch::new(8);
    let y = convolved(&mut sketch, around(1));
    let [scale, shift, mean] = [(); 3].map(|()| sketch.random(&[4]));
    let variance = sketch.floats(&[4], vec![1.0, 1.0, -2.0, 1.0]);
    let y = sketch.node(Op::BatchNorm(BatchNorm { epsilon: 1e-3 }), &[y, scale, shift, mean, variance]);
    let mut graph = sketch.finish(&[y]);
    let name = graph.nodes[1].name.clone();
    match optimize(&mut graph) {
        Err(PassError::Numbers { node, problem }) => {
            assert_eq!(node, name);
            assert!(problem.contains("channel 2"), "{problem}");
        }
        other => panic!("expected an error, found {other:?}"),
    }
}

fn pad(amount: usize, value: f32) -> Op {
    Op::Pad(Pad { before: vec![0, amount, amount, 0], after: vec![0, amount, amount, 0], value })
}

#[test]
fn zero_padding_goes_into_a_convolution() {
    let mut sketch = Sketch::new(9);
    let x = sketch.input(&[1, 5, 5, 3]);
    let y = sketch.node(pad(1, 0.0), &[x]);
    let w = sketch.random(&[4, 3, 3, 3]);
    let y = sketch.node(conv(around(1)), &[y, w]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D"]);
    assert!(matches!(after.nodes[0].op, Op::Conv2D(Conv2D { padding, .. }) if padding == around(2)));
}

#[test]
fn other_padding_stays() {
    for op in [pad(1, 0.5), Op::Pad(Pad { before: vec![0, 0, 0, 1], after: vec![0; 4], value: 0.0 })] {
        let mut sketch = Sketch::new(10);
        let x = sketch.input(&[1, 5, 5, 3]);
        let y = sketch.node(op, &[x]);
        let depth = sketch.graph.value(y).shape[3];
        let w = sketch.random(&[4, 3, 3, depth]);
        let y = sketch.node(conv(around(0)), &[y, w]);
        assert_eq!(operators_after(&sketch.finish(&[y])), ["Pad", "Conv2D"]);
    }
}

fn pool(size: usize) -> Window {
    Window { size: [size; 2], stride: [2, 2], padding: Padding::default() }
}

#[test]
fn padding_before_a_maximum_goes_only_behind_a_relu() {
    let max_pool = Op::MaxPool2D(MaxPool2D { window: pool(3), activation: NONE });
    let mut sketch = Sketch::new(11);
    let y = convolved(&mut sketch, around(1));
    let y = sketch.node(Op::Relu(Relu), &[y]);
    let y = sketch.node(pad(1, 0.0), &[y]);
    let y = sketch.node(max_pool.clone(), &[y]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D", "MaxPool2D"]);

    let mut sketch = Sketch::new(12);
    let y = convolved(&mut sketch, around(1));
    let y = sketch.node(pad(1, 0.0), &[y]);
    let y = sketch.node(max_pool, &[y]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D", "Pad", "MaxPool2D"]);

    let mut sketch = Sketch::new(13);
    let x = sketch.input(&[1, 5, 5, 3]);
    let y = sketch.node(Op::Relu(Relu), &[x]);
    let y = sketch.node(pad(1, 0.0), &[y]);
    let y = sketch.node(Op::AveragePool2D(AveragePool2D { window: pool(3), activation: NONE }), &[y]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Relu", "Pad", "AveragePool2D"]);
}

#[test]
fn two_bounds_become_the_tighter_one() {
    let mut sketch = Sketch::new(14);
    let y = convolved(&mut sketch, around(1));
    let y = sketch.node(Op::Relu6(Relu6), &[y]);
    let y = sketch.node(Op::Relu(Relu), &[y]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Conv2D"]);
    assert!(matches!(after.nodes[0].op, Op::Conv2D(Conv2D { activation: Activation::Relu6, .. })));
}

#[test]
fn constants_are_computed_and_dead_nodes_dropped() {
    let mut sketch = Sketch::new(15);
    let x = sketch.input(&[1, 4]);
    let (a, b) = (sketch.random(&[2, 2]), sketch.random(&[1, 4]));
    let c = sketch.reshape(a, &[1, 4]);
    let d = sketch.node(Op::Add(Add { activation: Activation::Relu }), &[c, b]);
    let y = sketch.node(Op::Add(Add { activation: NONE }), &[x, d]);
    let unread = sketch.node(Op::Tanh(Tanh), &[y]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Add"]);
    assert_eq!(after.values.len(), 3, "{unread:?} and the parts of the constant are gone");
}

#[test]
fn reshapes_meet_and_get_out_of_the_way() {
    // What a one-dimensional convolution looks like after import: reshapes between it and its Relu.
    let mut sketch = Sketch::new(16);
    let x = sketch.input(&[1, 7, 3]);
    let image = sketch.reshape(x, &[1, 1, 7, 3]);
    let w = sketch.random(&[4, 1, 3, 3]);
    let y = sketch.node(conv(Padding::default()), &[image, w]);
    let y = sketch.reshape(y, &[1, 5, 4]);
    let y = batch_norm(&mut sketch, y);
    let y = sketch.node(Op::Relu(Relu), &[y]);
    let y = sketch.reshape(y, &[1, 1, 5, 4]);
    let w = sketch.random(&[2, 1, 3, 4]);
    let y = sketch.node(conv(Padding::default()), &[y, w]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Reshape", "Conv2D", "Conv2D"]);
}

#[test]
fn a_flattened_reduction_drops_its_axes_itself() {
    let (axes, keep_dims) = (vec![1, 2], true);
    let max = Reduce { kind: Reduction::Max, axes: axes.clone(), keep_dims };
    for op in [Op::Mean(Mean { axes, keep_dims }), Op::Reduce(max)] {
        let name = op.name();
        let mut sketch = Sketch::new(17);
        let y = convolved(&mut sketch, around(1));
        let y = sketch.node(op, &[y]);
        let y = sketch.reshape(y, &[1, 4]);
        let y = sketch.node(Op::Softmax(Softmax { beta: 1.0 }), &[y]);
        assert_eq!(operators_after(&sketch.finish(&[y])), ["Conv2D", name, "Softmax"]);
    }
}

#[test]
fn a_maximum_of_one_element_is_that_element() {
    let mut sketch = Sketch::new(23);
    let x = sketch.input(&[2, 1, 4]);
    let y = sketch.node(Op::Reduce(Reduce { kind: Reduction::Max, axes: vec![1], keep_dims: true }), &[x]);
    let y = sketch.node(Op::Softmax(Softmax { beta: 1.0 }), &[y]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Softmax"]);
}

#[test]
fn a_maximum_of_constants_is_computed_by_the_compiler() {
    let mut sketch = Sketch::new(24);
    let x = sketch.input(&[2, 3]);
    let constant = sketch.floats(&[2, 3], vec![1.0, -5.0, 2.0, 0.5, -4.0, 7.0]);
    let max = sketch.node(Op::Reduce(Reduce { kind: Reduction::Max, axes: vec![0], keep_dims: false }), &[constant]);
    let y = sketch.node(Op::Add(Add { activation: Activation::None }), &[x, max]);
    let (after, _) = optimized(&sketch.finish(&[y]));
    assert_eq!(after.operators(), ["Add"]);
    assert_eq!(after.constant_f32(after.nodes[0].inputs[1]), Some(&[1.0, -4.0, 7.0][..]));
}

#[test]
fn an_output_never_becomes_an_input() {
    let mut sketch = Sketch::new(18);
    let x = sketch.input(&[1, 4]);
    let y = sketch.reshape(x, &[1, 4]);
    assert_eq!(operators_after(&sketch.finish(&[y])), ["Reshape"]);
}

/// An int8 Pad, convolution and Relu; the Relu's result has the scale `relu_scale`.
fn quantized(relu_scale: f32) -> Graph {
    let mut sketch = Sketch::new(19);
    let x = sketch.input(&[1, 5, 5, 3]);
    let name = sketch.graph.value(x).name.clone();
    *sketch.graph.value_mut(x) = int8(&name, &[1, 5, 5, 3], 0.5, 3);
    let y = sketch.node(pad(1, 0.0), &[x]);
    let mut weights = int8("weights", &[4, 3, 3, 3], 0.1, 0);
    weights.elements = Some(Elements::I8((0..108).map(|v| v as i8).collect()));
    let w = sketch.value(weights);
    let y = sketch.node(conv(Padding::default()), &[y, w]);
    let z = sketch.node(Op::Relu(Relu), &[y]);
    sketch.graph.value_mut(z).quantization.as_mut().expect("int8").scales = vec![relu_scale];
    sketch.finish(&[z])
}

#[test]
fn int8_padding_and_equal_scales_fuse() {
    let mut graph = quantized(0.5);
    optimize(&mut graph).expect("optimized");
    assert_eq!(graph.operators(), ["Conv2D"]);
}

#[test]
fn an_int8_relu_that_rescales_stays() {
    let mut graph = quantized(0.25);
    let reports = optimize(&mut graph).expect("optimized");
    assert_eq!(graph.operators(), ["Conv2D", "Relu"]);
    assert!(misses(&reports, "fuse-activation").iter().any(|why| why.contains("rescales")));
}

#[test]
fn int8_products_are_not_folded() {
    let mut sketch = Sketch::new(20);
    let x = sketch.value(int8("x", &[1, 2, 2, 3], 0.5, 3));
    let port = crate::ir::Port { value: x, name: "x".into(), source_shape: vec![1, 2, 2, 3], permutation: None };
    sketch.graph.inputs.push(port);
    let mut weights = int8("weights", &[4, 1, 1, 3], 0.1, 0);
    weights.elements = Some(Elements::I8(vec![1; 12]));
    let w = sketch.value(weights);
    let y = sketch.node(conv(Padding::default()), &[x, w]);
    let mut factor = int8("factor", &[1, 1, 1, 4], 0.1, 0);
    factor.elements = Some(Elements::I8(vec![10; 4]));
    let factor = sketch.value(factor);
    let y = sketch.node(Op::Mul(Mul { activation: NONE }), &[y, factor]);
    let mut graph = sketch.finish(&[y]);
    optimize(&mut graph).expect("optimized");
    assert_eq!(graph.operators(), ["Conv2D", "Mul"]);
}
