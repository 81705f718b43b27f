//! Bias correction: what rounding the weights adds to a layer's results on average is taken from its bias.
//!
//! With `x`, `w` the float operands, `w'` the reals that the weights' codes stand for, and E the mean over samples and
//! positions, channel `o` gets (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019)
//!
//! ```text
//!   b'_o = b_o + E[(w x)_o] - E[(w' x)_o] = b_o + ((w - w') E[x])_o
//! ```
//!
//! A layer is linear before its activation: the mean of its results is its result for the mean operand, which calibration
//! keeps. So the formula of the operator is evaluated once, whatever it is and whatever the number of samples.

use super::weights::ACCUMULATOR_MAX;
use crate::calibrate::Means;
use crate::ir::{DType, Elements, Graph, Node, Op, ValueId, evaluate};
use crate::op::common::attributes::Activation;
use crate::op::common::real::Real;

/// Corrects the biases of `int8`, which `float` became; `means` are what layers of `float` read on average. Layers without
/// a bias stay as they are.
pub fn correct_biases(float: &Graph, means: &Means, int8: &mut Graph) {
    let corrected = |node: &Node| {
        let bias = *node.inputs.get(2)?;
        Some((bias, codes(float, means, int8, node)?))
    };
    let all: Vec<(ValueId, Vec<i32>)> = int8.nodes.iter().filter_map(corrected).collect();
    for (bias, codes) in all {
        int8.value_mut(bias).elements = Some(Elements::I32(codes));
    }
}

/// The corrected bias of an int8 layer; `None` when the node is none, or stays as it is.
fn codes(float: &Graph, means: &Means, int8: &Graph, node: &Node) -> Option<Vec<i32>> {
    let [_, weights, bias] = *node.inputs.as_slice() else { return None };
    node.op.operator().layer()?;
    let (weights, bias) = (int8.value(weights).clone().widened(), int8.value(bias));
    let (Some(Elements::I32(codes)), Some(quantization)) = (&bias.elements, &bias.quantization) else { return None };
    let twin = float.nodes.iter().find(|twin| twin.outputs == node.outputs)?;
    let mean = means.get(twin.inputs.first()?)?;
    let (exact, rounded) = (float.constant_f32(*twin.inputs.get(1)?)?, weights.elements.as_ref()?.f32s()?);
    let lost: Vec<f32> = exact.iter().zip(rounded).map(|(exact, rounded)| exact - rounded).collect();
    let moved = sums(float, twin, mean, &lost)?;
    let code = |(channel, (&code, moved)): (usize, (&i32, &f64))| {
        let corrected = f64::from(code) + moved / f64::from(quantization.scale(channel));
        corrected.round().clamp(-ACCUMULATOR_MAX, ACCUMULATOR_MAX) as i32
    };
    Some(codes.iter().zip(&moved).enumerate().map(code).collect())
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
