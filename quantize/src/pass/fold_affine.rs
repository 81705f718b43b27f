//! Folds per-channel scales and shifts into weights.
//!
//! An *affine* node computes `y = scale[c] * x + shift[c]`: a batch normalisation, or a product or sum with
//! a constant. After a convolution or dense layer it goes into that layer's weights and bias; where there is
//! none before it, into those of the layer behind it, unless that one pads: the padding is zero before the
//! affine node and `shift` after it, so only a pure scale may pass.
//!
//! Float graphs only: in a quantized graph each of these nodes rounds. Folding is done in `f64`, so that
//! the folded weights are the nearest floats to the exact ones.

use super::edit::{add_floats, add_instead, bypass, per_channel, sole_consumer};
use super::{Pass, PassError, PassReport};
use crate::ir::{Activation, DType, Graph, Node, Op};
use crate::op::rule::layer::{self as rule, WeightOrder};
use crate::op::rule::rewrite::ChannelAffine;

/// See the module's head.
pub(super) struct FoldAffine;

/// `y = scale[c] * x + shift[c]`, then the activation.
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
    pub(super) activation: Activation,
}

impl Pass for FoldAffine {
    fn name(&self) -> &'static str {
        "fold-affine"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut index = 0;
        while index < graph.nodes.len() {
            let Some(affine) = Affine::of(graph, &graph.nodes[index])? else {
                index += 1;
                continue;
            };
            let name = graph.nodes[index].name.clone();
            let outcome = fold_back(graph, index, &affine).or_else(|back| match fold_ahead(graph, index, &affine) {
                Ok(()) => Ok(()),
                Err(ahead) => Err(format!("{back}; {ahead}")),
            });
            match outcome {
                Ok(()) => report.change(&name, "folded into weights"),
                Err(why) => {
                    report.miss(&name, &why);
                    index += 1;
                }
            }
        }
        Ok(report)
    }
}

impl Affine {
    /// What `node` computes, when it is affine along the last axis.
    pub(super) fn of(graph: &Graph, node: &Node) -> Result<Option<Affine>, PassError> {
        let &[result] = node.outputs.as_slice() else { return Ok(None) };
        let output = graph.value(result);
        let Some(&channels) = output.shape.last() else { return Ok(None) };
        if output.dtype != DType::F32 || node.inputs.first().is_none_or(|&x| graph.value(x).shape != output.shape) {
            return Ok(None);
        }
        let constant = |index: usize| {
            let numbers = per_channel(graph, *node.inputs.get(index)?, channels)?;
            Some(numbers.into_iter().map(f64::from).collect::<Vec<f64>>())
        };
        let Some(form) = node.op.operator().channel_affine() else { return Ok(None) };
        Ok(match form {
            ChannelAffine::Scale(activation) => {
                constant(1).map(|scale| Affine { scale, shift: vec![0.0; channels], activation })
            }
            ChannelAffine::Shift(activation) => {
                constant(1).map(|shift| Affine { scale: vec![1.0; channels], shift, activation })
            }
            ChannelAffine::Normalize(epsilon) => match (constant(1), constant(2), constant(3), constant(4)) {
                (Some(scale), Some(shift), Some(mean), Some(variance)) => {
                    Some(batch_norm(node, epsilon, [scale, shift, mean, variance])?)
                }
                _ => None,
            },
        })
    }

    fn is_pure_scale(&self) -> bool {
        self.shift.iter().all(|&shift| shift == 0.0)
    }
}

fn batch_norm(node: &Node, epsilon: f32, [scale, shift, mean, variance]: [Vec<f64>; 4]) -> Result<Affine, PassError> {
    let deviation: Vec<f64> = variance.iter().map(|variance| (variance + f64::from(epsilon)).sqrt()).collect();
    if let Some(channel) = deviation.iter().position(|deviation| !(*deviation > 0.0 && deviation.is_finite())) {
        let problem = format!(
            "variance {} of channel {channel} has no square root to divide by; train or export the model again",
            variance[channel]
        );
        return Err(PassError::Numbers { node: node.name.clone(), problem });
    }
    let scale: Vec<f64> = scale.iter().zip(&deviation).map(|(scale, deviation)| scale / deviation).collect();
    let shift = (0..scale.len()).map(|c| shift[c] - mean[c] * scale[c]).collect();
    Ok(Affine { scale, shift, activation: Activation::None })
}

/// A layer with constant float weights.
struct Layer {
    order: WeightOrder,
    weights: Vec<f32>,
    shape: Vec<usize>,
    bias: Option<Vec<f32>>,
}

