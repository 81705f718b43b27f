//! What `kinglet compile` says about its result, for people and as JSON.

use core::fmt;

use kinglet_kernels::packing::Storage;
use serde::Serialize;

use crate::affine::LayerErrors;
use crate::calibrate::{Calibration, Finding, Range, RangeMethod};
use crate::diagnose::{Diagnosis, LayerFacts};
pub use crate::digits::grouped;
use crate::emit::{Assembly, Manifest};
use crate::ir::{DType, Graph, Port};
use crate::pass::eliminate::EliminationReport;
use crate::program::Step;
use crate::shrink::{Mix, Shrunk, Sparse};
use crate::stream::Stream;
use crate::stripe::{Cost, SegmentCost};
use crate::tune::Tuned;

/// Layers that the text report lists as the least accurate.
const WORST: usize = 3;

/// The figures of a compiled model. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model's name.
    pub name: String,
    /// What it was compiled for.
    pub target: &'static str,
    /// `int8` or `float32`: what the operators compute on.
    pub arithmetic: &'static str,
    /// `tflite`, `onnx` or `graph`.
    pub source_kind: &'static str,
    /// Size of the source file.
    pub source_bytes: u64,
    /// Size of the blob.
    pub blob_bytes: usize,
    /// Bytes of weights, without biases, requantization and packing's padding.
    pub weight_bytes: u64,
    /// Weights that elimination removed.
    pub weight_bytes_eliminated: u64,
    /// Working memory of a session.
    pub arena_bytes: usize,
    /// No plan for these operators in this order needs less.
    pub arena_lower_bound_bytes: usize,
    /// The part of the arena that the greediest operator uses for itself.
    pub scratch_bytes: usize,
    /// Multiplications of an inference, positions in the padding included.
    pub macs: u64,
    /// Multiplications that elimination removed.
    pub macs_eliminated: u64,
    /// Operators of the blob.
    pub operators: usize,
    /// The operator during which the most memory is in use.
    pub peak: Option<Peak>,
    /// What it costs that some operators are computed in stripes; absent when none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripes: Option<Cost>,
    /// What became of the model's window; absent when the model is none over a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
    /// Test vectors in the blob.
    pub golden_vectors: usize,
    /// Layers that elimination changed.
    pub eliminated: Vec<Eliminated>,
    /// What the model was quantized by, when it was quantized here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationLine>,
    /// How far the answers of trees in integers are from the float ones, when the model has such trees and was quantized here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forest: Option<ForestLine>,
    /// What was found out about the bits of weights, with `--bits auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// Which weights became zero, with `--sparsity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<Sparse>,
    /// What was tried on the model, and kept where it made less noise; absent when the model was not quantized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// The error of each layer, when the model was quantized here.
    pub layers: Vec<LayerLine>,
    /// Where noise comes from, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// The operator that sets the arena's size.
#[derive(Clone, Debug, Serialize)]
pub struct Peak {
    /// Position in execution order.
    pub operator: usize,
    /// The source model's name of it.
    pub node: String,
    /// What it computes.
    pub op: &'static str,
}

/// A layer that elimination changed.
#[derive(Clone, Debug, Serialize)]
pub struct Eliminated {
    /// The source model's name of it.
    pub node: String,
    /// Input channels before and after.
    pub input_channels: [usize; 2],
    /// Output channels before and after.
    pub output_channels: [usize; 2],
    /// Multiplications removed.
    pub macs: u64,
    /// Bytes of weights removed.
    pub weight_bytes: u64,
}

/// The data that ranges were chosen by.
#[derive(Clone, Debug, Serialize)]
pub struct CalibrationLine {
    /// How ranges were chosen, as `--range` has it.
    pub range: String,
    /// How many samples there were.
    pub samples: usize,
    /// Samples that each layer's error is the median of.
    pub error_samples: usize,
    /// What each input was between.
    pub inputs: Vec<InputLine>,
    /// Whether the samples are so probably not what the model was trained on that figures measured on them say nothing.
    pub is_suspect: bool,
}

