//! The messages of `inference.GRPCInferenceService`, by hand instead of out of a `.proto` file: they are few, and nobody who
//! builds this needs protoc. Names and numbers are the protocol's; `serve-test` compares them with a client of others.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Oneof};

use super::{Answer, Datatype, Parameter, Request, Tensor, Wanted, json};
use crate::failure::Failure;

/// Has no field.
#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

/// Answer of `ServerLive`, `ServerReady` and `ModelReady`, which look the same.
#[derive(Clone, PartialEq, Message)]
pub struct Health {
    /// Whether it is so.
    #[prost(bool, tag = "1")]
    pub is_so: bool,
}

/// Request of `ModelReady` and `ModelMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelName {
    /// The model.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A version, an alias, or nothing.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// Answer of `ServerMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct ServerMetadata {
    /// The server.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// What it does beyond the protocol.
    #[prost(string, repeated, tag = "3")]
    pub extensions: Vec<String>,
}

/// A tensor of a model.
#[derive(Clone, PartialEq, Message)]
pub struct TensorMetadata {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// Its shape, -1 for an axis of any extent.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
}

/// Answer of `ModelMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelMetadata {
    /// The model.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its versions.
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
    /// What runs it.
    #[prost(string, tag = "3")]
    pub platform: String,
    /// Inputs.
    #[prost(message, repeated, tag = "4")]
    pub inputs: Vec<TensorMetadata>,
    /// Outputs.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<TensorMetadata>,
}

/// A parameter.
#[derive(Clone, PartialEq, Message)]
pub struct InferParameter {
    /// Its value.
    #[prost(oneof = "Choice", tags = "1, 2, 3, 4, 5")]
    pub choice: Option<Choice>,
}

/// A parameter's value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Choice {
    /// A truth.
    #[prost(bool, tag = "1")]
    Bool(bool),
    /// A number.
    #[prost(int64, tag = "2")]
    Int64(i64),
    /// A text.
    #[prost(string, tag = "3")]
    Text(String),
    /// A fraction.
    #[prost(double, tag = "4")]
    Double(f64),
    /// A number without a sign.
    #[prost(uint64, tag = "5")]
    Uint64(u64),
}

/// Elements by type.
#[derive(Clone, PartialEq, Message)]
pub struct Contents {
    /// BOOL.
    #[prost(bool, repeated, tag = "1")]
    pub bools: Vec<bool>,
    /// INT8, INT16, INT32.
    #[prost(int32, repeated, tag = "2")]
    pub ints: Vec<i32>,
    /// INT64.
    #[prost(int64, repeated, tag = "3")]
    pub int64s: Vec<i64>,
    /// UINT8.
    #[prost(uint32, repeated, tag = "4")]
    pub uints: Vec<u32>,
    /// FP32.
    #[prost(float, repeated, tag = "6")]
    pub floats: Vec<f32>,
}

/// A tensor of a request or an answer; `contents` has tag 5 in both.
#[derive(Clone, PartialEq, Message)]
pub struct InferTensor {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// Its shape.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    /// Parameters.
    #[prost(map = "string, message", tag = "4")]
    pub parameters: HashMap<String, InferParameter>,
    /// Elements, where they are not bytes beside it.
    #[prost(message, optional, tag = "5")]
    pub contents: Option<Contents>,
}

/// An output that is wanted.
#[derive(Clone, PartialEq, Message)]
pub struct RequestedOutput {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Parameters.
    #[prost(map = "string, message", tag = "2")]
    pub parameters: HashMap<String, InferParameter>,
}

/// Request of `ModelInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct InferRequest {
    /// The model.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// A version, an alias, or nothing.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// The client's name for the request.
    #[prost(string, tag = "3")]
    pub id: String,
    /// Parameters.
    #[prost(map = "string, message", tag = "4")]
    pub parameters: HashMap<String, InferParameter>,
    /// Inputs.
    #[prost(message, repeated, tag = "5")]
    pub inputs: Vec<InferTensor>,
    /// Outputs that are wanted.
    #[prost(message, repeated, tag = "6")]
    pub outputs: Vec<RequestedOutput>,
    /// Elements of all inputs, little-endian.
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub raw_input_contents: Vec<Bytes>,
}

/// Answer of `ModelInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct InferResponse {
    /// The model.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// The version that ran.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// The request's id.
    #[prost(string, tag = "3")]
    pub id: String,
    /// Outputs.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<InferTensor>,
    /// Their elements, little-endian.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub raw_output_contents: Vec<Bytes>,
}

/// Answer to one request of `ModelStreamInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct StreamInferResponse {
    /// Why there is no answer; nothing where there is one.
    #[prost(string, tag = "1")]
    pub error_message: String,
    /// The answer.
    #[prost(message, optional, tag = "2")]
    pub infer_response: Option<InferResponse>,
}

/// Answer of `RepositoryIndex`.
#[derive(Clone, PartialEq, Message)]
pub struct RepositoryIndex {
    /// Versions of models.
    #[prost(message, repeated, tag = "1")]
    pub models: Vec<ModelIndex>,
}

/// A version of a model.
#[derive(Clone, PartialEq, Message, serde::Serialize)]
pub struct ModelIndex {
    /// The model.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// READY or UNAVAILABLE.
    #[prost(string, tag = "3")]
    pub state: String,
    /// Why it is unavailable, or why the file that is there is not what is served.
    #[prost(string, tag = "4")]
    pub reason: String,
}

