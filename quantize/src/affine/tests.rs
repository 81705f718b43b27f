//! Quantizing small graphs.

use std::collections::HashMap;

use super::*;
use crate::ir::{Activation, Padding, Port, Window, infer_one};
use crate::op::{
    Add, BatchNorm, Concat, FullyConnected, Logistic, MaxPool2D, Mul, Op, Pad, Quantize, Relu, Reshape, Softmax, Tanh,
};

/// A graph under construction; every value gets a range when it is made.
#[derive(Default)]
struct Builder {
    graph: Graph,
    table: CalibrationTable,
}

impl Builder {
    fn input(&mut self, shape: &[usize], lo: f32, hi: f32) -> ValueId {
        let name = format!("in{}", self.graph.inputs.len());
        let (dtype, shape) = (DType::F32, shape.to_vec());
        let value = Value { name: name.clone(), dtype, shape: shape.clone(), quantization: None, elements: None };
        let value = self.graph.add_value(value);
        self.graph.inputs.push(Port { value, name, source_shape: shape, permutation: None });
        self.table.set(value, Range { lo, hi });
        value
    }

    fn constant(&mut self, shape: &[usize], elements: &[f32]) -> ValueId {
        self.graph.add_constant("c", shape.to_vec(), Elements::F32(elements.to_vec()))
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], lo: f32, hi: f32) -> ValueId {
        let shape = infer_one(&self.graph, &op, inputs).expect("fits");
        let output = self.graph.add_intermediate(op.name(), shape);
        let name = self.graph.value(output).name.clone();
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), outputs: vec![output] });
        self.table.set(output, Range { lo, hi });
        output
    }

    fn output(&mut self, value: ValueId) {
        let name = format!("out{}", self.graph.outputs.len());
        let source_shape = self.graph.value(value).shape.clone();
        self.graph.outputs.push(Port { value, name, source_shape, permutation: None });
    }

    fn quantize(&self) -> Graph {
        quantize(&self.graph, &self.table).expect("quantizable")
    }
}

fn parameters(graph: &Graph, id: ValueId) -> (f32, i32) {
    let quantization = graph.value(id).quantization.as_ref().expect("quantized");
    (quantization.scale(0), quantization.zero_point())
}

const NONE: Activation = Activation::None;

#[test]
fn biases_take_up_what_rounding_adds_on_average() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 12.0);
    // Of the second channel's weights the second is rounded to nothing.
    let w = builder.constant(&[2, 2], &[127.0, 1.0, 127.0, 0.4]);
    let b = builder.constant(&[2], &[0.0, 5.0]);
    // The activation must not hide what the layer sums up.
    let op = FullyConnected { activation: Activation::Relu };
    let y = builder.node(op.into(), &[x, w, b], 0.0, 20.0);
    builder.output(y);
    let mut int8 = builder.quantize();
    let plain = int8.value(int8.nodes[0].inputs[2]).elements.clone();
    let means = HashMap::from([(x, vec![-1.0, 10.0])]);
    bias_correction::correct(&builder.graph, [&means, &means], &mut int8, 0);
    let codes = |elements: &Option<Elements>| elements.as_ref().and_then(|e| e.i32s().map(<[i32]>::to_vec));
    let (plain, corrected) =
        (codes(&plain).expect("codes"), codes(&int8.value(int8.nodes[0].inputs[2]).elements).expect("codes"));
    let step = f64::from(int8.value(int8.nodes[0].inputs[2]).quantization.as_ref().expect("quantized").scale(1));
    assert_eq!(corrected[0], plain[0], "weights that are codes");
    // 0.4 x 10 is missing.
    let moved = f64::from(corrected[1] - plain[1]) * step;
    assert!((moved - 4.0).abs() <= step, "{moved}");
    // What the int8 graph reads is 1 too little on average: so is what it sums up, in both channels.
    let read = HashMap::from([(x, vec![-1.0, 9.0])]);
    bias_correction::correct(&builder.graph, [&means, &read], &mut int8, 0);
    let again = codes(&int8.value(int8.nodes[0].inputs[2]).elements).expect("codes");
    let moved: Vec<f64> = again.iter().zip(&plain).map(|(new, old)| f64::from(new - old) * step).collect();
    assert!((moved[0] - 1.0).abs() <= step && (moved[1] - 4.0).abs() <= step, "{moved:?}");
}

