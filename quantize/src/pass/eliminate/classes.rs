//! Channels that can only go together.
//!
//! A depthwise filter, an addition or a pooling keeps a channel of its operands and the same channel of its
//! result in step: dropping one means dropping all. This file joins such channels of the whole graph into
//! classes. A class ends where a convolution or dense layer mixes channels; it is *pinned* when one of its
//! channels cannot go at all: an input or output of the model, an operand of Softmax.

use super::weighted::Weighted;
use crate::ir::{DType, Graph, Node, ValueId};
use crate::op::rule::channels::{ChannelTies, channel_count, gcd};
use crate::op::rule::layer::WeightOrder;

/// Sets of channels, as a forest of parents.
pub(crate) struct Classes {
    parents: Vec<usize>,
    pinned: Vec<bool>,
    /// Index of the first channel of each value.
    first: Vec<usize>,
}

impl Classes {
    /// The classes of the values of one type; those of other types stay as they are.
    pub(crate) fn new(graph: &Graph, dtype: DType) -> Self {
        let mut first = Vec::with_capacity(graph.values.len());
        let mut total = 0;
        for value in &graph.values {
            first.push(total);
            total += channel_count(value);
        }
        let mut classes = Classes { parents: (0..total).collect(), pinned: vec![false; total], first };
        graph.sources().chain(graph.sinks()).for_each(|id| classes.pin(graph, id));
        for (index, value) in graph.values.iter().enumerate() {
            if value.dtype != dtype {
                classes.pin(graph, ValueId(index as u32));
            }
        }
        for node in &graph.nodes {
            classes.add_node(graph, node, dtype);
        }
        classes
    }

    /// The class of a channel.
    pub(crate) fn of(&self, value: ValueId, channel: usize) -> usize {
        self.root(self.first[value.0 as usize] + channel)
    }

    /// True when no channel of the class may go.
    pub(crate) fn is_pinned(&self, class: usize) -> bool {
        self.pinned[class]
    }

    /// Number of class indices.
    pub(crate) fn len(&self) -> usize {
        self.parents.len()
    }

    fn root(&self, mut index: usize) -> usize {
        while self.parents[index] != index {
            index = self.parents[index];
        }
        index
    }

    fn pin(&mut self, graph: &Graph, value: ValueId) {
        for channel in 0..channel_count(graph.value(value)) {
            let class = self.of(value, channel);
            self.pinned[class] = true;
        }
    }

    fn join(&mut self, a: (ValueId, usize), b: (ValueId, usize)) {
        let (a, b) = (self.first[a.0.0 as usize] + a.1, self.first[b.0.0 as usize] + b.1);
        let (a, b) = (self.compress(a), self.compress(b));
        // The lower index wins, so that the result does not depend on the order of the nodes.
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high] = low;
        self.pinned[low] |= self.pinned[high];
    }

    /// The root of `index`, with the path to it shortened.
    fn compress(&mut self, mut index: usize) -> usize {
        let root = self.root(index);
        while self.parents[index] != root {
            index = core::mem::replace(&mut self.parents[index], root);
        }
        root
    }

    /// Joins channel by channel; both values have equally many.
    fn join_values(&mut self, graph: &Graph, a: ValueId, b: ValueId) {
        for channel in 0..channel_count(graph.value(a)) {
            self.join((a, channel), (b, channel));
        }
    }

    fn pin_node(&mut self, graph: &Graph, node: &Node) {
        for &id in node.inputs.iter().chain(&node.outputs) {
            self.pin(graph, id);
        }
    }

    fn add_node(&mut self, graph: &Graph, node: &Node, dtype: DType) {
        if let Some(order) = order_of(graph, node, dtype) {
            return self.add_weighted(graph, node, order);
        }
        match (node.op.operator().channel_ties(&node.operand_shapes(graph)), node.outputs.as_slice()) {
            (ChannelTies::All, _) => self.pin_node(graph, node),
            (ChannelTies::InStep, outputs) => outputs.iter().for_each(|&output| self.join_step(graph, node, output)),
            (ChannelTies::Reshaped, &[output]) => self.join_reshape(graph, node.inputs[0], output),
            (ChannelTies::Concatenated, &[output]) => self.join_parts(graph, node, output),
            (ChannelTies::Reshaped | ChannelTies::Concatenated, _) => self.pin_node(graph, node),
        }
    }

    /// An operand with one channel is stretched over all channels of the result and stays.
    fn join_step(&mut self, graph: &Graph, node: &Node, output: ValueId) {
        for &input in &node.inputs {
            match channel_count(graph.value(input)) == channel_count(graph.value(output)) {
                true => self.join_values(graph, input, output),
                false => self.pin(graph, input),
            }
        }
    }

    fn join_parts(&mut self, graph: &Graph, node: &Node, output: ValueId) {
        let mut offset = 0;
        for &input in &node.inputs {
            let channels = channel_count(graph.value(input));
            for channel in 0..channels {
                self.join((input, channel), (output, offset + channel));
            }
            offset += channels;
        }
    }

    /// Only a layer with one group mixes channels freely; the weights and bias are sliced, not joined.
    fn add_weighted(&mut self, graph: &Graph, node: &Node, order: WeightOrder) {
        let (input, output) = (node.inputs[0], node.output());
        match order {
            WeightOrder::Dense { groups: 1 } => {}
            WeightOrder::Dense { .. } => {
                self.pin(graph, input);
                self.pin(graph, output);
            }
            WeightOrder::Depthwise { multiplier } => {
                for channel in 0..channel_count(graph.value(output)) {
                    self.join((input, channel / multiplier), (output, channel));
                }
            }
        }
        // The constants have no channels that another operator could share.
        node.inputs[1..].iter().for_each(|&id| self.pin(graph, id));
    }

    /// Both extents are multiples of their greatest common divisor, so dropping every channel of one residue on
    /// both sides drops the same elements from both.
    fn join_reshape(&mut self, graph: &Graph, input: ValueId, output: ValueId) {
        let (old, new) = (channel_count(graph.value(input)), channel_count(graph.value(output)));
        let step = gcd(old, new);
        for channel in 0..old {
            self.join((input, channel), (output, channel % step));
        }
        for channel in 0..new {
            self.join((output, channel), (output, channel % step));
        }
    }
}

/// The order of the weights of a layer whose weights and bias are constants.
fn order_of(graph: &Graph, node: &Node, dtype: DType) -> Option<WeightOrder> {
    if dtype == DType::I8 {
        return Weighted::new(graph, node).map(|layer| layer.order);
    }
    let (operand, parameters) = node.inputs.split_first()?;
    let are_constants = parameters.iter().all(|&id| graph.constant_f32(id).is_some());
    let is_computed = graph.value(*operand).elements.is_none();
    node.op.operator().layer().filter(|_| are_constants && is_computed).map(|layer| layer.order)
}
