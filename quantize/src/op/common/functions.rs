//! What the functions of one element are on reals.

use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use kinglet_blob::MapFunction;

/// `function` of `x`, with the parameters that it has. Infinite arguments give the limit, where there is one.
pub(crate) fn real(function: MapFunction, parameters: [f32; 2], x: f64) -> f64 {
    let [alpha, beta] = parameters.map(f64::from);
    match function {
        MapFunction::Exp => x.exp(),
        MapFunction::Log => x.ln(),
        MapFunction::Sqrt => x.sqrt(),
        MapFunction::Rsqrt => 1.0 / x.sqrt(),
        MapFunction::Reciprocal => 1.0 / x,
        MapFunction::Square => x * x,
        MapFunction::Abs => x.abs(),
        MapFunction::Neg => -x,
        MapFunction::Sign => sign(x),
        MapFunction::Floor => x.floor(),
        MapFunction::Ceil => x.ceil(),
        MapFunction::Round => x.round_ties_even(),
        MapFunction::Erf => erf(x),
        MapFunction::Gelu => weighted(x, 0.5 * erfc(-x * FRAC_1_SQRT_2)),
        MapFunction::GeluTanh => {
            weighted(x, logistic(2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x)))
        }
        MapFunction::Elu => beta * if x > 0.0 { x } else { alpha * x.exp_m1() },
        MapFunction::Celu if x > 0.0 => x,
        MapFunction::Celu => alpha * (x / alpha).exp_m1(),
        MapFunction::Softplus => softplus(x),
        MapFunction::Softsign if x.is_infinite() => sign(x),
        MapFunction::Softsign => x / (1.0 + x.abs()),
        MapFunction::HardSwish => weighted(x, (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        MapFunction::HardSigmoid => (alpha * x + beta).clamp(0.0, 1.0),
        MapFunction::LeakyRelu => {
            if x > 0.0 {
                x
            } else {
                alpha * x
            }
        }
        MapFunction::ThresholdedRelu => {
            if x <= alpha {
                0.0
            } else {
                x
            }
        }
        MapFunction::Mish => weighted(x, softplus(x).tanh()),
        MapFunction::Swish => weighted(x, logistic(alpha * x)),
        MapFunction::Shrink => shrink(x, alpha, beta),
        MapFunction::Sin => x.sin(),
        MapFunction::Cos => x.cos(),
        MapFunction::Tan => x.tan(),
        MapFunction::Asin => x.asin(),
        MapFunction::Acos => x.acos(),
        MapFunction::Atan => x.atan(),
        MapFunction::Sinh => x.sinh(),
        MapFunction::Cosh => x.cosh(),
        MapFunction::Asinh => x.asinh(),
        MapFunction::Acosh => x.acosh(),
        MapFunction::Atanh => x.atanh(),
        MapFunction::Float16 => to_digits(x, 11, -14, 65504.0),
        MapFunction::Bfloat16 => to_digits(x, 8, -126, f64::from(f32::from_bits(0x7f7f_0000))),
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

/// `x` times a weight that tends to 0 faster than `x` to infinity.
fn weighted(x: f64, weight: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { x * weight }
}

/// The nearest number of so many digits whose last one is at least that of `2^low`, infinite beyond `largest`.
fn to_digits(x: f64, digits: i32, low: i32, largest: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    // The logarithm of a power of two is exact, and one that is next below it gives the same number.
    let exponent = (x.abs().log2().floor() as i32).max(low);
    let step = 2f64.powi(exponent - digits + 1);
    let near = (x / step).round_ties_even() * step;
    if near.abs() > largest { f64::INFINITY.copysign(x) } else { near }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + x.max(0.0)
}

fn shrink(x: f64, alpha: f64, beta: f64) -> f64 {
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

/// The error function.
fn erf(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < SERIES_MAX { series(x) } else { (1.0 - fraction(magnitude)).copysign(x) }
}

/// `1 - erf x`.
fn erfc(x: f64) -> f64 {
    if x < SERIES_MAX { 1.0 - erf(x) } else { fraction(x) }
}

/// Where the series has too many terms of both signs.
const SERIES_MAX: f64 = 2.5;

/// The error function near 0: the sum of `(-1)^n x^(2n + 1) / (n! (2n + 1))`.
fn series(x: f64) -> f64 {
    let (mut power, mut sum) = (x, x);
    for n in 1..80 {
        power *= -x * x / f64::from(n);
        sum += power / f64::from(2 * n + 1);
    }
    sum * FRAC_2_SQRT_PI
}

/// `1 - erf x` far from 0, by its continued fraction.
fn fraction(x: f64) -> f64 {
    let denominator = (1..200).rev().fold(x, |below, n| x + 0.5 * f64::from(n) / below);
    (-x * x).exp() / denominator / PI.sqrt()
}

#[cfg(test)]
mod tests {
    use kinglet_blob::for_each_function;
    use kinglet_kernels::map::{self, Function, MapF32};

    use super::*;

    macro_rules! kernels {
        ($($(#[$doc:meta])* $name:ident = $tag:literal $kernel:ident $text:literal $parameters:literal
            $feature:literal,)*) => {
            fn kernel(function: MapFunction) -> Function {
                match function { $(MapFunction::$name => map::$kernel,)* }
            }
        };
    }
    for_each_function!(kernels);

    /// The device's formula against the real one, which is another.
    #[test]
    fn kernels_compute_the_real_functions() {
        let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38];
        let samples: Vec<f32> = (-2000..2000).map(|step| step as f32 / 64.0).chain(ends).collect();
        for &function in MapFunction::ALL {
            for [alpha, beta] in [[0.75f32, 0.5], [1.5, 2.0]] {
                let given = |at: usize, value| if at < function.parameters() { value } else { 0.0 };
                let parameters = [given(0, alpha), given(1, beta)];
                let mut results = samples.clone();
                kernel(function)(&MapF32 { alpha: parameters[0], beta: parameters[1] }, &mut results);
                for (&x, y) in samples.iter().zip(results) {
                    let want = real(function, parameters, f64::from(x)) as f32;
                    let is_near = (y - want).abs() <= 1e-6 * want.abs().max(1.0) || y == want;
                    assert!(is_near || (y.is_nan() && want.is_nan()), "{} of {x}: {y} for {want}", function.name());
                }
            }
        }
    }

    #[test]
    fn known_values() {
        let of = |function, x| real(function, [0.0; 2], x);
        for (x, expected) in
            [(0.5, 0.520_499_877_813_046_5), (2.0, 0.995_322_265_018_952_7), (3.0, 0.999_977_909_503_001_4)]
        {
            assert!((of(MapFunction::Erf, x) - expected).abs() < 1e-14, "{x}");
        }
        assert!((of(MapFunction::Gelu, -4.0) - -1.266_849_e-4).abs() < 1e-9);
        assert_eq!(of(MapFunction::Round, 2.5), 2.0);
        assert_eq!(real(MapFunction::HardSigmoid, [0.2, 0.5], 10.0), 1.0);
    }
}
