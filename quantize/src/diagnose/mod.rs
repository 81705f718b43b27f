//! What each layer of a quantized model costs, and why: the facts behind `--report`.
//!
//! Three runs of the same samples are compared, value by value: the float graph, the int8 graph, and, for each layer, the
//! float graph with that layer alone in integers (`alone.rs`). The first two say where noise is, the last one says who makes
//! it: errors accumulate, so the last layer looks worst in most networks and is the cause in few.

mod alone;
mod cause;
mod values;

use serde::Serialize;

use crate::calibrate::{CalibrationError, EngineRunner, Samples};
use crate::emit::BuildError;
use crate::ir::{DType, Graph, Node, Value, ValueId};
use crate::value::Elements;

pub use cause::Cause;
pub use values::{Histogram, Outlier};
use values::{Seen, Watch};

/// Samples that everything but layers alone is measured on.
const SAMPLES: usize = 16;

/// Everything that is known of a quantized model's noise. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Samples that layers were measured on.
    pub samples: usize,
    /// Samples that each layer alone was measured on.
    pub alone_samples: usize,
    /// The values that it was measured at: what the outputs are made of where that is by a function that saturates, such as
    /// a softmax.
    pub measured_at: Vec<String>,
    /// What each input was, in the order of the graph's.
    pub inputs: Vec<InputFacts>,
    /// In execution order.
    pub layers: Vec<LayerFacts>,
}

/// An input in the calibration data.
#[derive(Clone, Debug, Serialize)]
pub struct InputFacts {
    /// The source model's name of it.
    pub name: String,
    /// The reals of the least and the greatest code.
    pub codes: [f32; 2],
    /// How its elements are distributed over those.
    pub histogram: Histogram,
}

