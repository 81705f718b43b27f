//! An ONNX file with all that belongs to it.

use core::fmt;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework;

use crate::changes::{Changes, apply};
use crate::decode::model;
use crate::external::{Siblings, inline};
use crate::model::OnnxModel;
use crate::scan::scan;

/// Why a file is no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Its bytes contradict the format or each other.
    Damaged(String),
    /// A tensor's numbers are in another file, and cannot be had from there.
    Sibling {
        /// The tensor's name.
        tensor: String,
        /// The file, as the model names it; empty when it names none.
        location: String,
        /// What is in the way.
        problem: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Damaged(problem) => f.write_str(problem),
            DecodeError::Sibling { tensor, location, problem } => {
                write!(f, "tensor `{tensor}` is in `{location}`: {problem}")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// A decoded file. Everything that lay beside it is inside.
#[derive(Clone, Debug)]
pub struct OnnxFile {
    pub(crate) proto: ModelProto,
    size_bytes: usize,
}

impl OnnxFile {
    /// Decodes an `.onnx` file. Every error says what is wrong and where; nothing panics.
    ///
    /// # Errors
    /// When the bytes are no ONNX model, and when what its tensors have in other files is not there.
    pub fn decode(bytes: &[u8], siblings: &dyn Siblings) -> Result<Self, DecodeError> {
        // Before anything is decoded: this bounds what it can grow to.
        scan(bytes).map_err(DecodeError::Damaged)?;
        let mut reader = bytes;
        let decoded = tract_onnx::onnx().proto_model_for_read(&mut reader);
        let mut proto = decoded.map_err(|error| DecodeError::Damaged(format!("{error:#}")))?;
        let beside = inline(&mut proto, siblings)?;
        Ok(OnnxFile { proto, size_bytes: bytes.len().saturating_add(beside) })
    }

    /// Makes it the model that the user wants.
    ///
    /// # Errors
    /// Which of the changes cannot be made, and what could.
    pub fn change(&mut self, changes: &Changes) -> Result<(), String> {
        match &mut self.proto.graph {
            Some(graph) if !changes.is_empty() => apply(graph, changes),
            _ => Ok(()),
        }
    }

    /// Bytes of the file, and of what it has in others.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The model as plain data.
    ///
    /// # Errors
    /// When there is no graph, and when the sizes of constants contradict their shapes.
    pub fn model(&self) -> Result<OnnxModel, DecodeError> {
        model(&self.proto).map_err(DecodeError::Damaged)
    }
}
