//! Where a weighted operator's constants stand behind its `constants` offset into WEIGHTS.
//!
//! ```text
//! int8:  bias i32[O] | requantization u32[O or 1] | extra shifts u8[O or 1], if flagged, padded to 4 | weights i8[]
//!        short, if flagged: bias i16[O] | requantization u16[O or 1]
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

/// Flag of an int8 layer: biases of 16 bits, shifted to the left by what the record says.
pub const SHORT_BIAS: u8 = 64;
/// Flag of an int8 layer: of requantization words only the upper halves, the lower ones being 0.
pub const SHORT_FACTORS: u8 = 128;

/// Flag of a hybrid layer: weights have zero points.
pub const ZERO_POINTS: u8 = 16;

/// Flag of a hybrid layer: there are no biases.
pub const NO_BIAS: u8 = 32;

/// Byte ranges of an int8 operator's constants, relative to its `constants` offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantsI8 {
    /// First byte after the bias.
    pub bias_end: usize,
    /// First byte of the requantization words.
    pub requant_start: usize,
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
        let bias_end = size::product(outputs, if flags & SHORT_BIAS != 0 { 2 } else { 4 })?;
        let word = if flags & SHORT_FACTORS != 0 { 2 } else { 4 };
        let requant_start = if word == 4 { size::sum(bias_end, 3)? & !3 } else { bias_end };
        let requant_end = size::sum(size::product(words, word)?, requant_start)?;
        let extra_end = if flags & EXTRA_SHIFTS != 0 { size::sum(requant_end, words)? } else { requant_end };
        let weights_start = size::sum(extra_end, 3)? & !3;
        let end = size::sum(weights_start, weight_bytes)?;
        Some(ConstantsI8 { bias_end, requant_start, requant_end, extra_end, weights_start, end })
    }

    /// Bytes of scratch in which short biases and words become what kernels read; more than there is when they overflow.
    pub fn lengthened_bytes(outputs: usize, flags: u8) -> usize {
        let words = if flags & PER_TENSOR != 0 { 1 } else { outputs };
        let of = |flag: u8, count: usize| if flags & flag != 0 { count } else { 0 };
        let count = size::sum(of(SHORT_BIAS, outputs), of(SHORT_FACTORS, words));
        count.and_then(|count| size::product(count, 4)).unwrap_or(u32::MAX as usize)
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
