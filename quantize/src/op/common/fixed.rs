//! What the host computes for the int8 kernels: multipliers, clamps and the parameters of each operator.
//!
//! A scale is stored as `f32`; a factor is computed from scales in `f64` unless the oracle rounds to `f32` on
//! the way, and both the order of the operations and those roundings decide bits. `docs/numerics.md` and
//! `tests/golden/README.md` state the formulas. Quantization, elimination and lowering all take them from
//! here, so that what one of them proves about a layer is what the device computes.

use kinglet_kernels::Token;
use kinglet_kernels::elementwise::{ADD_I16_LEFT_SHIFT, AddI8, AddI16, MulI8, MulI16};
use kinglet_kernels::float_math;
use kinglet_kernels::lookup::{RequantizeI8, SigmoidI8, logistic_i8_reference, tanh_i8_reference};
use kinglet_kernels::numerics::{FixedPoint, OutputStage};
use kinglet_kernels::quantize::{Affine, Requantize};

use super::attributes::Activation;
use crate::value::Quantization;

/// A scale from which an int8 operator's parameters cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FixedPointError {
    /// Add brings both operands and the sum to common scales by factors below one.
    #[error("adding scales {a} and {b} into {output}: a factor is not below 1; recalibrate or rescale the result")]
    AddScales {
        /// Scale of the first operand.
        a: f32,
        /// Scale of the second operand.
        b: f32,
        /// Scale of the sum.
        output: f32,
    },
    /// Softmax needs `beta * scale * 2^26 > 1`.
    #[error("softmax input scale {scale} with beta {beta} is too small: their product must exceed 2^-26")]
    SoftmaxScale {
        /// Scale of the input.
        scale: f32,
        /// Factor on the logits.
        beta: f32,
    },
}

/// The fixed-point form of a factor `d >= 0`: a rounded 31-bit multiplier and a power of two.
///
/// A factor of 0, or one below what 31 places to the right can express, is a multiplier of 0.
pub fn quantize_multiplier(d: f64) -> FixedPoint {
    let (fraction, mut shift) = split(d);
    // Exact products of a fraction in [1/2, 1), then one rounding, halves away from zero.
    let mut multiplier = (fraction * 2f64.powi(31)).round() as i64;
    if multiplier == 1 << 31 {
        multiplier = 1 << 30;
        shift += 1;
    }
    if multiplier == 0 || shift < -31 {
        return FixedPoint { multiplier: 0, shift: 0 };
    }
    FixedPoint { multiplier: multiplier as i32, shift }
}

/// `d = fraction * 2^exponent` with the fraction in `[1/2, 1)`; zero for anything not positive and finite.
fn split(d: f64) -> (f64, i32) {
    if !(d.is_finite() && d > 0.0) {
        return (0.0, 0);
    }
    // Scales are f32, so no product or quotient of a few of them is subnormal as f64.
    let bits = d.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022;
    (f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52)), exponent)
}

/// `zero_point + round(real / scale)`, with the quotient in `f32`.
fn quantized_bound(real: f32, scale: f32, zero_point: i32) -> i32 {
    zero_point.saturating_add((real / scale).round() as i32)
}

/// The output stage of an operator: its zero point and the clamp of its fused activation.
pub fn output_stage(activation: Activation, output: &Quantization) -> OutputStage {
    let (scale, zero_point) = (output.scale(0), output.zero_point());
    // A bound that there is no code for, in particular none, is the nearest one.
    let (min, max) = activation.bounds();
    let [min, max] = [min, max].map(|bound| quantized_bound(bound, scale, zero_point).clamp(-128, 127));
    OutputStage { zero_point, min, max }
}

/// The clamp of a fused activation on int16, where reals and codes are 0 together.
pub fn clamp_i16(activation: Activation, output: &Quantization) -> (i16, i16) {
    let (min, max) = activation.bounds();
    let code = |bound| quantized_bound(bound, output.scale(0), 0).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    (code(min), code(max))
}

/// The factors of a convolution's or dense layer's output channels: one, or one for each scale of the weights.
pub fn layer_factors(input: &Quantization, weights: &Quantization, output: &Quantization) -> Vec<FixedPoint> {
    let (sx, sy) = (f64::from(input.scale(0)), f64::from(output.scale(0)));
    weights.scales.iter().map(|&sw| quantize_multiplier(sx * f64::from(sw) / sy)).collect()
}

/// Parameters of an addition.
pub fn add(
    a: &Quantization,
    b: &Quantization,
    output: &Quantization,
    activation: Activation,
) -> Result<AddI8, FixedPointError> {
    let [a_factor, b_factor, output_factor] = add_factors(a, b, output, 20)?;
    let stage = output_stage(activation, output);
    let (a_zero_point, b_zero_point) = (a.zero_point(), b.zero_point());
    Ok(AddI8 { a_zero_point, b_zero_point, a_factor, b_factor, output_factor, stage, token: Token::PLAIN })
}

