//! What a graph's layers cost, and what elimination saved of it.

use std::collections::HashMap;

use crate::ir::{Graph, Node, ValueId};

/// Cost of a layer or of a whole graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-accumulates of one inference, padded positions included.
    pub macs: u64,
    /// Bytes of weights, without biases.
    pub weight_bytes: u64,
}

/// What became of one convolution or dense layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerElimination {
    /// The node's name.
    pub name: String,
    /// Input channels before and after.
    pub input_channels: [usize; 2],
    /// Output channels before and after; 0 after when the whole layer went.
    pub output_channels: [usize; 2],
    /// Cost before.
    pub before: Cost,
    /// Cost after.
    pub after: Cost,
}

/// What elimination removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EliminationReport {
    /// Every layer with weights, in execution order, changed or not.
    pub layers: Vec<LayerElimination>,
    /// Nodes without a reader that went altogether, by name.
    pub removed_nodes: Vec<String>,
}

impl EliminationReport {
    /// Cost of the graph before.
    pub fn before(&self) -> Cost {
        self.layers.iter().map(|layer| layer.before).sum()
    }

    /// Cost of the graph after.
    pub fn after(&self) -> Cost {
        self.layers.iter().map(|layer| layer.after).sum()
    }

    /// Output channels removed over all layers.
    pub fn channels_removed(&self) -> usize {
        self.layers.iter().map(|layer| layer.output_channels[0] - layer.output_channels[1]).sum()
    }
}

impl core::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| Cost {
            macs: sum.macs.saturating_add(cost.macs),
            weight_bytes: sum.weight_bytes.saturating_add(cost.weight_bytes),
        })
    }
}

/// Cost of a node; `None` when it has no weights.
pub fn layer_cost(graph: &Graph, node: &Node) -> Option<Cost> {
    let weights = graph.value(*node.inputs.get(1)?);
    let &[result] = node.outputs.as_slice() else { return None };
    let output = graph.value(result);
    // Weights that each output element is multiplied with.
    let each = node.op.operator().layer()?.order.weights_per_output(&weights.shape);
    let weight_bytes = (weights.len() * weights.dtype.size_bytes()) as u64;
    Some(Cost { macs: (output.len() as u64).saturating_mul(each as u64), weight_bytes })
}

/// A layer before elimination; its output's id stays the same.
pub(super) struct Before {
    output: ValueId,
    layer: LayerElimination,
}

fn channels(graph: &Graph, node: &Node) -> [usize; 2] {
    let of = |id: ValueId| graph.value(id).shape.last().copied().unwrap_or(1);
    [of(node.inputs[0]), of(node.output())]
}

pub(super) fn before(graph: &Graph) -> Vec<Before> {
    let of = |node: &Node| {
        let before = layer_cost(graph, node)?;
        let [inputs, outputs] = channels(graph, node);
        let (input_channels, output_channels) = ([inputs, 0], [outputs, 0]);
        let layer = LayerElimination {
            name: node.name.clone(),
            input_channels,
            output_channels,
            before,
            after: Cost::default(),
        };
        Some(Before { output: node.output(), layer })
    };
    graph.nodes.iter().filter_map(of).collect()
}

pub(super) fn compare(before: Vec<Before>, graph: &Graph, removed_nodes: Vec<String>) -> EliminationReport {
    let nodes: HashMap<ValueId, &Node> =
        graph.nodes.iter().flat_map(|node| node.outputs.iter().map(move |&id| (id, node))).collect();
    let of = |Before { output, mut layer }| {
        if let Some(&node) = nodes.get(&output) {
            let [inputs, outputs] = channels(graph, node);
            (layer.input_channels[1], layer.output_channels[1]) = (inputs, outputs);
            layer.after = layer_cost(graph, node).unwrap_or_default();
        }
        layer
    };
    EliminationReport { layers: before.into_iter().map(of).collect(), removed_nodes }
}
