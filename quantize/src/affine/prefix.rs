//! The int8 graph computed node by node on some of the samples, so that a layer can be changed by what it is going to read.

use std::collections::HashMap;
use std::thread;

use super::error_report::quantize_inputs;
use crate::calibrate::{Samples, is_averaged};
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::host::{AlignedBytes, HostError, infer, with_session};
use crate::ir::{DType, Graph, Node, Port, ValueId};
use crate::target::Target;

/// What has been computed so far.
pub(super) struct Prefix {
    /// Of each value its codes in each sample, as bytes.
    codes: HashMap<ValueId, Vec<Vec<u8>>>,
    samples: usize,
}

/// Why a node cannot be computed alone.
#[derive(Debug)]
pub(super) struct Stuck;

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
    /// The inputs of the graph in the samples that means are taken of; `None` for a graph with inputs that have no codes, or
    /// with states.
    pub(super) fn new(int8: &Graph, samples: &Samples) -> Option<Self> {
        let has_codes = int8.inputs.iter().all(|port| int8.value(port.value).dtype == DType::I8);
        if !has_codes || !int8.states.is_empty() {
            return None;
        }
        let averaged = (0..samples.len()).filter(|&sample| is_averaged(sample, samples.len()));
        let mut prefix = Prefix { codes: HashMap::new(), samples: 0 };
        for sample in averaged {
            prefix.samples += 1;
            let codes = quantize_inputs(int8, &samples.get(sample));
            for (port, codes) in int8.inputs.iter().zip(codes) {
                let bytes = codes.into_iter().map(|code| code as u8).collect();
                prefix.codes.entry(port.value).or_default().push(bytes);
            }
        }
        Some(prefix)
    }

    /// The mean over samples of the reals that a value's codes stand for.
    pub(super) fn mean(&self, int8: &Graph, id: ValueId) -> Option<Vec<f32>> {
        let (samples, quantization) = (self.codes.get(&id)?, int8.value(id).quantization.as_ref()?);
        let mut sums = vec![0i64; int8.value(id).len()];
        for codes in samples {
            sums.iter_mut().zip(codes).for_each(|(sum, &code)| *sum += i64::from(code as i8));
        }
        let (scale, zero_point) = (f64::from(quantization.scale(0)), f64::from(quantization.zero_point()));
        let real = |sum: i64| (scale * (sum as f64 / samples.len().max(1) as f64 - zero_point)) as f32;
        Some(sums.into_iter().map(real).collect())
    }

    /// Computes node `index` in all samples, when everything it reads has been.
    pub(super) fn compute(&mut self, int8: &Graph, index: usize) -> Result<(), Stuck> {
        let node = &int8.nodes[index];
        if node.renames(int8) {
            let operand = self.codes.get(node.inputs.first().ok_or(Stuck)?).ok_or(Stuck)?.clone();
            self.codes.insert(node.output(), operand);
            return Ok(());
        }
        let (alone, operands) = alone(int8, node);
        let read: Vec<&Vec<Vec<u8>>> =
            operands.iter().map(|id| self.codes.get(id).ok_or(Stuck)).collect::<Result<_, _>>()?;
        let manifest = Manifest::new(&alone, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
        let blob = Assembly::new(&alone, Target::Portable)?.blob(&manifest, &[])?;
        let results = run_all(&blob, &read, self.samples)?;
        for (position, &id) in node.outputs.iter().enumerate() {
            let of_output = results.iter().map(|outputs| outputs.get(position).cloned().ok_or(Stuck));
            self.codes.insert(id, of_output.collect::<Result<_, _>>()?);
        }
        Ok(())
    }
}

/// The outputs of a blob for every sample, on two threads.
fn run_all(blob: &AlignedBytes, operands: &[&Vec<Vec<u8>>], samples: usize) -> Result<Vec<Vec<Vec<u8>>>, HostError> {
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
