//! The TensorFlow Lite importer on files written for the purpose.

mod indices;
mod moves;
mod operators;
mod refusals;
mod scales;
mod signatures;
mod slices;
mod sparse;
mod types;
pub(crate) mod writer;

use crate::import::{ImportError, Kind, Problem, from_bytes};
use crate::ir::Graph;

fn import(bytes: &[u8]) -> Graph {
    match from_bytes(bytes, Kind::Tflite, "test") {
        Ok(graph) => graph,
        Err(error) => panic!("{error}"),
    }
}

fn problems(bytes: &[u8]) -> Vec<Problem> {
    match from_bytes(bytes, Kind::Tflite, "test") {
        Err(ImportError::Unsupported { problems, .. }) => problems,
        other => panic!("expected refusals, found {other:?}"),
    }
}
