//! What a blob is measured against: the float model, run by somebody else where that is possible.
//!
//! ONNX models are run by tract, which shares no code with Kinglet. What tract does not run is computed by the
//! graph's own interpreter: each operator as its formula, in `f64`, without any pass. TensorFlow Lite models, and ONNX
//! models that compute with integers, are run by Kinglet's own engine as they are written: without calibration,
//! elimination or a packing.

use kinglet::Model;
use kinglet_tract::{FloatReference, OnnxFile, Tensor};

use super::CompareError;
use crate::emit::{Assembly, Manifest, Source};
use crate::host::{self, AlignedBlob, HostError};
use crate::import::{self, Kind, ModelBytes};
use crate::ir::{Graph, interpret};
use crate::pass::optimize;
use crate::target::Target;
use crate::tensor::{self, PortSpec};

/// Something that computes a model's outputs from reals in the source's layout.
pub(super) enum Reference {
    /// tract.
    Tract(Box<FloatReference>),
    /// The graph as it was imported, and why tract does not run it.
    Interpreter { graph: Box<Graph>, note: String },
    /// The engine on the model as it is, and why nobody else runs it.
    Engine { blob: AlignedBlob, inputs: Vec<PortSpec>, outputs: Vec<PortSpec>, note: Option<String> },
}

impl Reference {
    pub(super) fn new(model: &ModelBytes<'_>) -> Result<Self, CompareError> {
        let note = match model.kind {
            Kind::Tflite => None,
            Kind::Onnx => match tract(model) {
                Ok(reference) => return Ok(Reference::Tract(Box::new(reference))),
                Err(problem) => Some(format!("tract does not run this model: {problem}")),
            },
        };
        let mut graph = import::import(model)?.graph;
        let zeros: Vec<Vec<f32>> =
            graph.inputs.iter().map(|port| vec![0.0; port.source_shape.iter().product()]).collect();
        match note {
            Some(note) if interpret(&graph, &zeros).is_ok() => {
                Ok(Reference::Interpreter { graph: Box::new(graph), note })
            }
            note => {
                optimize(&mut graph)?;
                let source = Source { kind: model.kind.into(), bytes: model.bytes.len() as u64, crc32: 0 };
                let blob = Assembly::new(&graph, Target::Portable)?.blob(&Manifest::new(&graph, source), &[])?;
                let (inputs, outputs) = tensor::ports(&Model::from_bytes(&blob).map_err(HostError::from)?);
                Ok(Reference::Engine { blob, inputs, outputs, note })
            }
        }
    }

    /// Who computes, for the report.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Reference::Tract(_) => "tract",
            Reference::Interpreter { .. } => "interpreter",
            Reference::Engine { .. } => "kinglet",
        }
    }

    /// Why nobody more independent computes; a sentence.
    pub(super) fn note(&self) -> Option<&str> {
        match self {
            Reference::Tract(_) => None,
            Reference::Interpreter { note, .. } => Some(note),
            Reference::Engine { note, .. } => note.as_deref(),
        }
    }

    /// The shape of each input, in the model's own layout.
    pub(super) fn input_shapes(&self) -> Vec<Vec<usize>> {
        match self {
            Reference::Tract(reference) => reference.input_shapes().to_vec(),
            Reference::Interpreter { graph, .. } => graph.inputs.iter().map(|port| port.source_shape.clone()).collect(),
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
            Reference::Interpreter { graph, .. } => {
                let inputs: Vec<Vec<f32>> = inputs.iter().map(|data| data.to_vec()).collect();
                interpret(graph, &inputs).map_err(|error| CompareError::Reference(error.to_string()))
            }
            Reference::Engine { blob, inputs: ports, outputs, .. } => {
                let encode = |(port, reals): (&PortSpec, &&[f32])| port.encode(&port.from_source(reals));
                let bytes: Vec<Vec<u8>> = ports.iter().zip(inputs).map(encode).collect();
                let results = host::with_session(blob, |session| host::infer(session, &bytes))?;
                let decode = |(port, bytes): (&PortSpec, Vec<u8>)| port.to_source(&port.decode(&bytes));
                Ok(outputs.iter().zip(results).map(decode).collect())
            }
        }
    }
}

/// tract, when it runs the model: on zeros, too.
fn tract(model: &ModelBytes<'_>) -> Result<FloatReference, String> {
    let mut file = OnnxFile::decode(model.bytes, model.siblings).map_err(|error| error.to_string())?;
    file.change(model.changes)?;
    let reference = FloatReference::new(&file, 1)?;
    let zeros = |shape: &Vec<usize>| Tensor { shape: shape.clone(), data: vec![0.0; shape.iter().product()] };
    reference.run(&reference.input_shapes().iter().map(zeros).collect::<Vec<_>>())?;
    Ok(reference)
}
