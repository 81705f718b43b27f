//! What a blob says about itself: header, ports, operators, and how its memory is used over time.
//!
//! Everything is read from the blob alone; no source model is needed. Which bytes of the arena are in use
//! while an operator runs follows from going through the operators backwards: a byte is needed if a later
//! operator (or the caller) reads it before anything else is written there.

mod forest;
mod live;
mod operator;

use kinglet::{Model, Port};
use kinglet_blob::{DType, SectionKind, baseline, signature};
use serde::Serialize;

pub use forest::Forest;
use live::Live;

use crate::data::Preparation;
use crate::emit::{Certificate, Manifest};
use crate::op::FeatureCode;
use crate::plain;
use crate::program::PlacedOperator;
use crate::record::{Access, Work};
use crate::signing::SignatureLine;

/// A blob in words and numbers. The field names are the JSON's.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The model's name, from the manifest.
    pub name: String,
    /// The model's own version.
    pub version: String,
    /// Format version of the blob.
    pub format: String,
    /// What it was compiled for.
    pub target: String,
    /// The compiler.
    pub tool: String,
    /// `tflite`, `onnx` or `graph`.
    pub source_kind: String,
    /// Size of the source file.
    pub source_bytes: u64,
    /// CRC-32 of the source file.
    pub source_crc32: u32,
    /// Size of the blob.
    pub blob_bytes: usize,
    /// Size of the arena.
    pub arena_bytes: usize,
    /// The largest scratch of an operator.
    pub scratch_bytes: u32,
    /// Multiplications of an inference.
    pub macs: u64,
    /// Elements that its pools and means look at.
    pub taps: u64,
    /// Elements that its operators read and write.
    pub elements: u64,
    /// Bytes of weights.
    pub weight_bytes: u64,
    /// Test vectors that travel with the model.
    pub golden_vectors: u32,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// How data is prepared for the model; null where it is taken as it is.
    pub preparation: Option<Preparation>,
    /// Inputs.
    pub inputs: Vec<PortLine>,
    /// Outputs.
    pub outputs: Vec<PortLine>,
    /// What the blob claims of who vouches for it; absent when it is not signed. Whether it is true, `kinglet verify
    /// --public` says.
    pub signature: Option<SignatureLine>,
    /// Sections and their sizes.
    pub sections: Vec<SectionLine>,
    /// Operators in execution order.
    pub operators: Vec<OperatorLine>,
}

/// An input or output.
#[derive(Clone, Debug, Serialize)]
pub struct PortLine {
    /// The source model's name of it.
    pub name: String,
    /// `i8` or `f32`.
    pub dtype: &'static str,
    /// Extents in the blob.
    pub shape: Vec<u32>,
    /// Extents in the source model, which is how `kinglet run` takes and gives data.
    pub source_shape: Vec<usize>,
    /// `real = scale * (q - zero_point)`.
    pub scale: f32,
    /// See `scale`.
    pub zero_point: i32,
    /// How the reals of each column become codes, where they have not one scale: `real = scale * q + offset`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<FeatureCode>,
    /// Where it is in the arena.
    pub arena_offset: u32,
}

/// A section.
#[derive(Clone, Debug, Serialize)]
pub struct SectionLine {
    /// Its name.
    pub name: &'static str,
    /// Its size.
    pub bytes: usize,
}

/// An operator.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorLine {
    /// Position in execution order.
    pub index: usize,
    /// Name of the opcode.
    pub operator: &'static str,
    /// Packing of the weights; empty for operators without.
    pub packing: &'static str,
    /// The packing's tag, which with the operator says which kernel runs.
    pub packing_tag: u8,
    /// Extents of the first operand, `[height, width, channels]` for windowed operators.
    pub input_shape: Vec<usize>,
    /// Extents of the result.
    pub output_shape: Vec<usize>,
    /// Height and width of the window, empty for other operators.
    pub kernel: Vec<usize>,
    /// Multiplications.
    pub macs: u64,
    /// Elements that a pool or a mean looks at.
    pub taps: u64,
    /// What there is to do, as the estimate sees it.
    pub work: Work,
    /// Instructions on the core that the blob is for, an estimate; none where nothing has been measured.
    pub estimated_instructions: Option<u64>,
    /// Bytes of weights.
    pub weight_bytes: u64,
    /// Where the first operand is in the arena, and its length.
    pub input: Range,
    /// Where the result is.
    pub output: Range,
    /// Where scratch is.
    pub scratch: Range,
    /// True when the result shares memory with the first operand.
    pub overlapped: bool,
    /// Bytes of the arena in use while it runs.
    pub live_bytes: usize,
    /// Its trees, where it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trees: Option<Forest>,
}

/// Bytes of the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// First byte.
    pub offset: usize,
    /// Length.
    pub bytes: usize,
}

impl Range {
    fn overlaps(self, other: Range) -> bool {
        self.offset < other.offset + other.bytes && other.offset < self.offset + self.bytes
    }
}

