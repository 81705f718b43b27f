//! What is probably not meant in a model that compiles all the same.

use crate::ir::{Graph, Port};

/// Sentences about `graph`, each with a remedy.
pub(crate) fn of(graph: &Graph) -> Vec<String> {
    fixed_batch(graph).into_iter().collect()
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
    use crate::ir::ValueId;

    fn warnings(inputs: &[&[usize]], outputs: &[&[usize]]) -> Vec<String> {
        let port = |shape: &&[usize]| Port {
            value: ValueId(0),
            name: "x".into(),
            source_shape: shape.to_vec(),
            permutation: None,
        };
        let (inputs, outputs) = (inputs.iter().map(port).collect(), outputs.iter().map(port).collect());
        of(&Graph { inputs, outputs, ..Graph::default() })
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
