//! Any function of one int8 value, as a table of its 256 results.
//!
//! Logistic, Tanh, ReLU, ReLU6 and Requantize on the device are all this kernel: the host fills the table with
//! the formulas below, which are those of TensorFlow Lite's int8 kernels to the bit. `x` finds its result at
//! `table[x + 128]`. Overlapping input and output: the output may start at the input's first element or
//! before it; in place is fine.

use crate::Io;
use crate::fixed_math::{logistic_q4, tanh_q4};
use crate::numerics::{FixedPoint, OutputStage, rounding_shift_right};

/// Results in a table.
pub const TABLE_LEN: usize = 256;

/// Replaces each element by its entry in `table`, of [`TABLE_LEN`] entries.
pub fn lookup_i8(table: &[i8], io: &mut Io<i8>) {
    let Some(table) = table.first_chunk::<TABLE_LEN>() else { return io.refuse() };
    io.map_parts(|part| part.iter_mut().for_each(|x| *x = table.get(index(*x)).copied().unwrap_or(0)));
}

/// Where the result of `x` is.
#[inline]
fn index(x: i8) -> usize {
    usize::from(x as u8 ^ 0x80)
}

/// The table of `function`.
pub fn table(function: impl Fn(i8) -> i8) -> [i8; TABLE_LEN] {
    let mut results = [0; TABLE_LEN];
    for (byte, result) in (0..=u8::MAX).zip(&mut results) {
        *result = function((byte ^ 0x80) as i8);
    }
    results
}

/// The input side of Logistic and Tanh. From the input's scale `s` the host computes in `f64`:
///
/// - `s * 2^27 = q * 2^shift` with `q` in `[1/2, 1)`; `factor = (round(q * 2^31), shift)`, that is
///   `quantize(s * 2^27)`;
/// - `radius = floor(15 * 2^27 / 2^shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigmoidI8 {
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Brings the input to `Q4`.
    pub factor: FixedPoint,
    /// Inputs at least this far from the zero point give the function's limit.
    pub radius: i32,
}

impl SigmoidI8 {
    /// `limits` beyond the radius, else `function` of the input in `Q4`.
    fn apply(&self, x: i8, limits: (i8, i8), function: impl Fn(i32) -> i32) -> i8 {
        let x = i32::from(x).wrapping_sub(self.input_zero_point);
        if x <= self.radius.wrapping_neg() {
            limits.0
        } else if x >= self.radius {
            limits.1
        } else {
            function(self.factor.apply(x)).clamp(-128, 127) as i8
        }
    }
}

/// `1 / (1 + e^-x)` with scale 1/256 and zero point -128.
pub fn logistic_i8_reference(params: &SigmoidI8, x: i8) -> i8 {
    params.apply(x, (-128, 127), |x| rounding_shift_right(logistic_q4(x), 31 - 8).wrapping_sub(128))
}

/// `tanh x` with scale 1/128 and zero point 0.
pub fn tanh_i8_reference(params: &SigmoidI8, x: i8) -> i8 {
    params.apply(x, (-128, 127), |x| rounding_shift_right(tanh_q4(x), 31 - 7))
}

/// From one scale and zero point to another. The host computes `factor = quantize(sx / sy)` in `f64`:
///
/// - Requantize (int8 Quantize) has a stage that is not clamped;
/// - ReLU's stage has `min = max(-128, output zero point)`;
/// - ReLU6's has that and `max = min(127, zy + round(6 / sy))`, the quotient in `f32`. Between equal parameters the
///   factor is one, `(2^30, 1)`, so that only the clamp is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequantizeI8 {
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Input scale over output scale.
    pub factor: FixedPoint,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
}

/// `stage((x - input_zero_point) * factor)`.
pub fn requantize_i8_reference(params: &RequantizeI8, x: i8) -> i8 {
    params.stage.apply(i32::from(x).wrapping_sub(params.input_zero_point), params.factor)
}

/// ReLU: a requantization whose stage does not go below the output's zero point.
pub fn relu_i8_reference(params: &RequantizeI8, x: i8) -> i8 {
    let zero = params.stage.zero_point.max(-128);
    let stage = OutputStage { min: params.stage.min.max(zero), ..params.stage };
    requantize_i8_reference(&RequantizeI8 { stage, ..*params }, x)
}
