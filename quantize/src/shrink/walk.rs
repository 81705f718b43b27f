//! A graph run node by node over all samples at once, so that a layer can be changed before anything behind it is run.
//!
//! What a node computes is kept until its last reader has run. Nodes are run by the engine, each as a graph of its own;
//! those that only move elements are moved.

use std::collections::HashMap;

use super::{ShrinkError, parallel};
use crate::calibrate::Samples;
use crate::emit::{Assembly, Manifest, Source, SourceKind};
use crate::host::{AlignedBlob, HostError, infer, with_session};
use crate::ir::{DType, Elements, Graph, Node, Port, Quantization, Value, ValueId};
use crate::op::common::fixed::quantize_real;
use crate::target::Target;

/// Where a run over all samples has come to.
pub(super) struct Walk {
    /// Number of samples.
    pub(super) samples: usize,
    /// The bytes of every value that is still read: those of all samples behind each other.
    values: HashMap<ValueId, Vec<u8>>,
    /// How many nodes have yet to read a value; outputs of the graph are read at its end.
    readers: HashMap<ValueId, usize>,
    /// Nodes that have been run.
    pub(super) done: usize,
}

impl Walk {
    /// Before the first node of `graph`: its inputs are the `chosen` samples, as codes where they have them.
    pub(super) fn new(graph: &Graph, samples: &Samples, chosen: &[usize]) -> Self {
        let mut readers: HashMap<ValueId, usize> = HashMap::new();
        let reads = graph.nodes.iter().flat_map(|node| node.inputs.iter().copied()).chain(graph.sinks());
        reads.for_each(|id| *readers.entry(id).or_default() += 1);
        let mut walk = Walk { samples: chosen.len(), values: HashMap::new(), readers, done: 0 };
        for (index, port) in graph.inputs.iter().enumerate() {
            let quantization = graph.value(port.value).quantization.as_ref();
            let of = |sample: usize| encoded(samples.get(sample).get(index).copied().unwrap_or_default(), quantization);
            walk.values.insert(port.value, chosen.iter().copied().flat_map(of).collect());
        }
        for state in &graph.states {
            walk.values.insert(state.value, state.initial.bytes().repeat(chosen.len()));
        }
        walk
    }

