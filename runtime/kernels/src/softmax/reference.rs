//! Softmax as its formula: maximum, sum, quotient.

use super::{SoftmaxF32, SoftmaxI8};
use crate::fixed_math::{exp_negative, reciprocal_one_plus};
use crate::float_math;
use crate::io::{Io, range};
use crate::numerics::{doubling_high_mul, rounding_shift_right};

/// Integer bits of a scaled difference, and of the sum of exponentials.
const DIFF_BITS: u32 = 5;
const SUM_BITS: u32 = 12;

/// The softmax that every `softmax_i8` kernel equals to the bit.
pub fn softmax_i8_reference(layer: &SoftmaxI8, io: &mut Io<i8>) {
    for row in 0..layer.rows {
        let start = row.wrapping_mul(layer.depth);
        let Some(elements) = io.input().get(start..start.wrapping_add(layer.depth)) else { return io.refuse() };
        let max = elements.iter().copied().max().unwrap_or(i8::MIN);
        let exp = |x: i8| {
            let diff = i32::from(x).wrapping_sub(i32::from(max));
            (diff >= layer.diff_min).then(|| exp_negative(layer.input_factor.apply(diff), DIFF_BITS))
        };
        let sum = elements
            .iter()
            .filter_map(|x| exp(*x))
            .fold(0_i32, |sum, exp| sum.wrapping_add(rounding_shift_right(exp, SUM_BITS)));
        let (scale, exponent) = reciprocal(sum);
        for c in 0..layer.depth {
            let at = start.wrapping_add(c);
            let x = io.input().get(at).copied().unwrap_or(0);
            let probability = exp(x).map_or(0, |exp| match exponent {
                0..=31 => rounding_shift_right(doubling_high_mul(scale, exp), exponent),
                _ => 0,
            });
            io.set(at, probability.wrapping_sub(128).clamp(-128, 127) as i8);
        }
    }
}

/// `1 / sum`, `sum` in `Q12`: a `Q0` factor in `[1/2, 1)`, and the right shift that then leaves a product with
/// a `Q0` number in units of 1/256.
fn reciprocal(sum: i32) -> (i32, u32) {
    let headroom = (sum as u32).leading_zeros();
    let fraction = (sum as u32).wrapping_shl(headroom).wrapping_sub(1 << 31) as i32;
    let exponent = SUM_BITS.wrapping_sub(headroom).wrapping_add(31 - 8);
    (reciprocal_one_plus(fraction), exponent)
}

/// The softmax that every `softmax_f32` kernel equals to the bit.
pub fn softmax_f32_reference(layer: &SoftmaxF32, io: &mut Io<f32>) {
    for row in 0..layer.rows {
        let start = row.wrapping_mul(layer.depth);
        let max = range(io.input(), start, layer.depth).iter().fold(f32::MIN, |max, x| if *x > max { *x } else { max });
        let mut sum = 0.0_f32;
        for c in 0..layer.depth {
            let at = start.wrapping_add(c);
            let Some(x) = io.input().get(at).copied() else { return io.refuse() };
            let exp = float_math::exp(layer.beta * (x - max));
            sum += exp;
            io.set(at, exp);
        }
        for c in 0..layer.depth {
            let at = start.wrapping_add(c);
            let exp = io.output().get(at).copied().unwrap_or(0.0);
            io.set(at, exp / sum);
        }
    }
}
