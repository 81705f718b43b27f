//! Fixed-point arithmetic against its definition in wide integers, and against numbers of the oracle.

use kinglet_kernels::fixed_math::{exp_negative, logistic_q4, tanh_q4};
use kinglet_kernels::numerics::{FixedPoint, OutputStage, Requant, doubling_high_mul, rounding_shift_right};
use proptest::prelude::*;

/// gemmlowp's `SaturatingRoundingDoublingHighMul`: the sign decides the nudge, the division truncates.
fn doubling_high_mul_wide(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i128::from(a) * i128::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    i32::try_from((product + nudge) / (1 << 31)).expect("the high half fits")
}

/// `x / 2^exponent` to nearest, halves away from zero.
fn rounding_shift_right_wide(x: i32, exponent: u32) -> i32 {
    let (x, divisor) = (i128::from(x), 1_i128 << exponent);
    let magnitude = (x.abs() * 2 + divisor) / (divisor * 2);
    i32::try_from(magnitude * x.signum()).expect("no larger than x")
}

/// Powers of two, their neighbours and their negatives.
fn edges() -> Vec<i32> {
    let mut edges = vec![0, i32::MAX, i32::MIN, i32::MIN + 1];
    for exponent in 0..31 {
        for offset in -3..=3 {
            edges.extend([(1 << exponent) + offset, -(1 << exponent) + offset]);
        }
    }
    edges
}

#[test]
fn doubling_high_mul_is_gemmlowps_on_all_pairs_of_edges() {
    for a in edges() {
        for b in edges() {
            // The one pair that would have to saturate; multipliers are never negative.
            if a != i32::MIN || b != i32::MIN {
                assert_eq!(doubling_high_mul(a, b), doubling_high_mul_wide(a, b), "{a} * {b}");
            }
        }
    }
}

#[test]
fn rounding_shift_right_is_exact_on_all_edges() {
    for x in edges() {
        for exponent in 0..=31 {
            assert_eq!(rounding_shift_right(x, exponent), rounding_shift_right_wide(x, exponent), "{x} / 2^{exponent}");
        }
    }
}

