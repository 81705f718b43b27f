//! Drops nodes that change nothing, and brings reshapes together.
//!
//! A reshape is moved behind the elementwise operators that follow it, so that an activation or a batch
//! normalisation stands next to the convolution it belongs to even when a reshape (from a one-dimensional
//! convolution, say) was written in between; two reshapes that meet become one.
//!
//! Reshapes move bytes and nothing else, so all this holds for int8 graphs bit for bit.

use super::edit::{bypass, sole_consumer};
use super::{Pass, PassError, PassReport};
use crate::ir::{DType, Graph, Node, Value, infer_one};
use crate::op::rule::rewrite::ReshapeRule;

/// See the module's head.
pub(super) struct Simplify;

impl Pass for Simplify {
    fn name(&self) -> &'static str {
        "simplify"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut index = 0;
        while index < graph.nodes.len() {
            index += usize::from(!self.visit(graph, index, &mut report));
        }
        Ok(report)
    }
}

impl Simplify {
    /// Simplifies at node `index`; true when the node there is another one now.
    fn visit(&self, graph: &mut Graph, index: usize, report: &mut PassReport) -> bool {
        let name = graph.nodes[index].name.clone();
        if changes_nothing(graph, &graph.nodes[index]) {
            let source = graph.nodes[index].inputs[0];
            if bypass(graph, index, source) {
                report.change(&name, "changes nothing");
                return true;
            }
        }
        if drop_reduced_axes(graph, index) {
            report.change(&name, "its axes are dropped by the reduction before it");
            return true;
        }
        if join_reshapes(graph, index) {
            report.change(&name, "joined with the reshape before it");
        } else if sink_reshape(graph, index) {
            report.change(&name, "moved before the reshape of its operand");
        }
        false
    }
}

/// True when the node's result equals its first operand, shape, scale and all.
fn changes_nothing(graph: &Graph, node: &Node) -> bool {
    let (Some(&source), &[result]) = (node.inputs.first(), node.outputs.as_slice()) else { return false };
    let (input, output) = (graph.value(source), graph.value(result));
    if input.shape != output.shape || input.dtype != output.dtype || input.quantization != output.quantization {
        return false;
    }
    let before = graph.producer(source).map(|index| graph.nodes[index].op.operator().clamp());
    node.op.operator().changes_nothing(node.inputs.len(), input, before.unwrap_or_default())
}

/// Lets a reduction drop its axes itself when a reshape behind it only does that: every "global pooling, then
/// flatten".
fn drop_reduced_axes(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    if !node.renames(graph) {
        return false;
    }
    let Some(before) = node.inputs.first().and_then(|&id| graph.producer(id)) else { return false };
    let mut dropped = graph.nodes[before].op.clone();
    match dropped.operator_mut().keeps_axes_mut() {
        Some(keeps) if *keeps => *keeps = false,
        _ => return false,
    }
    let (source, reduced, output) = (graph.nodes[before].inputs[0], graph.nodes[before].output(), node.output());
    let fits = infer_one(graph, &dropped, &[source]).is_ok_and(|shape| shape == graph.value(node.output()).shape);
    // A reshape may give its codes another scale, and a mean would rescale to it.
    let same_scale = graph.value(reduced).quantization == graph.value(output).quantization;
    if !fits || !same_scale || sole_consumer(graph, reduced) != Some(index) {
        return false;
    }
    graph.nodes[before].op = dropped;
    graph.nodes[before].outputs = vec![output];
    graph.nodes.remove(index);
    true
}

/// Lets a reshape of a reshape read the first one's operand.
fn join_reshapes(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    let Some(before) = node.inputs.first().and_then(|&id| graph.producer(id)) else { return false };
    if !node.renames(graph) || !graph.nodes[before].renames(graph) {
        return false;
    }
    graph.nodes[index].inputs[0] = graph.nodes[before].inputs[0];
    true
}

/// Turns `op(reshape(x))` into `reshape(op(x))` for operators that do not see the difference.
fn sink_reshape(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    let Some(&reshaped) = node.inputs.first() else { return false };
    let Some(before) = graph.producer(reshaped) else { return false };
    if !graph.nodes[before].renames(graph) || sole_consumer(graph, reshaped) != Some(index) {
        return false;
    }
    let source = graph.nodes[before].inputs[0];
    let (from, to) = (graph.value(source).shape.clone(), graph.value(reshaped).shape.clone());
    let &[result] = node.outputs.as_slice() else { return false };
    let output = graph.value(result);
    let keeps_channels = from.len() > 1 && to.len() > 1 && from.last() == to.last();
    let rule = node.op.operator().reshape_rule();
    let commutes = match rule {
        ReshapeRule::Stays => false,
        ReshapeRule::Passes => true,
        ReshapeRule::PassesKeepingChannels => keeps_channels,
        ReshapeRule::PassesBroadcasting => {
            keeps_channels && output.shape == to && along_channels(graph, node).is_some()
        }
    };
    if !commutes || output.dtype != DType::F32 {
        return false;
    }
    let name = node.name.clone();
    let is_binary = rule == ReshapeRule::PassesBroadcasting;
    if let Some(constant) = along_channels(graph, node).filter(|_| is_binary) {
        // As many axes as its partner has now.
        let last = constant.shape.last().copied().unwrap_or(1);
        let shape = core::iter::repeat_n(1, from.len() - 1).chain([last]).collect();
        let constant = Value { name: graph.unique_name(&constant.name), shape, ..constant };
        let id = graph.add_value(constant);
        graph.nodes[index].inputs[1] = id;
    }
    let result = graph.add_intermediate(&name, from);
    let final_output = graph.nodes[index].output();
    // The operator takes the reshape's place and the reshape the operator's: order is kept.
    graph.nodes.swap(before, index);
    graph.nodes[before].inputs[0] = source;
    graph.nodes[before].outputs = vec![result];
    graph.nodes[index].inputs[0] = result;
    graph.nodes[index].outputs = vec![final_output];
    true
}

/// The second operand of an elementwise node, when it is a constant along the last axis, of extent 1 along
/// all others: it fits any leading axes.
fn along_channels(graph: &Graph, node: &Node) -> Option<Value> {
    let constant = graph.value(*node.inputs.get(1)?);
    let fits = constant.elements.is_some() && constant.shape.iter().rev().skip(1).all(|&extent| extent == 1);
    fits.then(|| constant.clone())
}
