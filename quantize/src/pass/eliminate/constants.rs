//! Which channels of an int8 graph hold one value at every position, whatever the input is.
//!
//! A channel is an index of a value's last axis. The analysis runs forward once, in execution order, with the
//! arithmetic of the kernels: what it calls constant is equal to the bit at every position, borders included.
//! What it cannot show it calls unknown.

use super::weighted::Weighted;
use crate::ir::{DType, Elements, Graph, Node, Value};
use crate::op::rule::channels::{Channels, Known, channel_count};

/// The constant channels of every value of `graph`, by the value's index.
pub(super) fn constant_channels(graph: &Graph) -> Vec<Channels> {
    let mut known: Vec<Channels> = graph.values.iter().map(of_value).collect();
    for node in &graph.nodes {
        let &[result] = node.outputs.as_slice() else { continue };
        if graph.value(result).dtype == DType::I8 {
            let found = of_node(graph, node, &known);
            if let Some(found) = found {
                known[result.0 as usize] = found;
            }
        }
    }
    known
}

/// What is known of a value before any node has run: everything of a constant, nothing else.
fn of_value(value: &Value) -> Channels {
    let channels = channel_count(value);
    let Some(Elements::I8(elements)) = &value.elements else { return vec![None; channels] };
    let same = |channel: usize| {
        let mut all = elements.iter().skip(channel).step_by(channels);
        let first = *all.next()?;
        all.all(|&element| element == first).then_some(first)
    };
    (0..channels).map(same).collect()
}

/// The constant channels a node computes; `None` when nothing is known of its operator.
fn of_node(graph: &Graph, node: &Node, known: &[Channels]) -> Option<Channels> {
    if let Some(layer) = Weighted::new(graph, node) {
        let input = &known[layer.input.0 as usize];
        return Some((0..layer.outputs).map(|output| layer.constant_output(output, input)).collect());
    }
    let &[result] = node.outputs.as_slice() else { return None };
    let known = Known {
        channels: node.inputs.iter().map(|id| &known[id.0 as usize]).collect(),
        operands: node.inputs.iter().map(|&id| graph.value(id)).collect(),
        result: graph.value(result),
    };
    node.op.operator().constant_channels(&known)
}