#[test]
fn dense_layer_becomes_integers() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.28, 1.27);
    let w = builder.constant(&[2, 2], &[1.27, -0.5, 0.0127, 0.01]);
    let b = builder.constant(&[2], &[0.5, -0.25]);
    let y = builder.node(Op::FullyConnected(FullyConnected { activation: Activation::Relu }), &[x, w, b], 0.0, 2.55);
    builder.output(y);
    let graph = builder.quantize();
    let (scale, zero_point) = parameters(&graph, x);
    assert!((scale - 0.01).abs() < 1e-6 && zero_point == 0);
    assert_eq!(parameters(&graph, y).1, -128, "a fused ReLU uses all codes");
    let [_, w, b] = graph.nodes[0].inputs[..] else { panic!("three operands") };
    assert_eq!(graph.value(w).elements, Some(Elements::I8(vec![127, -50, 127, 100])));
    let quantization = graph.value(w).quantization.clone().expect("quantized");
    assert_eq!((quantization.axis, quantization.scales.len()), (Some(0), 2), "dense layers are per channel too");
    let Some(Elements::I32(bias)) = &graph.value(b).elements else { panic!("int32 bias") };
    assert_eq!(bias.len(), 2);
    assert!((f64::from(bias[0]) * f64::from(scale) * f64::from(quantization.scales[0]) - 0.5).abs() < 1e-4);
}

#[test]
fn values_that_are_not_rescaled_share_parameters() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 4, 4, 2], -1.0, 3.0);
    let window = Window { size: [2, 2], stride: [2, 2], padding: Padding::default() };
    let pooled = builder.node(Op::MaxPool2D(MaxPool2D { window, activation: NONE }), &[x], 0.0, 3.0);
    let padded = Op::Pad(Pad { before: vec![0, 1, 1, 0], after: vec![0; 4], value: 0.0 });
    let padded = builder.node(padded, &[pooled], 0.0, 3.0);
    let flat = builder.node(Op::Reshape(Reshape), &[padded], 0.0, 3.0);
    builder.output(flat);
    let graph = builder.quantize();
    for id in [pooled, padded, flat] {
        assert_eq!(graph.value(id).quantization, graph.value(x).quantization);
    }
}

#[test]
fn kernels_with_a_given_output_get_it() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 4], -1.0, 3.0);
    let softmax = builder.node(Op::Softmax(Softmax { beta: 1.0 }), &[x], 0.0, 1.0);
    let logistic = builder.node(Op::Logistic(Logistic), &[x], 0.2, 0.9);
    let tanh = builder.node(Op::Tanh(Tanh), &[x], -0.7, 0.9);
    let flat = builder.node(Op::Reshape(Reshape), &[tanh], -0.7, 0.9);
    [softmax, logistic, flat].into_iter().for_each(|id| builder.output(id));
    let graph = builder.quantize();
    assert_eq!(parameters(&graph, softmax), (1.0 / 256.0, -128));
    assert_eq!(parameters(&graph, logistic), (1.0 / 256.0, -128));
    assert_eq!(parameters(&graph, tanh), (1.0 / 128.0, 0));
    assert_eq!(parameters(&graph, flat), (1.0 / 128.0, 0));
}

#[test]
fn concat_takes_the_union() {
    let mut builder = Builder::default();
    let (a, b) = (builder.input(&[1, 2], -1.0, 1.0), builder.input(&[1, 2], 0.0, 4.0));
    let c = builder.constant(&[1, 1], &[-2.0]);
    let y = builder.node(Op::Concat(Concat { axis: 1 }), &[a, c, b], -2.0, 4.0);
    builder.output(y);
    let graph = builder.quantize();
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(parameters(&graph, y), parameters(&graph, a));
    assert!((parameters(&graph, y).0 - 6.0 / 255.0).abs() < 1e-6);
    assert_eq!(graph.value(graph.nodes[0].inputs[1]).elements, Some(Elements::I8(vec![-128])));
}

