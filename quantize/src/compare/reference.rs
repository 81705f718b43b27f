//! What a blob is measured against: the float model, run by somebody else where that is possible.
//!
//! ONNX models are run by tract, which shares no code with Kinglet. TensorFlow Lite models are run by Kinglet's
//! own engine as they are written: without calibration, elimination or a packing.

use kinglet::Model;
use kinglet_tract::{FloatReference, OnnxFile, Tensor};

use super::CompareError;
use crate::emit::{Assembly, Manifest, Source};
use crate::host::{self, AlignedBytes, HostError};
use crate::import::{self, Kind, ModelBytes};
use crate::pass::optimize;
use crate::target::Target;
use crate::tensor::{self, PortSpec};

/// Something that computes a model's outputs from reals in the source's layout.
pub(super) enum Reference {
    /// tract.
    Tract(Box<FloatReference>),
    /// The engine on the model as it is.
    Engine { blob: AlignedBytes, inputs: Vec<PortSpec>, outputs: Vec<PortSpec> },
}

impl Reference {
    pub(super) fn new(model: &ModelBytes<'_>) -> Result<Self, CompareError> {
        match model.kind {
            Kind::Onnx => {
                let decoded = OnnxFile::decode(model.bytes, model.siblings).map_err(|error| error.to_string());
                let reference = decoded.and_then(|file| FloatReference::new(&file, 1));
                Ok(Reference::Tract(Box::new(reference.map_err(CompareError::Reference)?)))
            }
            Kind::Tflite => {
                let mut graph = import::import(model)?.graph;
                optimize(&mut graph)?;
                let source = Source { kind: model.kind.into(), bytes: model.bytes.len() as u64, crc32: 0 };
                let blob = Assembly::new(&graph, Target::Portable)?.blob(&Manifest::new(&graph, source), &[])?;
                let (inputs, outputs) = tensor::ports(&Model::from_bytes(&blob).map_err(HostError::from)?);
                Ok(Reference::Engine { blob, inputs, outputs })
            }
        }
    }

    /// Who computes, for the report.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Reference::Tract(_) => "tract",
            Reference::Engine { .. } => "kinglet",
        }
    }

    /// The shape of each input, in the model's own layout.
    pub(super) fn input_shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Reference::Tract(reference) => reference.input_shapes().to_vec(),
            Reference::Engine { inputs, .. } => inputs.iter().map(|port| port.source_shape.clone()).collect(),
        }
    }

    /// The outputs for one inference, in the source's layout.
    pub(super) fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, CompareError> {
        match self {
            Reference::Tract(reference) => {
                let tensors = inputs.iter().zip(reference.input_shapes());
                let tensors = tensors.map(|(data, shape)| Tensor { shape: shape.clone(), data: data.to_vec() });
                let outputs = reference.run(&tensors.collect::<Vec<_>>()).map_err(CompareError::Reference)?;
                Ok(outputs.into_iter().map(|tensor| tensor.data).collect())
            }
            Reference::Engine { blob, inputs: ports, outputs } => {
                let encode = |(port, reals): (&PortSpec, &&[f32])| port.encode(&port.from_source(reals));
                let bytes: Vec<Vec<u8>> = ports.iter().zip(inputs).map(encode).collect();
                let results = host::with_session(blob, |session| host::infer(session, &bytes))?;
                let decode = |(port, bytes): (&PortSpec, Vec<u8>)| port.to_source(&port.decode(&bytes));
                Ok(outputs.iter().zip(results).map(decode).collect())
            }
        }
    }
}
