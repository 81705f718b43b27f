//! Between floats and int8: Quantize and Dequantize.
//!
//! Element by element, input and output of different types and so never overlapping.

/// Scale and zero point of an int8 tensor: `real = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Positive and finite.
    pub scale: f32,
    /// In `-128..=127`.
    pub zero_point: i32,
}

impl Affine {
    /// `round(x / scale) + zero_point`, clamped to `i8`: a true division, halves away from zero. Beyond the
    /// range of `i32` it gives the nearer end, and NaN gives the zero point.
    #[inline]
    pub fn quantize(self, x: f32) -> i8 {
        round_half_away(x / self.scale).saturating_add(self.zero_point).clamp(-128, 127) as i8
    }

    /// `scale * (q - zero_point)`: one multiplication by an exact integer.
    #[inline]
    pub fn dequantize(self, q: i8) -> f32 {
        self.scale * i32::from(q).wrapping_sub(self.zero_point) as f32
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
