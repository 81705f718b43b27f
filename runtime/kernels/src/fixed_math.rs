//! Exponential, logistic and hyperbolic tangent of fixed-point numbers.
//!
//! The formulas are gemmlowp's, which TensorFlow Lite's int8 Softmax, Logistic and Tanh are defined by; the
//! order of roundings is part of the result. `Q(n)` is an `i32` with `n` integer bits, a sign and `31 - n`
//! fraction bits. Additions wrap.

use crate::numerics::{FixedPoint, doubling_high_mul, rounding_shift_right};

/// 1 as `Q0`, as near as it comes.
const ONE_Q0: i32 = i32::MAX;

/// `e^a` for `a <= 0` in `Q(integer_bits)`, as `Q0`. `integer_bits` in `2..=5`.
pub fn exp_negative(a: i32, integer_bits: u32) -> i32 {
    /// The bit of `2^e` for these `e`, from the lowest, and `exp(-2^e)` in `Q0`.
    const FACTORS: [(i32, i32); 7] = [
        (-2, 1_672_461_947),
        (-1, 1_302_514_674),
        (0, 790_015_084),
        (1, 290_630_308),
        (2, 39_332_535),
        (3, 720_401),
        (4, 242),
    ];
    if a == 0 {
        return ONE_Q0;
    }
    let fraction_bits = 31_u32.wrapping_sub(integer_bits);
    let quarter = 1_i32.wrapping_shl(fraction_bits.wrapping_sub(2));
    // The part of `a` within a quarter, in [-1/4, 0); what remains is a multiple of 1/4.
    let fraction = (a & quarter.wrapping_sub(1)).wrapping_sub(quarter);
    let remainder = fraction.wrapping_sub(a);
    let mut result = exp_quarter(saturating_shift_left(fraction, integer_bits));
    for (exponent, factor) in FACTORS {
        if exponent >= integer_bits as i32 {
            break;
        }
        let bit = fraction_bits.wrapping_add_signed(exponent);
        if remainder & 1_i32.wrapping_shl(bit) != 0 {
            result = doubling_high_mul(result, factor);
        }
    }
    result
}

/// `e^a` for `a` in `[-1/4, 0)` as `Q0`: four terms of the series around -1/8.
fn exp_quarter(a: i32) -> i32 {
    /// `exp(-1/8)`.
    const EXP_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = a.wrapping_add(1 << 28);
    let x2 = doubling_high_mul(x, x);
    let x3 = doubling_high_mul(x2, x);
    let x4 = doubling_high_mul(x2, x2);
    let tail = doubling_high_mul(rounding_shift_right(x4, 2).wrapping_add(x3), THIRD).wrapping_add(x2);
    let series = x.wrapping_add(rounding_shift_right(tail, 1));
    EXP_EIGHTH.wrapping_add(doubling_high_mul(EXP_EIGHTH, series))
}

/// `1 / (1 + a)` for `a` in `(0, 1)`, both `Q0`.
pub fn reciprocal_one_plus(a: i32) -> i32 {
    saturating_shift_left(newton_two_over_one_plus(a), 1)
}

/// `1 / (1 + e^-v)`, `v` in `Q4`, as `Q0`.
pub fn logistic_q4(v: i32) -> i32 {
    if v == 0 {
        return 1 << 30;
    }
    let positive = reciprocal_one_plus(exp_negative(v.wrapping_abs().wrapping_neg(), 4));
    if v > 0 { positive } else { ONE_Q0.wrapping_sub(positive) }
}

/// `tanh v`, `v` in `Q4`, as `Q0`.
pub fn tanh_q4(v: i32) -> i32 {
    if v == 0 {
        return 0;
    }
    // The same bits read as Q5 are 2v, and tanh |v| = (1 - e^-2|v|) / (1 + e^-2|v|).
    let exp = exp_negative(v.wrapping_abs().wrapping_neg(), 5);
    let positive = saturating_shift_left(newton_two_over_one_plus(exp).wrapping_sub(1 << 29), 2);
    if v > 0 { positive } else { positive.wrapping_neg() }
}

/// `2 / (1 + a)` for `a` in `(0, 1)` as `Q0`, in `Q2`: three Newton steps on the reciprocal of `(1 + a) / 2`.
fn newton_two_over_one_plus(a: i32) -> i32 {
    /// 48/17 and -32/17 in `Q2`: the best line through the reciprocal on [1/2, 1].
    const CONSTANT: i32 = 1_515_870_810;
    const SLOPE: i32 = -1_010_580_540;
    const ONE_Q2: i32 = 1 << 29;
    let half_denominator = (i64::from(a).wrapping_add(1_i64 << 31) >> 1) as i32;
    let mut x = CONSTANT.wrapping_add(doubling_high_mul(half_denominator, SLOPE));
    for _ in 0..3 {
        let error = ONE_Q2.wrapping_sub(doubling_high_mul(half_denominator, x));
        x = x.wrapping_add(saturating_shift_left(doubling_high_mul(x, error), 2));
    }
    x
}

