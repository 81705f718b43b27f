//! Maximum along adjacent axes.
//!
//! - `input: [outer, reduced, inner]`, `output: [outer, inner]`.
//! - Starts at the lowest value of the type (-128, -∞); a later one, in the order of the reduced axis, replaces it
//!   only if it is greater. So NaN is never taken, and of zeros with different signs the first stays.
//! - int8: input and output have the same scale and zero point.
//! - Input and output must not overlap.

mod portable;
mod reference;

pub use portable::{reduce_max_f32, reduce_max_i8};
pub use reference::{reduce_max_f32_reference, reduce_max_i8_reference};

/// A maximum, whatever the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReduceMax {
    /// Product of the dimensions before the reduced ones.
    pub outer: usize,
    /// Product of the reduced dimensions.
    pub reduced: usize,
    /// Product of the dimensions after the reduced ones.
    pub inner: usize,
}
