//! The codes of functions of one code, as the oracles compute them.
//!
//! Where TensorFlow Lite Micro has integer arithmetic for a function its formula is here, to the bit. All others it and
//! LiteRT fill tables for as [`looked_up`] does: the function on reals, in `f32`. A scale for which an integer formula has
//! no bits left gets that as well.

use kinglet_blob::MapFunction;
use kinglet_kernels::fixed_math::inverse_root;
use kinglet_kernels::numerics::{FixedPoint, rounding_shift_right};

use super::fixed::quantize_multiplier;
use super::functions::real;
use crate::value::Quantization;

/// Shifts up to here take a distance of two codes no further than 32 bits.
const SHIFT_MAX: i32 = 22;

/// `function` of `code`, from quantization `x` to `y`.
pub(crate) fn code(function: MapFunction, parameters: [f32; 2], x: &Quantization, y: &Quantization, code: i8) -> i8 {
    let from = i32::from(code) - x.zero_point();
    let value = match function {
        MapFunction::Abs => abs(x, y, from),
        MapFunction::LeakyRelu => leaky_relu(parameters[0], x, y, from),
        MapFunction::HardSwish => hard_swish(x, y, from),
        MapFunction::Rsqrt => rsqrt(x, y, from),
        _ => None,
    };
    match value {
        Some(value) => value.saturating_add(y.zero_point()).clamp(-128, 127) as i8,
        None => looked_up(function, parameters, x, y, code),
    }
}

/// The function on the real that a code stands for, times the reciprocal of the scale, rounded with halves away from
/// zero. NaN is the zero point.
fn looked_up(function: MapFunction, parameters: [f32; 2], x: &Quantization, y: &Quantization, code: i8) -> i8 {
    let operand = x.scale(0) * (i32::from(code) - x.zero_point()) as f32;
    let result = match function {
        // The oracle takes one from a rounded exponential.
        MapFunction::Elu if parameters == [1.0, 1.0] && operand < 0.0 => f64::from(operand).exp() as f32 - 1.0,
        _ => real(function, parameters, operand.into()) as f32,
    };
    let steps = (result * (1.0 / y.scale(0))).round();
    if steps.is_nan() {
        return y.zero_point().clamp(-128, 127) as i8;
    }
    ((steps + y.zero_point() as f32) as i32).clamp(-128, 127) as i8
}

/// A factor, unless it shifts too far.
fn factor(real: f64) -> Option<FixedPoint> {
    Some(quantize_multiplier(real)).filter(|factor| factor.shift <= SHIFT_MAX)
}

/// The operand's scale in steps of the result's.
fn quotient(x: &Quantization, y: &Quantization) -> f64 {
    f64::from(x.scale(0)) / f64::from(y.scale(0))
}

fn abs(x: &Quantization, y: &Quantization, from: i32) -> Option<i32> {
    if x.scale(0) == y.scale(0) {
        return Some(from.abs());
    }
    Some(factor(quotient(x, y))?.apply(from.abs()))
}

fn leaky_relu(alpha: f32, x: &Quantization, y: &Quantization, from: i32) -> Option<i32> {
    let kept = factor(quotient(x, y))?;
    // Its sign is not part of the factor.
    let scaled = factor((f64::from(x.scale(0)) * f64::from(alpha) / f64::from(y.scale(0))).abs())?;
    Some(match (from >= 0, alpha < 0.0) {
        (true, _) => kept.apply(from),
        (false, false) => scaled.apply(from),
        (false, true) => -scaled.apply(from),
    })
}

/// `x * relu6(x + 3) / 6` in 16 bits: the operand in the result's scale, short of a shift, times a weight from 0 to 1.
fn hard_swish(x: &Quantization, y: &Quantization, from: i32) -> Option<i32> {
    let fine_scale = (1.0 / 128.0) * x.scale(0);
    let [result, weight] =
        [y.scale(0), 3.0 / 32768.0].map(|scale: f32| quantize_multiplier(f64::from(fine_scale) / f64::from(scale)));
    // Distances beyond those of codes leave 16 bits, and factors of one and more are refused.
    if result.shift > 0 || !(-31..=SHIFT_MAX).contains(&weight.shift) || from.abs() > 255 {
        return None;
    }
    let fine = (from * 128) as i16;
    let scaled = doubling_high_mul_i16(fine, short(result.multiplier));
    let mut value = fine;
    if weight.shift > 0 {
        value = saturating_shift_left(value, weight.shift - 1);
    }
    value = doubling_high_mul_i16(value, short(weight.multiplier));
    if weight.shift > 0 {
        value = saturating_shift_left(value, 1);
    }
    let value = rounding_shift_right(value.into(), weight.shift.min(0).unsigned_abs());
    let weight = (value + (1 << 15)) >> 1;
    // Toward zero, which takes back what rounding has added on the way here.
    let product = weight * i32::from(scaled) / (1 << 15);
    Some(rounding_shift_right(product, result.shift.unsigned_abs()))
}

/// A multiplier of 31 bits rounded to 15.
fn short(multiplier: i32) -> i16 {
    ((i64::from(multiplier) + (1 << 15)) >> 16).min(i16::MAX.into()) as i16
}

/// The high half of the doubled product, rounded with halves away from zero.
fn doubling_high_mul_i16(a: i16, b: i16) -> i16 {
    let product = i32::from(a) * i32::from(b);
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    ((product + nudge) / (1 << 15)).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

fn saturating_shift_left(value: i16, shift: i32) -> i16 {
    (i64::from(value) << shift).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The result at 0, the largest code, is that below it too, where there is none.
fn rsqrt(x: &Quantization, y: &Quantization, from: i32) -> Option<i32> {
    /// What keeps the root of a whole number whole.
    const SHIFT: i32 = 20;
    let scale = quantize_multiplier(1.0 / f64::from(x.scale(0).sqrt() * y.scale(0)));
    if scale.shift > 30 || scale.shift < SHIFT - 31 {
        return None;
    }
    if from <= 0 {
        return Some(i32::MAX);
    }
    let root = inverse_root(from);
    let root = FixedPoint { shift: root.shift + SHIFT, ..root }.apply(1);
    Some(FixedPoint { shift: scale.shift - SHIFT, ..scale }.apply(root))
}
