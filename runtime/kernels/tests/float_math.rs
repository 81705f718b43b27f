//! exp, logistic and tanh against the system's `f64` functions, which are far more exact than an `f32`.

use kinglet_kernels::float_math::{exp, logistic, tanh};

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
        if want.abs() < f64::from(f32::MIN_POSITIVE) {
            assert!(f64::from(got).abs() <= f64::from(f32::MIN_POSITIVE), "{x:e}: {got:e} for {want:e}");
            continue;
        }
        if want > f64::from(f32::MAX) {
            assert!(got == f32::INFINITY || got == f32::MAX, "{x:e}: {got:e} for {want:e}");
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

#[test]
fn exp_is_within_one_unit() {
    let (error, x) = largest_error(exp, f64::exp);
    println!("exp: {error} at {x:e}");
    assert!(error <= 1.0, "{error} units at {x:e}");
}

#[test]
fn logistic_is_within_two_and_a_half_units() {
    let (error, x) = largest_error(logistic, |x| 1.0 / (1.0 + (-x).exp()));
    println!("logistic: {error} at {x:e}");
    assert!(error <= 2.5, "{error} units at {x:e}");
}

#[test]
fn tanh_is_within_one_and_a_half_units() {
    let (error, x) = largest_error(tanh, f64::tanh);
    println!("tanh: {error} at {x:e}");
    assert!(error <= 1.4, "{error} units at {x:e}");
}
