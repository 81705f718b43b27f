//! Requests and answers as JSON, with the extension that has tensors as bytes behind it.
//!
//! ```text
//! | JSON, as long as the header Inference-Header-Content-Length says | tensor | tensor | ... |
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Answer, Datatype, Parameter, Request, Tensor, Wanted};
use crate::failure::Failure;

type Parameters = BTreeMap<String, serde_json::Value>;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    id: String,
    #[serde(default)]
    parameters: Parameters,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Input<'a> {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    // Read when the type is known, which may stand behind it.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// Reads a request; `header_bytes` is what Inference-Header-Content-Length says.
pub fn read(body: &Bytes, header_bytes: Option<usize>) -> Result<Request, Failure> {
    let end = header_bytes.unwrap_or(body.len());
    let text = body.get(..end).ok_or_else(|| {
        Failure::invalid(format!("Inference-Header-Content-Length says {end}, the body has {} bytes", body.len()))
    })?;
    let parsed: Body<'_> = serde_json::from_slice(text)
        .map_err(|error| Failure::invalid(format!("the body is no inference request: {error}")))?;
    let mut request = Request { id: parsed.id, ..Request::default() };
    for (name, value) in &parsed.parameters {
        if let Some(value) = parameter(value) {
            request.set(name, &value)?;
        }
    }
    request.check()?;
    let mut binary = body.slice(end..);
    for input in parsed.inputs {
        request.inputs.push(tensor(input, &mut binary)?);
    }
    if !binary.is_empty() {
        return Err(Failure::invalid(format!("{} bytes behind the last tensor belong to no input", binary.len())));
    }
    for output in parsed.outputs {
        let mut wanted = Wanted { name: output.name, ..Wanted::default() };
        for (name, value) in &output.parameters {
            if let Some(value) = parameter(value) {
                wanted.set(name, &value)?;
            }
        }
        request.outputs.push(wanted);
    }
    Ok(request)
}

/// None for what no parameter that we know may be.
fn parameter(value: &serde_json::Value) -> Option<Parameter> {
    match value {
        serde_json::Value::Bool(value) => Some(Parameter::Bool(*value)),
        serde_json::Value::String(value) => Some(Parameter::Text(value.clone())),
        // A sequence's number may have 64 bits without a sign.
        serde_json::Value::Number(number) => {
            number.as_i64().map(Parameter::Integer).or_else(|| Some(Parameter::Text(number.as_u64()?.to_string())))
        }
        _ => None,
    }
}

fn tensor(input: Input<'_>, binary: &mut Bytes) -> Result<Tensor, Failure> {
    let Input { name, shape, datatype, parameters, data } = input;
    let wrong = |what: String| Failure::invalid(format!("input {name}: {what}"));
    let datatype = known(&datatype).map_err(wrong)?;
    if parameters.contains_key("shared_memory_region") {
        return Err(wrong("shared memory is not supported".into()));
    }
    let content = match (parameters.get("binary_data_size"), data) {
        (Some(size), None) => {
            let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
            let size = size.ok_or_else(|| wrong("binary_data_size is no number of bytes".into()))?;
            if size > binary.len() {
                return Err(wrong(format!("binary_data_size is {size}, {} bytes are left", binary.len())));
            }
            binary.split_to(size)
        }
        (None, Some(data)) => elements(data, datatype, &shape).map_err(|error| wrong(error.to_string()))?,
        (None, None) => return Err(wrong("there is neither data nor binary_data_size".into())),
        (Some(_), Some(_)) => return Err(wrong("there is data and binary_data_size".into())),
    };
    Ok(Tensor { name, datatype, shape, content })
}

/// The type of this name, or which there are.
pub(super) fn known(datatype: &str) -> Result<Datatype, String> {
    Datatype::of_name(datatype).ok_or_else(|| {
        let names: Vec<&str> = Datatype::ALL.iter().map(|datatype| datatype.name()).collect();
        format!("datatype {datatype:?} is not supported; these are: {}", names.join(", "))
    })
}