#[test]
fn concat_requantizes_what_cannot_or_should_not_join() {
    let mut builder = Builder::default();
    let (a, b) = (builder.input(&[1, 2], -1.0, 1.0), builder.input(&[1, 2], -8.0, 8.0));
    let logistic = builder.node(Op::Logistic(Logistic), &[a], 0.0, 1.0);
    let narrow = builder.node(Op::Relu(Relu), &[a], 0.0, 1.0);
    let y = builder.node(Op::Concat(Concat { axis: 1 }), &[logistic, narrow, b], -8.0, 8.0);
    let other = builder.node(Op::Tanh(Tanh), &[narrow], 0.0, 1.0);
    [y, other].into_iter().for_each(|id| builder.output(id));
    let graph = builder.quantize();
    let requantized: Vec<&Node> = graph.nodes.iter().filter(|node| node.op == Op::Quantize(Quantize)).collect();
    assert_eq!(requantized.iter().map(|node| node.inputs[0]).collect::<Vec<_>>(), [logistic, narrow]);
    assert_eq!(parameters(&graph, logistic), (1.0 / 256.0, -128));
    assert!((parameters(&graph, narrow).0 - 1.0 / 255.0).abs() < 1e-6, "keeps its own resolution");
    assert_eq!(parameters(&graph, b), parameters(&graph, y));
}

#[test]
fn concat_of_results_bound_alike_is_bound() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 1.0);
    let (a, b) =
        (builder.node(Op::Logistic(Logistic), &[x], 0.0, 1.0), builder.node(Op::Logistic(Logistic), &[x], 0.0, 1.0));
    let y = builder.node(Op::Concat(Concat { axis: 1 }), &[a, b], 0.0, 1.0);
    builder.output(y);
    let graph = builder.quantize();
    assert_eq!(graph.nodes.len(), 3);
    assert_eq!(parameters(&graph, y), (1.0 / 256.0, -128));
}

/// The graph's operators on `x`, and what its first output is in reals.
fn computed(graph: &Graph, x: &[f32]) -> Vec<f32> {
    let mut codes: Vec<Option<Vec<i32>>> = vec![None; graph.values.len()];
    let quantization = |id: ValueId| graph.value(id).quantization.clone().expect("quantized");
    let port = graph.inputs[0].value;
    let quantized = |real: f32, q: &Quantization| i32::from(fixed::quantize_real(real, q));
    codes[port.0 as usize] = Some(x.iter().map(|&real| quantized(real, &quantization(port))).collect());
    for node in &graph.nodes {
        let (input, output) = (node.inputs[0], node.output());
        let (from, into) = (quantization(input), quantization(output));
        let real = |q: &Quantization, code: i32| (code - q.zero_point()) as f32 * q.scale(0);
        let operand = codes[input.0 as usize].clone().expect("computed");
        let reals: Vec<f32> = operand.iter().map(|&code| real(&from, code)).collect();
        codes[output.0 as usize] = Some(match &node.op {
            Op::Pad(Pad { before, after, value }) => {
                assert_eq!(from, into, "a Pad copies codes");
                let border = quantized(*value, &into);
                let around = |count: usize| core::iter::repeat_n(border, count);
                around(before[0]).chain(operand).chain(around(after[0])).collect()
            }
            Op::Reshape(_) => operand,
            Op::Quantize(_) => reals.iter().map(|&real| quantized(real, &into)).collect(),
            Op::Logistic(_) => reals.iter().map(|real| quantized(1.0 / (1.0 + (-real).exp()), &into)).collect(),
            Op::Tanh(_) => reals.iter().map(|real| quantized(real.tanh(), &into)).collect(),
            other => panic!("no formula for {}", other.name()),
        });
    }
    let output = graph.outputs[0].value;
    let (q, codes) = (quantization(output), codes[output.0 as usize].clone().expect("computed"));
    codes.iter().map(|code| (code - q.zero_point()) as f32 * q.scale(0)).collect()
}

