//! The quantization of every activation of a graph.

use super::activation::activation;
use super::sharing::Sharing;
use super::weights::FloatLayer;
use crate::ir::{Graph, Node, Quantization, ValueId};
use crate::op::rule::layer::WeightOrder;
use crate::op::rule::quantization::{End, Scaling};

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
        let scaling = NodeScaling { scales: self, graph, node };
        let of = |(end, scale)| match end {
            End::Operand(position) => (node.inputs[position], scale),
            End::Result => (node.output(), scale),
        };
        node.op.operator().scale_floors(&scaling).into_iter().map(of).collect()
    }
}

/// The scales around one node.
struct NodeScaling<'a> {
    scales: &'a Scales,
    graph: &'a Graph,
    node: &'a Node,
}

impl Scaling for NodeScaling<'_> {
    fn operand_count(&self) -> usize {
        self.node.inputs.len()
    }

    fn scale(&self, position: usize) -> f32 {
        self.scales.of(self.node.inputs[position]).scale(0)
    }

    fn is_rescaled(&self, position: usize) -> bool {
        let sharing = &self.scales.sharing;
        sharing.group(self.node.inputs[position]) != sharing.group(self.node.output())
    }

    fn reach(&self) -> f64 {
        float_layer(self.graph, self.node).map_or(0.0, |layer| layer.reach(self.scale(0)))
    }
}

/// The float parameters of a convolution or dense layer whose weights are constants.
pub(super) fn float_layer<'g>(graph: &'g Graph, node: &Node) -> Option<FloatLayer<'g>> {
    let order = node.op.operator().layer()?.order;
    let bias = match node.inputs.get(2) {
        None => &[],
        Some(&id) => graph.constant_f32(id)?,
    };
    let outputs = *graph.value(node.output()).shape.last()?;
    let channels_last = matches!(order, WeightOrder::Depthwise { .. });
    let weights = *node.inputs.get(1)?;
    let axis = order.output_axis(graph.value(weights).shape.len());
    let is_usable = |quantization: &&Quantization| {
        quantization.zero_points.iter().all(|&zero| zero == 0) && quantization.axis.is_none_or(|own| own == axis)
    };
    let known = graph.value(weights).quantization.as_ref().filter(is_usable);
    let scales = known.map_or(&[][..], |quantization| &quantization.scales);
    Some(FloatLayer { weights: graph.constant_f32(weights)?, bias, outputs, channels_last, scales })
}