/// Request of `RepositoryIndex`.
#[derive(Clone, PartialEq, Message)]
pub struct IndexRequest {
    /// There is one repository.
    #[prost(string, tag = "1")]
    pub repository_name: String,
    /// Only what is ready.
    #[prost(bool, tag = "2")]
    pub ready: bool,
}

/// Request of `RepositoryModelLoad` and `RepositoryModelUnload`.
#[derive(Clone, PartialEq, Message)]
pub struct LoadRequest {
    /// There is one repository.
    #[prost(string, tag = "1")]
    pub repository_name: String,
    /// The model.
    #[prost(string, tag = "2")]
    pub model_name: String,
}

fn parameter(value: &InferParameter) -> Option<Parameter> {
    match value.choice.as_ref()? {
        Choice::Bool(value) => Some(Parameter::Bool(*value)),
        Choice::Int64(value) => Some(Parameter::Integer(*value)),
        Choice::Text(value) => Some(Parameter::Text(value.clone())),
        Choice::Uint64(0) => Some(Parameter::Integer(0)),
        Choice::Uint64(value) => Some(Parameter::Text(value.to_string())),
        Choice::Double(_) => None,
    }
}

/// Reads a request; and whether its elements came as bytes, as the answer's shall then.
pub fn read(message: InferRequest) -> Result<(Request, bool), Failure> {
    let mut request = Request { id: message.id, ..Request::default() };
    for (name, value) in message.parameters.iter().filter_map(|(name, value)| Some((name, parameter(value)?))) {
        request.set(name, &value)?;
    }
    request.check()?;
    let is_raw = !message.raw_input_contents.is_empty();
    let (inputs, raws) = (message.inputs.len(), message.raw_input_contents.len());
    if is_raw && inputs != raws {
        return Err(Failure::invalid(format!("there are {inputs} inputs and {raws} raw_input_contents")));
    }
    let mut raws = message.raw_input_contents.into_iter();
    for input in message.inputs {
        let wrong = |what: String| Failure::invalid(format!("input {}: {what}", input.name));
        let datatype = json::known(&input.datatype).map_err(wrong)?;
        let content = match (raws.next(), &input.contents) {
            (Some(raw), None) => raw,
            (Some(raw), Some(contents)) if *contents == Contents::default() => raw,
            (None, Some(contents)) => elements(contents, datatype)
                .ok_or_else(|| wrong(format!("contents are not those of {}, or out of its range", datatype.name())))?,
            (Some(_), Some(_)) => return Err(wrong("there are contents and raw_input_contents".into())),
            (None, None) => return Err(wrong("there are no contents".into())),
        };
        request.inputs.push(Tensor { name: input.name, datatype, shape: input.shape, content });
    }
    for output in message.outputs {
        let mut wanted = Wanted { name: output.name, ..Wanted::default() };
        for (name, value) in output.parameters.iter().filter_map(|(name, value)| Some((name, parameter(value)?))) {
            wanted.set(name, &value)?;
        }
        request.outputs.push(wanted);
    }
    Ok((request, is_raw))
}

/// Elements of a type as bytes; none where one does not fit it, or where there are elements of other types.
fn elements(contents: &Contents, datatype: Datatype) -> Option<Bytes> {
    let lens =
        [contents.bools.len(), contents.ints.len(), contents.int64s.len(), contents.uints.len(), contents.floats.len()];
    if lens.iter().filter(|&&len| len > 0).count() > 1 {
        return None;
    }
    let mut out = Vec::new();
    let all_fit = match datatype {
        Datatype::Fp32 => {
            out = contents.floats.iter().flat_map(|value| value.to_le_bytes()).collect();
            true
        }
        Datatype::Bool => contents.bools.iter().all(|&value| datatype.push_integer(value.into(), &mut out)),
        Datatype::Uint8 => contents.uints.iter().all(|&value| datatype.push_integer(value.into(), &mut out)),
        Datatype::Int64 => contents.int64s.iter().all(|&value| datatype.push_integer(value, &mut out)),
        _ => contents.ints.iter().all(|&value| datatype.push_integer(value.into(), &mut out)),
    };
    let given: usize = lens.iter().sum();
    (all_fit && out.len() == given * datatype.size_bytes()).then(|| out.into())
}

#[allow(clippy::cast_possible_truncation, reason = "the type's range is what the field holds")]
fn contents(tensor: &Tensor) -> Contents {
    let Tensor { datatype, content, .. } = tensor;
    let chunks = content.chunks_exact(datatype.size_bytes());
    let mut contents = Contents::default();
    if *datatype == Datatype::Fp32 {
        contents.floats = chunks.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default())).collect();
        return contents;
    }
    let integers = chunks.filter_map(|bytes| datatype.integer(bytes));
    match datatype {
        Datatype::Bool => contents.bools = integers.map(|value| value != 0).collect(),
        Datatype::Uint8 => contents.uints = integers.map(|value| value as u32).collect(),
        Datatype::Int64 => contents.int64s = integers.collect(),
        _ => contents.ints = integers.map(|value| value as i32).collect(),
    }
    contents
}

/// Writes an answer, as bytes where the request came so.
pub fn write(answer: Answer, is_raw: bool) -> InferResponse {
    let mut response = InferResponse {
        model_name: answer.model,
        model_version: answer.version,
        id: answer.id,
        ..InferResponse::default()
    };
    for (tensor, _) in answer.outputs {
        let contents = (!is_raw).then(|| contents(&tensor));
        let Tensor { name, datatype, shape, content } = tensor;
        let datatype = datatype.name().to_owned();
        response.outputs.push(InferTensor { name, datatype, shape, parameters: HashMap::new(), contents });
        if is_raw {
            response.raw_output_contents.push(content);
        }
    }
    response
}