#[test]
fn rounding_shift_right_is_exact_around_zero() {
    for x in -70_000..=70_000 {
        for exponent in 0..=17 {
            assert_eq!(rounding_shift_right(x, exponent), rounding_shift_right_wide(x, exponent), "{x} / 2^{exponent}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn doubling_high_mul_is_gemmlowps(a: i32, b in 0..=i32::MAX) {
        prop_assert_eq!(doubling_high_mul(a, b), doubling_high_mul_wide(a, b));
    }

    #[test]
    fn rounding_shift_right_is_exact(x: i32, exponent in 0..=31_u32) {
        prop_assert_eq!(rounding_shift_right(x, exponent), rounding_shift_right_wide(x, exponent));
    }

    #[test]
    fn apply_rounds_twice(x in -(1 << 20)..=1_i32 << 20, multiplier in 1 << 30..=i32::MAX, shift in -31..=10_i32) {
        let left = shift.max(0);
        let high = doubling_high_mul_wide(x << left, multiplier);
        let expected = rounding_shift_right_wide(high, (left - shift).unsigned_abs());
        prop_assert_eq!(FixedPoint { multiplier, shift }.apply(x), expected);
    }

    #[test]
    fn words_give_back_what_was_packed(multiplier in 1 << 30..=i32::MAX, relative in 0..=3_u32, base in -31..=27_i32, more in 0..=9_u8) {
        let words = [0, Requant::pack(multiplier, relative)];
        let extra = [0, more];
        let factor = Requant { words: &words, shift_base: base, extra: &extra }.at(1);
        prop_assert_eq!(factor, FixedPoint { multiplier, shift: base + relative as i32 + i32::from(more) });
        let alone = Requant { words: &words[1..], shift_base: base, extra: &[] }.at(7);
        prop_assert_eq!(alone, FixedPoint { multiplier, shift: base + relative as i32 });
    }

    #[test]
    fn no_factor_panics(x: i32, multiplier: i32, shift: i32, zero_point: i32, min: i32, max: i32) {
        OutputStage { zero_point, min, max }.apply(x, FixedPoint { multiplier, shift });
    }
}

#[test]
fn known_products() {
    for (x, multiplier, shift, expected) in [
        (1000, 1_518_500_250, -3, 88),
        (-1000, 1_518_500_250, -3, -88),
        (12_345_678, i32::MAX, -20, 12),
        // -7/2 rounds up to -3, -3/2 then away from zero: two roundings, not one.
        (-7, 1 << 30, -1, -2),
        (7, 1 << 30, -1, 2),
        (123, 1_932_735_283, 2, 443),
        (i32::MIN, i32::MAX, 0, -2_147_483_647),
        (i32::MAX, 1 << 30, -31, 1),
    ] {
        assert_eq!(FixedPoint { multiplier, shift }.apply(x), expected, "{x} * {multiplier} * 2^{shift}");
    }
}

#[test]
fn the_stage_adds_then_clamps() {
    let half = FixedPoint { multiplier: 1 << 30, shift: 0 };
    let stage = OutputStage { zero_point: -5, min: -20, max: 30 };
    assert_eq!([-100, -9, 0, 9, 60, 1000].map(|acc| stage.apply(acc, half)), [-20, -9, -5, 0, 25, 30]);
    assert_eq!(OutputStage::unclamped(100).apply(1000, half), 127);
    assert_eq!(OutputStage::unclamped(-100).apply(-1000, half), -128);
}

#[test]
fn known_exponentials() {
    for (a, q5, q4) in [
        (0, i32::MAX, i32::MAX),
        (-1, 2_147_483_124, 2_147_483_140),
        (-1 << 20, 2_114_189_749, 2_130_771_442),
        (-1 << 26, 790_015_308, 1_302_515_042),
        (-1 << 27, 290_630_390, 790_015_308),
        (-1 << 28, 39_332_546, 290_630_390),
        (-1 << 30, 242, 720_401),
        (i32::MIN, 0, 242),
        // Just beyond a power of two only its own factor is used, and its last bit is the result's.
        (-(1 << 25) - 1, 1_302_514_356, 1_672_461_551),
        (-(1 << 26) - 1, 790_014_891, 1_302_514_366),
        (-(1 << 27) - 1, 290_630_237, 790_014_897),
        (-(1 << 28) - 1, 39_332_525, 290_630_239),
        (-(1 << 29) - 1, 720_401, 39_332_526),
        (-(1 << 30) - 1, 242, 720_401),
    ] {
        assert_eq!((exp_negative(a, 5), exp_negative(a, 4)), (q5, q4), "{a}");
    }
}

#[test]
fn known_logistics_and_tangents() {
    for (v, logistic, tanh) in [
        (0, 1 << 30, 0),
        (1, 1_073_741_948, 260),
        (1 << 20, 1_077_936_196, 16_776_996),
        (-1 << 20, 1_069_547_451, -16_776_996),
        (1 << 27, 1_569_936_226, 1_635_510_876),
        (-1 << 27, 577_547_421, -1_635_510_876),
        (1 << 29, 2_108_858_542, 2_146_043_336),
        (-1 << 29, 38_625_105, -2_146_043_336),
        (i32::MAX, 2_147_483_406, i32::MAX),
        (-i32::MAX, 241, -i32::MAX),
    ] {
        assert_eq!((logistic_q4(v), tanh_q4(v)), (logistic, tanh), "{v}");
    }
}

/// The fixed-point functions are within some units of 2^-31 of the real ones: a wrong constant would show.
#[test]
fn fixed_point_functions_are_near_the_real_ones() {
    let one = f64::from(1 << 30) * 2.0;
    for v in (i32::MIN..=i32::MAX).step_by(65_537) {
        let x = f64::from(v) / f64::from(1 << 27);
        let near = |got: i32, want: f64, what: &str| {
            assert!((f64::from(got) - want * one).abs() < 2_000.0, "{what} of {x}: {got} for {}", want * one);
        };
        near(logistic_q4(v), 1.0 / (1.0 + (-x).exp()), "logistic");
        near(tanh_q4(v), x.tanh(), "tanh");
        near(exp_negative(-v.saturating_abs(), 4), (-x.abs()).exp(), "exp");
    }
}