#[test]
fn a_pad_outside_a_given_quantization_gets_its_number() {
    let cases = [
        (Op::Logistic(Logistic), 5.0f32, [0.0, 5.0], true),
        (Op::Logistic(Logistic), -0.25, [-0.25, 1.0], true),
        (Op::Tanh(Tanh), -1.5, [-1.5, 1.0], true),
        (Op::Tanh(Tanh), 0.5, [-1.0, 1.0], false),
        (Op::Logistic(Logistic), 1.0, [0.0, 1.0], false),
    ];
    for (op, value, range, is_widened) in cases {
        let [lo, hi]: [f32; 2] = range;
        let mut builder = Builder::default();
        let x = builder.input(&[1, 3], -4.0, 4.0);
        let bounded = builder.node(op.clone(), &[x], lo.max(-1.0), 1.0);
        // Reshape hands the given quantization on.
        let flat = builder.node(Op::Reshape(Reshape), &[bounded], lo.max(-1.0), 1.0);
        let pad = Pad { before: vec![1], after: vec![2], value };
        let padded = builder.node(Op::Pad(pad), &[flat], lo, hi);
        let again = builder.node(Op::Reshape(Reshape), &[padded], lo, hi);
        builder.output(again);
        let graph = builder.quantize();
        assert_eq!(graph.nodes.iter().any(|node| node.op == Op::Quantize(Quantize)), is_widened, "{value}");
        let reals = computed(&graph, &[-4.0, 0.0, 2.0]);
        let formula = |x: f32| if op == Op::Tanh(Tanh) { x.tanh() } else { 1.0 / (1.0 + (-x).exp()) };
        let expected = [value, formula(-4.0), formula(0.0), formula(2.0), value, value];
        // A step and a half of the result, and what half a step of `x` makes.
        let tolerance = 1.5 * parameters(&graph, again).0 + 4.0 / 255.0;
        let is_near = |(found, right): (&f32, &f32)| (found - right).abs() <= tolerance;
        assert!(reals.len() == 6 && reals.iter().zip(&expected).all(is_near), "{value}: {reals:?}, not {expected:?}");
        let bound = parameters(&graph, bounded);
        let given = if op == Op::Tanh(Tanh) { (1.0 / 128.0, 0) } else { (1.0 / 256.0, -128) };
        assert_eq!((bound, parameters(&graph, flat)), (given, given), "the kernel's own stays");
    }
}

#[test]
fn a_pad_behind_a_bound_concat_is_widened_too() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 1.0);
    let [a, b] = [(); 2].map(|()| builder.node(Op::Softmax(Softmax { beta: 1.0 }), &[x], 0.0, 1.0));
    let joined = builder.node(Op::Concat(Concat { axis: 1 }), &[a, b], 0.0, 1.0);
    let padded = builder.node(Op::Pad(Pad { before: vec![0, 0], after: vec![0, 1], value: 5.0 }), &[joined], 0.0, 5.0);
    builder.output(padded);
    let graph = builder.quantize();
    assert_eq!(parameters(&graph, joined), (1.0 / 256.0, -128));
    assert!((parameters(&graph, padded).0 - 5.0 / 255.0).abs() < 1e-6);
    let quantization = graph.value(padded).quantization.as_ref().expect("quantized");
    assert_eq!(fixed::quantize_real(5.0, quantization), 127);
}

#[test]
fn saturating_functions_get_short_steps() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1e4, 1e4);
    let relu = builder.node(Op::Relu(Relu), &[x], 0.0, 1e4);
    let only = builder.node(Op::Logistic(Logistic), &[relu], 0.0, 1.0);
    let shared = builder.node(Op::Tanh(Tanh), &[x], -1.0, 1.0);
    [only, shared].into_iter().for_each(|id| builder.output(id));
    let graph = builder.quantize();
    assert!((parameters(&graph, relu).0 - 8.0 / 255.0).abs() < 1e-6, "covers what its only reader tells apart");
    assert!(parameters(&graph, x).0 > 70.0, "keeps the range for its other reader");
    let requantized = graph.nodes.iter().find(|node| node.op == Op::Quantize(Quantize)).expect("before Tanh");
    assert_eq!(requantized.inputs, [x]);
    assert!((parameters(&graph, requantized.output()).0 - 8.0 / 255.0).abs() < 1e-6);
    assert_eq!(
        graph.nodes.iter().find(|node| node.op == Op::Tanh(Tanh)).map(|node| node.inputs[0]),
        Some(requantized.output())
    );
}

