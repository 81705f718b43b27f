//! MANIFEST: what people and tools want to know about a model, in postcard's encoding.
//!
//! The engine does not read it. It is kept short because it travels to devices: everything that the tables
//! say already is left out.

use kinglet::Model;
use kinglet_blob::SectionKind;
use serde::{Deserialize, Serialize};

use super::PORT_AXES_MAX;
use crate::data::Preparation;
use crate::import::Kind;
use crate::ir::{Graph, Port};
use crate::op::FeatureCode;
use crate::plain;

/// Version of the encoding; a reader refuses others.
const SCHEMA: u8 = 1;

/// The section's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u8,
    /// The model's name.
    pub name: String,
    /// The model's own version, as its maker counts; may be empty.
    pub version: String,
    /// The compiler, with its version.
    pub tool: String,
    /// What the blob was made from.
    pub source: Source,
    /// One for each input.
    pub inputs: Vec<PortNote>,
    /// One for each output.
    pub outputs: Vec<PortNote>,
    /// Names of the classes by index, that of an output of scores or the number that an output of classes is; may be empty.
    pub labels: Vec<String>,
    /// How data was prepared for calibration. Encoded behind everything else, and only where something was done.
    #[serde(skip)]
    pub preparation: Preparation,
}

/// The file a blob was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its format.
    pub kind: SourceKind,
    /// Its size.
    pub bytes: u64,
    /// Its CRC-32 (IEEE 802.3).
    pub crc32: u32,
}

/// Format of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// TensorFlow Lite.
    Tflite,
    /// ONNX.
    Onnx,
    /// No file: a graph that was built in memory.
    Graph,
}

impl From<Kind> for SourceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Tflite => SourceKind::Tflite,
            Kind::Onnx => SourceKind::Onnx,
        }
    }
}

impl SourceKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            SourceKind::Tflite => "tflite",
            SourceKind::Onnx => "onnx",
            SourceKind::Graph => "graph",
        }
    }
}

/// How a port differs from the source model's tensor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortNote {
    /// Axis `i` of the blob's tensor is axis `permutation[i]` of the source's; empty when they are the same.
    pub permutation: Vec<u8>,
    /// The tensor's extents where it has more axes than the table of ports holds, which merges the outermost of them;
    /// empty otherwise. Encoded behind everything else, and only where a port has some: most models pay nothing.
    #[serde(skip)]
    pub extents: Vec<u32>,
    /// Whether the source's tensor ends before the first row that begins with -1. Encoded like the extents, behind them.
    #[serde(skip)]
    pub ends_at_minus_one: bool,
    /// How the reals of each column become codes, where they have not one scale. Encoded behind everything else.
    #[serde(skip)]
    pub columns: Vec<FeatureCode>,
}

impl PortNote {
    fn of(graph: &Graph, port: &Port) -> Self {
        // A value has at most eight axes, and at most 2^28 elements.
        let axes = port.permutation.iter().flatten().map(|&axis| axis as u8);
        let shape = &graph.value(port.value).shape;
        let hidden = if shape.len() > PORT_AXES_MAX { &shape[..] } else { &[] };
        let producer = graph.producer(port.value).map(|index| graph.nodes[index].op.operator());
        PortNote {
            permutation: axes.collect(),
            extents: hidden.iter().map(|&extent| extent as u32).collect(),
            ends_at_minus_one: producer.is_some_and(|operator| operator.fills_rows()),
            columns: graph.feature_codes(port.value).to_vec(),
        }
    }

    /// All extents in the blob of a tensor that has `dims` in the table of ports. A note that contradicts the table is
    /// ignored.
    pub fn shape(&self, dims: &[usize]) -> Vec<usize> {
        let extents: Vec<usize> = self.extents.iter().map(|&extent| extent as usize).collect();
        let len = extents.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
        let is_known = !extents.is_empty() && len == Some(dims.iter().product());
        if is_known { extents } else { dims.to_vec() }
    }

    /// The source's shape of a tensor that has `shape` in the blob.
    pub fn source_shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut source = shape.to_vec();
        for (&extent, &axis) in shape.iter().zip(&self.permutation) {
            if let Some(slot) = source.get_mut(usize::from(axis)) {
                *slot = extent;
            }
        }
        source
    }
}

/// A section that is not a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the blob's manifest cannot be read: {0}; it was written by another version of kinglet")]
pub struct ManifestError(String);

impl Manifest {
    /// The manifest of a graph that was read from `source`.
    pub fn new(graph: &Graph, source: Source) -> Self {
        Manifest {
            schema: SCHEMA,
            name: graph.name.clone(),
            version: String::new(),
            tool: concat!("kinglet ", env!("CARGO_PKG_VERSION")).into(),
            source,
            inputs: graph.inputs.iter().map(|port| PortNote::of(graph, port)).collect(),
            outputs: graph.outputs.iter().map(|port| PortNote::of(graph, port)).collect(),
            labels: graph.labels.clone(),
            preparation: Preparation::default(),
        }
    }

    /// That of a model, where it has one that can be read.
    pub fn of(model: &Model<'_>) -> Option<Self> {
        Manifest::decode(model.blob().section(SectionKind::Manifest)).ok()
    }

