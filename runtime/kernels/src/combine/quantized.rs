//! Functions of two codes of int8 or int16 tensors, each with a quantization of its own.
//!
//! `a` and `b` are codes less their zero points; `*` is a [`FixedPoint`] multiplication that rounds twice; the result is
//! clamped. `scaled(x)` is `(x << left_shift) * factor` with the factor of its operand.
//!
//! | function | result |
//! |---|---|
//! | Add, Sub | `(scaled(a) ± scaled(b)) * output_factor + zero_point` |
//! | SquaredDifference | `(scaled(a) - scaled(b))² * output_factor + zero_point` |
//! | Mul | `(a * b) * output_factor + zero_point` |
//! | Div | the quotient of `a` and `b` in 31 bits `* output_factor + zero_point`; by zero the end of the range that has the sign of `a` |
//! | PRelu | `a >= 0`: `a * a_factor`, else `(a * b) * output_factor`; plus `zero_point` |
//! | Max, Min | one of the codes, of equal quantizations |
//! | Equal, NotEqual, Less, LessEqual | compares `scaled(a)` with `scaled(b)` |
//!
//! The formulas, with their roundings, are those of TensorFlow Lite Micro.

use super::each_pair;
use super::functions::{Add, Div, Equal, Less, LessEqual, Max, Min, Mul, NotEqual, PRelu, SquaredDifference, Sub};
use crate::fixed_math::reciprocal_one_plus;
use crate::grid::Grid;
use crate::numerics::{FixedPoint, doubling_high_mul};

/// What turns codes into numbers that a function combines, and its result into a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Zero point of the first operand.
    pub a_zero_point: i32,
    /// Zero point of the second operand.
    pub b_zero_point: i32,
    /// How far operands are shifted left before they are scaled.
    pub left_shift: u32,
    /// Of the first operand.
    pub a_factor: FixedPoint,
    /// Of the second operand.
    pub b_factor: FixedPoint,
    /// Of the result.
    pub output_factor: FixedPoint,
    /// Zero point of the result.
    pub zero_point: i32,
    /// Lower clamp of the result.
    pub min: i32,
    /// Upper clamp of the result, at least `min`.
    pub max: i32,
}

impl Scaling {
    /// Both operands in steps of their common scale.
    #[inline]
    fn scaled(&self, a: i32, b: i32) -> [i32; 2] {
        let [a, b] = self.centered(a, b);
        [self.a_factor.apply(a.wrapping_shl(self.left_shift)), self.b_factor.apply(b.wrapping_shl(self.left_shift))]
    }

    /// Both operands less their zero points.
    #[inline]
    fn centered(&self, a: i32, b: i32) -> [i32; 2] {
        [a.wrapping_sub(self.a_zero_point), b.wrapping_sub(self.b_zero_point)]
    }

    /// A number as a code.
    #[inline]
    fn code(&self, scaled: i32) -> i32 {
        scaled.wrapping_add(self.zero_point).max(self.min).min(self.max)
    }
}

/// A function of two codes.
pub trait CombinesCodes {
    /// True for a function of two or three instructions, for which a loop over single pairs would cost as much again.
    const IS_SHORT: bool = false;

    /// A code, or a truth value.
    fn of_codes(scaling: &Scaling, a: i32, b: i32) -> i32;
}

/// A code of a tensor, or a truth value.
pub trait Code: Copy {
    /// As a number.
    fn number(self) -> i32;
    /// From a number that it holds.
    fn from_number(number: i32) -> Self;
}

macro_rules! codes {
    ($($ty:ty),*) => { $(
        impl Code for $ty {
            #[inline]
            fn number(self) -> i32 {
                self.into()
            }
            #[inline]
            fn from_number(number: i32) -> Self {
                number as $ty
            }
        }
    )* };
}
codes!(i8, i16, u8);

/// Computes `F` of each pair, row by row. False, and nothing is written, when a slice is too short. No scratch.
pub fn combine_codes<F: CombinesCodes, T: Code, Y: Code>(
    grid: &Grid<2>,
    scaling: &Scaling,
    operands: [&[T]; 2],
    y: &mut [Y],
) -> bool {
    let of = |a: T, b: T| Y::from_number(F::of_codes(scaling, a.number(), b.number()));
    if F::IS_SHORT {
        each_pair::<_, _, true>(grid, operands, y, of)
    } else {
        each_pair::<_, _, false>(grid, operands, y, of)
    }
}

/// Each function with its formula.
macro_rules! functions {
    ($($name:ident $($is_short:ident)?: $formula:expr;)*) => { $(
        impl CombinesCodes for $name {
            $(const $is_short: bool = true;)?

            #[inline]
            fn of_codes(scaling: &Scaling, a: i32, b: i32) -> i32 {
                let formula: fn(&Scaling, i32, i32) -> i32 = $formula;
                formula(scaling, a, b)
            }
        }
    )* };
}

functions! {
    Add: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        s.code(s.output_factor.apply(a.wrapping_add(b)))
    };
    Sub: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        s.code(s.output_factor.apply(a.wrapping_sub(b)))
    };
    SquaredDifference: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        let difference = a.wrapping_sub(b);
        s.code(s.output_factor.apply(difference.wrapping_mul(difference)))
    };
    Mul: |s, a, b| {
        let [a, b] = s.centered(a, b);
        s.code(s.output_factor.apply(a.wrapping_mul(b)))
    };
    Div: |s, a, b| {
        let [a, b] = s.centered(a, b);
        s.code(quotient(a, b, s.output_factor))
    };
    PRelu: |s, a, b| {
        let [a, b] = s.centered(a, b);
        s.code(if a >= 0 { s.a_factor.apply(a) } else { s.output_factor.apply(a.wrapping_mul(b)) })
    };
    Max IS_SHORT: |_, a, b| if a > b { a } else { b };
    Min IS_SHORT: |_, a, b| if a < b { a } else { b };
    Equal: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        i32::from(a == b)
    };
    NotEqual: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        i32::from(a != b)
    };
    Less: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        i32::from(a < b)
    };
    LessEqual: |s, a, b| {
        let [a, b] = s.scaled(a, b);
        i32::from(a <= b)
    };
}

/// Far beyond any code, and far enough from the ends of 32 bits that a zero point can be added.
const BEYOND: i32 = 1 << 24;

/// `a / b * factor`: the reciprocal of `b` as a fraction of 31 bits, times `a` shifted left as far as it goes.
fn quotient(a: i32, b: i32, factor: FixedPoint) -> i32 {
    if b == 0 {
        return a.signum().wrapping_mul(BEYOND);
    }
    let (a, b) = if b < 0 { (a.wrapping_neg(), b.wrapping_neg()) } else { (a, b) };
    let zeros = b.leading_zeros();
    // b = 2^(31 - zeros) * (1 + fraction).
    let fraction = (b as u32).wrapping_shl(zeros).wrapping_sub(1 << 31) as i32;
    let signs = if a < 0 { (!a).leading_zeros() } else { a.leading_zeros() }.wrapping_sub(1);
    let quotient = doubling_high_mul(a.wrapping_shl(signs), reciprocal_one_plus(fraction));
    let right = 31_i32.wrapping_sub(zeros as i32).wrapping_add(signs as i32);
    let shift = factor.shift.wrapping_sub(right);
    // What lies below the lowest bit is gone.
    if shift < -31 { 0 } else { FixedPoint { shift, ..factor }.apply(quotient) }
}
