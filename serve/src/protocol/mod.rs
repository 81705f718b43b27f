//! Requests and answers, whichever way they come: JSON, JSON with binary tensors behind it, or gRPC.
//!
//! Both readers end in a [`Request`], whose tensors are little-endian bytes; both writers begin with an [`Answer`].

pub mod datatype;
pub mod grpc;
pub mod json;

use core::time::Duration;

use bytes::Bytes;

pub use self::datatype::Datatype;
use crate::failure::Failure;

/// A tensor of a request or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Type of the elements.
    pub datatype: Datatype,
    /// Extent of each axis.
    pub shape: Vec<i64>,
    /// Little-endian elements.
    pub content: Bytes,
}

/// An output that the client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// As bytes behind the JSON; none where the request as a whole decides.
    pub is_binary: Option<bool>,
    /// Codes instead of real numbers, of quantized outputs; none where the inputs decide.
    pub codes: Option<bool>,
}

/// Which of the runs that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its number or name.
    pub id: String,
    /// The first run: what the model keeps becomes what it was at first.
    pub is_start: bool,
    /// The last one.
    pub is_end: bool,
}

/// A request for an inference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The client's name for it.
    pub id: String,
    /// Inputs, in any order.
    pub inputs: Vec<Tensor>,
    /// Outputs that are wanted; all of them where none is named.
    pub outputs: Vec<Wanted>,
    /// Outputs go as bytes where nothing else is said.
    pub binary_output: bool,
    /// For models with state.
    pub sequence: Option<Sequence>,
    /// How long the client waits.
    pub timeout: Option<Duration>,
}

/// A parameter, in the types that both protocols have.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A truth.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

impl Request {
    /// Takes a parameter of the request. Unknown ones are the client's own business, as the protocol has it.
    pub fn set(&mut self, name: &str, value: &Parameter) -> Result<(), Failure> {
        let wrong = |what: &str| Failure::invalid(format!("parameter {name}: expected {what}"));
        match (name, value) {
            ("binary_data_output", Parameter::Bool(value)) => self.binary_output = *value,
            ("binary_data_output", _) => return Err(wrong("true or false")),
            ("timeout", Parameter::Integer(micros)) => {
                let micros = u64::try_from(*micros).map_err(|_| wrong("microseconds, not below zero"))?;
                self.timeout = (micros > 0).then(|| Duration::from_micros(micros));
            }
            ("timeout", _) => return Err(wrong("a number of microseconds")),
            ("sequence_id", Parameter::Integer(id)) if *id != 0 => self.sequence().id = id.to_string(),
            // Triton's way to say that there is no sequence.
            ("sequence_id", Parameter::Integer(_)) => {}
            ("sequence_id", Parameter::Text(id)) if id.is_empty() => {}
            ("sequence_id", Parameter::Text(id)) if id.len() <= 128 => self.sequence().id.clone_from(id),
            ("sequence_id", _) => return Err(wrong("a number or a text of at most 128 bytes")),
            ("sequence_start", Parameter::Bool(value)) => self.sequence().is_start = *value,
            ("sequence_end", Parameter::Bool(value)) => self.sequence().is_end = *value,
            ("sequence_start" | "sequence_end", _) => return Err(wrong("true or false")),
            _ => {}
        }
        Ok(())
    }

    fn sequence(&mut self) -> &mut Sequence {
        let none = Sequence { id: String::new(), is_start: false, is_end: false };
        self.sequence.get_or_insert(none)
    }

    /// To be called when all parameters are set.
    pub fn check(&mut self) -> Result<(), Failure> {
        if let Some(sequence) = self.sequence.take_if(|sequence| sequence.id.is_empty())
            && (sequence.is_start || sequence.is_end)
        {
            return Err(Failure::invalid("sequence_start and sequence_end need a sequence_id"));
        }
        Ok(())
    }
}

impl Wanted {
    /// Takes a parameter of an output.
    pub fn set(&mut self, name: &str, value: &Parameter) -> Result<(), Failure> {
        match (name, value) {
            ("binary_data", Parameter::Bool(value)) => self.is_binary = Some(*value),
            ("codes", Parameter::Bool(value)) => self.codes = Some(*value),
            ("binary_data" | "codes", _) => {
                return Err(Failure::invalid(format!("output {}: {name} is true or false", self.name)));
            }
            ("classification", Parameter::Integer(0)) => {}
            ("classification" | "shared_memory_region", _) => {
                return Err(Failure::invalid(format!("output {}: {name} is not supported", self.name)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The model's name.
    pub model: String,
    /// The version that ran.
    pub version: String,
    /// The request's id.
    pub id: String,
    /// Outputs, and whether each goes as bytes.
    pub outputs: Vec<(Tensor, bool)>,
}
