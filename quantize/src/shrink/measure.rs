//! What a graph's outputs are on samples, and how far they are from others.

use core::ops::Range;

use super::{ShrinkError, parallel, walk};
use crate::calibrate::Samples;
use crate::host::{HostError, infer, with_session};
use crate::ir::{DType, Graph, Node, Port};
use crate::op::rule::quantization::Codes;

/// The real outputs of a graph, sample by sample.
pub(crate) type Outputs = Vec<Vec<Vec<f32>>>;

/// How far outputs are from those of the float graph.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Distance {
    pub(super) samples: usize,
    /// Samples in which the largest element of the first output is another.
    pub(super) changed: usize,
    /// The part of the power that is noise: of all outputs, each counting the same.
    pub(crate) noise: f64,
}

impl Distance {
    /// Signal to noise; nothing without noise.
    pub(super) fn sqnr_db(&self) -> Option<f64> {
        (self.noise > 0.0).then(|| -10.0 * self.noise.log10())
    }
}

/// The graph without functions at its ends that saturate: a softmax that is sure of its answer hides all noise before it.
pub(super) fn without_ends(graph: &Graph) -> Graph {
    let mut open = graph.clone();
    for index in 0..graph.outputs.len() {
        let Some(node) = graph.producer(graph.outputs[index].value).map(|producer| &graph.nodes[producer]) else {
            continue;
        };
        let is_end = matches!(node.op.operator().codes(), Codes::Bound(_));
        let operand = node.inputs.first().copied().filter(|&id| is_end && graph.producer(id).is_some());
        if let Some(operand) = operand {
            open.outputs[index].value = operand;
        }
    }
    let needed = |node: &Node| node.outputs.iter().any(|&id| open.is_output(id) || !open.consumers(id).is_empty());
    let nodes = open.nodes.iter().filter(|node| needed(node)).cloned().collect();
    Graph { nodes, ..open }
}

/// What a graph computes of the `chosen` samples, as the engine does.
pub(crate) fn outputs(graph: &Graph, (samples, chosen): (&Samples, &[usize])) -> Result<Outputs, ShrinkError> {
    let blob = walk::blob(graph)?;
    let runs = parallel::parts(chosen.len(), |range: Range<usize>| -> Result<Outputs, HostError> {
        with_session(&blob, |session| {
            let one = |&sample: &usize| {
                let reals = samples.get(sample);
                let inputs = graph.inputs.iter().zip(reals);
                let inputs: Vec<Vec<u8>> = inputs
                    .map(|(port, reals)| walk::encoded(reals, graph.value(port.value).quantization.as_ref()))
                    .collect();
                let bytes = infer(session, &inputs)?;
                Ok(graph.outputs.iter().zip(bytes).map(|(port, bytes)| reals_of(graph, port, &bytes)).collect())
            };
            chosen[range].iter().map(one).collect()
        })
    });
    let mut all = Vec::with_capacity(chosen.len());
    for run in runs {
        all.extend(run.map_err(|source| ShrinkError::Run { node: graph.name.clone(), source })?);
    }
    Ok(all)
}

/// The reals of an output; nothing for integers and truth values, which say nothing of noise.
fn reals_of(graph: &Graph, port: &Port, bytes: &[u8]) -> Vec<f32> {
    let value = graph.value(port.value);
    match (value.dtype, &value.quantization) {
        (DType::F32, _) => bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        (DType::I8, Some(own)) => {
            bytes.iter().map(|&byte| own.scale(0) * (i32::from(byte as i8) - own.zero_point()) as f32).collect()
        }
        _ => Vec::new(),
    }
}

/// How far `found` is from `wanted`.
pub(crate) fn distance(wanted: &Outputs, found: &Outputs) -> Distance {
    let outputs = wanted.first().map_or(0, Vec::len);
    let mut powers = vec![(0.0, 0.0); outputs];
    let mut changed = 0;
    for (wanted, found) in wanted.iter().zip(found) {
        for ((signal, noise), (wanted, found)) in powers.iter_mut().zip(wanted.iter().zip(found)) {
            for (&wanted, &found) in wanted.iter().zip(found) {
                *signal += f64::from(wanted).powi(2);
                *noise += (f64::from(wanted) - f64::from(found)).powi(2);
            }
        }
        let largest = |outputs: &[Vec<f32>]| outputs.first().map(|first| largest(first));
        changed += usize::from(largest(wanted) != largest(found));
    }
    let parts = powers.iter().filter(|(signal, _)| *signal > 0.0).map(|(signal, noise)| noise / signal);
    let noise = parts.clone().sum::<f64>() / parts.count().max(1) as f64;
    Distance { samples: wanted.len(), changed, noise }
}

/// The place of the first largest element.
fn largest(elements: &[f32]) -> usize {
    (0..elements.len()).rev().max_by(|&a, &b| elements[a].total_cmp(&elements[b])).unwrap_or(0)
}

/// Whether the first output names a class: a few numbers, one for each, and nothing that is like an input.
pub(super) fn is_classes(graph: &Graph) -> bool {
    let Some(port) = graph.outputs.first() else { return false };
    let shape = &graph.value(port.value).shape;
    let len: usize = shape.iter().product();
    let is_input = graph.inputs.iter().any(|input| graph.value(input.value).len() == len);
    len > 1 && shape.last() == Some(&len) && !is_input
}
