//! Softmax along the last axis.
//!
//! - `input: [rows, depth]`, `output: [rows, depth]`.
//! - int8: the output's scale is 1/256 and its zero point -128. Differences to the row's maximum become
//!   `Q5`, their exponentials are summed in `Q12`, and each is multiplied by the sum's reciprocal.
//! - int16: `int16`.
//! - float: `exp(beta * (x - max))` over their sum, which adds in the order of the row.
//! - Overlapping input and output: rows are written in order, each element after all reads of elements before
//!   it; the output may start at the input's first element or before it. In place is fine.
//!
//! The reference kernels are what runs everywhere: a softmax is a few rows at the end of a network.

mod int16;
mod reference;

pub use int16::{SoftmaxI16, TABLE_LEN, softmax_i16};
pub use reference::{softmax_f32_reference, softmax_i8_reference};

use crate::Io;
use crate::numerics::FixedPoint;

/// An int8 softmax. The host computes in `f64`, from the input's scale `s`:
///
/// - `d = min(beta * s * 2^26, 2^31 - 1)`, refused unless above 1; `input_factor = quantize(d)`, whose shift
///   is at least 1;
/// - `diff_min = -floor(31 * 2^26 / 2^shift)`.
///
/// TensorFlow Lite Micro aborts on a row whose reciprocal needs a shift beyond 31 (above 512 equal entries,
/// say); here each such entry rounds to what it is: 0, or -128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftmaxI8 {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub depth: usize,
    /// Brings a difference of inputs to `Q5`.
    pub input_factor: FixedPoint,
    /// Smaller differences count as minus infinity.
    pub diff_min: i32,
}

/// A float softmax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxF32 {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub depth: usize,
    /// Multiplies the input.
    pub beta: f32,
}

/// Computes the softmax. No scratch.
pub fn softmax_i8(layer: &SoftmaxI8, io: &mut Io<i8>) {
    softmax_i8_reference(layer, io);
}

/// Computes the softmax. No scratch.
pub fn softmax_f32(layer: &SoftmaxF32, io: &mut Io<f32>) {
    softmax_f32_reference(layer, io);
}
