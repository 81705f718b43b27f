//! The quantization of every activation of a graph.

use super::activation::activation;
use super::sharing::Sharing;
use super::weights::FloatLayer;
use crate::ir::{Graph, Node, Op, Quantization, ValueId};

/// Largest power of two by which any operator may scale a code up. The int8 kernels shift before they multiply,
/// so codes and sums have to stay within 32 bits then.
const SCALE_UP_MAX: f32 = (1u32 << 20) as f32;

/// Quantizations by group, with lower bounds on their scales that grow until every operator is satisfied.
pub(super) struct Scales {
    sharing: Sharing,
    /// Smallest scale of each group.
    floors: Vec<f32>,
}

impl Scales {
    /// Chooses scales such that no operator's arithmetic can overflow.
    ///
    /// What an operator demands of its result depends on the scales of its operands. One sweep in execution
    /// order settles most graphs; groups that reach backwards (Concat) may need more, and as floors only grow and
    /// each sweep settles at least one more group, as many as there are nodes suffice.
    pub(super) fn new(graph: &Graph, sharing: Sharing) -> Self {
        let mut scales = Scales { floors: vec![0.0; graph.values.len()], sharing };
        for _ in 0..=graph.nodes.len() {
            let mut grown = false;
            for node in &graph.nodes {
                for (id, scale_min) in scales.demands(graph, node) {
                    grown |= scales.raise(id, scale_min);
                }
            }
            if !grown {
                break;
            }
        }
        scales
    }

    /// The quantization of a value.
    pub(super) fn of(&self, id: ValueId) -> Quantization {
        let group = self.sharing.group(id);
        match self.sharing.bound(group) {
            Some(bound) => bound.clone(),
            None => activation(self.sharing.range(group), self.floors[group]),
        }
    }

    /// The quantization that operand `position` of node `index` is brought to, if it is not read as it is.
    pub(super) fn requantized(&self, index: usize, position: usize, output: ValueId) -> Option<Quantization> {
        let into = self.sharing.requantized(index, position)?;
        Some(into.cloned().unwrap_or_else(|| self.of(output)))
    }

    fn raise(&mut self, id: ValueId, scale_min: f32) -> bool {
        let group = self.sharing.group(id);
        let grows = self.sharing.bound(group).is_none() && self.of(id).scale(0) < scale_min;
        if grows {
            self.floors[group] = scale_min.min(f32::MAX);
        }
        grows
    }

    /// The smallest scales with which a node's integer arithmetic works.
    fn demands(&self, graph: &Graph, node: &Node) -> Vec<(ValueId, f32)> {
        let scale = |position: usize| self.of(node.inputs[position]).scale(0);
        let rescaled = |position: usize| (node.output(), scale(position) / SCALE_UP_MAX);
        match &node.op {
            Op::Conv2D { .. } | Op::DepthwiseConv2D { .. } | Op::FullyConnected { .. } => {
                // The accumulator in steps of the output stays below 2^29.
                let reach = float_layer(graph, node).map_or(0.0, |layer| layer.reach(scale(0)));
                vec![(node.output(), (reach / f64::from(1u32 << 29)) as f32)]
            }
            // The kernel's factors are below 1 (a tenth in reserve for roundings).
            Op::Add { .. } => vec![(node.output(), scale(0).max(scale(1)) * 2.2 / SCALE_UP_MAX)],
            // A product of codes has 16 bits.
            Op::Mul { .. } => vec![(node.output(), scale(0) * scale(1) / (1u32 << 13) as f32)],
            Op::Mean { .. } | Op::Relu => vec![rescaled(0)],
            Op::Concat { .. } => {
                let requantized = (0..node.inputs.len())
                    .filter(|&p| self.sharing.group(node.inputs[p]) != self.sharing.group(node.output()));
                requantized.map(rescaled).collect()
            }
            // Differences are brought to 5 integer bits by a shift to the left.
            Op::Softmax { beta } => vec![(node.inputs[0], 2.0 / (*beta * (1u32 << 26) as f32))],
            _ => Vec::new(),
        }
    }
}

/// The float parameters of a convolution or dense layer whose weights are constants.
pub(super) fn float_layer<'g>(graph: &'g Graph, node: &Node) -> Option<FloatLayer<'g>> {
    let channels_last = match node.op {
        Op::Conv2D { .. } | Op::FullyConnected { .. } => false,
        Op::DepthwiseConv2D { .. } => true,
        _ => return None,
    };
    let bias = match node.inputs.get(2) {
        None => &[],
        Some(&id) => graph.constant_f32(id)?,
    };
    let outputs = *graph.value(node.output()).shape.last()?;
    Some(FloatLayer { weights: graph.constant_f32(*node.inputs.get(1)?)?, bias, outputs, channels_last })
}
