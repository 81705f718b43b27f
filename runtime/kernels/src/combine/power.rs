//! Powers of floats: `2^(b * log2 a)`, with the logarithm and the product in pairs of floats.
//!
//! A product of up to 128 has to be known to a fraction of 2^-24 before the exponential is taken of it, so one float is
//! not enough. A pair `(high, low)` is their unevaluated sum. Only additions, multiplications and divisions, each rounded
//! once, in a fixed order, as in [`crate::float_math`]. The error is below 2 units in the last place.

use super::float::power_of_two;

/// The sum as a pair, exactly.
fn sum(a: f32, b: f32) -> (f32, f32) {
    let high = a + b;
    let of_b = high - a;
    (high, (a - (high - of_b)) + (b - of_b))
}

/// The product as a pair, exactly, by halves of 12 bits.
fn product(a: f32, b: f32) -> (f32, f32) {
    let halves = |x: f32| {
        let scaled = x * 4097.0;
        let high = scaled - (scaled - x);
        (high, x - high)
    };
    let (high, (a, a_low), (b, b_low)) = (a * b, halves(a), halves(b));
    (high, ((a * b - high) + a * b_low + a_low * b) + a_low * b_low)
}

/// `log2 x` of a positive, finite `x`.
///
/// `x = 2^e * m` with `m` around 1, and `log2 m = s * (2 + 2/3 s² + 2/5 s⁴ + ..) / ln 2` for `s = (m - 1) / (m + 1)`.
fn log2(x: f32) -> (f32, f32) {
    /// 2 / ln 2 in two parts.
    const FIRST: (f32, f32) = (2.885_39, 3.851_926e-8);
    const SQRT_2: f32 = core::f32::consts::SQRT_2;
    // Numbers below the smallest normal one are made normal first.
    let (x, below) = if x < f32::MIN_POSITIVE { (x * 16_777_216.0, 24) } else { (x, 0) };
    let exponent = ((x.to_bits() >> 23) as i32).wrapping_sub(127);
    let mantissa = f32::from_bits(x.to_bits() & 0x7f_ffff | 0x3f80_0000);
    let is_above = mantissa > SQRT_2;
    let m = if is_above { mantissa * 0.5 } else { mantissa };
    let exponent = exponent.wrapping_add(i32::from(is_above)).wrapping_sub(below);
    let f = m - 1.0;
    let (divisor, divisor_low) = sum(m, 1.0);
    let s = f / divisor;
    let (back, back_low) = product(s, divisor);
    let s_low = (((f - back) - back_low) - s * divisor_low) / divisor;
    let z = s * s;
    let tail = 0.262_308_2 * z + 0.320_598_9;
    let tail = tail * z + 0.412_198_58;
    let tail = tail * z + 0.577_078;
    let tail = tail * z + 0.961_796_7;
    let (high, low) = product(s, FIRST.0);
    let (high, more) = sum(high, tail * z * s);
    let low = ((s * FIRST.1 + s_low * FIRST.0) + low) + more;
    let (high, more) = sum(exponent as f32, high);
    sum(high, more + low)
}

/// `2^(high + low)` for a sum in `-150.0..=128.0`, or rounded to what lies beyond.
fn exp2(high: f32, low: f32) -> f32 {
    let exponent = (if high < 0.0 { high - 0.5 } else { high + 0.5 }) as i32;
    let r = (high - exponent as f32) + low;
    // The series of 2^r, |r| <= 1/2: what is left out is below 2^-27.
    let tail = 1.525_273_4e-5;
    let tail = tail * r + 1.540_353e-4;
    let tail = tail * r + 1.333_355_8e-3;
    let tail = tail * r + 9.618_129e-3;
    let tail = tail * r + 5.550_411e-2;
    let tail = tail * r + 2.402_265e-1;
    let tail = tail * r + core::f32::consts::LN_2;
    let value = tail * r + 1.0;
    let half = exponent >> 1;
    value * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// `base` to the power of `exponent`; what infinities, zeros and NaN give is as IEEE 754 has it for `pow`.
pub fn power(base: f32, exponent: f32) -> f32 {
    if exponent == 0.0 || base == 1.0 {
        return 1.0;
    }
    if base.is_nan() || exponent.is_nan() {
        return f32::NAN;
    }
    let is_negative = base.is_sign_negative();
    let sign = if is_negative && is_odd(exponent) { -1.0 } else { 1.0 };
    let size = base.abs();
    if size == 0.0 || size == f32::INFINITY || exponent.abs() == f32::INFINITY {
        return sign * limit(size, exponent);
    }
    if is_negative && !is_integer(exponent) {
        return f32::NAN;
    }
    if size == 1.0 {
        return sign;
    }
    let (high, low) = log2(size);
    let estimate = high * exponent;
    if estimate > 129.0 {
        return sign * f32::INFINITY;
    }
    if estimate < -151.0 {
        return sign * 0.0;
    }
    let (product, product_low) = product(high, exponent);
    sign * exp2(product, product_low + low * exponent)
}

/// The power when base or exponent is an end of the range.
fn limit(size: f32, exponent: f32) -> f32 {
    let grows =
        if exponent.abs() == f32::INFINITY && size == 1.0 { return 1.0 } else { (size > 1.0) == (exponent > 0.0) };
    if grows { f32::INFINITY } else { 0.0 }
}

fn is_integer(x: f32) -> bool {
    x.abs() >= 8_388_608.0 || x as i32 as f32 == x
}

/// From 2^24 on all floats are even.
fn is_odd(x: f32) -> bool {
    x.abs() < 16_777_216.0 && x as i32 as f32 == x && x as i32 & 1 != 0
}