/// A node of the graph.
#[derive(Clone, Debug, Serialize)]
pub struct LayerFacts {
    /// The source model's name of it.
    pub node: String,
    /// What it computes.
    pub op: &'static str,
    /// Bits of a weight; absent without weights.
    pub bits: Option<usize>,
    /// Bytes of its weights; 0 without.
    pub weight_bytes: u64,
    /// Signal to quantization noise of its result, with all of the model in integers: the median of samples. Absent where
    /// there is no noise.
    pub sqnr_db: Option<f64>,
    /// Signal to quantization noise of the model's output with this layer alone in integers: the median of samples. Absent
    /// where there is no noise, or the layer chooses no codes.
    pub sqnr_alone_db: Option<f64>,
    /// Its part of the noise that all layers make alone, 0 to 1.
    pub noise_share: f64,
    /// Share of its real results that lie more than a step beyond all codes.
    pub clipped: f64,
    /// The least and the largest result.
    pub range: [f32; 2],
    /// The reals of the least and the greatest code.
    pub codes: [f32; 2],
    /// Channels of its result: extents of the last axis.
    pub channels: usize,
    /// Those of them that are 0 in every sample.
    pub dead_channels: Vec<usize>,
    /// The channel that is much larger than the others.
    pub outlier: Option<Outlier>,
    /// How its results are distributed over the codes.
    pub histogram: Histogram,
    /// How its weights are.
    pub weights: Option<Histogram>,
    /// Why it is as it is, and what to do.
    pub cause: Cause,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiagnosisError {
    /// A graph is not run.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A run stopped.
    #[error(transparent)]
    Run(#[from] CalibrationError),
}

/// Told how many of how many layers have been looked at.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Looks at a float graph and the int8 graph that was made of it, on the first of `samples`.
pub fn diagnose(
    float: &Graph,
    int8: &Graph,
    samples: &Samples,
    progress: Progress<'_>,
) -> Result<Diagnosis, DiagnosisError> {
    let mut samples = samples.clone();
    samples.truncate(SAMPLES);
    let mut watch = Watch::new(float, int8);
    watch.run((&mut EngineRunner::new(float)?, &mut EngineRunner::new(int8)?), &samples)?;
    let nodes: Vec<&Node> = float.nodes.iter().filter(|node| chooses_codes(float, int8, node)).collect();
    let alone_samples = alone::sample_count(float, nodes.len(), samples.len());
    samples.truncate(alone_samples);
    let alone = alone::noise(float, int8, &nodes, &samples, progress)?;
    let mut layers: Vec<LayerFacts> = float.nodes.iter().filter_map(|node| facts(float, int8, node, &watch)).collect();
    let noise = |layer: &LayerFacts| alone.iter().find(|(node, _)| *node == layer.node).and_then(|(_, db)| *db);
    let power = |db: f64| 10f64.powf(-db / 10.0);
    let whole: f64 = layers.iter().filter_map(noise).map(power).sum();
    for layer in &mut layers {
        layer.sqnr_alone_db = noise(layer);
        layer.noise_share = layer.sqnr_alone_db.map_or(0.0, |db| power(db) / whole.max(f64::MIN_POSITIVE));
    }
    for index in 0..layers.len() {
        layers[index].cause = cause::of(&layers, index);
    }
    let inputs = float.inputs.iter().filter_map(|port| {
        let (codes, seen) = (code_reals(int8.value(port.value))?, watch.of(port.value)?);
        Some(InputFacts { name: port.name.clone(), codes, histogram: seen.histogram.clone() })
    });
    Ok(Diagnosis {
        samples: watch.samples(),
        alone_samples,
        measured_at: alone::ends(float).into_iter().map(|id| float.value(id).name.clone()).collect(),
        inputs: inputs.collect(),
        layers,
    })
}

/// The reals of the least and the greatest code of a quantized value.
fn code_reals(value: &Value) -> Option<[f32; 2]> {
    let quantization = value.quantization.as_ref().filter(|_| value.dtype == DType::I8)?;
    let real = |code: i32| quantization.scale(0) * (code - quantization.zero_point()) as f32;
    Some([real(i8::MIN.into()), real(i8::MAX.into())])
}

/// The node of the int8 graph that computes a value of the float graph.
fn int8_node(int8: &Graph, id: ValueId) -> Option<&Node> {
    int8.producer(id).and_then(|index| int8.nodes.get(index))
}

/// The constants of a layer in either graph, its weights first.
fn parameters(graph: &Graph, node: &Node) -> Vec<ValueId> {
    let is_constant = |id: &&ValueId| graph.value(**id).elements.is_some();
    match node.op.operator().layer() {
        Some(_) => node.inputs.iter().skip(1).filter(is_constant).copied().collect(),
        None => Vec::new(),
    }
}

/// True for a node whose result is rounded to codes of its own: it has weights, or does not just keep its operand's codes.
fn chooses_codes(float: &Graph, int8: &Graph, node: &Node) -> bool {
    let of = |id: &ValueId| int8.value(*id).quantization.as_ref();
    let (Some(output), Some(input)) = (node.outputs.first(), node.inputs.first()) else { return false };
    let keeps = of(output) == of(input);
    node.outputs.len() == 1
        && code_reals(int8.value(*output)).is_some()
        && (!parameters(float, node).is_empty() || !keeps)
}

fn facts(float: &Graph, int8: &Graph, node: &Node, watch: &Watch<'_>) -> Option<LayerFacts> {
    let output = *node.outputs.first()?;
    let (codes, seen) = (code_reals(int8.value(output))?, watch.of(output)?);
    let Seen { range, clipped, histogram, .. } = seen;
    let weights = parameters(float, node).first().map(|id| float.value(*id));
    let stored = int8_node(int8, output).and_then(|node| parameters(int8, node).first().map(|id| int8.value(*id)));
    let bits = stored.map(bits);
    Some(LayerFacts {
        node: node.name.clone(),
        op: node.op.name(),
        bits,
        weight_bytes: stored.zip(bits).map_or(0, |(stored, bits)| (stored.len() * bits).div_ceil(8) as u64),
        sqnr_db: seen.sqnr_db(),
        sqnr_alone_db: None,
        noise_share: 0.0,
        clipped: *clipped,
        range: [range.lo, range.hi],
        codes,
        channels: seen.channels.len(),
        dead_channels: seen.dead_channels(),
        outlier: seen.outlier(),
        histogram: histogram.clone(),
        weights: weights.and_then(|weights| match &weights.elements {
            Some(Elements::F32(reals)) => Some(Histogram::of_all(reals)),
            _ => None,
        }),
        cause: Cause::default(),
    })
}

/// In how many bits the elements of a constant are kept.
fn bits(value: &Value) -> usize {
    match &value.quantization {
        Some(quantization) if value.dtype == DType::I8 => quantization.storage.bits(),
        _ => value.dtype.size_bytes() * 8,
    }
}

#[cfg(test)]
mod tests;
