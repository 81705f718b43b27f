//! Cross-layer equalization: channels of activations are brought to like magnitudes before they share a scale.
//!
//! Between layers a channel may be scaled by any positive factor, `x'_c = x_c / s_c`, if what computes it is scaled by as much and
//! what reads it by the inverse (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019):
//!
//! ```text
//!   W_2 relu(W_1 x + b_1) = (W_2 S) relu(S^-1 W_1 x + S^-1 b_1),    S = diag(s), s > 0
//! ```
//!
//! All channels of a tensor share one scale when they become codes, so a channel of small numbers gets few of them. There the
//! paper balances weights that share a scale; ours have one for each output channel, which no `s` of a layer's own results
//! changes. What gains are activations, by their ranges in the calibration samples, and what may lose are the weights that
//! read them, whose row shares a scale. A depthwise filter loses nothing: its row has one channel.
//!
//! Values that operators scale together (an addition and its operands, pooling) have the same factors. ReLU lets them pass;
//! ReLU6, whose bound is a number, does not, nor do inputs and outputs of the model.

use std::collections::BTreeMap;

use crate::calibrate::{CalibrationError, Runner, Samples, evenly};
use crate::ir::{Activation, DType, Elements, Graph, Node, ValueId};
use crate::op::rule::channels::channel_count;
use crate::op::rule::layer::{Layer, WeightOrder};

/// Samples that magnitudes are taken of, evenly among all.
const SAMPLES: usize = 64;

/// No channel is taken for smaller than this part of the largest: what hardly ever moves may do so yet.
const FACTOR_MAX: f64 = 16.0;

/// How far channels are brought to the largest: half the way in decibels, as what activations win the weights that read them
/// lose (the paper's square root; Xiao et al., SmoothQuant, 2023, have the same exponent).
const POWER: f64 = 0.5;

/// Values whose channels are scaled together.
struct Groups {
    parents: Vec<usize>,
    /// Groups with a value that must stay as it is.
    is_fixed: Vec<bool>,
}

impl Groups {
    fn of(graph: &Graph) -> Self {
        let count = graph.values.len();
        let mut groups = Groups { parents: (0..count).collect(), is_fixed: vec![false; count] };
        let ports = graph.inputs.iter().chain(&graph.outputs).map(|port| port.value);
        ports.chain(graph.sinks()).for_each(|id| groups.fix(id));
        graph.states.iter().for_each(|state| groups.fix(state.value));
        for (index, value) in graph.values.iter().enumerate() {
            if value.elements.is_some() || value.dtype != DType::F32 {
                groups.fix(ValueId(index as u32));
            }
        }
        graph.nodes.iter().for_each(|node| groups.add(graph, node));
        groups
    }

    fn add(&mut self, graph: &Graph, node: &Node) {
        let passes = matches!(node.op.operator().clamp(), Activation::None | Activation::Relu);
        if let Some(layer) = layer(graph, node) {
            // Weights that are the reals of codes shall stay these codes.
            if graph.value(node.inputs[1]).quantization.is_some() {
                self.fix(node.inputs[0]);
                self.fix(node.output());
            }
            if !passes || outputs(graph, node, layer) != channel_count(graph.value(node.output())) {
                self.fix(node.output());
            }
            if inputs(graph, node, layer) != channel_count(graph.value(node.inputs[0])) {
                self.fix(node.inputs[0]);
            }
            return;
        }
        let shapes: Vec<&[usize]> = node.inputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
        let is_one = node.outputs.len() == 1 && node.op.operator().layer().is_none();
        let follows =
            is_one && passes && node.op.operator().scales_with_operands(&shapes, &graph.value(node.output()).shape);
        for &id in &node.inputs {
            if follows { self.join(id, node.output()) } else { self.fix(id) }
        }
        if !follows {
            node.outputs.iter().for_each(|&id| self.fix(id));
        }
    }

    fn group(&self, id: ValueId) -> usize {
        let mut index = id.0 as usize;
        while self.parents[index] != index {
            index = self.parents[index];
        }
        index
    }

    fn fix(&mut self, id: ValueId) {
        let group = self.group(id);
        self.is_fixed[group] = true;
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.group(a), self.group(b));
        self.parents[b] = a;
        self.is_fixed[a] |= self.is_fixed[b];
    }
}

/// What a node is as a layer of constants.
fn layer(graph: &Graph, node: &Node) -> Option<Layer> {
    let constants = node.inputs.get(1..)?.iter().all(|&id| graph.constant_f32(id).is_some());
    node.op.operator().layer().filter(|_| constants && node.inputs.len() > 1)
}

/// The channels that a layer computes, by its weights.
fn outputs(graph: &Graph, node: &Node, layer: Layer) -> usize {
    layer.order.outputs(&graph.value(node.inputs[1]).shape)
}

