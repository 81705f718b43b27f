//! Every operator of a quantized graph computes what its float original does on the same (dequantized) operands, to
//! within two steps of its result's scale and what the rounding of its constants can amount to: on random graphs,
//! run by the engine.
//!
//! This pins the parameters, not the accuracy: a wrong scale, zero point, weight, bias, shared quantization or
//! missing requantization is off by more.

mod random_graph;

use kinglet_quantize::op::{Quantize, Reshape};
use std::collections::HashMap;

use kinglet_quantize::affine::quantize;
use kinglet_quantize::calibrate::{Calibration, EngineRunner, Method, Runner, Samples, calibrate};
use kinglet_quantize::emit::BuildError;
use kinglet_quantize::ir::{DType, Elements, Graph, Node, Op, Port, Value, ValueId, interpret};
use proptest::prelude::*;
use random_graph::{Random, Step, grow};

/// The real values of codes.
fn dequantized(value: &Value, codes: &[i8]) -> Vec<f32> {
    let q = value.quantization.as_ref().expect("quantized");
    codes.iter().map(|&code| q.scale(0) * (i32::from(code) - q.zero_point()) as f32).collect()
}

/// The reals of a constant, whatever its type and granularity.
fn real_constant(value: &Value) -> Option<Vec<f32>> {
    let q = value.quantization.as_ref();
    let axis = q.and_then(|q| q.axis).unwrap_or(0);
    let inner: usize = value.shape.iter().skip(axis + 1).product();
    let scale = |i: usize| q.map_or(1e-4, |q| q.scale(i / inner.max(1) % value.shape.get(axis).copied().unwrap_or(1)));
    match value.elements.as_ref()? {
        Elements::F32(all) => Some(all.clone()),
        Elements::U8(_) | Elements::I16(_) => None,
        Elements::I8(all) if q.is_some_and(|q| q.axis.is_none()) => Some(dequantized(value, all)),
        Elements::I8(all) => Some(all.iter().enumerate().map(|(i, &code)| scale(i) * f32::from(code)).collect()),
        Elements::I32(all) => {
            Some(all.iter().enumerate().map(|(i, &code)| (f64::from(scale(i)) * f64::from(code)) as f32).collect())
        }
        Elements::Bool(_) => None,
        Elements::I64(_) => None,
    }
}

/// A float graph of the same structure.
fn float_twin(graph: &Graph) -> Graph {
    let mut twin = graph.clone();
    for (value, original) in twin.values.iter_mut().zip(&graph.values) {
        value.elements = real_constant(original).map(Elements::F32);
        (value.dtype, value.quantization) = (DType::F32, None);
    }
    // What rescaled codes is the identity on reals; so is adding zero.
    for node in &mut twin.nodes {
        if node.op == Op::Quantize(Quantize) {
            node.op = Op::Reshape(Reshape);
        }
    }
    twin.verify().expect("a valid graph");
    twin
}

fn samples(graph: &Graph, count: usize, seed: u64) -> Samples {
    let mut random = Random::new(seed);
    let len = graph.value(graph.inputs[0].value).len() * count;
    let elements = (0..len).map(|_| f32::from(random.int8()) / 50.0).collect();
    Samples::from_elements(graph, &[elements]).expect("fits")
}

/// The float node alone, with its constants; the computed operands are its inputs.
fn alone(float: &Graph, node: &Node) -> Graph {
    let mut graph = Graph::default();
    let mut single = node.clone();
    let add = |graph: &mut Graph, id: ValueId| {
        let mut value = float.value(id).clone();
        value.name = format!("v{}", graph.values.len());
        let (name, source_shape, computed) = (value.name.clone(), value.shape.clone(), value.elements.is_none());
        let value = graph.add_value(value);
        (Port { value, name, source_shape, permutation: None }, computed)
    };
    for (position, &id) in node.inputs.iter().enumerate() {
        let (port, computed) = add(&mut graph, id);
        single.inputs[position] = port.value;
        if computed {
            graph.inputs.push(port);
        }
    }
    let (port, _) = add(&mut graph, node.output());
    single.outputs = vec![port.value];
    graph.outputs.push(port);
    graph.nodes.push(single);
    graph
}

