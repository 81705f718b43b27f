//! Functions of floats against the system's `f64` functions, which are far more exact than an `f32`. The bounds are those
//! of `docs/numerics.md`.

use kinglet_kernels::float_math::{exp, exp_m1, log, log_1p, logistic, sqrt, tanh};
use kinglet_kernels::map::{self, Function, MapF32};

/// Every `STRIDE`-th `f32` is tried; all of them with `KINGLET_EXHAUSTIVE=1` (some minutes).
const STRIDE: u32 = 9973;

/// The largest error of `function` in units of the last place of the exact result, and where it is.
fn largest_error(function: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let stride = if std::env::var_os("KINGLET_EXHAUSTIVE").is_some() { 1 } else { STRIDE };
    let mut worst = (0.0, 0.0);
    for bits in (0..=u32::MAX).step_by(stride as usize) {
        let x = f32::from_bits(bits);
        if !x.is_finite() {
            continue;
        }
        let want = exact(f64::from(x));
        let got = function(x);
        if want.is_nan() {
            assert!(got.is_nan(), "{x:e}: {got:e} for NaN");
            continue;
        }
        if want.abs() < f64::from(f32::MIN_POSITIVE) {
            assert!(f64::from(got).abs() <= f64::from(f32::MIN_POSITIVE), "{x:e}: {got:e} for {want:e}");
            continue;
        }
        if want.abs() > f64::from(f32::MAX) {
            let is_largest = got.is_infinite() || got.abs() == f32::MAX;
            assert!(is_largest && want.is_sign_negative() == got.is_sign_negative(), "{x:e}: {got:e} for {want:e}");
            continue;
        }
        let unit = 2.0_f64.powi(want.abs().log2().floor() as i32 - 23);
        let error = (f64::from(got) - want).abs() / unit;
        if error > worst.0 {
            worst = (error, x);
        }
    }
    worst
}

/// Fails when the largest error of `function` is above `bound`.
fn check(name: &str, bound: f64, function: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
    let (error, x) = largest_error(function, exact);
    println!("{name}: {error} at {x:e}");
    assert!(error <= bound, "{name}: {error} units at {x:e}");
}

/// [`check`] of a function of Map.
fn check_map(name: &str, bound: f64, function: Function, [alpha, beta]: [f32; 2], exact: impl Fn(f64) -> f64) {
    check(name, bound, |x| of(function, [alpha, beta], x), exact);
}

/// [`check_map`] of `x` times a weight that is made of an exponential, which is 0 below the smallest normal number.
fn check_weighted(name: &str, bound: f64, function: Function, [alpha, beta]: [f32; 2], exact: impl Fn(f64) -> f64) {
    let flushed = |y: f64| if y.abs() < 1.5e-36 { 0.0 } else { y };
    check(name, bound, |x| flushed(of(function, [alpha, beta], x).into()) as f32, |x| flushed(exact(x)));
}

/// A function of Map at `x`.
fn of(function: Function, [alpha, beta]: [f32; 2], x: f32) -> f32 {
    let mut element = [x];
    function(&MapF32 { alpha, beta }, &mut element);
    element[0]
}

#[test]
fn exponentials_and_logarithms() {
    check("exp", 1.0, exp, f64::exp);
    check("exp_m1", 1.5, exp_m1, f64::exp_m1);
    check("log", 1.0, log, |x| if x == 0.0 { f64::NEG_INFINITY } else { x.ln() });
    check("log_1p", 1.6, |x| log_1p(x.abs()), |x| x.abs().ln_1p());
    check("logistic", 2.5, logistic, |x| 1.0 / (1.0 + (-x).exp()));
    check("tanh", 1.4, tanh, f64::tanh);
    check_map("softplus", 2.0, map::softplus, [0.0; 2], softplus);
}

fn softplus(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + x.max(0.0)
}

/// `1 - erf x` for `x >= 0`: a series, or a continued fraction.
fn erfc(x: f64) -> f64 {
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - sum * core::f64::consts::FRAC_2_SQRT_PI;
    }
    let fraction = (1..200).rev().fold(x, |below, n| x + 0.5 * f64::from(n) / below);
    (-x * x).exp() / fraction / core::f64::consts::PI.sqrt()
}

/// How much of the normal distribution is below `x`.
fn normal(x: f64) -> f64 {
    let above = 0.5 * erfc(x.abs() * core::f64::consts::FRAC_1_SQRT_2);
    if x < 0.0 { above } else { 1.0 - above }
}

