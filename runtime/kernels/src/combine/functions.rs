//! The functions, each for the types of elements that have it.
//!
//! Integers wrap where they do not fit. What has no result has one all the same: `a / 0`, `a mod 0` and the remainder of
//! a division by 0 are 0, `-2^31 / -1` is `-2^31`; an integer to a negative power is 0 unless it is 1 or -1; shifts by 32
//! bits or more, or by less than none, leave zeros, or the sign.

use super::{Combines, float, power};

/// Each function with its operands' type, its result's, and its formula.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident { $($ty:ty => $result:ty: $formula:expr;)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        $(
            impl Combines<$ty> for $name {
                type Result = $result;

                #[inline]
                fn of(a: $ty, b: $ty) -> $result {
                    let formula: fn($ty, $ty) -> $result = $formula;
                    formula(a, b)
                }
            }
        )*
    )* };
}

functions! {
    /// `a + b`.
    Add { f32 => f32: |a, b| a + b; i32 => i32: i32::wrapping_add; }
    /// `a - b`.
    Sub { f32 => f32: |a, b| a - b; i32 => i32: i32::wrapping_sub; }
    /// `a * b`.
    Mul { f32 => f32: |a, b| a * b; i32 => i32: i32::wrapping_mul; }
    /// `a / b`; of integers towards zero.
    Div { f32 => f32: |a, b| a / b; i32 => i32: quotient; }
    /// The greater one. NaN when one of them is; of zeros with different signs the second.
    Max {
        f32 => f32: |a, b| if a > b || a.is_nan() { a } else { b };
        i32 => i32: |a, b| if a > b { a } else { b };
    }
    /// The smaller one. NaN when one of them is; of zeros with different signs the second.
    Min {
        f32 => f32: |a, b| if a < b || a.is_nan() { a } else { b };
        i32 => i32: |a, b| if a < b { a } else { b };
    }
    /// `(a - b)²`.
    SquaredDifference {
        f32 => f32: |a, b| (a - b) * (a - b);
        i32 => i32: |a, b| a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b));
    }
    /// `a` to the power of `b`.
    Pow { f32 => f32: power::power; i32 => i32: integer_power; }
    /// The largest integer that is not above `a / b`.
    FloorDiv { f32 => f32: |a, b| float::floor(a / b); i32 => i32: floor_quotient; }
    /// `a` less FloorDiv times `b`, exactly, of the sign of `b`.
    FloorMod {
        f32 => f32: |a, b| {
            let left = float::remainder(a, b);
            if left != 0.0 && (left < 0.0) != (b < 0.0) { left + b } else { left }
        };
        i32 => i32: |a, b| {
            let left = integer_remainder(a, b);
            if left != 0 && (left < 0) != (b < 0) { left.wrapping_add(b) } else { left }
        };
    }
    /// `a` less Div, without its fraction, times `b`, exactly, of the sign of `a`.
    Remainder { f32 => f32: float::remainder; i32 => i32: integer_remainder; }
    /// `a` where it is not below zero, else `a * b`.
    PRelu { f32 => f32: |a, b| if a < 0.0 { a * b } else { a }; }
    /// Both; of integers bit by bit.
    And { i32 => i32: |a, b| a & b; u8 => u8: |a, b| u8::from(a != 0 && b != 0); }
    /// Either or both; of integers bit by bit.
    Or { i32 => i32: |a, b| a | b; u8 => u8: |a, b| u8::from(a != 0 || b != 0); }
    /// Either, but not both; of integers bit by bit.
    Xor { i32 => i32: |a, b| a ^ b; u8 => u8: |a, b| u8::from((a != 0) != (b != 0)); }
    /// `a` shifted left by `b` bits.
    ShiftLeft { i32 => i32: |a, b| a.checked_shl(b as u32).unwrap_or(0); }
    /// `a` shifted right by `b` bits, with its sign.
    ShiftRight { i32 => i32: |a, b| a.checked_shr(b as u32).unwrap_or(a >> 31); }
    /// `a = b`.
    Equal {
        f32 => u8: |a, b| u8::from(a == b);
        i32 => u8: |a, b| u8::from(a == b);
        u8 => u8: |a, b| u8::from((a != 0) == (b != 0));
    }
    /// `a ≠ b`.
    NotEqual {
        f32 => u8: |a, b| u8::from(a != b);
        i32 => u8: |a, b| u8::from(a != b);
        u8 => u8: |a, b| u8::from((a != 0) != (b != 0));
    }
    /// `a < b`.
    Less { f32 => u8: |a, b| u8::from(a < b); i32 => u8: |a, b| u8::from(a < b); }
    /// `a ≤ b`.
    LessEqual { f32 => u8: |a, b| u8::from(a <= b); i32 => u8: |a, b| u8::from(a <= b); }
}

fn quotient(a: i32, b: i32) -> i32 {
    a.checked_div(b).unwrap_or(if b == 0 { 0 } else { i32::MIN })
}

fn integer_remainder(a: i32, b: i32) -> i32 {
    a.checked_rem(b).unwrap_or(0)
}

fn floor_quotient(a: i32, b: i32) -> i32 {
    let left = integer_remainder(a, b);
    let is_above = left != 0 && (left < 0) != (b < 0);
    quotient(a, b).wrapping_sub(i32::from(is_above))
}

fn integer_power(a: i32, b: i32) -> i32 {
    match (u32::try_from(b), a) {
        (Ok(b), _) => a.wrapping_pow(b),
        (Err(_), 1) => 1,
        (Err(_), -1) => {
            if b & 1 == 0 {
                1
            } else {
                -1
            }
        }
        (Err(_), _) => 0,
    }
}
