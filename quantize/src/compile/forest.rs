//! A model with trees in integers, beside its float form.

use super::{CompileError, Progress, Stage};
use crate::calibrate::Samples;
use crate::emit::{Assembly, Manifest, Source, SourceKind};
use crate::forest;
use crate::host::{self, AlignedBlob};
use crate::ir::Graph;
use crate::report::ForestLine;
use crate::score::argmax;
use crate::target::Target;
use crate::tensor::{self, PortSpec};

/// The integer form of a graph with trees and how far its answers are from the float ones, or why there is none.
type Form = Result<(Graph, ForestLine), String>;

/// What a blob answers: its outputs, and of each sample the reals of each output.
type Answers = (Vec<PortSpec>, Vec<Vec<Vec<f32>>>);

/// The integer form of a graph with trees, and how far its answers are from the float ones; the reason where it has none.
/// `None` for a graph without trees.
pub(super) fn coded(graph: &Graph, samples: &Samples, progress: Progress<'_>) -> Result<Option<Form>, CompileError> {
    progress(Stage::Quantizing);
    let coded = match forest::coded(graph, samples) {
        None => return Ok(None),
        Some(Err(reason)) => return Ok(Some(Err(reason))),
        Some(Ok(coded)) => coded,
    };
    // What has no kernel in int16 behind the trees is found here.
    let blob = match blob(&coded) {
        Ok(blob) => blob,
        Err(error) => return Ok(Some(Err(format!("what comes behind the trees has no integer form: {error}")))),
    };
    let line = ForestLine { columns: columns(&coded), ..compared(&self::blob(graph)?, &blob, samples)? };
    Ok(Some(Ok((coded, line))))
}

fn blob(graph: &Graph) -> Result<AlignedBlob, CompileError> {
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    Ok(Assembly::new(graph, Target::Portable)?.blob(&manifest, &[])?)
}

/// Features, and how many of them are their own codes.
fn columns(graph: &Graph) -> [usize; 2] {
    let all = graph.inputs.iter().flat_map(|port| graph.feature_codes(port.value));
    let is_own = |code: &&crate::op::FeatureCode| (code.scale, code.offset) == (1.0, 0.0);
    [all.clone().count(), all.filter(is_own).count()]
}

/// What a blob answers to each sample: all outputs as reals.
fn answers(blob: &AlignedBlob, samples: &Samples) -> Result<Answers, CompileError> {
    let run = host::with_session(blob, |session| {
        let (inputs, outputs) = tensor::ports(session.model());
        let mut all = Vec::with_capacity(samples.len());
        for index in 0..samples.len() {
            let encode = |(port, reals): (&PortSpec, &[f32])| port.encode(reals);
            let encoded: Vec<Vec<u8>> = inputs.iter().zip(samples.get(index)).map(encode).collect();
            let results = host::infer(session, &encoded)?;
            all.push(outputs.iter().zip(results).map(|(port, bytes)| port.decode(&bytes)).collect());
        }
        Ok((outputs, all))
    });
    run.map_err(|error| crate::emit::BuildError::Run(error).into())
}

fn compared(float: &AlignedBlob, coded: &AlignedBlob, samples: &Samples) -> Result<ForestLine, CompileError> {
    let ((ports, reals), (_, ours)) = (answers(float, samples)?, answers(coded, samples)?);
    let mut line = ForestLine { samples: samples.len(), ..ForestLine::default() };
    for (reals, ours) in reals.iter().zip(&ours) {
        let mut outputs = ports.iter().zip(reals).zip(ours);
        // A label is the decision; else it is where the first output is greatest, of a score whether it is positive.
        line.changed += usize::from(outputs.clone().next().is_some_and(|((port, a), b)| !is_same(port, a, b)));
        let reals_only = outputs.by_ref().filter(|((port, _), _)| !port.is_plain_integer());
        let errors = reals_only.flat_map(|((_, a), b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
        line.error_max = errors.fold(line.error_max, f32::max);
    }
    Ok(line)
}

fn is_same(port: &PortSpec, a: &[f32], b: &[f32]) -> bool {
    match port.is_plain_integer() {
        true => a == b,
        false => argmax(a) == argmax(b),
    }
}
