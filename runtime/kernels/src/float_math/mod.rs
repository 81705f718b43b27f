//! Functions of `f32`, with the same bits on every machine.
//!
//! Only additions, multiplications, divisions, conversions and integer arithmetic, each rounded once as IEEE 754 says, in
//! a fixed order: no `libm`, whose last bit differs between systems, and no fused multiply-add. How exact each function
//! is over all floats is in `docs/numerics.md`, and held by `tests/float_math`. Exponentials below the smallest normal
//! number are 0. NaN gives NaN, and so does what has no real result.
//!
//! The coefficients are minimax fits (least relative error, in `f64`, then rounded): for `exp` on
//! `|r| <= ln(2) / 2` with `1 + r` fixed, for `tanh` on `|x| <= 0.625` with `x` fixed, and so on; the interval and what
//! is fixed stand beside them. Their own error, at most 2e-8 and mostly below 6e-9, is a fraction of a unit.

mod error_function;
mod half;
mod hyperbolic;
mod logarithm;
mod root;
mod rounding;
mod trigonometry;

pub use error_function::{erf, normal};
pub use half::{bfloat16, float16};
pub use hyperbolic::{acosh, asinh, atanh, cosh, sinh};
pub use logarithm::{log, log_1p};
pub use root::sqrt;
pub use rounding::{ceil, floor, round};
pub use trigonometry::{acos, asin, atan, cos, sin, tan};

/// Results for larger arguments overflow.
const EXP_MAX: f32 = 88.722_83;
/// Results for smaller arguments are below the smallest normal number.
const EXP_MIN: f32 = -87.336_54;

/// `e^x`.
pub fn exp(x: f32) -> f32 {
    if x > EXP_MAX {
        return f32::INFINITY;
    }
    if x < EXP_MIN {
        return 0.0;
    }
    let (above_one, exponent) = reduced(x);
    let value = above_one + 1.0;
    // In two steps, as 2^128 is not a float but half of it times two may be needed.
    let half = exponent >> 1;
    value * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// `e^x - 1`, of which small arguments keep their digits.
pub fn exp_m1(x: f32) -> f32 {
    /// Beyond these the result is -1, or one is less than half a unit.
    const NEGLIGIBLE: [f32; 2] = [-18.0, 18.0];
    if x < NEGLIGIBLE[0] {
        return -1.0;
    }
    if x > NEGLIGIBLE[1] {
        return exp(x);
    }
    let (above_one, exponent) = reduced(x);
    if exponent == 0 {
        return above_one;
    }
    let power = power_of_two(exponent);
    power * above_one + (power - 1.0)
}

/// `(e^r - 1, exponent)` with `x = exponent * ln 2 + r` and `|r| <= ln(2) / 2`; for NaN, NaN and 0.
#[inline]
fn reduced(x: f32) -> (f32, i32) {
    /// ln 2 in two parts; the first is 355/512, so its product with any exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // A conversion of NaN gives 0, and r stays NaN.
    let scaled = x * core::f32::consts::LOG2_E;
    let exponent = (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32;
    let r = x - exponent as f32 * LN_2_HIGH - exponent as f32 * LN_2_LOW;
    let tail = 1.381_451_7e-3;
    let tail = tail * r + 8.368_756e-3;
    let tail = tail * r + 4.166_839_3e-2;
    let tail = tail * r + 1.666_652e-1;
    let tail = tail * r + 4.999_999_4e-1;
    (tail * (r * r) + r, exponent)
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

/// The polynomial with these coefficients, the highest power's first, at `x`: by Horner's rule, in that order.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    coefficients.into_iter().reduce(|sum, coefficient| sum * x + coefficient).unwrap_or(0.0)
}