/// Trees in integers beside their float form, on the calibration data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ForestLine {
    /// How many samples there were.
    pub samples: usize,
    /// Samples whose label, or whose greatest score, became another one.
    pub changed: usize,
    /// The largest difference of a score.
    pub error_max: f32,
    /// Features, and how many of them are whole numbers that are their own codes.
    pub columns: [usize; 2],
}

/// What the samples of an input are between.
#[derive(Clone, Debug, Serialize)]
pub struct InputLine {
    /// The source model's name of it.
    pub name: String,
    /// The least element of all samples.
    pub lo: f32,
    /// The largest.
    pub hi: f32,
}

/// How far a layer's int8 result is from its float result.
#[derive(Clone, Debug, Serialize)]
pub struct LayerLine {
    /// The source model's name of it.
    pub node: String,
    /// What it computes.
    pub op: &'static str,
    /// Signal to quantization noise, the median of calibration samples; absent when there is no noise.
    pub sqnr_db: Option<f64>,
    /// What its weights are, when it has some.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightLine>,
}

/// The weights of a layer, as they are in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WeightLine {
    /// Bits of each.
    pub bits: usize,
    /// Bytes of all.
    pub weight_bytes: u64,
}

/// Everything a report is made from.
pub(crate) struct Facts<'a> {
    pub(crate) assembly: &'a Assembly<'a>,
    pub(crate) graph: &'a Graph,
    pub(crate) manifest: &'a Manifest,
    pub(crate) blob: &'a [u8],
    pub(crate) elimination: &'a EliminationReport,
    pub(crate) quantized: Option<(&'a Calibration, RangeMethod, &'a LayerErrors)>,
    pub(crate) shrunk: Option<&'a Shrunk>,
    pub(crate) tuned: Option<&'a Tuned>,
    pub(crate) golden_vectors: usize,
}

impl Report {
    pub(crate) fn new(facts: &Facts<'_>) -> Self {
        let Facts { assembly, graph, manifest, blob, elimination, quantized, shrunk, tuned, golden_vectors } = facts;
        let certificate = assembly.certificate();
        let (before, after) = (elimination.before(), elimination.after());
        let peak = assembly.program.steps.get(assembly.plan.peak_step).and_then(|step| graph.nodes.get(step.node));
        let layers = quantized.map_or(&[][..], |(_, _, errors)| &errors.layers);
        Report {
            name: graph.name.clone(),
            target: assembly.target().name(),
            arithmetic: arithmetic(graph),
            source_kind: manifest.source.kind.name(),
            source_bytes: manifest.source.bytes,
            blob_bytes: blob.len(),
            weight_bytes: certificate.weight_bytes,
            weight_bytes_eliminated: before.weight_bytes.saturating_sub(after.weight_bytes),
            arena_bytes: assembly.plan.arena_bytes,
            arena_lower_bound_bytes: assembly.plan.lower_bound_bytes,
            scratch_bytes: assembly.plan.scratch_bytes_max,
            macs: certificate.macs,
            macs_eliminated: before.macs.saturating_sub(after.macs),
            operators: assembly.program.steps.len(),
            peak: peak.map(|node| Peak {
                operator: assembly.plan.peak_step,
                node: node.name.clone(),
                op: node.op.name(),
            }),
            stripes: assembly.stripes.clone(),
            stream: None,
            golden_vectors: *golden_vectors,
            eliminated: eliminated(elimination),
            calibration: quantized.map(|(calibration, range, errors)| CalibrationLine {
                range: range.to_string(),
                samples: calibration.samples,
                error_samples: errors.samples,
                inputs: inputs(graph, calibration),
                is_suspect: calibration.findings.iter().any(Finding::spoils_figures),
            }),
            forest: None,
            mix: shrunk.and_then(|shrunk| shrunk.mix.clone()),
            sparse: shrunk.and_then(|shrunk| shrunk.sparse.clone()),
            tuned: tuned.cloned(),
            diagnosis: None,
            layers: layers
                .iter()
                .map(|layer| LayerLine {
                    node: layer.node.clone(),
                    op: layer.op,
                    sqnr_db: layer.sqnr_db.is_finite().then_some(layer.sqnr_db),
                    weights: weights(assembly, graph, &layer.node),
                })
                .collect(),
        }
    }
}