    /// The section's bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Serializing plain strings and numbers into memory has nothing that can fail.
        let mut bytes = postcard::to_allocvec(self).unwrap_or_default();
        let extents: Vec<&[u32]> = self.inputs.iter().chain(&self.outputs).map(|port| &port.extents[..]).collect();
        let ends: Vec<bool> = self.outputs.iter().map(|port| port.ends_at_minus_one).collect();
        let columns: Vec<&[FeatureCode]> = self.inputs.iter().map(|port| &port.columns[..]).collect();
        if columns.iter().any(|columns| !columns.is_empty()) {
            bytes.extend(postcard::to_allocvec(&(extents, ends, &self.preparation, columns)).unwrap_or_default());
        } else if !self.preparation.is_plain() {
            bytes.extend(postcard::to_allocvec(&(extents, ends, &self.preparation)).unwrap_or_default());
        } else if ends.contains(&true) {
            bytes.extend(postcard::to_allocvec(&(extents, ends)).unwrap_or_default());
        } else if extents.iter().any(|extents| !extents.is_empty()) {
            bytes.extend(postcard::to_allocvec(&extents).unwrap_or_default());
        }
        bytes
    }

    /// Reads a section, whose zero padding at the end is ignored.
    pub fn decode(section: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |error: postcard::Error| ManifestError(error.to_string());
        let (mut manifest, rest): (Manifest, _) = postcard::take_from_bytes(section).map_err(damaged)?;
        if !rest.is_empty() {
            let (extents, rest): (Vec<Vec<u32>>, _) = postcard::take_from_bytes(rest).map_err(damaged)?;
            for (port, extents) in manifest.inputs.iter_mut().chain(&mut manifest.outputs).zip(extents) {
                port.extents = extents;
            }
            if !rest.is_empty() {
                let (ends, rest): (Vec<bool>, _) = postcard::take_from_bytes(rest).map_err(damaged)?;
                manifest.outputs.iter_mut().zip(ends).for_each(|(port, ends)| port.ends_at_minus_one = ends);
                // Padding is shorter than what is plain.
                if rest.iter().any(|&byte| byte != 0) {
                    let (preparation, rest): (Preparation, _) = postcard::take_from_bytes(rest).map_err(damaged)?;
                    manifest.preparation = preparation.sound();
                    if rest.iter().any(|&byte| byte != 0) {
                        let (columns, _): (Vec<Vec<FeatureCode>>, _) =
                            postcard::take_from_bytes(rest).map_err(damaged)?;
                        manifest.inputs.iter_mut().zip(columns).for_each(|(port, columns)| port.columns = columns);
                    }
                }
            }
        }
        let names = [&mut manifest.name, &mut manifest.version, &mut manifest.tool];
        names.into_iter().chain(&mut manifest.labels).for_each(|text| *text = plain::name(text));
        if manifest.schema == SCHEMA {
            Ok(manifest)
        } else {
            Err(ManifestError(format!("its schema is {}, {SCHEMA} is known", manifest.schema)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let source = Source { kind: SourceKind::Onnx, bytes: 70_000, crc32: 0xdead_beef };
        let mut manifest = Manifest::new(&Graph { name: "m".into(), ..Graph::default() }, source);
        manifest.inputs.push(PortNote { permutation: vec![0, 2, 3, 1], ..PortNote::default() });
        manifest.outputs.push(PortNote { extents: vec![1, 2, 3, 300, 5], ..PortNote::default() });
        manifest.labels = vec!["yes".into(), "no".into()];
        manifest
    }

    #[test]
    fn comes_back_from_its_bytes_and_padding_is_ignored() {
        let mut bytes = manifest().encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
        bytes.extend([0; 3]);
        assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
    }

    #[test]
    fn ends_of_rows_are_told_with_and_without_extents() {
        let mut manifest = manifest();
        manifest.outputs.push(PortNote { ends_at_minus_one: true, ..PortNote::default() });
        assert_eq!(Manifest::decode(&[manifest.encode(), vec![0; 3]].concat()), Ok(manifest.clone()));
        manifest.outputs.remove(0);
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }

    #[test]
    fn how_data_is_prepared_travels_along() {
        let preparation = Preparation { mean: vec![127.5], std: vec![-0.5, 2.0], hop: 7, ..Preparation::default() };
        let manifest = Manifest { preparation, ..manifest() };
        assert_eq!(Manifest::decode(&[manifest.encode(), vec![0; 15]].concat()), Ok(manifest));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = manifest().encode();
        for len in 0..bytes.len() {
            // Without the extents behind it, a manifest is one of ports that need none.
            assert_ne!(Manifest::decode(&bytes[..len]), Ok(manifest()), "{len} bytes");
        }
        assert!(Manifest::decode(&[2; 64]).is_err());
    }

    #[test]
    fn source_shapes_are_put_back() {
        let note = PortNote { permutation: vec![0, 2, 3, 1], ..PortNote::default() };
        assert_eq!(note.source_shape(&[1, 32, 30, 3]), [1, 3, 32, 30]);
        assert_eq!(PortNote::default().source_shape(&[1, 5]), [1, 5]);
    }

    #[test]
    fn merged_axes_come_apart_unless_the_table_says_otherwise() {
        let note = PortNote { extents: vec![2, 3, 4, 5, 6], ..PortNote::default() };
        assert_eq!(note.shape(&[6, 4, 5, 6]), [2, 3, 4, 5, 6]);
        assert_eq!(note.shape(&[7, 4, 5, 6]), [7, 4, 5, 6]);
        assert_eq!(PortNote::default().shape(&[6, 4]), [6, 4]);
    }
}
