//! Formulas of activations. NaN stays NaN; infinities give the limit, where there is one.

use crate::float_math::{exp, exp_m1, log_1p, logistic};
use crate::numerics::ClampF32;

/// -1, 0 or 1; zeros keep their sign.
#[inline]
pub(super) fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// `x` times a weight that tends to 0 faster than `x` to infinity.
#[inline]
pub(super) fn weighted(x: f32, weight: f32) -> f32 {
    if weight == 0.0 { 0.0 } else { x * weight }
}

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, as a logistic function of twice that argument.
pub(super) fn gelu_tanh(x: f32) -> f32 {
    /// `2 * sqrt(2 / pi)`.
    const FACTOR: f32 = 2.0 * 0.797_884_6;
    let argument = x + 0.044_715 * (x * x * x);
    weighted(x, logistic(FACTOR * argument))
}

/// See [`super::elu`].
#[inline]
pub(super) fn elu(x: f32, alpha: f32, beta: f32) -> f32 {
    beta * if x > 0.0 { x } else { alpha * exp_m1(x) }
}

/// See [`super::celu`].
#[inline]
pub(super) fn celu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * exp_m1(x / alpha) }
}

/// `ln(1 + e^x)`: the exponential of a negative number does not overflow.
pub(super) fn softplus(x: f32) -> f32 {
    let above_zero = if x > 0.0 { x } else { 0.0 };
    log_1p(exp(-x.abs())) + above_zero
}

/// See [`super::softsign`].
#[inline]
pub(super) fn softsign(x: f32) -> f32 {
    if x.is_infinite() { sign(x) } else { x / (1.0 + x.abs()) }
}

/// See [`super::hard_sigmoid`].
#[inline]
pub(super) fn hard_sigmoid(x: f32, alpha: f32, beta: f32) -> f32 {
    ClampF32 { min: 0.0, max: 1.0 }.apply(alpha * x + beta)
}

/// `tanh(ln(1 + e)) = e (e + 2) / (e (e + 2) + 2)` with `e = e^x`.
pub(super) fn mish(x: f32) -> f32 {
    /// From here on the weight is 1.
    const ONE: f32 = 20.0;
    if x > ONE {
        return x;
    }
    let e = exp(x);
    let product = e * (e + 2.0);
    weighted(x, product / (product + 2.0))
}

/// See [`super::shrink`].
#[inline]
pub(super) fn shrink(x: f32, alpha: f32, beta: f32) -> f32 {
    if x < -alpha {
        x + beta
    } else if x > alpha {
        x - beta
    } else if x.is_nan() {
        x
    } else {
        0.0
    }
}
