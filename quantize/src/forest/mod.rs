//! The integer form of trees: features and thresholds in int16, a scale for each feature; leaves in int16, sums in int32.
//!
//! A model has it whose trees read its own input, because the caller gives each feature in its own code then. What comes
//! behind the trees is computed in int16 as well. Other models keep their trees on floats, and the reason is told.
//!
//! ```text
//! features.rs  the code of each feature, from its thresholds and the samples
//! coded.rs     nodes and leaves in integers
//! behind.rs    what comes behind the trees
//! ```

mod behind;
mod coded;
mod features;

use crate::calibrate::Samples;
use crate::ir::{DType, Graph, Quantization, ValueId};
use crate::op::Ensemble;

/// A graph in integers, or why it has no such form: a sentence about the model's trees, without a full stop.
pub type Coded = Result<Graph, String>;

/// The integer form of a graph with trees; `None` for another one.
pub fn coded(graph: &Graph, samples: &Samples) -> Option<Coded> {
    let has_trees = graph.nodes.iter().any(|node| node.op.operator().ensemble().is_some());
    has_trees.then(|| in_integers(graph, samples))
}

fn in_integers(graph: &Graph, samples: &Samples) -> Coded {
    let mut coded = graph.clone();
    coded.has_own_scales = true;
    for (input, port) in graph.inputs.iter().enumerate() {
        let ensembles = ensembles(graph, port.value)?;
        let rows: Vec<&[f32]> = rows(graph, port.value, samples, input);
        let columns = features::columns(&ensembles, &rows)?;
        let value = coded.value_mut(port.value);
        (value.dtype, value.quantization) = (DType::I16, Some(Quantization::per_tensor(1.0, 0)));
        for index in graph.consumers(port.value) {
            coded::replace(&mut coded, index, &columns)?;
        }
    }
    behind::quantize(graph, &mut coded)?;
    coded.verify().map_err(|error| error.to_string())?;
    Ok(coded)
}

/// The trees that read an input, which nothing else may do.
fn ensembles(graph: &Graph, input: ValueId) -> Result<Vec<&Ensemble>, String> {
    let value = graph.value(input);
    let readers = graph.consumers(input);
    let trees: Option<Vec<_>> =
        readers.iter().map(|&index| graph.nodes[index].op.operator().ensemble()).collect::<Option<_>>();
    match trees {
        Some(trees) if !trees.is_empty() && value.dtype == DType::F32 && !graph.is_output(input) => Ok(trees),
        _ => Err(format!("something else than trees reads the input `{}`", value.name)),
    }
}

/// The rows of features that samples have for an input.
fn rows<'s>(graph: &Graph, id: ValueId, samples: &'s Samples, input: usize) -> Vec<&'s [f32]> {
    let features = graph.value(id).shape.last().copied().unwrap_or(1).max(1);
    let all = (0..samples.len()).filter_map(|sample| samples.get(sample).get(input).copied());
    all.flat_map(|sample| sample.chunks_exact(features)).collect()
}
