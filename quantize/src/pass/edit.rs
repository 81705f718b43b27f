//! The few ways in which passes change a graph.

use crate::ir::{Elements, Graph, Quantization, ValueId};

/// Makes every reader of `old` read `new`, ports included.
pub(super) fn replace_uses(graph: &mut Graph, old: ValueId, new: ValueId) {
    for input in graph.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
        if *input == old {
            *input = new;
        }
    }
    for port in graph.outputs.iter_mut().filter(|port| port.value == old) {
        port.value = new;
    }
    for state in graph.states.iter_mut().filter(|state| state.next == old) {
        state.next = new;
    }
}

/// The one node that reads `id`, when the caller does not read it too and the node reads it once.
pub(super) fn sole_consumer(graph: &Graph, id: ValueId) -> Option<usize> {
    if graph.is_output(id) {
        return None;
    }
    let reads = |index: usize| graph.nodes[index].inputs.iter().filter(|&&input| input == id).count();
    match graph.consumers(id).as_slice() {
        &[index] if reads(index) == 1 => Some(index),
        _ => None,
    }
}

/// True when `id` can stand for a graph output: a computed value. A graph whose output is its input or a
/// constant has nothing to run, and a state is something else when the run has ended.
pub(super) fn can_be_output(graph: &Graph, id: ValueId) -> bool {
    let is_source = graph.sources().any(|source| source == id);
    graph.value(id).elements.is_none() && !is_source && state_under(graph, id).is_none()
}

/// The value of the state that `id` is, be it under another shape.
pub(super) fn state_under(graph: &Graph, mut id: ValueId) -> Option<ValueId> {
    while let Some(index) = graph.producer(id) {
        let node = &graph.nodes[index];
        id = *node.inputs.first().filter(|_| node.renames(graph))?;
    }
    graph.states.iter().map(|state| state.value).find(|&value| value == id)
}

/// Drops node `index` and lets its readers read its operand `source` instead; false when that would turn
/// an output of the graph into its input.
pub(super) fn bypass(graph: &mut Graph, index: usize, source: ValueId) -> bool {
    let output = graph.nodes[index].output();
    if graph.is_output(output) && !can_be_output(graph, source) {
        return false;
    }
    replace_uses(graph, output, source);
    graph.nodes.remove(index);
    true
}

/// Adds a float constant derived from the node or value called `name`.
pub(super) fn add_floats(graph: &mut Graph, name: &str, shape: Vec<usize>, floats: Vec<f32>) -> ValueId {
    graph.add_constant(name, shape, Elements::F32(floats))
}

/// Adds floats that stand for the constant `old` from now on. When that was made of codes the new ones may be too, in another
/// quantization: the pass `recode` finds it.
pub(super) fn add_instead(graph: &mut Graph, old: ValueId, name: &str, shape: Vec<usize>, floats: Vec<f32>) -> ValueId {
    let was_codes = graph.value(old).quantization.is_some();
    let id = add_floats(graph, name, shape, floats);
    graph.value_mut(id).quantization = was_codes.then(|| Quantization::per_tensor(1.0, 0));
    id
}

/// A constant that has one number for each of `channels` along the last axis of an operand (or one for all):
/// the numbers, one for each channel.
pub(super) fn per_channel(graph: &Graph, id: ValueId, channels: usize) -> Option<Vec<f32>> {
    let floats = graph.constant_f32(id)?;
    let (last, leading) = graph.value(id).shape.split_last().map_or((1, &[][..]), |(&last, leading)| (last, leading));
    if leading.iter().any(|&extent| extent != 1) {
        return None;
    }
    match floats {
        &[one] => Some(vec![one; channels]),
        all if last == channels => Some(all.to_vec()),
        _ => None,
    }
}
