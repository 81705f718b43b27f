//! Exponential, logistic and hyperbolic tangent of fixed-point numbers.
//!
//! The formulas are gemmlowp's, which TensorFlow Lite's int8 Softmax, Logistic and Tanh are defined by; the
//! order of roundings is part of the result. `Q(n)` is an `i32` with `n` integer bits, a sign and `31 - n`
//! fraction bits. Additions wrap.

use crate::numerics::{doubling_high_mul, rounding_shift_right};

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