fn elements(data: &RawValue, datatype: Datatype, shape: &[i64]) -> Result<Bytes, serde_json::Error> {
    let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(usize::try_from(dim).ok()?));
    // The shape may promise more than there is: an element takes two characters at least.
    let room = count.unwrap_or(0).min(data.get().len() / 2 + 1) * datatype.size_bytes();
    let mut out = Vec::with_capacity(room);
    let mut reader = serde_json::Deserializer::from_str(data.get());
    Elements { datatype, out: &mut out }.deserialize(&mut reader)?;
    Ok(out.into())
}

/// Numbers in lists of any depth, appended as bytes.
struct Elements<'o> {
    datatype: Datatype,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a list of {} numbers", self.datatype.name())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Elements { datatype: self.datatype, out: self.out })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.datatype {
            Datatype::Bool => {
                self.out.push(value.into());
                Ok(())
            }
            _ => Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.datatype {
            Datatype::Fp32 => self.visit_f64(value as f64),
            _ if self.datatype.push_integer(value, self.out) => Ok(()),
            _ => Err(E::invalid_value(serde::de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match (self.datatype, i64::try_from(value)) {
            (Datatype::Fp32, _) => self.visit_f64(value as f64),
            (_, Ok(value)) => self.visit_i64(value),
            (_, Err(_)) => Err(E::invalid_value(serde::de::Unexpected::Unsigned(value), &self)),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the nearest float")]
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.datatype {
            Datatype::Fp32 => {
                self.out.extend_from_slice(&(value as f32).to_le_bytes());
                Ok(())
            }
            _ => Err(E::invalid_type(serde::de::Unexpected::Float(value), &self)),
        }
    }
}

#[derive(Serialize)]
struct AnswerBody<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    outputs: Vec<AnswerOutput<'a>>,
}

#[derive(Serialize)]
struct AnswerOutput<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [i64],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BTreeMap<&'static str, usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Numbers<'a>>,
}

/// Elements as a list of numbers.
struct Numbers<'a>(&'a Tensor);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Numbers(Tensor { datatype, content, .. }) = self;
        let elements = content.chunks_exact(datatype.size_bytes());
        match datatype {
            Datatype::Fp32 => {
                let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap_or_default());
                serializer.collect_seq(elements.map(number))
            }
            Datatype::Bool => serializer.collect_seq(elements.map(|bytes| bytes != [0])),
            _ => serializer.collect_seq(elements.map(|bytes| datatype.integer(bytes).unwrap_or_default())),
        }
    }
}

/// Writes an answer: the body, and how much of it is JSON where there are bytes behind it.
pub fn write(answer: &Answer) -> Result<(Vec<u8>, Option<usize>), Failure> {
    let outputs = answer.outputs.iter().map(|(tensor, is_binary)| AnswerOutput {
        name: &tensor.name,
        datatype: tensor.datatype.name(),
        shape: &tensor.shape,
        parameters: is_binary.then(|| [("binary_data_size", tensor.content.len())].into()),
        data: (!is_binary).then_some(Numbers(tensor)),
    });
    let body = AnswerBody {
        model_name: &answer.model,
        model_version: &answer.version,
        id: &answer.id,
        outputs: outputs.collect(),
    };
    let internal = |error| Failure::new(crate::failure::Kind::Internal, format!("cannot write the answer: {error}"));
    let mut bytes = serde_json::to_vec(&body).map_err(internal)?;
    let json_bytes = bytes.len();
    let binary = answer.outputs.iter().filter(|(_, is_binary)| *is_binary);
    binary.for_each(|(tensor, _)| bytes.extend_from_slice(&tensor.content));
    let has_binary = answer.outputs.iter().any(|(_, is_binary)| *is_binary);
    Ok((bytes, has_binary.then_some(json_bytes)))
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
