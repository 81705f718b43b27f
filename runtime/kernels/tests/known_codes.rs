//! Functions of int8 and int16 with results known by hand.

use kinglet_kernels::Io;
use kinglet_kernels::along::{AlongI8, Function, along_i8};
use kinglet_kernels::fixed_math::{inverse_root, log_q12};
use kinglet_kernels::map::{FunctionI16, MapI16, map_i16};
use kinglet_kernels::numerics::FixedPoint;
use kinglet_kernels::softmax::{SoftmaxI16, TABLE_LEN, softmax_i16};

const ONE: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 1 };
const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 0 };
const NONE: FixedPoint = FixedPoint { multiplier: 0, shift: 0 };

fn mapped(function: FunctionI16, factors: [FixedPoint; 2], table: &[i16], mut elements: Vec<i16>) -> Vec<i16> {
    let layer = MapI16 { function, factors, min: -30_000, max: 30_000, table };
    let mut io = Io::in_place(&mut elements);
    map_i16(&layer, &mut io);
    assert!(!io.is_refused());
    elements
}

#[test]
fn int16_is_rescaled_by_its_sign_within_bounds() {
    let ends = vec![i16::MIN, -3, -2, -1, 0, 1, 2, 3, i16::MAX];
    let halved = mapped(FunctionI16::Rescale, [ONE, HALF], &[], ends.clone());
    assert_eq!(halved, [-16384, -1, -1, 0, 0, 1, 2, 3, 30_000]);
    let magnitudes = mapped(FunctionI16::Abs, [ONE, NONE], &[], ends);
    assert_eq!(magnitudes, [30_000, 3, 2, 1, 0, 1, 2, 3, 30_000]);
}

#[test]
fn inverse_roots_are_near_the_real_ones() {
    for value in (1..2000).chain([1 << 20, (1 << 29) + 12_345, i32::MAX]) {
        let root = inverse_root(value);
        let found = f64::from(root.multiplier) * 2f64.powi(root.shift - 31);
        assert!((found * f64::from(value).sqrt() - 1.0).abs() < 1e-4, "{value}: {found}");
    }
    // A factor of 2^12: roots of squares divide it.
    let factor = FixedPoint { multiplier: 1 << 30, shift: 13 };
    let roots = mapped(FunctionI16::Rsqrt, [factor, NONE], &[], vec![0, 4, 16, 256, -5]);
    assert_eq!(roots, [30_000, 2048, 1024, 256, 30_000], "what has no root is the largest");
}

#[test]
fn logarithms_are_near_the_real_ones() {
    for z in (1 << 19..i32::MAX - (1 << 23)).step_by(7_654_321) {
        let (found, right) = (f64::from(log_q12(z)) / 2f64.powi(26), (f64::from(z) / 2f64.powi(19)).ln());
        assert!((found - right).abs() < 1e-6, "{z}: {found} instead of {right}");
    }
    assert!(log_q12(1 << 19).abs() < 64, "of 1");
}

#[test]
fn tables_of_int16_have_lines_between_their_entries() {
    // Twice the operand: entries of 128 codes, the last one for the end.
    let table: Vec<i16> = (0..513).map(|at| ((at - 256) * 100) as i16).collect();
    let found = mapped(FunctionI16::Table, [NONE; 2], &table, vec![0, 128, 64, -128, -64, i16::MIN, i16::MAX]);
    assert_eq!(found, [0, 100, 50, -100, -50, -25_600, 25_599]);
    let mut short = [0; 4];
    let mut io = Io::in_place(&mut short);
    let layer = MapI16 { function: FunctionI16::Table, factors: [NONE; 2], min: 0, max: 0, table: &table[1..] };
    map_i16(&layer, &mut io);
    assert!(io.is_refused(), "a table that is too short");
}

