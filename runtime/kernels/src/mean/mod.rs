//! Mean along adjacent axes.
//!
//! - `input: [outer, reduced, inner]`, `output: [outer, inner]`.
//! - int8: `output = stage((sum - input_zero_point * reduced) * factor)`, the division by `reduced` being part
//!   of the factor.
//! - float: the sum adds in the order of the reduced axis, then is divided by `reduced`.
//! - Input and output must not overlap.

mod blocks;
mod float;
pub(crate) mod portable;
mod reference;

pub use float::mean_f32;
pub use reference::{mean_f32_reference, mean_i8_reference};

pub use crate::registry::mean_i8;

use crate::numerics::{FixedPoint, OutputStage};

/// An int8 mean. From the scales `sx` and `sy` and `n = reduced` the host computes:
///
/// - `(m0, s0) = quantize(sx / sy)` in `f64`;
/// - `k = min(floor(log2 n), 32, 31 + s0)`;
/// - `factor.multiplier = ((m0 as i64) << k) / n`, truncating; `factor.shift = s0 - k`.
///
/// The multiplier may be below `2^30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanI8 {
    /// Product of the dimensions before the reduced ones.
    pub outer: usize,
    /// Product of the reduced dimensions.
    pub reduced: usize,
    /// Product of the dimensions after the reduced ones.
    pub inner: usize,
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Input scale over output scale over `reduced`.
    pub factor: FixedPoint,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
}

/// A float mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeanF32 {
    /// Product of the dimensions before the reduced ones.
    pub outer: usize,
    /// Product of the reduced dimensions.
    pub reduced: usize,
    /// Product of the dimensions after the reduced ones.
    pub inner: usize,
}