/// `1 / sqrt(value)` of a whole number, as a multiplier and a shift; five Newton steps from 1. 0 counts as 1.
pub fn inverse_root(value: i32) -> FixedPoint {
    /// The root of one half, as a fraction.
    const ROOT_HALF: i32 = 1_518_500_250;
    const THREE_HALVES_Q3: i32 = (1 << 28) + (1 << 27);
    if value <= 1 {
        return FixedPoint { multiplier: i32::MAX, shift: 0 };
    }
    let (mut value, mut right) = (value, 11_i32);
    while value >= 1 << 29 {
        value /= 4;
        right = right.wrapping_add(1);
    }
    let pairs = (value.leading_zeros().wrapping_sub(1) / 2).wrapping_sub(1);
    right = right.wrapping_sub(pairs as i32);
    let value = value.wrapping_shl(pairs.wrapping_mul(2));
    let half_q3 = rounding_shift_right(value >> 1, 1);
    let mut root_q3 = 1 << 28;
    for _ in 0..5 {
        let cube = doubling_high_mul(doubling_high_mul(root_q3, root_q3), root_q3);
        let cube_q3 = saturating_shift_left(cube, 6);
        let next = doubling_high_mul(THREE_HALVES_Q3, root_q3).wrapping_sub(doubling_high_mul(half_q3, cube_q3));
        root_q3 = saturating_shift_left(next, 3);
    }
    let root = doubling_high_mul(root_q3, ROOT_HALF);
    if right < 0 {
        FixedPoint { multiplier: root.wrapping_shl(right.unsigned_abs()), shift: 0 }
    } else {
        FixedPoint { multiplier: root, shift: right.wrapping_neg() }
    }
}

/// The natural logarithm of `z` in `Q12`, which is 1 or more, in `Q5`.
///
/// `z` is brought near 1 by a power of two, with and without a factor of `sqrt(1/2)`; of both the one that is nearer
/// counts, and a quotient of two polynomials gives what its logarithm lacks.
pub fn log_q12(z: i32) -> i32 {
    const LOG_2: i32 = 1_488_522_236;
    const ROOT_HALF: i32 = 1_518_500_250;
    /// The fourth root of one half.
    const CENTER: i32 = 1_805_811_301;
    const QUARTER_Q6: i32 = 1 << 23;
    /// In units of `Q0`: `11/240 r`, `r/20`, `2/r - r` and `r/4` with the fourth root `r` of 2.
    const NUMERATOR: i32 = 117_049_297;
    const SQUARE: i32 = 127_690_142;
    const ONE: i32 = 1_057_819_769;
    const LINEAR: i32 = 638_450_708;
    let powers_q6 = |power: i32| saturating_shift_left(power, 25);
    let leading = z.leading_zeros();
    let near = saturating_shift_left(z, leading.wrapping_sub(1));
    let near = saturating_shift_left(doubling_high_mul(near, ROOT_HALF), 1);
    let power = powers_q6(12_i32.wrapping_sub(leading as i32)).saturating_add(QUARTER_Q6);
    let headroom = doubling_high_mul(z, ROOT_HALF).leading_zeros().wrapping_sub(1);
    let other = saturating_shift_left(z, headroom);
    let other_power = powers_q6(12_i32.wrapping_sub(headroom as i32)).saturating_sub(QUARTER_Q6);
    let (r, power) = (near.min(other), power.max(other_power));
    let sum = i64::from(r).wrapping_add(i64::from(CENTER));
    let half_sum = (sum.wrapping_add(if sum >= 0 { 1 } else { -1 }) / 2) as i32;
    let q = r.wrapping_sub(CENTER).wrapping_mul(2);
    let square = doubling_high_mul(q, q);
    let numerator = doubling_high_mul(q, r).wrapping_add(doubling_high_mul(doubling_high_mul(q, square), NUMERATOR));
    let factor = ONE.wrapping_add(q).wrapping_add(doubling_high_mul(SQUARE, square));
    let denominator = doubling_high_mul(half_sum, factor).wrapping_add(doubling_high_mul(LINEAR, q));
    let fraction = doubling_high_mul(rounding_shift_right(numerator, 6), reciprocal_one_plus(denominator));
    saturating_shift_left(doubling_high_mul(power, LOG_2).wrapping_add(fraction), 1)
}

/// `v << bits`, stuck at the ends of the range.
fn saturating_shift_left(v: i32, bits: u32) -> i32 {
    let limit = (1_i32.wrapping_shl(31_u32.wrapping_sub(bits))).wrapping_sub(1);
    if v > limit {
        i32::MAX
    } else if v < limit.wrapping_neg() {
        i32::MIN
    } else {
        v.wrapping_shl(bits)
    }
}