/// How many steps of the result the rounding of constants to integers can make: half a step of each constant
/// times the largest operand there is, over all constants that meet in one element.
fn rounding_of_constants(int8: &Graph, node: &Node, operand: &[f32]) -> f64 {
    let largest = operand.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
    let scale = |id: ValueId| {
        let scales = &int8.value(id).quantization.as_ref().expect("quantized").scales;
        f64::from(scales.iter().copied().fold(0.0, f32::max))
    };
    let constant = node.inputs.iter().find(|id| int8.value(**id).elements.is_some());
    let Some(&constant) = constant else { return 0.0 };
    let reals = match &node.op {
        Op::Conv2D(_) | Op::DepthwiseConv2D(_) | Op::TransposeConv2D(_) | Op::FullyConnected(_) => {
            let weights = int8.value(constant);
            let taps = weights.len() / weights.quantization.as_ref().map_or(1, |q| q.scales.len());
            // The bias has the product of both scales.
            (taps as f64 * largest + scale(node.inputs[0])) * scale(constant)
        }
        Op::Mul(_) => largest * scale(constant),
        Op::MatMul(product) => {
            let shape = &int8.value(constant).shape;
            let is_first = node.inputs[0] == constant;
            let last = if is_first { !product.transpose_a } else { product.transpose_b };
            let depth = shape[shape.len() - if last { 1 } else { 2 }];
            depth as f64 * largest * scale(constant)
        }
        _ => scale(constant),
    };
    reals / 2.0 / scale(node.output())
}

/// By how many steps of the result, beyond what rounding explains, the engine's codes are off the float operator's
/// result.
fn excess(float: &Graph, int8: &Graph, node: &Node, codes: &HashMap<ValueId, Vec<i8>>) -> f64 {
    let computed = node.inputs.iter().filter(|id| int8.value(**id).elements.is_none());
    let inputs: Vec<Vec<f32>> = computed.map(|id| dequantized(int8.value(*id), &codes[id])).collect();
    let rounding = 2.0 + rounding_of_constants(int8, node, &inputs[0]);
    let output = int8.value(node.output());
    let q = output.quantization.as_ref().expect("quantized");
    let expected = match float.nodes.iter().find(|original| original.output() == node.output()) {
        // A requantization before Concat: the same reals.
        None => inputs,
        Some(original) => interpret(&alone(float, original), &inputs).expect("float operators"),
    };
    let step = |(&code, &real): (&i8, &f32)| {
        let exact = f64::from(real) / f64::from(q.scale(0)) + f64::from(q.zero_point());
        (f64::from(code) - exact.clamp(-128.0, 127.0)).abs()
    };
    codes[&node.output()].iter().zip(&expected[0]).map(step).fold(0.0, f64::max) - rounding
}

/// Quantizes a random graph and checks all its nodes; the number of nodes checked, 0 if the format cannot say it.
fn check(seed: u64, steps: &[Step]) -> usize {
    let float = float_twin(&grow(seed, steps, 6));
    let mut runner = match EngineRunner::new(&float) {
        Ok(runner) => runner,
        Err(BuildError::Lower(_)) => return 0,
        Err(error) => panic!("{error}\n{float}"),
    };
    let samples = samples(&float, 3, seed);
    let calibration = calibrate(&float, &mut runner, &samples, Method::default(), &mut |_, _| {});
    let Ok(Calibration { table, .. }) = calibration else { return 0 };
    let int8 = quantize(&float, &table).unwrap_or_else(|error| panic!("{error}\n{float}"));
    let mut runner = EngineRunner::new(&int8).unwrap_or_else(|error| panic!("{error}\n{int8}"));
    let input = int8.inputs[0].value;
    let q = int8.value(input).quantization.clone().expect("quantized");
    let reals = samples.get(0)[0];
    let input_codes: Vec<i8> =
        reals.iter().map(|&real| kinglet_quantize::affine::fixed::quantize_real(real, &q)).collect();
    let mut codes = HashMap::from([(input, input_codes.clone())]);
    let run = runner.run(&[&input_codes], &mut |id, elements| {
        codes.insert(id, elements.to_vec());
    });
    run.expect("runs");
    for node in &int8.nodes {
        let excess = excess(&float, &int8, node, &codes);
        assert!(excess <= 0.0, "{} ({}) is off by {excess} steps too many\n{int8}", node.name, node.op.name());
    }
    int8.nodes.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operators_compute_what_their_float_forms_do(
        seed in any::<u64>(),
        steps in prop::collection::vec((any::<u8>(), any::<u32>()), 1..10),
    ) {
        check(seed, &steps);
    }
}

/// Enough of the random graphs can be expressed that the property says something.
#[test]
fn most_random_graphs_are_checked() {
    let checked = (0..100).filter(|&seed| {
        let mut random = Random::new(seed);
        let steps: Vec<Step> = (0..5).map(|_| (random.next() as u8, random.next())).collect();
        check(seed, &steps) > 0
    });
    let count = checked.count();
    println!("{count} of 100 random graphs are quantized and checked");
    assert!(count >= 50, "only {count} of 100");
}
