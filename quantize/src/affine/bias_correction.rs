//! Bias correction: what quantization adds to a layer's results on average is taken from its bias.
//!
//! With `x`, `w` the float operands, `x'` the reals that the layer's operand is in the int8 graph, `w'` those that the
//! weights' codes stand for, and E the mean over samples and positions, channel `o` gets (Nagel et al., Data-Free
//! Quantization Through Weight Equalization and Bias Correction, 2019, there for `x' = x`)
//!
//! ```text
//!   b'_o = b_o + E[(w x)_o] - E[(w' x')_o] = b_o + (w E[x])_o - (w' E[x'])_o
//! ```
//!
//! A layer is linear before its activation: the mean of its results is its result for the mean operand. So the formula of
//! the operator is evaluated twice, whatever it is and whatever the number of samples.
//!
//! `E[x']` depends on the biases before the layer, so the graph is gone through node by node (`calibrate/prefix.rs`): a layer is
//! corrected by what stands before it, and only then computed, once for each sample. Correcting all layers by one run of the
//! whole graph does not do: each would make up again for what the layers before it have made up for.

use super::error_report::quantize_inputs;
use super::weights::ACCUMULATOR_MAX;
use crate::calibrate::{Means, Prefix, Samples, is_averaged};
use crate::ir::{DType, Elements, Graph, Node, Op, evaluate};
use crate::op::common::attributes::Activation;
use crate::op::common::real::Real;

/// Corrects the biases of `int8`, which `float` became; `means` are what layers of `float` read on average in some of the
/// samples. Layers without a bias stay as they are.
pub fn correct_biases(float: &Graph, means: &Means, int8: &mut Graph, samples: &Samples) {
    let mut prefix = prefix(int8, samples);
    for index in 0..int8.nodes.len() {
        let operand = int8.nodes[index].inputs.first().copied();
        let read = operand.and_then(|operand| Some((operand, prefix.as_ref()?.mean_of_codes(int8, operand)?)));
        // Where a node cannot be computed alone, layers behind it are corrected as if all before them were exact.
        let read = read.map(|read| Means::from([read]));
        correct(float, [means, read.as_ref().unwrap_or(means)], int8, index);
        if let Some(computed) = &mut prefix {
            match computed.compute(int8, index) {
                Ok(()) => computed.forget_behind(int8, index),
                Err(_) => prefix = None,
            }
        }
    }
}

/// The inputs of the int8 graph in the samples that means are taken of; `None` for a graph with inputs that have no codes, or
/// with states.
fn prefix(int8: &Graph, samples: &Samples) -> Option<Prefix> {
    let has_codes = int8.inputs.iter().all(|port| int8.value(port.value).dtype == DType::I8);
    let averaged: Vec<usize> = (0..samples.len()).filter(|&sample| is_averaged(sample, samples.len())).collect();
    let bytes = |codes: Vec<i8>| codes.into_iter().map(|code| code as u8).collect();
    let inputs = |index: usize| quantize_inputs(int8, &samples.get(averaged[index])).into_iter().map(bytes).collect();
    (has_codes && int8.states.is_empty()).then(|| Prefix::new(int8, averaged.len(), inputs))
}

/// Corrects the bias of node `index`, if it is a layer, by what it reads in the float graph and in the int8 graph.
pub(super) fn correct(float: &Graph, means: [&Means; 2], int8: &mut Graph, index: usize) {
    let node = &int8.nodes[index];
    if let Some(codes) = codes(float, means, int8, node)
        && let Some(&bias) = node.inputs.get(2)
    {
        int8.value_mut(bias).elements = Some(Elements::I32(codes));
    }
}

/// The corrected bias of an int8 layer; `None` when the node is none, or stays as it is.
fn codes(float: &Graph, [read_float, read_int8]: [&Means; 2], int8: &Graph, node: &Node) -> Option<Vec<i32>> {
    let [operand, weights, bias] = *node.inputs.as_slice() else { return None };
    node.op.operator().layer()?;
    let (weights, bias) = (int8.value(weights).clone().widened(), int8.value(bias));
    let quantization = bias.quantization.as_ref()?;
    let twin = float.nodes.iter().find(|twin| twin.outputs == node.outputs)?;
    let [twin_operand, twin_weights, twin_bias] = *twin.inputs.as_slice() else { return None };
    let (exact, rounded) = (float.constant_f32(twin_weights)?, weights.elements.as_ref()?.f32s()?);
    let meant = sums(float, twin, read_float.get(&twin_operand)?, exact)?;
    let found = sums(float, twin, read_int8.get(&operand)?, rounded)?;
    let reals = float.constant_f32(twin_bias)?;
    let code = |(channel, (&real, moved)): (usize, (&f32, f64))| {
        let corrected = (f64::from(real) + moved) / f64::from(quantization.scale(channel));
        corrected.round().clamp(-ACCUMULATOR_MAX, ACCUMULATOR_MAX) as i32
    };
    let moved = meant.iter().zip(&found).map(|(meant, found)| meant - found);
    Some(reals.iter().zip(moved).enumerate().map(code).collect())
}

/// What a layer without its activation and its bias sums up in each channel, for a mean operand: the mean over positions.
fn sums(graph: &Graph, node: &Node, operand: &[f32], weights: &[f32]) -> Option<Vec<f64>> {
    let mut op: Op = node.op.clone();
    if let Some(activation) = op.operator_mut().activation_mut() {
        *activation = Activation::None;
    }
    let shape = |index: usize| node.inputs.get(index).map(|id| graph.value(*id).shape.as_slice());
    let output = graph.value(node.output()).shape.as_slice();
    let channels = *output.last().filter(|&&channels| channels > 0)?;
    let real = |shape, data| Real { shape, dtype: DType::F32, data };
    let zeros = vec![0.0; channels];
    let inputs = [real(shape(0)?, operand), real(shape(1)?, weights), real(shape(2)?, &zeros)];
    let results = evaluate(&op, &inputs, &[output])?;
    let result = results.first()?;
    let positions = (result.len() / channels).max(1) as f64;
    let mut sums = vec![0.0; channels];
    for pixel in result.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &element)| *sum += f64::from(element) / positions);
    }
    Some(sums)
}