#[test]
fn shared_weights_are_quantized_for_each_reader() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 1.0);
    let w = builder.constant(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let b = builder.constant(&[2], &[1.0, 1.0]);
    let op = Op::FullyConnected(FullyConnected { activation: NONE });
    let y = builder.node(op.clone(), &[x, w, b], -8.0, 8.0);
    let z = builder.node(op, &[y, w, b], -99.0, 99.0);
    builder.output(z);
    let graph = builder.quantize();
    let bias = |node: usize| graph.value(graph.nodes[node].inputs[2]).elements.clone();
    assert_ne!(bias(0), bias(1), "the bias has the scale of its layer's input");
}

#[test]
fn cancelling_sum_gets_a_scale_its_kernel_can_compute() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1e6, 1e6);
    let c = builder.constant(&[2], &[1.0, -1.0]);
    let sum = builder.node(Op::Add(Add { activation: NONE }), &[x, c], -1e-6, 1e-6);
    let product = builder.node(Op::Mul(Mul { activation: NONE }), &[x, x], 0.0, 1e-6);
    let w = builder.constant(&[1, 2], &[1e6, -1e6]);
    let dense = builder.node(Op::FullyConnected(FullyConnected { activation: NONE }), &[x, w], 0.0, 1e-9);
    let relu = builder.node(Op::Relu(Relu), &[x], 0.0, 1e-9);
    [sum, product, dense, relu].into_iter().for_each(|id| builder.output(id));
    let graph = builder.quantize();
    let quantization = |id: ValueId| graph.value(id).quantization.clone().expect("quantized");
    let constant = graph.nodes[0].inputs[1];
    assert!(fixed::add(&quantization(x), &quantization(constant), &quantization(sum), NONE).is_ok());
    assert!(fixed::mul(&quantization(x), &quantization(x), &quantization(product), NONE).factor.shift <= 15);
    let weights = quantization(graph.nodes[2].inputs[1]);
    let factor = fixed::layer_factors(&quantization(x), &weights, &quantization(dense))[0];
    assert!((127 * 2 * 256) << factor.shift.max(0) < 1 << 30, "{factor:?}");
    assert!(fixed::relu(&quantization(x), &quantization(relu)).factor.shift <= 21);
}

#[test]
fn everything_that_stands_in_the_way_is_listed() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 1.0);
    let p = builder.constant(&[2], &[1.0, 1.0]);
    let normalized = builder.node(Op::BatchNorm(BatchNorm { epsilon: 0.1 }), &[x, p, p, p, p], -1.0, 1.0);
    let w = builder.input(&[3, 2], -1.0, 1.0);
    let y = builder.node(Op::FullyConnected(FullyConnected { activation: NONE }), &[normalized, w], -1.0, 1.0);
    builder.output(y);
    let Err(QuantizeError::Unsupported(nodes)) = quantize(&builder.graph, &builder.table) else { panic!("refused") };
    assert_eq!(nodes.iter().map(|node| node.op).collect::<Vec<_>>(), ["BatchNorm", "FullyConnected"]);
}

#[test]
fn value_without_range_is_named() {
    let mut builder = Builder::default();
    let x = builder.input(&[1, 2], -1.0, 1.0);
    let y = builder.node(Op::Relu(Relu), &[x], 0.0, 1.0);
    builder.output(y);
    builder.table = CalibrationTable::default();
    let error = quantize(&builder.graph, &builder.table).expect_err("no range").to_string();
    assert!(error.contains("no range for `in0`"), "{error}");
}
