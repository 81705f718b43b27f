//! Between floats, int8, int16 and int32: Quantize and Dequantize.
//!
//! Element by element, input and output of different types and so never overlapping.

use crate::numerics::FixedPoint;

/// Scale and zero point of an int8 or int16 tensor: `real = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Positive and finite.
    pub scale: f32,
    /// In `-128..=127`; 0 for int16.
    pub zero_point: i32,
}

impl Affine {
    /// `round(x / scale) + zero_point`, clamped to `i8`: a true division, halves away from zero. Beyond the
    /// range of `i32` it gives the nearer end, and NaN gives the zero point.
    #[inline]
    pub fn quantize(self, x: f32) -> i8 {
        self.quantize_within(x, -128, 127) as i8
    }

    /// The same for `i16`.
    #[inline]
    pub fn quantize_i16(self, x: f32) -> i16 {
        self.quantize_within(x, -32768, 32767) as i16
    }

    /// The same, clamped to `least..=most`.
    #[inline]
    pub fn quantize_within(self, x: f32, least: i32, most: i32) -> i32 {
        round_half_away(x / self.scale).saturating_add(self.zero_point).max(least).min(most)
    }

    /// `scale * (q - zero_point)`: one multiplication by an exact integer.
    #[inline]
    pub fn dequantize(self, q: impl Into<i32>) -> f32 {
        self.scale * q.into().wrapping_sub(self.zero_point) as f32
    }
}

/// The nearest integer, halves away from zero, within `i32`; 0 for NaN.
#[inline]
fn round_half_away(x: f32) -> i32 {
    let truncated = x as i32;
    // Exact: floats above 2^23 are integers, and below it both have the same sign and are near.
    let fraction = x - truncated as f32;
    if fraction >= 0.5 {
        truncated.saturating_add(1)
    } else if fraction <= -0.5 {
        truncated.saturating_sub(1)
    } else {
        truncated
    }
}

/// Quantizes each element. False, and nothing written, when the slices are not equally long.
#[must_use]
pub fn quantize_f32_i8(params: &Affine, input: &[f32], output: &mut [i8]) -> bool {
    if input.len() != output.len() {
        return false;
    }
    for (q, x) in output.iter_mut().zip(input) {
        *q = params.quantize(*x);
    }
    true
}

/// Quantizes each element to int16. False, and nothing written, when the slices are not equally long.
#[must_use]
pub fn quantize_f32_i16(params: &Affine, input: &[f32], output: &mut [i16]) -> bool {
    if input.len() != output.len() {
        return false;
    }
    for (q, x) in output.iter_mut().zip(input) {
        *q = params.quantize_i16(*x);
    }
    true
}

/// Dequantizes each element. False, and nothing written, when the slices are not equally long.
#[must_use]
pub fn dequantize_i8_f32(params: &Affine, input: &[i8], output: &mut [f32]) -> bool {
    if input.len() != output.len() {
        return false;
    }
    for (x, q) in output.iter_mut().zip(input) {
        *x = params.dequantize(*q);
    }
    true
}

/// Dequantizes each element of int16. False, and nothing written, when the slices are not equally long.
#[must_use]
pub fn dequantize_i16_f32(params: &Affine, input: &[i16], output: &mut [f32]) -> bool {
    if input.len() != output.len() {
        return false;
    }
    for (x, q) in output.iter_mut().zip(input) {
        *x = params.dequantize(*q);
    }
    true
}

/// From one integer quantization to another: `(q - input_zero_point) * factor + zero_point`, the product a
/// [`FixedPoint`] multiplication that rounds twice, clamped to the output's type.
///
/// The host refuses factors that shift a distance of two codes beyond 32 bits; distances of int32 wrap. int16 and int32 have
/// no zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantize {
    /// Subtracted from the input.
    pub input_zero_point: i32,
    /// Scale of the input over that of the output.
    pub factor: FixedPoint,
    /// Added to the product.
    pub zero_point: i32,
}

impl Requantize {
    /// The output's code, before it is clamped.
    #[inline]
    fn apply(&self, q: i32) -> i32 {
        self.factor.apply(q.wrapping_sub(self.input_zero_point)).saturating_add(self.zero_point)
    }

    /// The int32 code of a code.
    #[inline]
    pub fn to_i32(&self, q: i32) -> i32 {
        self.apply(q)
    }

    /// The int16 code of a code.
    #[inline]
    pub fn to_i16(&self, q: i32) -> i16 {
        self.apply(q).clamp(-32768, 32767) as i16
    }

    /// The int8 code of a code.
    #[inline]
    pub fn to_i8(&self, q: i32) -> i8 {
        self.apply(q).clamp(-128, 127) as i8
    }
}

/// Writes what `map` makes of each element. False, and nothing written, when the slices are not equally long.
#[must_use]
fn each<T: Copy + Into<i32>, U>(input: &[T], output: &mut [U], map: impl Fn(i32) -> U) -> bool {
    if input.len() != output.len() {
        return false;
    }
    for (to, from) in output.iter_mut().zip(input) {
        *to = map((*from).into());
    }
    true
}

/// Requantizes each element from int16 to int16. False, and nothing written, when the slices are not equally long.
#[must_use]
pub fn requantize_i16(params: &Requantize, input: &[i16], output: &mut [i16]) -> bool {
    each(input, output, |q| params.to_i16(q))
}

/// The same from int16 to int8.
#[must_use]
pub fn requantize_i16_i8(params: &Requantize, input: &[i16], output: &mut [i8]) -> bool {
    each(input, output, |q| params.to_i8(q))
}

/// The same from int8 to int16.
#[must_use]
pub fn requantize_i8_i16(params: &Requantize, input: &[i8], output: &mut [i16]) -> bool {
    each(input, output, |q| params.to_i16(q))
}

/// The same from int32 to int16.
#[must_use]
pub fn requantize_i32_i16(params: &Requantize, input: &[i32], output: &mut [i16]) -> bool {
    each(input, output, |q| params.to_i16(q))
}

/// The same from int32 to int8.
#[must_use]
pub fn requantize_i32_i8(params: &Requantize, input: &[i32], output: &mut [i8]) -> bool {
    each(input, output, |q| params.to_i8(q))
}

/// The same from int16 to int32.
#[must_use]
pub fn requantize_i16_i32(params: &Requantize, input: &[i16], output: &mut [i32]) -> bool {
    each(input, output, |q| params.to_i32(q))
}

/// The same from int8 to int32.
#[must_use]
pub fn requantize_i8_i32(params: &Requantize, input: &[i8], output: &mut [i32]) -> bool {
    each(input, output, |q| params.to_i32(q))
}
