//! Striped execution: the arena is made to fit, and nothing is computed twice.
//!
//! The first layers of a network work on large images, and the arena must hold a whole operand beside a whole result.
//! In stripes it need not: the operators of a segment take turns, each computing a few rows, and of the values between
//! them only the rows are kept that are still to be read.
//!
//! ```text
//! whole:     conv conv conv conv | add add add add |          every value is there at once
//! striped:   conv add | conv add | conv add | conv add        a value is a few rows high
//! ```
//!
//! A stripe is an ordinary record. Activations are `[1, H, W, C]`, so some rows of a value are contiguous bytes: the
//! record's operand starts at the first row that is needed, its window has as many input rows as the stripe reads, and
//! it is padded above only when the image is. Engine, kernels and format know nothing of stripes; all stripes of a
//! layer share its constants.
//!
//! No row is computed twice. What the next stripe needs of the rows above it is kept in one of two ways, see [`Laps`]:
//! the value keeps its full extent of addresses, of which only a band is alive at any time, and other values move in
//! before and behind (the plan knows lifetimes by byte, `plan/access.rs`); or it has a short buffer of its own, and the
//! rows that are still needed are moved to the buffer's top before it overflows. The first costs nothing at run time,
//! the second a copy of a few rows. Computing rows again was rejected: it saves no memory that a copy does not save, and
//! a row of a convolution costs more than copying it by the number of its taps.
//!
//! ```text
//! rows.rs       which rows an operator needs, and its record for some rows
//! segment.rs    which operators may take turns
//! rewrite.rs    the program in stripes
//! search.rs     which segment, how many rows, which laps: the cheapest that fits
//! price.rs      what "cheap" means
//! ```

mod price;
mod rewrite;
mod rows;
mod search;
mod segment;

pub use rewrite::{Choice, Laps, Striped};
pub use search::{Fitted, RamError, fit};

use crate::ir::Graph;
use crate::program::Program;

/// A lowered graph with the segment of `choice` in stripes; `None` when its operators cannot take turns.
pub fn in_stripes(graph: &Graph, program: &Program, choice: &Choice) -> Option<Striped> {
    rewrite::rewrite(graph, program, &segment::by_rows(graph, program), choice)
}

/// How much working memory a model may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ram {
    /// At most so many bytes.
    Bytes(usize),
    /// As little as is possible.
    Least,
}

/// What striped execution is like and costs. The field names are the report's JSON.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// The model's working memory without stripes.
    pub arena_bytes_whole: usize,
    /// What is computed in stripes, in the order in which it was chosen.
    pub segments: Vec<SegmentCost>,
    /// Operators of the blob that would not be there without stripes.
    pub operators_added: usize,
    /// Bytes that an inference moves to keep rows for the next stripe.
    pub copied_bytes: u64,
    /// Multiplications that an inference does more than once.
    pub macs_recomputed: u64,
}

/// Operators that take turns.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SegmentCost {
    /// The first node.
    pub first_node: String,
    /// The last one.
    pub last_node: String,
    /// How many there are.
    pub operators: usize,
    /// Times that each of them gets its turn, at most.
    pub stripes: usize,
}
