//! Where a weighted operator's constants stand behind its `constants` offset into WEIGHTS.
//!
//! ```text
//! int8:  bias i32[O] | requantization u32[O or 1] | extra shifts u8[O or 1], if flagged, padded to 4 | weights i8[]
//! int16: upper halves of biases i32[O], if flagged | then as int8, the bias being the lower halves
//! f32:   bias f32[O] | weights f32[]
//! hybrid: bias f32[O], unless flagged | scales f32[O or 1] | weights i8[] | zero points i8[O or 1], if flagged
//! ```
//!
//! One offset a record instead of four keeps the records short; writer and engine share these functions.

use crate::size;

/// Flag of a requantization: one word for all channels; of a hybrid layer: one scale.
pub const PER_TENSOR: u8 = 1;
/// Flag of a requantization: extra shift bytes are present.
pub const EXTRA_SHIFTS: u8 = 2;

/// Flag of a layer on int16 activations: biases and sums of 32 bits, rounded twice.
pub const ROUND_TWICE: u8 = 4;
/// Flag of a layer on int16 activations: upper halves of the biases are present.
pub const LONG_BIAS: u8 = 8;

/// Flag of a hybrid layer: weights have zero points.
pub const ZERO_POINTS: u8 = 16;

/// Flag of a hybrid layer: there are no biases.
pub const NO_BIAS: u8 = 32;

/// Byte ranges of an int8 operator's constants, relative to its `constants` offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantsI8 {
    /// First byte after the bias.
    pub bias_end: usize,
    /// First byte after the requantization words.
    pub requant_end: usize,
    /// First byte after the extra shifts, without padding.
    pub extra_end: usize,
    /// First byte of the weights.
    pub weights_start: usize,
    /// First byte after the weights.
    pub end: usize,
}

impl ConstantsI8 {
    /// The layout for `outputs` channels and `weight_bytes` bytes of weights; `None` on overflow.
    pub fn new(outputs: usize, flags: u8, weight_bytes: usize) -> Option<Self> {
        let words = if flags & PER_TENSOR != 0 { 1 } else { outputs };
        let bias_end = size::product(outputs, 4)?;
        let requant_end = size::sum(size::product(words, 4)?, bias_end)?;
        let extra_end = if flags & EXTRA_SHIFTS != 0 { size::sum(requant_end, words)? } else { requant_end };
        let weights_start = size::sum(extra_end, 3)? & !3;
        let end = size::sum(weights_start, weight_bytes)?;
        Some(ConstantsI8 { bias_end, requant_end, extra_end, weights_start, end })
    }
}

/// Byte ranges of the constants of a layer on floats with integer weights, relative to its `constants` offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantsHybrid {
    /// First byte after the bias.
    pub bias_end: usize,
    /// First byte after the scales, and of the weights.
    pub scales_end: usize,
    /// First byte after the weights.
    pub weights_end: usize,
    /// First byte after the zero points.
    pub end: usize,
}

impl ConstantsHybrid {
    /// The layout for `outputs` channels and `weight_bytes` bytes of weights; `None` on overflow.
    pub fn new(outputs: usize, flags: u8, weight_bytes: usize) -> Option<Self> {
        let scales = if flags & PER_TENSOR != 0 { 1 } else { outputs };
        let bias_end = if flags & NO_BIAS != 0 { 0 } else { size::product(outputs, 4)? };
        let scales_end = size::sum(size::product(scales, 4)?, bias_end)?;
        let weights_end = size::sum(scales_end, weight_bytes)?;
        let end = if flags & ZERO_POINTS != 0 { size::sum(weights_end, scales)? } else { weights_end };
        Some(ConstantsHybrid { bias_end, scales_end, weights_end, end })
    }
}
