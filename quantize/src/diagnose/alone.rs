//! The float graph with one layer in integers.
//!
//! Its weights become the reals of their codes, and its result goes through codes and back. Everything else stays as it
//! is, so the noise at the model's output is the noise of this layer, as far as the output cares for it.

use super::values::{median, ratio_db};
use super::{DiagnosisError, Progress, int8_node, parameters};
use crate::calibrate::{CalibrationError, EngineRunner, Runner, Samples};
use crate::ir::{DType, Graph, Node, Port, Value, ValueId};
use crate::op::rule::quantization::Codes;
use crate::op::{Dequantize, Quantize};
use crate::pass::eliminate::{Cost, layer_cost};

/// Multiplications that all these runs may take together: a few seconds.
const MACS_MAX: f64 = 6e9;

/// Samples that each layer is looked at on; fewer of a large model.
const SAMPLES_MAX: usize = 8;

/// How many samples each of `layers` runs takes.
pub(super) fn sample_count(float: &Graph, layers: usize, there: usize) -> usize {
    let cost: Cost = float.nodes.iter().filter_map(|node| layer_cost(float, node)).sum();
    let affordable = MACS_MAX / (cost.macs as f64 * layers.max(1) as f64).max(1.0);
    (affordable as usize).clamp(1, SAMPLES_MAX).min(there)
}

/// The signal to noise ratio of the outputs with each of `nodes` alone in integers, the median of samples; `None` without
/// noise.
pub(super) fn noise(
    float: &Graph,
    int8: &Graph,
    nodes: &[&Node],
    samples: &Samples,
    progress: Progress<'_>,
) -> Result<Vec<(String, Option<f64>)>, DiagnosisError> {
    let ends = ends(float);
    let right = outputs(float, &ends, samples)?;
    let mut found = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let graph = with_integers(float, int8, node);
        let noisy = outputs(&graph, &ends, samples)?;
        let of_sample = |(right, noisy): (&Vec<f32>, &Vec<f32>)| {
            let (mut signal, mut noise) = (0.0, 0.0);
            for (&a, &b) in right.iter().zip(noisy) {
                signal += f64::from(a).powi(2);
                noise += (f64::from(a) - f64::from(b)).powi(2);
            }
            ratio_db(signal, noise)
        };
        found.push((node.name.clone(), median(right.iter().zip(&noisy).map(of_sample).collect())));
        progress(index + 1, nodes.len());
    }
    Ok(found)
}

/// The values whose noise counts: the outputs, or what they are made of by a function that saturates. A softmax that is sure
/// of its answer hides all noise before it but its own rounding.
pub(super) fn ends(float: &Graph) -> Vec<ValueId> {
    let of = |port: &Port| {
        let producer = float.producer(port.value).and_then(|index| float.nodes.get(index));
        let operand = producer.filter(|node| matches!(node.op.operator().codes(), Codes::Bound(_)));
        let operand = operand.and_then(|node| node.inputs.first()).copied();
        operand.filter(|id| float.producer(*id).is_some()).unwrap_or(port.value)
    };
    float.outputs.iter().map(of).collect()
}

/// The elements of these values in each sample, one after the other.
fn outputs(graph: &Graph, ends: &[ValueId], samples: &Samples) -> Result<Vec<Vec<f32>>, DiagnosisError> {
    let mut runner = EngineRunner::new(graph)?;
    let mut all = Vec::with_capacity(samples.len());
    for sample in 0..samples.len() {
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); ends.len()];
        let run = runner.run(&samples.get(sample), &mut |id, elements: &[f32]| {
            let found = ends.iter().zip(&mut outputs).filter(|(end, _)| **end == id);
            found.for_each(|(_, output)| *output = elements.to_vec());
        });
        run.map_err(|source| CalibrationError::Run { sample, source })?;
        all.push(outputs.concat());
    }
    Ok(all)
}

/// The float graph with one node's parameters and result as the int8 graph has them.
fn with_integers(float: &Graph, int8: &Graph, node: &Node) -> Graph {
    let mut graph = float.clone();
    let output = node.output();
    let Some(position) = float.producer(output) else { return graph };
    let Some(quantization) = int8.value(output).quantization.clone() else { return graph };
    let stored = int8_node(int8, output).map_or_else(Vec::new, |node| parameters(int8, node));
    for (operand, stored) in parameters(float, node).into_iter().zip(stored) {
        if let Some(real) = reals(int8.value(stored)) {
            let name = graph.unique_name(&real.name);
            let id = graph.add_value(Value { name, ..real });
            for input in &mut graph.nodes[position].inputs {
                if *input == operand {
                    *input = id;
                }
            }
        }
    }
    let shape = graph.value(output).shape.clone();
    let (real, codes) = (graph.unique_name("alone/real"), graph.unique_name("alone/codes"));
    let value =
        |name: String, dtype, quantization| Value { name, dtype, shape: shape.clone(), quantization, elements: None };
    let real = graph.add_value(value(real, DType::F32, None));
    let codes = graph.add_value(value(codes, DType::I8, Some(quantization)));
    graph.nodes[position].outputs = vec![real];
    let step = |name: &str, op, from: ValueId, to: ValueId| Node {
        name: name.into(),
        op,
        inputs: vec![from],
        outputs: vec![to],
    };
    graph.nodes.insert(position + 1, step("alone/quantize", Quantize.into(), real, codes));
    graph.nodes.insert(position + 2, step("alone/dequantize", Dequantize.into(), codes, output));
    graph
}

/// A constant of codes as one of the reals they stand for.
fn reals(constant: &Value) -> Option<Value> {
    let mut value = constant.clone();
    if let (Some(elements), Some(quantization)) = (constant.elements.as_ref()?.i32s(), &constant.quantization) {
        let inner: usize = match quantization.axis {
            Some(axis) => constant.shape.iter().skip(axis + 1).product(),
            None => constant.len(),
        };
        let channels = quantization.scales.len().max(1);
        let real = |(index, &code): (usize, &i32)| {
            let channel = index / inner.max(1) % channels;
            (f64::from(code - quantization.zero_of(channel)) * f64::from(quantization.scale(channel))) as f32
        };
        let reals = elements.iter().enumerate().map(real).collect();
        value.elements = Some(crate::value::Elements::F32(reals));
    } else {
        value = value.widened();
    }
    (value.quantization, value.dtype) = (None, DType::F32);
    matches!(value.elements, Some(crate::value::Elements::F32(_))).then_some(value)
}
