//! A graph computed node by node on samples, so that a layer can be changed by what it is going to read.

use std::collections::HashMap;
use std::thread;

use super::Samples;
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::host::{AlignedBlob, HostError, infer, with_session};
use crate::ir::{Graph, Node, Port, ValueId};
use crate::target::Target;

/// What has been computed so far.
pub(crate) struct Prefix {
    /// Of each value its elements in each sample.
    bytes: HashMap<ValueId, Vec<Vec<u8>>>,
    samples: usize,
}

/// Why a node cannot be computed alone.
#[derive(Debug)]
pub(crate) struct Stuck;

impl From<BuildError> for Stuck {
    fn from(_: BuildError) -> Self {
        Stuck
    }
}

impl From<HostError> for Stuck {
    fn from(_: HostError) -> Self {
        Stuck
    }
}

impl Prefix {
    /// The inputs of a graph in so many samples, of which `inputs` has the bytes.
    pub(crate) fn new(graph: &Graph, samples: usize, inputs: impl Fn(usize) -> Vec<Vec<u8>>) -> Self {
        let mut bytes: HashMap<ValueId, Vec<Vec<u8>>> = HashMap::new();
        for sample in 0..samples {
            for (port, input) in graph.inputs.iter().zip(inputs(sample)) {
                bytes.entry(port.value).or_default().push(input);
            }
        }
        Prefix { bytes, samples }
    }

    /// The inputs of a float graph in all samples.
    pub(crate) fn of_reals(graph: &Graph, samples: &Samples) -> Self {
        let bytes = |reals: &[f32]| reals.iter().flat_map(|real| real.to_le_bytes()).collect();
        Prefix::new(graph, samples.len(), |sample| samples.get(sample).into_iter().map(bytes).collect())
    }

    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// The elements of a value in a sample.
    pub(crate) fn bytes(&self, id: ValueId, sample: usize) -> Option<&[u8]> {
        self.bytes.get(&id)?.get(sample).map(Vec::as_slice)
    }

    /// The elements of a float value in a sample.
    pub(crate) fn reals(&self, id: ValueId, sample: usize) -> Option<Vec<f32>> {
        let (words, _) = self.bytes(id, sample)?.as_chunks();
        Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// The mean over samples of the reals that an int8 value's codes stand for.
    pub(crate) fn mean_of_codes(&self, graph: &Graph, id: ValueId) -> Option<Vec<f32>> {
        let (samples, quantization) = (self.bytes.get(&id)?, graph.value(id).quantization.as_ref()?);
        let mut sums = vec![0i64; graph.value(id).len()];
        for codes in samples {
            sums.iter_mut().zip(codes).for_each(|(sum, &code)| *sum += i64::from(code as i8));
        }
        let (scale, zero_point) = (f64::from(quantization.scale(0)), f64::from(quantization.zero_point()));
        let real = |sum: i64| (scale * (sum as f64 / samples.len().max(1) as f64 - zero_point)) as f32;
        Some(sums.into_iter().map(real).collect())
    }

    /// Computes node `index` in all samples; everything it reads has been.
    pub(crate) fn compute(&mut self, graph: &Graph, index: usize) -> Result<(), Stuck> {
        let node = &graph.nodes[index];
        if node.renames(graph) {
            let operand = self.bytes.get(node.inputs.first().ok_or(Stuck)?).ok_or(Stuck)?.clone();
            self.bytes.insert(node.output(), operand);
            return Ok(());
        }
        let (alone, operands) = alone(graph, node);
        let read: Vec<&Vec<Vec<u8>>> =
            operands.iter().map(|id| self.bytes.get(id).ok_or(Stuck)).collect::<Result<_, _>>()?;
        let manifest = Manifest::new(&alone, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
        let blob = Assembly::new(&alone, Target::Portable)?.blob(&manifest, &[])?;
        let results = run_all(&blob, &read, self.samples)?;
        for (position, &id) in node.outputs.iter().enumerate() {
            let of_output = results.iter().map(|outputs| outputs.get(position).cloned().ok_or(Stuck));
            self.bytes.insert(id, of_output.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    /// Forgets what no node behind `index` reads.
    pub(crate) fn forget_behind(&mut self, graph: &Graph, index: usize) {
        let read_later = |id: &ValueId| graph.nodes.iter().skip(index + 1).any(|node| node.inputs.contains(id));
        self.bytes.retain(|id, _| read_later(id));
    }
}

/// The outputs of a blob for every sample, on two threads.
fn run_all(blob: &AlignedBlob, operands: &[&Vec<Vec<u8>>], samples: usize) -> Result<Vec<Vec<Vec<u8>>>, HostError> {
    let part = |indices: core::ops::Range<usize>| {
        with_session(blob, |session| {
            let inputs = |sample: usize| operands.iter().filter_map(|of| of.get(sample).cloned()).collect::<Vec<_>>();
            indices.map(|sample| infer(session, &inputs(sample))).collect::<Result<Vec<_>, kinglet::Error>>()
        })
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| part(samples / 2..samples));
        let mut all = part(0..samples / 2)?;
        // A panic of a worker is a defect, and goes on here.
        all.extend(second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok(all)
    })
}

/// A graph of one node, whose inputs are the operands that are no constants, and these operands.
fn alone(graph: &Graph, node: &Node) -> (Graph, Vec<ValueId>) {
    let mut alone = Graph { name: node.name.clone(), ..Graph::default() };
    let mut own: HashMap<ValueId, ValueId> = HashMap::new();
    let mut operands = Vec::new();
    for &id in node.inputs.iter().chain(&node.outputs) {
        own.entry(id).or_insert_with(|| alone.add_value(graph.value(id).clone()));
    }
    let port = |id: ValueId| {
        let value = graph.value(id);
        Port { value: own[&id], name: value.name.clone(), source_shape: value.shape.clone(), permutation: None }
    };
    for &id in &node.inputs {
        if graph.value(id).elements.is_none() && !operands.contains(&id) {
            operands.push(id);
            alone.inputs.push(port(id));
        }
    }
    alone.outputs = node.outputs.iter().map(|&id| port(id)).collect();
    let (inputs, outputs) =
        (node.inputs.iter().map(|id| own[id]).collect(), node.outputs.iter().map(|id| own[id]).collect());
    alone.nodes.push(Node { inputs, outputs, ..node.clone() });
    (alone, operands)
}