/// Parameters of an addition of int16 activations.
pub fn add_i16(
    a: &Quantization,
    b: &Quantization,
    output: &Quantization,
    activation: Activation,
) -> Result<AddI16, FixedPointError> {
    let [a_factor, b_factor, output_factor] = add_factors(a, b, output, ADD_I16_LEFT_SHIFT)?;
    let (min, max) = clamp_i16(activation, output);
    Ok(AddI16 { a_factor, b_factor, output_factor, min, max })
}

/// The factors of the operands and of the sum, when the kernel shifts operands left by `shift` before it scales them.
fn add_factors(
    a: &Quantization,
    b: &Quantization,
    output: &Quantization,
    shift: u32,
) -> Result<[FixedPoint; 3], FixedPointError> {
    let (a, b, output) = (a.scale(0), b.scale(0), output.scale(0));
    let twice_max = 2.0 * f64::from(a.max(b));
    let factors = [
        quantize_multiplier(f64::from(a) / twice_max),
        quantize_multiplier(f64::from(b) / twice_max),
        quantize_multiplier(twice_max / (f64::from(1u32 << shift) * f64::from(output))),
    ];
    if factors.iter().any(|factor| factor.shift > 0) {
        return Err(FixedPointError::AddScales { a, b, output });
    }
    Ok(factors)
}

/// Parameters of a multiplication.
pub fn mul(a: &Quantization, b: &Quantization, output: &Quantization, activation: Activation) -> MulI8 {
    MulI8 {
        a_zero_point: a.zero_point(),
        b_zero_point: b.zero_point(),
        factor: quantize_multiplier(f64::from(a.scale(0)) * f64::from(b.scale(0)) / f64::from(output.scale(0))),
        stage: output_stage(activation, output),
    }
}

/// Parameters of a multiplication of int16 activations.
pub fn mul_i16(a: &Quantization, b: &Quantization, output: &Quantization, activation: Activation) -> MulI16 {
    let (min, max) = clamp_i16(activation, output);
    let factor = quantize_multiplier(f64::from(a.scale(0)) * f64::from(b.scale(0)) / f64::from(output.scale(0)));
    MulI16 { factor, min, max }
}

/// The quantization of the logistic function's result that the oracle's integer formula has built in.
pub fn logistic_output() -> Quantization {
    Quantization::per_tensor(1.0 / 256.0, -128)
}

/// The same of the hyperbolic tangent.
pub fn tanh_output() -> Quantization {
    Quantization::per_tensor(1.0 / 128.0, 0)
}

/// The logistic function of an int8 value: by the oracle's formula where the output is as that has it, otherwise by
/// the function on reals.
pub fn logistic(input: &Quantization, output: &Quantization, code: i8) -> i8 {
    if *output == logistic_output() {
        return logistic_i8_reference(&sigmoid(input), code);
    }
    quantize_real(float_math::logistic(real(input, code)), output)
}

/// The hyperbolic tangent of an int8 value, likewise.
pub fn tanh(input: &Quantization, output: &Quantization, code: i8) -> i8 {
    if *output == tanh_output() {
        return tanh_i8_reference(&sigmoid(input), code);
    }
    quantize_real(float_math::tanh(real(input, code)), output)
}

/// The number that a code stands for.
fn real(quantization: &Quantization, code: i8) -> f32 {
    Affine { scale: quantization.scale(0), zero_point: quantization.zero_point() }.dequantize(code)
}

/// Input side of the logistic function and of the hyperbolic tangent.
fn sigmoid(input: &Quantization) -> SigmoidI8 {
    let factor = quantize_multiplier(f64::from(input.scale(0)) * 2f64.powi(27));
    // The radius is below 2^31 as soon as the shift is not negative; a tinier scale has no input that far out.
    let radius = (15.0 * 2f64.powi(27 - factor.shift)).floor().min(f64::from(i32::MAX)) as i32;
    SigmoidI8 { input_zero_point: input.zero_point(), factor, radius }
}

/// From one int8 quantization to another.
pub fn requantize(input: &Quantization, output: &Quantization) -> RequantizeI8 {
    RequantizeI8 {
        input_zero_point: input.zero_point(),
        factor: quantize_multiplier(f64::from(input.scale(0)) / f64::from(output.scale(0))),
        stage: output_stage(Activation::None, output),
    }
}

/// The same from int16 or to it.
pub fn requantize_wide(input: &Quantization, output: &Quantization) -> Requantize {
    let RequantizeI8 { input_zero_point, factor, stage } = requantize(input, output);
    Requantize { input_zero_point, factor, zero_point: stage.zero_point }
}

/// A ReLU of its own.
pub fn relu(input: &Quantization, output: &Quantization) -> RequantizeI8 {
    RequantizeI8 {
        input_zero_point: input.zero_point(),
        factor: quantize_multiplier(f64::from(input.scale(0)) / f64::from(output.scale(0))),
        stage: output_stage(Activation::Relu, output),
    }
}

/// A ReLU6 of its own. Between equal quantizations this is a clamp to the bit: the factor is exactly one.
pub fn relu6(input: &Quantization, output: &Quantization) -> RequantizeI8 {
    clip(input, output, Activation::Relu6)
}

