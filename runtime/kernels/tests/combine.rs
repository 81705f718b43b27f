//! Functions of two elements: grids against their definition, numbers that are known, powers against `f64`.

use kinglet_kernels::combine::functions::{
    Add, Div, Equal, FloorDiv, FloorMod, Less, Max, Min, NotEqual, PRelu, Pow, Remainder, ShiftLeft, ShiftRight, Sub,
};
use kinglet_kernels::combine::{Combines, combine, floor, power, remainder};
use kinglet_kernels::grid::{AXES, Grid};
use kinglet_kernels::numerics::ClampF32;
use kinglet_kernels::select::select;
use proptest::prelude::*;

const NO_CLAMP: ClampF32 = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };

/// Where an operand that repeats along these axes is read for element `flat` of the result.
fn place(extents: [usize; AXES], repeats: u8, flat: usize) -> usize {
    let (mut rest, mut at, mut step) = (flat, 0, 1);
    for axis in (0..AXES).rev() {
        if repeats >> axis & 1 == 0 {
            at += rest % extents[axis] * step;
            step *= extents[axis];
        }
        rest /= extents[axis];
    }
    at
}

/// Extents, and how three operands repeat; along no axis do the first two together.
fn grids() -> impl Strategy<Value = ([usize; AXES], [u8; 3])> {
    let extents = prop::array::uniform6(prop_oneof![Just(1_usize), 1..4_usize, 1..40_usize]);
    let extents = extents.prop_filter("small", |extents| extents.iter().product::<usize>() < 4000);
    (extents, 0..64_u8, 0..64_u8, 0..64_u8).prop_map(|(extents, a, b, c)| (extents, [a, b & !a, c]))
}

proptest! {
    #[test]
    fn operands_repeat((extents, [a_repeats, b_repeats, c_repeats]) in grids()) {
        let grid = Grid { extents, repeats: [a_repeats, b_repeats] };
        let len = grid.result_len();
        let numbers = |repeats: u8| (0..grid.operand_len(repeats) as i32).collect::<Vec<_>>();
        let (a, b) = (numbers(a_repeats), numbers(b_repeats));
        let mut y = vec![0; len];
        prop_assert!(combine::<Sub, i32>(&grid, NO_CLAMP, [&a, &b], &mut y));
        let at = |repeats: u8, flat: usize| place(extents, repeats, flat);
        for (flat, &y) in y.iter().enumerate() {
            prop_assert_eq!(y, a[at(a_repeats, flat)] - b[at(b_repeats, flat)], "element {}", flat);
        }
        let by_three = Grid { extents, repeats: [c_repeats, a_repeats, b_repeats] };
        let condition: Vec<u8> = numbers(c_repeats).iter().map(|number| (number % 3 == 1) as u8).collect();
        prop_assert!(select(&by_three, &condition, &a, &b, &mut y));
        for (flat, &y) in y.iter().enumerate() {
            let is_first = condition[at(c_repeats, flat)] != 0;
            prop_assert_eq!(y, if is_first { a[at(a_repeats, flat)] } else { b[at(b_repeats, flat)] });
        }
        let mut short = vec![7; len - 1];
        prop_assert!(!combine::<Sub, i32>(&grid, NO_CLAMP, [&a, &b], &mut short));
        prop_assert!(short.iter().all(|&y| y == 7), "nothing is written");
        prop_assert!(!combine::<Sub, i32>(&grid, NO_CLAMP, [&a, &b[1..]], &mut y));
    }

    #[test]
    fn powers_are_near_those_of_64_bits(base in prop_oneof![0.0..4.0_f32, 0.99..1.01_f32, prop::num::f32::POSITIVE],
                                        exponent in prop_oneof![-9.0..9.0_f32, -300.0..300.0_f32, prop::num::f32::NORMAL]) {
        let (actual, exact) = (power(base, exponent), f64::from(base).powf(f64::from(exponent)));
        if exact > f64::from(f32::MAX) * 1.000_001 {
            prop_assert_eq!(actual, f32::INFINITY);
        } else if exact < f64::from(f32::MAX) {
            let unit = (exact * 2.0_f64.powi(-23)).max(2.0_f64.powi(-149));
            prop_assert!((f64::from(actual) - exact).abs() <= 2.0 * unit, "{base}^{exponent} = {exact}, not {actual}");
        }
    }

    #[test]
    fn remainders_are_exact(a in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL, b in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL) {
        prop_assert_eq!(remainder(a, b).to_bits(), (a % b).to_bits());
        let near = a % 1000.0;
        prop_assert_eq!(remainder(near, 0.7).to_bits(), (near % 0.7).to_bits());
        prop_assert_eq!(floor(near), near.floor());
    }
}

#[test]
fn two_operands_may_not_repeat_along_the_same_axis() {
    let grid = Grid { extents: [1, 1, 1, 1, 1, 4], repeats: [32, 32] };
    assert!(!grid.is_sound() && !combine::<Add, i32>(&grid, NO_CLAMP, [&[1], &[2]], &mut [0; 4]));
    assert!(!Grid { extents: [1; AXES], repeats: [64, 0] }.is_sound(), "there is no seventh axis");
    assert!(Grid { extents: [1; AXES], repeats: [63, 63] }.is_sound());
}