/// Describes a model that the engine has verified.
pub fn inspect(model: &Model<'_>) -> Inspection {
    let blob = model.blob();
    let manifest = Manifest::of(model);
    let certificate = Certificate::decode(blob.section(SectionKind::Certificate));
    let counted = Certificate::recomputed(blob);
    let note = |outputs: bool, index: usize| {
        let notes = manifest.as_ref().map(|manifest| if outputs { &manifest.outputs } else { &manifest.inputs });
        notes.and_then(|notes| notes.get(index)).cloned().unwrap_or_default()
    };
    let port = |outputs: bool, index: usize, port: &Port<'_>| {
        let dims: Vec<usize> = port.shape().iter().map(|&extent| extent as usize).collect();
        let note = note(outputs, index);
        let first = if outputs { model.input_count() } else { 0 };
        PortLine {
            name: plain::name(port.name),
            dtype: dtype_name(port.dtype),
            source_shape: note.source_shape(&note.shape(&dims)),
            shape: port.shape().to_vec(),
            scale: port.scale,
            zero_point: port.zero_point,
            columns: note.columns,
            arena_offset: blob.port(first + index).map_or(0, |record| record.arena_offset),
        }
    };
    let inputs = (0..model.input_count()).filter_map(|i| Some(port(false, i, &model.input(i)?))).collect();
    let outputs = (0..model.output_count()).filter_map(|i| Some(port(true, i, &model.output(i)?))).collect();
    let header = blob.header();
    let source = manifest.as_ref().map(|manifest| &manifest.source);
    let work = model.work();
    Inspection {
        name: manifest.as_ref().map_or_else(String::new, |manifest| manifest.name.clone()),
        version: manifest.as_ref().map_or_else(String::new, |manifest| manifest.version.clone()),
        format: format!("{}.{}", header.format_major, header.format_minor),
        target: model.kernel_set().map_or("unknown", |set| set.name()).into(),
        tool: manifest.as_ref().map_or_else(String::new, |manifest| manifest.tool.clone()),
        source_kind: source.map_or_else(String::new, |source| source.kind.name().into()),
        source_bytes: source.map_or(0, |source| source.bytes),
        source_crc32: source.map_or(0, |source| source.crc32),
        blob_bytes: blob.bytes().len(),
        arena_bytes: model.arena_bytes(),
        scratch_bytes: certificate.map_or(0, |certificate| certificate.scratch_bytes),
        macs: counted.macs,
        taps: work.taps,
        elements: work.elements,
        weight_bytes: counted.weight_bytes,
        golden_vectors: kinglet_blob::golden::split(blob.section(SectionKind::Golden)).map_or(0, |(count, _)| count),
        preparation: manifest.as_ref().map(|it| it.preparation.clone()).filter(|it| !it.is_plain()),
        labels: manifest.map_or_else(Vec::new, |manifest| manifest.labels),
        inputs,
        outputs,
        signature: SignatureLine::of(model.blob()),
        sections: sections(model),
        operators: operators(model),
    }
}

fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::I8 => "i8",
        DType::F32 => "f32",
        other => other.name(),
    }
}

fn sections(model: &Model<'_>) -> Vec<SectionLine> {
    let name = |kind: SectionKind| match kind {
        SectionKind::Ports => "ports",
        SectionKind::Operators => "operators",
        SectionKind::Names => "names",
        SectionKind::Weights => "weights",
        SectionKind::Manifest => "manifest",
        SectionKind::Certificate => "certificate",
        SectionKind::Golden => "golden",
        SectionKind::State => "state",
        _ => "unknown",
    };
    let line = |kind: SectionKind| SectionLine { name: name(kind), bytes: model.blob().section(kind).len() };
    let beside = |name, kind| SectionLine { name, bytes: model.blob().section_beside(kind).len() };
    let beside = [beside("baseline", baseline::KIND), beside("signature", signature::KIND)];
    SectionKind::ALL.into_iter().map(line).chain(beside).collect()
}

fn operators(model: &Model<'_>) -> Vec<OperatorLine> {
    let blob = model.blob();
    let mut lines: Vec<OperatorLine> = blob
        .operators()
        .enumerate()
        .filter_map(|(index, bytes)| {
            let line = operator::line(index, &bytes, model.kernel_set())?;
            Some(OperatorLine { trees: forest::forest(&bytes, blob.section(SectionKind::Weights)), ..line })
        })
        .collect();
    let mut needed = Live::default();
    for index in 0..model.output_count() {
        if let Some(record) = blob.port(model.input_count() + index) {
            let size = DType::from_tag(record.dtype).map_or(0, DType::size_bytes);
            let bytes = record.len().unwrap_or(0) * size;
            needed.add(Range { offset: record.arena_offset as usize, bytes });
        }
    }
    let records: Vec<Option<PlacedOperator>> = blob.operators().map(|bytes| PlacedOperator::read(&bytes)).collect();
    for (line, operator) in lines.iter_mut().zip(&records).rev() {
        let mut in_use = needed.clone();
        let others = operator.as_ref().map_or(Vec::new(), operator::other_operands);
        let all = others.iter().copied().chain([line.input, line.output, line.scratch]);
        all.for_each(|range| in_use.add(range));
        line.live_bytes = in_use.bytes();
        // A strided copy writes only some bytes of its range, so what was needed there still is.
        let access = operator.as_ref().map(|operator| operator.record.access(operator.head()));
        let is_scattered = match access {
            Some(Access::Blocks(copy)) => copy.blocks > 1,
            Some(Access::Strided(_)) => true,
            _ => false,
        };
        if !is_scattered {
            needed.remove(line.output);
        }
        needed.add(line.input);
        others.into_iter().for_each(|range| needed.add(range));
    }
    lines
}
