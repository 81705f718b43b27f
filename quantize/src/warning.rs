//! What is probably not meant in a model that compiles all the same.

use crate::ir::{DType, Graph, Node, Port, ValueId};

/// Sentences about `graph`, each with a remedy.
pub(crate) fn of(graph: &Graph, is_quantized_here: bool) -> Vec<String> {
    fixed_batch(graph).into_iter().chain(reals_between(graph, is_quantized_here)).collect()
}

/// Operators on reals between codes: a model that is quantized, but not all of it.
fn reals_between(graph: &Graph, is_quantized_here: bool) -> Option<String> {
    let is_real = |id: &ValueId| graph.value(*id).dtype == DType::F32;
    let is_code = |id: &ValueId| graph.value(*id).dtype == DType::I8;
    // Reals that come from codes, and reals of which codes are made.
    let (mut after, mut before) = (vec![false; graph.values.len()], vec![false; graph.values.len()]);
    let reaches = |ids: &[ValueId], seen: &[bool]| ids.iter().any(|id| is_real(id) && seen[id.0 as usize]);
    for node in &graph.nodes {
        if node.inputs.iter().any(is_code) || reaches(&node.inputs, &after) {
            node.outputs.iter().for_each(|id| after[id.0 as usize] = true);
        }
    }
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(is_code) || reaches(&node.outputs, &before) {
            node.inputs.iter().for_each(|id| before[id.0 as usize] = true);
        }
    }
    let between = |node: &&Node| reaches(&node.inputs, &after) && reaches(&node.outputs, &before);
    let nodes: Vec<&Node> = graph.nodes.iter().filter(between).collect();
    let first = nodes.first()?;
    let operators = if nodes.len() == 1 { "operator computes" } else { "operators compute" };
    let remedy = if is_quantized_here {
        "their int8 form would be too coarse, or there is none; what they cost on a device is measured there"
    } else {
        "quantize their operands and their results too, with weights of 8 bits"
    };
    Some(format!(
        "{} {operators} on floats between quantized ones, first `{}` ({}): {remedy}",
        nodes.len(),
        first.name,
        first.op.name()
    ))
}

/// A batch of more than one that is fixed in the model: a device with one sample computes all the others in vain.
///
/// Only where every input and output has it is the first axis a batch; elsewhere it may be anything, time for example.
fn fixed_batch(graph: &Graph) -> Option<String> {
    let first = graph.inputs.first()?;
    let batch_of = |port: &Port| match port.source_shape.as_slice() {
        &[batch, _, ..] if batch > 1 => Some(batch),
        _ => None,
    };
    let batch = batch_of(first)?;
    let is_batch = graph.inputs.iter().chain(&graph.outputs).all(|port| batch_of(port) == Some(batch));
    is_batch.then(|| {
        format!(
            "input `{}` has a fixed batch of {batch}: an inference computes {batch} samples and its memory holds all of \
             them; for one sample at a time, export the model with a batch of 1 or an open one",
            first.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(inputs: &[&[usize]], outputs: &[&[usize]]) -> Vec<String> {
        let port = |shape: &&[usize]| Port {
            value: ValueId(0),
            name: "x".into(),
            source_shape: shape.to_vec(),
            permutation: None,
        };
        let (inputs, outputs) = (inputs.iter().map(port).collect(), outputs.iter().map(port).collect());
        of(&Graph { inputs, outputs, ..Graph::default() }, false)
    }

    #[test]
    fn a_batch_is_what_every_port_begins_with() {
        let found = warnings(&[&[32, 3, 8, 8]], &[&[32, 10]]);
        assert!(matches!(found.as_slice(), [one] if one.contains("`x`") && one.contains("batch of 32")), "{found:?}");
        assert!(warnings(&[&[1, 3, 8, 8]], &[&[1, 10]]).is_empty(), "one sample");
        assert!(warnings(&[&[49, 10]], &[&[1, 12]]).is_empty(), "a spectrogram without a batch axis");
        assert!(warnings(&[&[32, 8], &[5, 8]], &[&[32, 10]]).is_empty(), "an input of another extent");
        assert!(warnings(&[&[32]], &[&[32]]).is_empty(), "a vector");
        assert!(warnings(&[], &[]).is_empty());
    }
}
