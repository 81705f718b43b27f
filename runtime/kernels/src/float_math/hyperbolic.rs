//! Hyperbolic functions and their inverses; the tangent is beside the exponential.

use core::f32::consts::LN_2;

use super::{exp, log, log_1p, polynomial, sqrt};

/// From here on squares overflow, or one is less than half a unit of them.
const LARGE: f32 = 4096.0;
/// The exponential is a float up to here.
const EXP_MAX: f32 = 88.0;

/// `(e^x - e^-x) / 2`.
pub fn sinh(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < 1.0 {
        // A fit with x fixed.
        let z = x * x;
        return polynomial([2.817_439_7e-6, 1.983_606_6e-4, 8.333_350_5e-3, 1.666_666_7e-1], z) * z * x + x;
    }
    let e = exp(magnitude);
    let value = if magnitude < EXP_MAX { 0.5 * e - 0.5 / e } else { half_exp(magnitude) };
    value.copysign(x)
}

/// `(e^x + e^-x) / 2`.
pub fn cosh(x: f32) -> f32 {
    let magnitude = x.abs();
    let e = exp(magnitude);
    if magnitude < EXP_MAX { 0.5 * e + 0.5 / e } else { half_exp(magnitude) }
}

/// `e^x / 2`, which is a float somewhat longer than `e^x`.
fn half_exp(x: f32) -> f32 {
    let root = exp(0.5 * x);
    0.5 * root * root
}

/// The inverse of [`sinh`].
pub fn asinh(x: f32) -> f32 {
    let magnitude = x.abs();
    let value = if magnitude > LARGE {
        log(magnitude) + LN_2
    } else {
        let square = magnitude * magnitude;
        log_1p(magnitude + square / (1.0 + sqrt(square + 1.0)))
    };
    value.copysign(x)
}

/// The inverse of [`cosh`], NaN below 1.
pub fn acosh(x: f32) -> f32 {
    if x < 1.0 {
        return f32::NAN;
    }
    if x > LARGE {
        return log(x) + LN_2;
    }
    let above_one = x - 1.0;
    log_1p(above_one + sqrt(above_one * (above_one + 2.0)))
}

/// The inverse of the hyperbolic tangent, NaN beyond 1.
pub fn atanh(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude > 1.0 {
        return f32::NAN;
    }
    let twice = 2.0 * magnitude;
    let ratio = if magnitude < 0.5 { twice + twice * magnitude / (1.0 - magnitude) } else { twice / (1.0 - magnitude) };
    (0.5 * log_1p(ratio)).copysign(x)
}
