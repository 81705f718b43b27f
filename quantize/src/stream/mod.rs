//! A model over a window of a signal becomes one that is given some frames of it at a time.
//!
//! ```text
//! y = Conv(x [T rows])         row = Concat(state, x [h rows])    y = Conv(row)    next of state = the last of row
//! ```
//!
//! Everything is computed for new rows only; what a window needs of the rows before them is kept in a state, which is a ring
//! buffer of the model. An operator that needs all rows at once has all of them kept in front of it. No operator rounds
//! anything else than it did: an int8 model gives the codes that it would give on the whole signal.
//!
//! Where padding stood behind the rows of a window, a stream waits for the rows themselves; where it stood before them, it has
//! them. [`Stream`] says how long, and how many rows of a window that concerns. Rejected: padding inside of streams, at a
//! window's edge in each run. It would be the windowed model's results at the price of computing all rows that
//! padding reaches again in each run.
//!
//! `walk` goes through the graph, `ring` adds the buffers, `measure` runs both models on data.

mod facts;
mod flow;
mod measure;
mod ring;
mod walk;

pub use facts::{Behind, Edge, Output, Stream, Whole};
pub use measure::{Difference, MeasureError, difference};

use crate::ir::Graph;
use walk::{Stop, Walk};

/// What a stream is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The axis of the model's input that is time, in the model's own order of axes.
    pub axis: usize,
    /// Frames of a run; as few as the model's strides allow when it is left open.
    pub hop: Option<usize>,
}

/// Why a model is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The model has no such axis, or it is no time.
    #[error("--stream {axis}: {problem}")]
    Axis {
        /// What was asked for.
        axis: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Strides of the model do not fit.
    #[error("--hop {hop}: `{node}` goes {stride} frames at a time; use a multiple of {stride}, or leave --hop out")]
    Hop {
        /// What was asked for.
        hop: usize,
        /// Whose stride does not divide it.
        node: String,
        /// Frames.
        stride: usize,
    },
    /// A node stands in the way.
    #[error("`{node}` ({op}) {problem}")]
    Node {
        /// Its name.
        node: String,
        /// Its operator.
        op: &'static str,
        /// What is in the way, and what would work.
        problem: String,
    },
    /// A rewritten graph breaks an invariant: a defect of this module.
    #[error("the stream of the model breaks the graph: {0}; please report this with the model")]
    Broken(String),
}

/// The most frames of a run that are tried when nobody says how many.
const HOP_MAX: usize = 1 << 16;

/// The model of `graph` over a stream.
pub fn stream(graph: &Graph, request: Request) -> Result<(Graph, Stream), StreamError> {
    let mut hop = request.hop.unwrap_or(1);
    loop {
        match Walk::new(graph, request.axis, hop)?.run() {
            Ok((streamed, facts)) => {
                streamed.verify().map_err(|error| StreamError::Broken(error.to_string()))?;
                return Ok((streamed, facts));
            }
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Stride { node, stride }) => {
                let fits = hop.checked_mul(stride).map(|product| product / common_divisor(hop, stride));
                match fits.filter(|&fits| request.hop.is_none() && fits <= HOP_MAX) {
                    Some(fits) => hop = fits,
                    None => return Err(StreamError::Hop { hop, node, stride }),
                }
            }
        }
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