#[test]
fn squashing_functions_are_symmetric() {
    let halves: Vec<i16> =
        (0..256).map(|at| 65536.0 / (1.0 + (f64::from(-at) / 24.0).exp())).map(|x| x as u16 as i16).collect();
    // Units of 2^-12: a multiplier of 3.
    let factors = [FixedPoint { multiplier: 3, shift: 0 }, NONE];
    for (function, sum) in [(FunctionI16::Logistic, 32768), (FunctionI16::Tanh, 0)] {
        let found = mapped(function, factors, &halves, vec![0, 4096, -4096, 32_767, -32_767]);
        assert_eq!(found[0], (sum / 2) as i16, "{function:?} of 0");
        for pair in found[1..].chunks(2) {
            assert!((i32::from(pair[0]) + i32::from(pair[1]) - sum).abs() <= 1, "{function:?}: {found:?}");
        }
    }
}

#[test]
fn shares_of_an_int16_softmax() {
    let exponentials: Vec<i16> =
        (0..TABLE_LEN).map(|at| ((at as f64 / 512.0 * 10.0 - 10.0).exp() * 32767.0) as i16).collect();
    let inverses: Vec<i16> = (0..TABLE_LEN).map(|at| (32767.0 / (1.0 + at as f64 / 512.0)) as i16).collect();
    let (exponentials, inverses) = (&exponentials[..], &inverses[..]);
    let layer = SoftmaxI16 { rows: 2, depth: 4, factor: ONE, exponentials, inverses };
    let mut elements = [5, 5, 5, 5, 30_000, -30_000, -30_000, -30_000];
    softmax_i16(&layer, &mut Io::in_place(&mut elements));
    assert!(elements[..4].iter().all(|share| (share - 8192).abs() <= 8), "{elements:?}");
    assert!(elements[4] > 32_700 && elements[5..].iter().all(|share| *share < 8), "{elements:?}");
}

/// A function of a line of int8 elements.
fn line(function: Function, factors: [FixedPoint; 2], input: &[i8]) -> Vec<i8> {
    let (depth, [factor, reverse]) = (input.len(), factors);
    let mut output = vec![0; depth];
    let (input_zero_point, zero_point) = if function == Function::LogSoftmax { (0, 0) } else { (2, -1) };
    let layer =
        AlongI8 { function, outer: 1, depth, inner: 1, input_zero_point, zero_point, factor, reverse, diff_min: -496 };
    let mut io = Io::split(input, &mut output);
    along_i8(&layer, &mut io);
    assert!(!io.is_refused());
    output
}

#[test]
fn norms_sums_and_logarithms_along_int8() {
    // Distances 3 and -4 from the zero point: 3/5 and -4/5 in units of 1/128.
    assert_eq!(line(Function::L2, [NONE; 2], &[5, -2]), [77, -102]);
    assert_eq!(line(Function::L2, [NONE; 2], &[2, 2, 2]), [0; 3], "nothing to divide");
    // Of equal scales; the sum starts at -2, and -1 is added.
    let unit = FixedPoint { multiplier: 1 << 30, shift: -18 };
    assert_eq!(line(Function::SumUpTo, [unit, NONE], &[3, 5, 2, 122]), [-2, 1, 1, 121]);
    assert_eq!(line(Function::SumBefore, [unit, NONE], &[3, 5, 2, 122]), [-3, -2, 1, 1]);
    assert_eq!(line(Function::SumFrom, [unit, NONE], &[3, 5, 2, 122]), [121, 120, 117, 117]);
    assert_eq!(line(Function::SumBehind, [unit, NONE], &[3, 5, 2, 122]), [120, 117, 117, -3]);
    // Units of 1/16: two equal ones are ln(1/2) = -11.1 units each, and one is far below.
    let (factor, reverse) =
        (FixedPoint { multiplier: 1 << 30, shift: 23 }, FixedPoint { multiplier: 1 << 30, shift: -21 });
    assert_eq!(line(Function::LogSoftmax, [factor, reverse], &[40, 40]), [116, 116]);
    assert_eq!(line(Function::LogSoftmax, [factor, reverse], &[40, -128]), [127, -41]);
}