    /// What has been computed of a value for all samples; nothing before it was, and after its last reader.
    pub(super) fn bytes(&self, id: ValueId) -> &[u8] {
        self.values.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The reals of a value in all samples; nothing where its bytes stand for none, or are not there.
    pub(super) fn reals(&self, graph: &Graph, id: ValueId) -> Vec<f32> {
        let (value, bytes) = (graph.value(id), self.bytes(id));
        match (value.dtype, &value.quantization) {
            (DType::F32, _) => bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
            (DType::I8, Some(own)) => {
                bytes.iter().map(|&byte| own.scale(0) * (i32::from(byte as i8) - own.zero_point()) as f32).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Runs nodes until `until` of them have been.
    pub(super) fn advance(&mut self, graph: &Graph, until: usize) -> Result<(), ShrinkError> {
        while self.done < until {
            let Some(node) = graph.nodes.get(self.done) else { return Ok(()) };
            let results = self.results(graph, node)?;
            self.put(node, results);
        }
        Ok(())
    }

    /// The bytes that `node` computes for all samples, of each of its results.
    pub(super) fn results(&self, graph: &Graph, node: &Node) -> Result<Vec<Vec<u8>>, ShrinkError> {
        match self.moved(graph, node) {
            Some(moved) => Ok(moved),
            None => self.computed(graph, node),
        }
    }

    /// Takes the results of the next node, and forgets what nobody reads any more.
    pub(super) fn put(&mut self, node: &Node, results: Vec<Vec<u8>>) {
        for (id, bytes) in node.outputs.iter().zip(results) {
            if self.readers.contains_key(id) {
                self.values.insert(*id, bytes);
            }
        }
        for id in &node.inputs {
            if let Some(left) = self.readers.get_mut(id) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.values.remove(id);
                }
            }
        }
        self.done += 1;
    }

    /// The bytes of a value in one sample.
    fn sample<'a>(&'a self, graph: &'a Graph, id: ValueId, sample: usize) -> &'a [u8] {
        let value = graph.value(id);
        let len = value.len() * value.dtype.size_bytes();
        self.bytes(id).get(sample * len..(sample + 1) * len).unwrap_or_default()
    }

    fn moved(&self, graph: &Graph, node: &Node) -> Option<Vec<Vec<u8>>> {
        let moves = node.moves(graph)?;
        let size = graph.value(*node.inputs.first()?).dtype.size_bytes();
        let constants: Vec<Option<Vec<u8>>> =
            node.inputs.iter().map(|&id| graph.value(id).elements.as_ref().map(Elements::bytes)).collect();
        let of_result = |sources: &Vec<crate::op::rule::moves::Source>| {
            let mut bytes = Vec::with_capacity(sources.len() * size * self.samples);
            for sample in 0..self.samples {
                let operand = |position: usize| match &constants[position] {
                    Some(bytes) => bytes.as_slice(),
                    None => self.sample(graph, node.inputs[position], sample),
                };
                for source in sources {
                    bytes.extend_from_slice(operand(source.operand).get(source.element * size..)?.get(..size)?);
                }
            }
            Some(bytes)
        };
        moves.iter().map(of_result).collect()
    }

    fn computed(&self, graph: &Graph, node: &Node) -> Result<Vec<Vec<u8>>, ShrinkError> {
        let (part, ids) = alone(graph, node);
        let blob = blob(&part)?;
        let runs = parallel::parts(self.samples, |samples| -> Result<Vec<Vec<u8>>, HostError> {
            with_session(&blob, |session| {
                let mut results = vec![Vec::new(); node.outputs.len()];
                for sample in samples {
                    let inputs: Vec<Vec<u8>> = ids.iter().map(|&id| self.sample(graph, id, sample).to_vec()).collect();
                    let outputs = infer(session, &inputs)?;
                    results.iter_mut().zip(outputs).for_each(|(all, bytes)| all.extend(bytes));
                }
                Ok(results)
            })
        });
        let mut results = vec![Vec::new(); node.outputs.len()];
        for run in runs {
            let run = run.map_err(|source| ShrinkError::Run { node: node.name.clone(), source })?;
            results.iter_mut().zip(run).for_each(|(all, bytes)| all.extend(bytes));
        }
        Ok(results)
    }
}

/// Reals as the bytes of what they are in an input.
pub(super) fn encoded(reals: &[f32], quantization: Option<&Quantization>) -> Vec<u8> {
    match quantization {
        Some(quantization) => reals.iter().map(|&real| quantize_real(real, quantization) as u8).collect(),
        None => reals.iter().flat_map(|real| real.to_le_bytes()).collect(),
    }
}

/// The blob of a graph for the host.
pub(super) fn blob(graph: &Graph) -> Result<AlignedBlob, ShrinkError> {
    blob_for(graph, Target::Portable)
}

/// The blob of a graph.
pub(super) fn blob_for(graph: &Graph, target: Target) -> Result<AlignedBlob, ShrinkError> {
    let assembly = Assembly::new(graph, target)?;
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    Ok(assembly.blob(&manifest, &[])?)
}

/// A graph of one node, and which values of the whole graph its inputs are.
fn alone(graph: &Graph, node: &Node) -> (Graph, Vec<ValueId>) {
    let mut part = Graph { name: node.name.clone(), ..Graph::default() };
    let mut known: HashMap<ValueId, ValueId> = HashMap::new();
    for &id in node.inputs.iter().chain(&node.outputs) {
        known.entry(id).or_insert_with(|| part.add_value(graph.value(id).clone()));
    }
    let port = |id: &ValueId| {
        let Value { name, shape, .. } = graph.value(*id);
        Port { value: known[id], name: name.clone(), source_shape: shape.clone(), permutation: None }
    };
    let mut ids: Vec<ValueId> = Vec::new();
    for &id in &node.inputs {
        if graph.value(id).elements.is_none() && !ids.contains(&id) {
            ids.push(id);
        }
    }
    part.inputs = ids.iter().map(port).collect();
    part.outputs = node.outputs.iter().map(port).collect();
    let inner = |ids: &[ValueId]| ids.iter().map(|id| known[id]).collect();
    part.nodes = vec![Node { inputs: inner(&node.inputs), outputs: inner(&node.outputs), ..node.clone() }];
    (part, ids)
}
