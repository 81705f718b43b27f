//! Trigonometric functions and their inverses.
//!
//! Arguments of any size are reduced exactly: a float is an integer times a power of two, and the product of that integer
//! with the right 96 bits of `2 / pi` has all of the angle that counts. It takes three multiplications of 32 bits.

use core::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::{polynomial, sqrt};

/// What pi / 2 has beyond its float.
const FRAC_PI_2_LOW: f32 = -4.371_139e-8;

/// `2 / pi` behind 32 zeros, after which the point stands.
const TWO_OVER_PI: [u32; 8] =
    [0, 0xa2f9_836e, 0x4e44_1529, 0xfc27_57d1, 0xf534_ddc0, 0xdb62_9599, 0x3c43_9041, 0xfe51_63ab];

/// The sine.
pub fn sin(x: f32) -> f32 {
    let (angle, quadrant) = reduced(x);
    match quadrant & 3 {
        0 => near_sin(angle),
        1 => near_cos(angle),
        2 => -near_sin(angle),
        _ => -near_cos(angle),
    }
}

/// The cosine.
pub fn cos(x: f32) -> f32 {
    let (angle, quadrant) = reduced(x);
    match quadrant & 3 {
        0 => near_cos(angle),
        1 => -near_sin(angle),
        2 => -near_cos(angle),
        _ => near_sin(angle),
    }
}

/// The tangent.
pub fn tan(x: f32) -> f32 {
    let (angle, quadrant) = reduced(x);
    let (sin, cos) = (near_sin(angle), near_cos(angle));
    if quadrant & 1 == 0 { sin / cos } else { -(cos / sin) }
}

/// `(angle, quadrant)` with `x = quadrant * pi / 2 + angle` modulo `2 pi`, and `|angle| <= pi / 4`.
fn reduced(x: f32) -> (f32, u32) {
    /// pi / 2 in units of a quadrant's 62 bits.
    const UNIT: f32 = f32::from_bits(0x20c9_0fdb);
    if x.abs() <= FRAC_PI_4 {
        return (x, 0);
    }
    if !x.is_finite() {
        return (f32::NAN, 0);
    }
    let bits = x.to_bits();
    let significand = u64::from(bits & 0x7f_ffff | 0x80_0000);
    // x = significand * 2^(biased - 150). Bits of 2 / pi that make multiples of four quadrants are left out.
    let biased = bits >> 23 & 0xff;
    let [high, middle, low] = window(biased.wrapping_sub(120));
    let low = significand.wrapping_mul(low.into());
    let middle = significand.wrapping_mul(middle.into()).wrapping_add(low >> 32);
    let high = (significand.wrapping_mul(high.into()) << 32).wrapping_add(middle);
    // Two bits of quadrant and 62 of angle, to the nearest quadrant.
    let quadrant = (high.wrapping_add(1 << 61) >> 62) as u32;
    let angle = high.wrapping_sub(u64::from(quadrant) << 62) as i64 as f32 * UNIT;
    if x < 0.0 { (-angle, quadrant.wrapping_neg()) } else { (angle, quadrant) }
}

/// The 96 bits of the table from bit `start` on.
fn window(start: u32) -> [u32; 3] {
    let (first, shift) = ((start >> 5) as usize, start & 31);
    let word = |index: usize| u64::from(TWO_OVER_PI.get(first.wrapping_add(index)).copied().unwrap_or(0));
    let pair = |index: usize| ((word(index) << 32 | word(index.wrapping_add(1))) << shift >> 32) as u32;
    [pair(0), pair(1), pair(2)]
}

/// The sine of `|x| <= pi / 4`: a fit with `x` fixed.
#[inline]
fn near_sin(x: f32) -> f32 {
    let z = x * x;
    polynomial([-1.951_729_8e-4, 8.332_178e-3, -1.666_665_5e-1], z) * z * x + x
}

/// The cosine of `|x| <= pi / 4`: a fit with `1 - x^2 / 2` fixed.
#[inline]
fn near_cos(x: f32) -> f32 {
    let z = x * x;
    polynomial([2.443_845e-5, -1.388_736_8e-3, 4.166_664_6e-2], z) * (z * z) + (1.0 - 0.5 * z)
}

/// The angle with this sine, NaN beyond 1.
pub fn asin(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < 0.5 {
        return near_asin(x, x * x);
    }
    (FRAC_PI_2 - (2.0 * far_asin(magnitude) - FRAC_PI_2_LOW)).copysign(x)
}

/// The angle with this cosine, NaN beyond 1.
pub fn acos(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < 0.5 {
        return FRAC_PI_2 - (near_asin(x, x * x) - FRAC_PI_2_LOW);
    }
    let angle = 2.0 * far_asin(magnitude);
    if x < 0.0 { PI - (angle - 2.0 * FRAC_PI_2_LOW) } else { angle }
}

/// Half the angle with cosine `x`, from 0.5 to 1: the sine of that half is a root.
fn far_asin(x: f32) -> f32 {
    let square = (1.0 - x) * 0.5;
    near_asin(sqrt(square), square)
}

/// The angle with sine `x`, up to 0.5, whose square is `square`: a fit with `x` fixed.
#[inline]
fn near_asin(x: f32, square: f32) -> f32 {
    let coefficients = [4.221_854_7e-2, 2.414_761_1e-2, 4.547_709_6e-2, 7.495_241_6e-2, 1.666_675_4e-1];
    polynomial(coefficients, square) * square * x + x
}

/// The angle with this tangent.
pub fn atan(x: f32) -> f32 {
    /// The tangents of three eighths and of one eighth of pi.
    const FAR: f32 = 2.414_213_7;
    const NEAR: f32 = 0.414_213_57;
    let t = x.abs();
    let (base, low, t) = if t > FAR {
        (FRAC_PI_2, FRAC_PI_2_LOW, -1.0 / t)
    } else if t > NEAR {
        (FRAC_PI_4, 0.5 * FRAC_PI_2_LOW, (t - 1.0) / (t + 1.0))
    } else {
        (0.0, 0.0, t)
    };
    // A fit with t fixed.
    let z = t * t;
    let tail = polynomial([-6.083_215_8e-2, 1.059_591_2e-1, -1.424_383_7e-1, 1.999_849e-1, -3.333_331_6e-1], z) * z * t;
    (tail + low + t + base).copysign(x)
}
