//! The error function, and the normal distribution that is made of it.

use super::{exp, polynomial};

/// `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to `x`.
pub fn erf(x: f32) -> f32 {
    /// From here on the result is 1.
    const ONE: f32 = 4.0;
    let magnitude = x.abs();
    if magnitude < 1.0 {
        return near_zero(x);
    }
    if magnitude > ONE {
        return 1.0f32.copysign(x);
    }
    (1.0 - complement(magnitude)).copysign(x)
}

/// How much of the normal distribution lies below `x`: `(1 + erf(x / sqrt(2))) / 2`, of which small results keep most of
/// their digits.
pub fn normal(x: f32) -> f32 {
    let at = x.abs() * core::f32::consts::FRAC_1_SQRT_2;
    let above = 0.5 * if at < 1.0 { 1.0 - near_zero(at) } else { complement(at) };
    if x < 0.0 { above } else { 1.0 - above }
}

/// `erf x` for `|x| < 1`: a fit with `x` fixed.
#[inline]
fn near_zero(x: f32) -> f32 {
    let coefficients =
        [7.889_119e-5, -8.020_841e-4, 5.189_535e-3, -2.685_444_4e-2, 1.128_36e-1, -3.761_262_6e-1, 1.283_791_7e-1];
    polynomial(coefficients, x * x) * x + x
}

/// `1 - erf x` for `x >= 1`: `e^(-x^2)` times a fit in `1 / (1 + x / 2)`, up to 9.4, from where on it is 0.
fn complement(x: f32) -> f32 {
    let u = 1.0 / (1.0 + 0.5 * x);
    let coefficients = [
        9.195_556_5e-2,
        -2.215_677e-1,
        7.646_847e-2,
        6.513_095e-2,
        1.771_270_8e-1,
        2.473_479_7e-1,
        2.819_917_5e-1,
        2.821_008_6e-1,
    ];
    polynomial(coefficients, u) * u * exp(-(x * x))
}