#[test]
fn integers_always_have_a_result() {
    assert_eq!([Div::of(7, 0), Div::of(i32::MIN, -1), Div::of(-7, 2)], [0, i32::MIN, -3]);
    assert_eq!([FloorDiv::of(-7, 2), FloorDiv::of(7, -2), FloorDiv::of(6, -2), FloorDiv::of(5, 0)], [-4, -4, -3, 0]);
    assert_eq!([FloorMod::of(-7, 3), FloorMod::of(7, -3), FloorMod::of(6, 3), FloorMod::of(6, 0)], [2, -2, 0, 0]);
    assert_eq!([Remainder::of(-7, 3), Remainder::of(i32::MIN, -1), Remainder::of(1, 0)], [-1, 0, 0]);
    assert_eq!([Pow::of(3, 4), Pow::of(-1, -3), Pow::of(-1, -2), Pow::of(2, -1), Pow::of(2, 40)], [81, -1, 1, 0, 0]);
    assert_eq!([ShiftLeft::of(3, 2), ShiftLeft::of(1, 32), ShiftLeft::of(1, -1)], [12, 0, 0]);
    assert_eq!([ShiftRight::of(-8, 1), ShiftRight::of(-8, 99), ShiftRight::of(8, 99)], [-4, -1, 0]);
}

#[test]
fn not_a_number_is_kept_and_equals_nothing() {
    for [a, b] in [[f32::NAN, 1.0], [1.0, f32::NAN]] {
        assert!(<Max as Combines<f32>>::of(a, b).is_nan() && <Min as Combines<f32>>::of(a, b).is_nan());
        assert!(power(a, b).is_nan() == (a.is_nan() || b.is_nan() && a != 1.0));
        let truths = [<Equal as Combines<f32>>::of(a, b), <Less as Combines<f32>>::of(a, b)];
        assert_eq!((truths, <NotEqual as Combines<f32>>::of(a, b)), ([0, 0], 1));
    }
    assert!(PRelu::of(f32::NAN, 2.0).is_nan());
    assert_eq!([PRelu::of(-3.0, 0.5), PRelu::of(3.0, 0.5)], [-1.5, 3.0]);
    assert!(remainder(f32::INFINITY, 2.0).is_nan() && remainder(2.0, 0.0).is_nan());
    assert_eq!(remainder(-2.0, f32::INFINITY), -2.0);
    assert_eq!([FloorMod::of(-5.5_f32, 3.0), FloorMod::of(5.5, -3.0)], [0.5, -0.5]);
}

#[test]
fn powers_at_the_ends() {
    let infinity = f32::INFINITY;
    let cases = [
        (0.0, 2.0, 0.0),
        (0.0, -2.0, infinity),
        (-0.0, -3.0, -infinity),
        (-0.0, 3.0, -0.0),
        (infinity, 0.5, infinity),
        (infinity, -0.5, 0.0),
        (-infinity, 3.0, -infinity),
        (-infinity, 2.0, infinity),
        (2.0, infinity, infinity),
        (0.5, infinity, 0.0),
        (0.5, -infinity, infinity),
        (-1.0, infinity, 1.0),
        (f32::NAN, 0.0, 1.0),
        (1.0, f32::NAN, 1.0),
        (-2.0, 3.0, -8.0),
        (-2.0, 4.0, 16.0),
        (-1.0, 7.0, -1.0),
        (2.0, 127.0, 1.701_411_8e38),
        (2.0, 128.0, infinity),
        (2.0, -149.0, f32::from_bits(1)),
        (2.0, -151.0, 0.0),
        (10.0, 2.0, 100.0),
    ];
    for (base, exponent, expected) in cases {
        assert_eq!(power(base, exponent).to_bits(), f32::to_bits(expected), "{base}^{exponent}");
    }
    assert!(power(-2.0, 0.5).is_nan());
}

#[test]
fn numbers_change_their_type() {
    use kinglet_kernels::cast::{cast, cast_to_truth};
    let reals = [1.9, -1.9, 300.0, -300.0, 3e9, f32::NAN, 0.0];
    let (mut words, mut halves, mut bytes, mut codes) = ([0_i32; 7], [0_i16; 7], [0_u8; 7], [0_i8; 7]);
    assert!(cast(&reals, &mut words) && cast(&reals, &mut halves) && cast(&reals, &mut bytes));
    assert_eq!(words, [1, -1, 300, -300, i32::MAX, 0, 0]);
    assert_eq!(halves, [1, -1, 300, -300, -1, 0, 0], "the lowest bits of the integer");
    assert_eq!(bytes, [1, 255, 44, 212, 255, 0, 0]);
    assert!(cast(&words, &mut codes) && codes == [1, -1, 44, -44, -1, 0, 0]);
    let mut back = [0.0_f32; 7];
    assert!(cast(&words, &mut back) && back[4] == 2_147_483_600.0);
    assert!(cast_to_truth(&reals, &mut bytes) && bytes == [1, 1, 1, 1, 1, 1, 0]);
    assert!(!cast(&reals, &mut [0_u8; 6]));
}