fn inputs(graph: &Graph, calibration: &Calibration) -> Vec<InputLine> {
    let of = |(port, range): (&Port, &Range)| InputLine { name: port.name.clone(), lo: range.lo, hi: range.hi };
    graph.inputs.iter().zip(&calibration.inputs).map(of).collect()
}

/// The weights that a node became: those of its first operator that has some, since stripes share them.
fn weights(assembly: &Assembly<'_>, graph: &Graph, node: &str) -> Option<WeightLine> {
    let is_of = |step: &&Step| graph.nodes.get(step.node).is_some_and(|of| of.name == node);
    let of = |step: &Step| {
        let layer = step.record.layer(step.head())?;
        let bits = Storage::from_tag(step.form.storage)?.bits();
        (layer.weight_bytes > 0).then_some(WeightLine { bits, weight_bytes: layer.weight_bytes })
    };
    assembly.program.steps.iter().filter(is_of).find_map(of)
}

fn eliminated(elimination: &EliminationReport) -> Vec<Eliminated> {
    let changed = elimination.layers.iter().filter(|layer| layer.before != layer.after);
    let line = |layer: &crate::pass::eliminate::LayerElimination| Eliminated {
        node: layer.name.clone(),
        input_channels: layer.input_channels,
        output_channels: layer.output_channels,
        macs: layer.before.macs.saturating_sub(layer.after.macs),
        weight_bytes: layer.before.weight_bytes.saturating_sub(layer.after.weight_bytes),
    };
    changed.map(line).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} for {}, {}", self.name, self.target, self.arithmetic)?;
        let n = |number: u64| grouped(number);
        writeln!(f, "  operators  {}", self.operators)?;
        write!(f, "  MACs       {}", n(self.macs))?;
        if self.macs_eliminated > 0 {
            write!(f, " ({} of dead work eliminated)", n(self.macs_eliminated))?;
        }
        write!(f, "\n  weights    {} bytes", n(self.weight_bytes))?;
        if self.weight_bytes_eliminated > 0 {
            write!(f, " ({} eliminated)", n(self.weight_bytes_eliminated))?;
        }
        write!(f, "\n  blob       {} bytes", n(self.blob_bytes as u64))?;
        if self.source_bytes > 0 {
            let percent = self.blob_bytes as f64 * 100.0 / self.source_bytes as f64;
            write!(f, ", {percent:.0} % of the source's {}", n(self.source_bytes))?;
        }
        write!(f, "\n  arena      {} bytes", n(self.arena_bytes as u64))?;
        match self.arena_bytes - self.arena_lower_bound_bytes.min(self.arena_bytes) {
            0 => write!(f, ", the least possible")?,
            _ => write!(f, ", no plan needs less than {}", n(self.arena_lower_bound_bytes as u64))?,
        }
        if self.scratch_bytes > 0 {
            write!(f, "; scratch up to {}", n(self.scratch_bytes as u64))?;
        }
        if let Some(peak) = &self.peak {
            write!(f, "\n  peak       operator {}, `{}` ({})", peak.operator, peak.node, peak.op)?;
        }
        if let Some(stripes) = &self.stripes {
            for (index, segment) in stripes.segments.iter().enumerate() {
                let head = if index == 0 { "stripes" } else { "" };
                let SegmentCost { first_node, last_node, stripes, .. } = segment;
                write!(f, "\n  {head:<11}{stripes} of `{first_node}` to `{last_node}`")?;
            }
            let (operators, copied) = (stripes.operators_added, n(stripes.copied_bytes));
            write!(f, "\n  cost       {operators} operators more, {copied} bytes copied")?;
            write!(f, ", {} MACs recomputed", n(stripes.macs_recomputed))?;
            write!(f, "; without stripes the arena is {} bytes", n(stripes.arena_bytes_whole as u64))?;
        }
        if let Some(stream) = &self.stream {
            write!(f, "{stream}")?;
        }
        if self.golden_vectors > 0 {
            write!(f, "\n  self-test  {} vectors", self.golden_vectors)?;
        }
        if let Some(CalibrationLine { range, samples, inputs, .. }) = &self.calibration {
            let plural = if *samples == 1 { "" } else { "s" };
            write!(f, "\n  calibrated {samples} sample{plural}, {range}")?;
            for InputLine { name, lo, hi } in inputs {
                write!(f, "\n             `{name}` {lo} to {hi}")?;
            }
        }
        if let Some(ForestLine { samples, changed, error_max, columns: [features, whole] }) = &self.forest {
            write!(f, "\n  trees      int16, a scale for each of {features} features, {whole} of them whole numbers")?;
            let share = *changed as f64 * 100.0 / (*samples).max(1) as f64;
            write!(
                f,
                "\n             {changed} of {samples} decisions changed ({share:.2} %), scores by at most {error_max}"
            )?;
        }
        if let Some(tuned) = &self.tuned {
            write!(f, "{tuned}")?;
        }
        self.write_layers(f)
    }
}