/// Bounds of their own, likewise.
pub fn clip(input: &Quantization, output: &Quantization, bounds: Activation) -> RequantizeI8 {
    RequantizeI8 { stage: output_stage(bounds, output), ..requantize(input, output) }
}

/// The factor of a mean over `reduced` elements: the division by their number is part of it.
pub fn mean_factor(input: &Quantization, output: &Quantization, reduced: usize) -> FixedPoint {
    let FixedPoint { multiplier, shift } = quantize_multiplier(f64::from(input.scale(0)) / f64::from(output.scale(0)));
    let reduced = (reduced as i64).max(1);
    let spare = (reduced.ilog2() as i32).min(32).min(31 + shift);
    let multiplier = (i64::from(multiplier) << spare) / reduced;
    FixedPoint { multiplier: multiplier as i32, shift: shift - spare }
}

/// Input side of an int8 softmax: the factor that brings a difference to `Q5`, and the smallest difference
/// that counts.
pub fn softmax(input: &Quantization, beta: f32) -> Result<(FixedPoint, i32), FixedPointError> {
    let scale = input.scale(0);
    let real = (f64::from(beta) * f64::from(scale) * 2f64.powi(26)).min(f64::from(i32::MAX));
    if real.is_nan() || real <= 1.0 {
        return Err(FixedPointError::SoftmaxScale { scale, beta });
    }
    let factor = quantize_multiplier(real);
    let diff_min = -(31.0 * 2f64.powi(26 - factor.shift)).floor();
    Ok((factor, diff_min as i32))
}

/// The int8 value of a real constant, for instance of padding.
pub fn quantize_real(real: f32, quantization: &Quantization) -> i8 {
    Affine { scale: quantization.scale(0), zero_point: quantization.zero_point() }.quantize(real)
}

/// The same in int16.
pub fn quantize_real_i16(real: f32, quantization: &Quantization) -> i16 {
    Affine { scale: quantization.scale(0), zero_point: quantization.zero_point() }.quantize_i16(real)
}

#[cfg(test)]
mod tests {
    use kinglet_kernels::lookup::requantize_i8_reference;

    use super::*;

    #[test]
    fn multiplier_of_known_factors() {
        let of = |d| {
            let FixedPoint { multiplier, shift } = quantize_multiplier(d);
            (multiplier, shift)
        };
        assert_eq!(of(1.0), (1 << 30, 1));
        assert_eq!(of(0.5), (1 << 30, 0));
        assert_eq!(of(0.75), (3 << 29, 0));
        assert_eq!(of(0.0), (0, 0));
        assert_eq!(of(2f64.powi(-33)), (0, 0));
        assert_eq!(of(2f64.powi(-32)), (1 << 30, -31));
        // The fraction rounds up to 1, which becomes 1/2 with one more place.
        assert_eq!(of(1.0 - 2f64.powi(-40)), (1 << 30, 1));
    }

    #[test]
    fn relu6_clamps_where_six_is() {
        let stage = output_stage(Activation::Relu6, &Quantization::per_tensor(6.0 / 255.0, -128));
        assert_eq!((stage.min, stage.max), (-128, 127));
        let stage = output_stage(Activation::Relu6, &Quantization::per_tensor(0.1, 10));
        assert_eq!((stage.min, stage.max), (10, 70));
    }

    #[test]
    fn relu6_between_equal_quantizations_is_a_clamp() {
        for (scale, zero_point) in [(0.01, -128), (0.0235, -128), (0.1, 0), (0.5, 100), (12.0, 127)] {
            let q = Quantization::per_tensor(scale, zero_point);
            let six = (zero_point + (6.0 / scale).round() as i32).min(127);
            for code in i8::MIN..=i8::MAX {
                let clamped = i32::from(code).max(zero_point).min(six);
                assert_eq!(i32::from(requantize_i8_reference(&relu6(&q, &q), code)), clamped);
            }
        }
    }

    #[test]
    fn relu6_between_others_rescales() {
        let params = relu6(&Quantization::per_tensor(0.1, -28), &Quantization::per_tensor(6.0 / 255.0, -128));
        let codes = [-128, -28, -27, 12, 32, 127].map(|code| requantize_i8_reference(&params, code));
        // Reals -10, 0, 0.1, 4, 6 and 15.5, in steps of 6 / 255.
        assert_eq!(codes, [-128, -128, -124, 42, 127, 127]);
    }

    #[test]
    fn mean_of_equal_scales_divides() {
        let q = Quantization::per_tensor(0.3, 0);
        let factor = mean_factor(&q, &q, 49);
        assert_eq!(factor.apply(49 * 100), 100);
        assert_eq!(factor.apply(-49 * 7), -7);
    }

    #[test]
    fn tiny_softmax_scale_is_refused() {
        assert!(softmax(&Quantization::per_tensor(1e-9, 0), 1.0).is_err());
        assert!(softmax(&Quantization::per_tensor(0.1, 0), 1.0).is_ok());
    }
}
