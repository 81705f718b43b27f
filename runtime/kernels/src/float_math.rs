//! Exponential, logistic and hyperbolic tangent of `f32`, with the same bits on every machine.
//!
//! Only additions, multiplications, divisions and conversions, each rounded once as IEEE 754 says, in a fixed
//! order: no `libm`, whose last bit differs between systems, and no fused multiply-add. Over all floats the error
//! is at most 1 unit in the last place for `exp`, 1.4 for `tanh` and 2.5 for `logistic`; exponentials below the
//! smallest normal number are 0. NaN gives NaN.
//!
//! The coefficients are minimax fits (least relative error, in `f64`, then rounded): for `exp` on
//! `|r| <= ln(2) / 2` with `1 + r` fixed, for `tanh` on `|x| <= 0.625` with `x` fixed. Their own error, 3e-9 and
//! 4e-9, is a tenth of a unit.

/// Results for larger arguments overflow.
const EXP_MAX: f32 = 88.722_83;
/// Results for smaller arguments are below the smallest normal number.
const EXP_MIN: f32 = -87.336_54;

/// `e^x`.
pub fn exp(x: f32) -> f32 {
    /// ln 2 in two parts; the first is 355/512, so its product with any exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    if x > EXP_MAX {
        return f32::INFINITY;
    }
    if x < EXP_MIN {
        return 0.0;
    }
    // x = exponent * ln 2 + r, |r| <= ln(2) / 2. A conversion of NaN gives 0, and r stays NaN.
    let scaled = x * core::f32::consts::LOG2_E;
    let exponent = (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32;
    let r = x - exponent as f32 * LN_2_HIGH - exponent as f32 * LN_2_LOW;
    let tail = 1.381_451_7e-3;
    let tail = tail * r + 8.368_756e-3;
    let tail = tail * r + 4.166_839_3e-2;
    let tail = tail * r + 1.666_652e-1;
    let tail = tail * r + 4.999_999_4e-1;
    let value = tail * (r * r) + r + 1.0;
    // In two steps, as 2^128 is not a float but half of it times two may be needed.
    let half = exponent >> 1;
    value * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// `2^exponent` for `exponent` in `-126..=127`.
#[inline]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32).wrapping_shl(23))
}

/// `1 / (1 + e^-x)`.
pub fn logistic(x: f32) -> f32 {
    // The exponential of a negative number does not overflow, and what is small keeps its digits.
    if x < 0.0 {
        let e = exp(x);
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + exp(-x))
    }
}

/// `tanh x`.
pub fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < 0.625 {
        let z = x * x;
        let tail = -5.704_524_5e-3;
        let tail = tail * z + 2.063_869e-2;
        let tail = tail * z - 5.373_96e-2;
        let tail = tail * z + 1.333_144_2e-1;
        let tail = tail * z - 3.333_328e-1;
        return tail * z * x + x;
    }
    let t = 1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0);
    if x < 0.0 { -t } else { t }
}
