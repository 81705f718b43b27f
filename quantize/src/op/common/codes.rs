//! Integer parameters of functions of two codes, as TensorFlow Lite Micro computes them.
//!
//! Which of its roundings are to `f32` decides bits; so each formula is written with the types that it has there.

use kinglet_blob::Function;
use kinglet_kernels::combine::quantized::Scaling;
use kinglet_kernels::numerics::FixedPoint;

use super::attributes::Activation;
use super::fixed::{clamp_i16, output_stage, quantize_multiplier};
use crate::value::{DType, Quantization};

/// A factor that is not used.
const NONE: FixedPoint = FixedPoint { multiplier: 0, shift: 0 };

/// How far Add and Sub shift codes of a type before they scale them.
fn sum_shift(dtype: DType) -> u32 {
    if dtype == DType::I16 { 15 } else { 20 }
}

/// The factors of both operands and of the result, and how far operands are shifted.
fn factors(function: Function, [a, b, y]: [f32; 3], dtype: DType) -> Option<([FixedPoint; 3], u32)> {
    let wide = f64::from;
    let larger = a.max(b);
    Some(match function {
        Function::Add => {
            let (twice, shift) = (2.0 * wide(larger), sum_shift(dtype));
            let output = twice / (f64::from(1u32 << shift) * wide(y));
            ([wide(a) / twice, wide(b) / twice, output].map(quantize_multiplier), shift)
        }
        // Quotients of floats here, of doubles there.
        Function::Sub => {
            let (twice, shift) = (2.0 * larger, sum_shift(dtype));
            let output = twice / ((1u32 << shift) as f32 * y);
            ([a / twice, b / twice, output].map(|factor| quantize_multiplier(wide(factor))), shift)
        }
        Function::SquaredDifference => {
            let (twice, shift) = (2.0 * wide(larger), if dtype == DType::I16 { 0 } else { 7 });
            let output = twice * twice / wide((1u32 << (2 * shift)) as f32 * y);
            ([wide(a) / twice, wide(b) / twice, output].map(quantize_multiplier), shift)
        }
        Function::Mul => ([NONE, NONE, quantize_multiplier(wide(a) * wide(b) / wide(y))], 0),
        Function::Div => ([NONE, NONE, quantize_multiplier(wide(a / (b * y)))], 0),
        Function::PRelu => {
            let of_negative = quantize_multiplier(wide(a) * wide(b) / wide(y));
            ([quantize_multiplier(wide(a) / wide(y)), NONE, of_negative], 0)
        }
        Function::Max | Function::Min => ([NONE; 3], 0),
        Function::Equal | Function::NotEqual | Function::Less | Function::LessEqual => {
            ([quantize_multiplier(wide(a)), quantize_multiplier(wide(b)), NONE], 8)
        }
        _ => return None,
    })
}

/// The parameters of `function` on codes with these quantizations; what stands in the way continues a sentence. The result
/// of a comparison has no quantization.
pub(crate) fn scaling(
    function: Function,
    [a, b]: [&Quantization; 2],
    output: Option<&Quantization>,
    dtype: DType,
    activation: Activation,
) -> Result<Scaling, String> {
    let truth = Quantization::per_tensor(1.0, 0);
    let y = output.unwrap_or(&truth);
    let scales = [a.scale(0), b.scale(0), y.scale(0)];
    let Some((factors, left_shift)) = factors(function, scales, dtype) else {
        return Err(format!("{} is not computed on codes", function.name()));
    };
    let [a_factor, b_factor, output_factor] = factors;
    // A factor of a shifted code must not be above 1, nor that of a sum of two.
    let is_scaled = left_shift > 0;
    let [a_shift, b_shift, output_shift] = factors.map(|factor| factor.shift);
    let is_sum = matches!(function, Function::Add | Function::Sub);
    if is_scaled && (a_shift.max(b_shift) > 0 || is_sum && output_shift > 0) || output_shift > 30 || a_shift > 30 {
        let [a, b, y] = scales;
        return Err(format!("scales {a} and {b} with the result's {y} are out of its range"));
    }
    let (min, max) = match dtype {
        DType::I16 => clamp_i16(activation, y),
        _ => {
            let stage = output_stage(activation, y);
            (stage.min as i16, stage.max as i16)
        }
    };
    Ok(Scaling {
        a_zero_point: a.zero_point(),
        b_zero_point: b.zero_point(),
        left_shift,
        a_factor,
        b_factor,
        output_factor,
        zero_point: y.zero_point(),
        min: min.into(),
        max: max.into(),
    })
}
