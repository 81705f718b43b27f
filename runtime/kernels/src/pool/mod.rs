//! AveragePool2D and MaxPool2D.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', C]`.
//! - Only positions inside the image count; a window that has none gives 0 (average) or the lowest value
//!   (maximum), clamped.
//! - int8 and int16: input and output have the same scale and zero point. The average of `n` values with sum `s` is
//!   `(s + n / 2) / n` for positive `s`, else `(s - n / 2) / n`, truncating: to nearest, halves away from
//!   zero; the zero point is not subtracted.
//! - float: the sum adds in the order `(i, j)`, then is divided by `n`.
//! - Overlapping input and output: pixels are written in raster order. The output of pixel `p` must not touch
//!   an input of pixel `p` or of any pixel after it, because a pixel's channels are written block by block.
//! - `geometry.groups` is not read, `geometry.output[2]` is `geometry.input[2]`.

mod blocks;
mod float;
mod int16;
pub(crate) mod portable;
mod reference;

pub use float::{average_pool_f32, max_pool_f32};
pub use int16::{PoolI16, average_pool_i16, max_pool_i16};
pub use reference::{
    average_pool_f32_reference, average_pool_i8_reference, average_pool_i16_reference, max_pool_f32_reference,
    max_pool_i8_reference, max_pool_i16_reference,
};

pub use crate::registry::{average_pool_i8, max_pool_i8};

use crate::conv2d::Geometry;
use crate::numerics::ClampF32;

/// An int8 pooling layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolI8 {
    /// Shapes.
    pub geometry: Geometry,
    /// Lower clamp of the result, in `-128..=127`.
    pub min: i32,
    /// Upper clamp of the result, in `min..=127`.
    pub max: i32,
}

impl PoolI8 {
    /// The result for a window: `value` within the clamp.
    #[inline]
    pub(crate) fn clamp(&self, value: i32) -> i8 {
        value.max(self.min).min(self.max) as i8
    }

    /// The result for a window of `count` values with sum `sum`.
    #[inline]
    pub(crate) fn average(&self, sum: i32, count: i32) -> i8 {
        self.clamp(rounded_average(sum, count))
    }
}

/// A float pooling layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolF32 {
    /// Shapes.
    pub geometry: Geometry,
    /// Fused activation.
    pub clamp: ClampF32,
}

/// `sum / count`, to nearest, halves away from zero; 0 for an empty window.
#[inline]
pub(crate) fn rounded_average(sum: i32, count: i32) -> i32 {
    let half = count >> 1;
    let nudged = if sum > 0 { sum.wrapping_add(half) } else { sum.wrapping_sub(half) };
    nudged.checked_div(count).unwrap_or(0)
}