#[test]
fn error_function_and_what_is_made_of_it() {
    // Near 0 the complement has lost its digits: the series begins with that term.
    let near = |x: f64| x * core::f64::consts::FRAC_2_SQRT_PI;
    let erf = |x: f64| if x.abs() < 1e-5 { near(x) } else { (1.0 - erfc(x.abs())).copysign(x) };
    check_map("erf", 1.5, map::erf, [0.0; 2], erf);
    let above = |x: f32, least: f32| if x < least { 1.0 } else { x };
    let gelu = |x: f64| x * normal(x);
    check("gelu from -3", 10.0, |x| of(map::gelu, [0.0; 2], above(x, -3.0)), |x| gelu(above(x as f32, -3.0).into()));
    check_weighted("gelu", 256.0, map::gelu, [0.0; 2], gelu);
    let tanh = |x: f64| {
        let argument =
            core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2 * (x + 0.044715 * x * x * x);
        x / (1.0 + (-2.0 * argument).exp())
    };
    let with_tanh = |x: f32| of(map::gelu_tanh, [0.0; 2], above(x, -3.0));
    check("gelu-tanh from -3", 16.0, with_tanh, |x| tanh(above(x as f32, -3.0).into()));
    check_weighted("gelu-tanh", 256.0, map::gelu_tanh, [0.0; 2], tanh);
}

#[test]
fn activations() {
    let alpha = f64::from(0.7_f32);
    check_map("elu", 2.5, map::elu, [0.7, 1.0], |x| if x > 0.0 { x } else { alpha * x.exp_m1() });
    check_map("celu", 3.0, map::celu, [0.7, 0.0], |x| if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() });
    check_weighted("mish", 5.0, map::mish, [0.0; 2], |x| x * softplus(x).tanh());
    check_weighted("swish", 4.0, map::swish, [1.0, 0.0], |x| x / (1.0 + (-x).exp()));
    check_map("softsign", 1.5, map::softsign, [0.0; 2], |x| x / (1.0 + x.abs()));
}

#[test]
fn trigonometry() {
    check_map("sin", 2.5, map::sin, [0.0; 2], f64::sin);
    check_map("cos", 2.5, map::cos, [0.0; 2], f64::cos);
    check_map("tan", 4.5, map::tan, [0.0; 2], f64::tan);
    check_map("asin", 2.5, map::asin, [0.0; 2], f64::asin);
    check_map("acos", 2.5, map::acos, [0.0; 2], f64::acos);
    check_map("atan", 2.0, map::atan, [0.0; 2], f64::atan);
}

#[test]
fn hyperbolic_functions() {
    check_map("sinh", 4.0, map::sinh, [0.0; 2], f64::sinh);
    check_map("cosh", 4.0, map::cosh, [0.0; 2], f64::cosh);
    check_map("asinh", 3.0, map::asinh, [0.0; 2], |x| x.abs().asinh().copysign(x));
    check_map("acosh", 3.0, map::acosh, [0.0; 2], f64::acosh);
    check_map("atanh", 3.0, map::atanh, [0.0; 2], f64::atanh);
}

/// The nearest number of `digits` digits, the last of which is at least that of `2^low`.
fn nearest(x: f64, digits: i32, low: i32, largest: f64) -> f64 {
    let exponent = if x == 0.0 { low } else { (x.abs().log2().floor() as i32).max(low) };
    let step = 2f64.powi(exponent + 1 - digits);
    let near = (x / step).round_ties_even() * step;
    if near.abs() > largest { f64::INFINITY.copysign(x) } else { near }
}

#[test]
fn floats_of_16_bits() {
    let largest = f64::from(f32::from_bits(0x7f7f_0000));
    check_map("float16", 0.0, map::float16, [0.0; 2], |x| nearest(x, 11, -14, 65504.0));
    check_map("bfloat16", 0.0, map::bfloat16, [0.0; 2], |x| nearest(x, 8, -126, largest));
    // Of two that are equally near the even one, infinity from halfway on, and zeros keep their sign.
    let half = |x: f32| of(map::float16, [0.0; 2], x);
    assert_eq!(
        [2049.0, 2051.0, 65519.0, 65520.0, -1e9].map(half),
        [2048.0, 2052.0, 65504.0, f32::INFINITY, f32::NEG_INFINITY]
    );
    assert_eq!([2f32.powi(-25), 1.5 * 2f32.powi(-24), -1e-9].map(half), [0.0, 2f32.powi(-23), -0.0]);
    let short = |x: f32| of(map::bfloat16, [0.0; 2], x);
    assert_eq!([257.0, 259.0, f32::MAX].map(short), [256.0, 260.0, f32::INFINITY]);
    assert!(half(-0.0).is_sign_negative() && short(-0.0).is_sign_negative());
    for function in [half, short] {
        assert!(function(f32::NAN).is_nan() && function(f32::from_bits(0x7f80_0001)).is_nan());
    }
}

/// These are rounded to the nearest float, or need no rounding.
#[test]
fn exact_functions() {
    check("sqrt", 0.5, sqrt, f64::sqrt);
    check_map("reciprocal", 0.5, map::reciprocal, [0.0; 2], f64::recip);
    check_map("rsqrt", 1.5, map::rsqrt, [0.0; 2], |x| 1.0 / x.sqrt());
    check_map("floor", 0.0, map::floor, [0.0; 2], f64::floor);
    check_map("ceil", 0.0, map::ceil, [0.0; 2], f64::ceil);
    check_map("round", 0.0, map::round, [0.0; 2], f64::round_ties_even);
}