/// The channels that a layer reads, by its weights.
fn inputs(graph: &Graph, node: &Node, layer: Layer) -> usize {
    let shape = &graph.value(node.inputs[1]).shape;
    match layer.order {
        WeightOrder::Dense { groups } => groups * shape.last().copied().unwrap_or(0),
        WeightOrder::Depthwise { multiplier } => outputs(graph, node, layer) / multiplier.max(1),
    }
}

/// The factors of each group that has some.
type Factors = BTreeMap<usize, Vec<f64>>;

/// A float graph whose channels are of like magnitudes.
pub(crate) struct Equalized {
    /// Computes what the graph did.
    pub(crate) graph: Graph,
    /// The values that have been scaled.
    pub(crate) values: Vec<ValueId>,
}

/// Scales the channels between the layers of a float graph, which `runner` runs; `None` when there are none that may be.
pub(crate) fn equalize(
    graph: &Graph,
    runner: &mut dyn Runner<f32>,
    samples: &Samples,
) -> Result<Option<Equalized>, CalibrationError> {
    let groups = Groups::of(graph);
    let largest = largest(graph, runner, samples)?;
    let mut factors = Factors::new();
    let mut values = Vec::new();
    for (index, magnitudes) in largest.iter().enumerate() {
        let id = ValueId(index as u32);
        let group = groups.group(id);
        let top = magnitudes.iter().copied().fold(0.0, f64::max);
        if groups.is_fixed[group] || top == 0.0 {
            continue;
        }
        values.push(id);
        let all = factors.entry(group).or_insert_with(|| vec![0.0; magnitudes.len()]);
        // Relative to the value's own range: each value of a group has a scale of its own.
        all.iter_mut().zip(magnitudes).for_each(|(all, own)| *all = f64::max(*all, own / top));
    }
    for all in factors.values_mut() {
        all.iter_mut().for_each(|factor| *factor = factor.max(1.0 / FACTOR_MAX).powf(POWER));
    }
    if factors.values().flatten().all(|&factor| factor == 1.0) {
        return Ok(None);
    }
    let mut graph = graph.clone();
    for index in 0..graph.nodes.len() {
        scale(&mut graph, index, &groups, &factors);
    }
    Ok(Some(Equalized { graph, values }))
}

/// The largest magnitude of each channel of each computed value.
fn largest(graph: &Graph, runner: &mut dyn Runner<f32>, samples: &Samples) -> Result<Vec<Vec<f64>>, CalibrationError> {
    let mut largest = vec![Vec::new(); graph.values.len()];
    for sample in evenly(samples.len(), samples.len().min(SAMPLES)) {
        let inputs = samples.get(sample);
        let run = runner.run(&inputs, &mut |id, elements: &[f32]| {
            let channels = channel_count(graph.value(id)).max(1);
            let Some(own) = largest.get_mut(id.0 as usize) else { return };
            own.resize(channels, 0.0);
            for pixel in elements.chunks_exact(channels) {
                own.iter_mut().zip(pixel).for_each(|(own, x)| *own = f64::max(*own, f64::from(x.abs())));
            }
        });
        run.map_err(|source| CalibrationError::Run { sample, source })?;
    }
    Ok(largest)
}

/// Gives a layer the weights and the bias that go with the factors of what it reads and of what it computes.
fn scale(graph: &mut Graph, index: usize, groups: &Groups, factors: &Factors) {
    let node = graph.nodes[index].clone();
    let Some(layer) = layer(graph, &node) else { return };
    let of = |id: ValueId| factors.get(&groups.group(id));
    let (read, computed) = (of(node.inputs[0]), of(node.output()));
    if read.is_none() && computed.is_none() {
        return;
    }
    let factor = |factors: Option<&Vec<f64>>, channel: usize| factors.map_or(1.0, |factors| factors[channel]);
    let shape = graph.value(node.inputs[1]).shape.clone();
    let Some(weights) = graph.constant_f32(node.inputs[1]).map(<[f32]>::to_vec) else { return };
    let scaled = weights.iter().enumerate().map(|(at, &weight)| {
        let (input, output) = (layer.order.input_of(&shape, at), layer.order.output_of(&shape, at));
        (f64::from(weight) * factor(read, input) / factor(computed, output)) as f32
    });
    let scaled: Vec<f32> = scaled.collect();
    let bias = node.inputs.get(2).and_then(|&id| graph.constant_f32(id)).map(<[f32]>::to_vec);
    let name = graph.value(node.inputs[1]).name.clone();
    graph.nodes[index].inputs[1] = graph.add_constant(&name, shape, Elements::F32(scaled));
    if let Some(bias) = bias {
        let scaled = bias.iter().enumerate().map(|(at, &x)| (f64::from(x) / factor(computed, at)) as f32).collect();
        let (name, shape) = (graph.value(node.inputs[2]).name.clone(), graph.value(node.inputs[2]).shape.clone());
        graph.nodes[index].inputs[2] = graph.add_constant(&name, shape, Elements::F32(scaled));
    }
}

#[cfg(test)]
mod tests;