impl Layer {
    fn of(graph: &Graph, node: &Node) -> Result<Layer, String> {
        let Some(rule::Layer { order, .. }) = node.op.operator().layer() else {
            return Err(format!("`{}` ({}) has no weights", node.name, node.op.name()));
        };
        let constant =
            |index: usize| node.inputs.get(index).and_then(|&id| graph.constant_f32(id)).map(<[f32]>::to_vec);
        let (Some(weights), bias) = (constant(1), constant(2)) else {
            return Err(format!("`{}` computes its weights", node.name));
        };
        if bias.is_none() && node.inputs.len() > 2 {
            return Err(format!("`{}` computes its bias", node.name));
        }
        Ok(Layer { order, weights, shape: graph.value(node.inputs[1]).shape.clone(), bias })
    }

    /// Gives the node new weights and bias; the old ones may be shared and stay.
    fn store(self, graph: &mut Graph, index: usize) {
        let name = graph.nodes[index].name.clone();
        let &[x, old, ..] = graph.nodes[index].inputs.as_slice() else { return };
        let weights = add_instead(graph, old, &format!("{name}/weights"), self.shape, self.weights);
        let mut inputs = vec![x, weights];
        if let Some(bias) = self.bias {
            inputs.push(add_floats(graph, &format!("{name}/bias"), vec![bias.len()], bias));
        }
        graph.nodes[index].inputs = inputs;
    }
}

/// Folds affine node `index` into the layer that computes its operand; or says why not.
fn fold_back(graph: &mut Graph, index: usize, affine: &Affine) -> Result<(), String> {
    let source = graph.nodes[index].inputs[0];
    let Some(before) = graph.producer(source) else {
        return Err("no layer computes its operand".into());
    };
    let layer_node = &graph.nodes[before];
    let mut layer = Layer::of(graph, layer_node)?;
    let order = layer.order;
    let mut op = layer_node.op.clone();
    if op.operator_mut().activation_mut().is_some_and(|activation| *activation != Activation::None) {
        return Err(format!("`{}` has an activation in between", layer_node.name));
    }
    if sole_consumer(graph, source) != Some(index) {
        return Err(format!("the result of `{}` is read elsewhere too", layer_node.name));
    }
    let mut weights = core::mem::take(&mut layer.weights);
    for (flat, weight) in weights.iter_mut().enumerate() {
        *weight = (f64::from(*weight) * affine.scale[order.output_of(&layer.shape, flat)]) as f32;
    }
    layer.weights = weights;
    let old = layer.bias.take();
    let bias = |channel: usize| {
        let old = old.as_ref().map_or(0.0, |bias| f64::from(bias[channel]));
        (old * affine.scale[channel] + affine.shift[channel]) as f32
    };
    layer.bias = Some((0..affine.scale.len()).map(bias).collect());
    layer.store(graph, before);
    if let Some(activation) = graph.nodes[before].op.operator_mut().activation_mut() {
        *activation = affine.activation;
    }
    bypass(graph, index, source);
    Ok(())
}

/// Folds affine node `index` into the layer that alone reads its result; or says why not.
fn fold_ahead(graph: &mut Graph, index: usize, affine: &Affine) -> Result<(), String> {
    let node = &graph.nodes[index];
    let (source, result) = (node.inputs[0], node.output());
    let Some(after) = sole_consumer(graph, result) else {
        return Err("its result is read by more than one node, or is an output".into());
    };
    if affine.activation != Activation::None {
        return Err("its own activation stands before the next layer".into());
    }
    let layer_node = &graph.nodes[after];
    let mut layer = Layer::of(graph, layer_node)?;
    if layer_node.inputs[0] != result {
        return Err(format!("`{}` reads its result as weights", layer_node.name));
    }
    if pads(&layer_node.op) && !affine.is_pure_scale() {
        return Err(format!("`{}` pads with zeros, which its shift would change", layer_node.name));
    }
    let is_even = affine.scale.windows(2).all(|pair| pair[0] == pair[1]);
    if graph.value(layer_node.inputs[1]).quantization.is_some() && !is_even {
        return Err(format!("`{}` has integer weights, which its factors would make floats", layer_node.name));
    }
    let (order, old) = (layer.order, layer.bias.take());
    let outputs = order.outputs(&layer.shape);
    let mut bias: Vec<f64> =
        (0..outputs).map(|channel| old.as_ref().map_or(0.0, |bias| f64::from(bias[channel]))).collect();
    let mut weights = core::mem::take(&mut layer.weights);
    for (flat, weight) in weights.iter_mut().enumerate() {
        let input = order.input_of(&layer.shape, flat);
        bias[order.output_of(&layer.shape, flat)] += f64::from(*weight) * affine.shift[input];
        *weight = (f64::from(*weight) * affine.scale[input]) as f32;
    }
    layer.weights = weights;
    if old.is_some() || !affine.is_pure_scale() {
        layer.bias = Some(bias.into_iter().map(|bias| bias as f32).collect());
    }
    layer.store(graph, after);
    // One node reads the result and it is no output, so this always succeeds.
    bypass(graph, index, source);
    Ok(())
}

fn pads(op: &Op) -> bool {
    op.operator().layer().is_some_and(|layer| layer.kernel.is_clipped())
}