impl Report {
    /// Bits of the layers where these are not all eight, and which layers are the noisiest.
    fn write_layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mix) = &self.mix {
            write!(f, "{mix}")?;
        }
        if let Some(sparse) = &self.sparse {
            write!(f, "{sparse}")?;
        }
        // What all layers have in common is said above.
        let narrow = self.layers.iter().any(|layer| layer.weights.is_some_and(|weights| weights.bits < 8));
        for layer in self.layers.iter().filter(|_| narrow) {
            let Some(WeightLine { bits, weight_bytes }) = layer.weights else { continue };
            let noise = layer.sqnr_db.map_or_else(|| "no noise".into(), |sqnr_db| format!("{sqnr_db:.1} dB"));
            write!(
                f,
                "\n  {:<11}{} bytes, {noise}  `{}` ({})",
                format!("{bits} bits"),
                grouped(weight_bytes),
                layer.node,
                layer.op
            )?;
        }
        let mut noisy: Vec<(&LayerLine, f64)> =
            self.layers.iter().filter_map(|layer| Some((layer, layer.sqnr_db?))).collect();
        noisy.sort_by(|a, b| a.1.total_cmp(&b.1));
        for (index, (layer, sqnr_db)) in noisy.iter().take(WORST).enumerate() {
            let head = if index == 0 { "noisiest" } else { "" };
            write!(f, "\n  {head:<11}{sqnr_db:.1} dB  `{}` ({})", layer.node, layer.op)?;
        }
        let mut loud: Vec<&LayerFacts> = self.diagnosis.iter().flat_map(|diagnosis| &diagnosis.layers).collect();
        loud.sort_by(|a, b| b.noise_share.total_cmp(&a.noise_share));
        for (index, layer) in loud.iter().take(WORST).enumerate() {
            let head = if index == 0 { "noise from" } else { "" };
            let share = layer.noise_share * 100.0;
            write!(f, "\n  {head:<11}{share:.0} %  `{}`: {}; {}", layer.node, layer.cause.what, layer.cause.remedy)?;
        }
        Ok(())
    }
}

/// What most of a graph computes on.
fn arithmetic(graph: &Graph) -> &'static str {
    match (graph.computes_on(DType::I8), graph.computes_on(DType::I16)) {
        (true, _) => "int8",
        (false, true) => "int16",
        (false, false) => "float32",
    }
}
