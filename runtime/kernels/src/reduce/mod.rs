//! Sums, means, extremes and products along any axes.
//!
//! - `input: [k0, r0, k1, r1, k2, r2, k3]`, kept and reduced extents in turn; `output: [k0, k1, k2, k3]`. What has fewer
//!   axes has extents of 1.
//! - An element of the output starts at what its kind starts at and takes the inputs one by one, those of the last
//!   reduced axis running fastest ([`Kind`]). A mean is then divided by the number of inputs.
//! - float: in `f32`, in that order. An extreme takes an input only if it is greater (less): NaN is never taken, and of
//!   zeros with different signs the first stays.
//! - int8 and int16: sums wrap in 32 bits. `output = stage((sum - input_zero_point * count) * factor)`, the division of
//!   a mean being part of the factor. Extremes are codes of the input: input and output have the same scale.
//! - Input and output must not overlap.

mod blocks;
mod float;
mod integer;
mod reference;

pub use float::reduce_f32;
pub use integer::{reduce_i8, reduce_i16};
pub use reference::{reduce_f32_reference, reduce_i8_reference, reduce_i16_reference};

use crate::numerics::FixedPoint;

/// Kept and reduced extents of an input in turn, `[k0, r0, k1, r1, k2, r2, k3]`.
pub type Extents = [usize; 7];

/// The arithmetic that kinds are written with.
trait Number: Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// Below or equal to all others, and above or equal.
    const ENDS: [Self; 2];
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn magnitude(self) -> Self;
}

impl Number for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const ENDS: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

    #[inline]
    fn plus(self, other: f32) -> f32 {
        self + other
    }

    #[inline]
    fn times(self, other: f32) -> f32 {
        self * other
    }

    #[inline]
    fn magnitude(self) -> f32 {
        self.abs()
    }
}

impl Number for i32 {
    const ZERO: i32 = 0;
    const ONE: i32 = 1;
    const ENDS: [i32; 2] = [i32::MIN, i32::MAX];

    #[inline]
    fn plus(self, other: i32) -> i32 {
        self.wrapping_add(other)
    }

    #[inline]
    fn times(self, other: i32) -> i32 {
        self.wrapping_mul(other)
    }

    #[inline]
    fn magnitude(self) -> i32 {
        self.wrapping_abs()
    }
}

/// Declares [`Kind`]: for each its tag, what it starts at, and what it makes of that and one more input.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal: $start:expr, |$sum:ident, $x:ident| $step:expr;)*) => {
        /// What is made of the inputs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $tag,)*
        }

        impl Kind {
            /// Every kind, in the order of its tag.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The kind with tag `tag`.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Kind::$name),)*
                    _ => None,
                }
            }

            /// The kind's name.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }

            /// What is there before the first input.
            fn start<S: Number>(self) -> S {
                match self { $(Kind::$name => $start,)* }
            }

            /// `sum` and one more input.
            fn step<S: Number>(self, sum: S, x: S) -> S {
                match self { $(Kind::$name => { let ($sum, $x) = (sum, x); $step })* }
            }

            /// Each of `sums` and one more input of `row`.
            fn add_row<S: Number, T: Copy + Into<S>>(self, sums: &mut [S], row: &[T]) {
                match self { $(Kind::$name => blocks::add_row(sums, row, |$sum, $x| $step),)* }
            }

            /// `sum` and all inputs of `row`.
            fn fold<S: Number, T: Copy + Into<S>>(self, sum: S, row: &[T]) -> S {
                match self { $(Kind::$name => blocks::fold(sum, row, |$sum, $x| $step),)* }
            }
        }
    };
}

kinds! {
    /// The sum.
    Sum = 0 "Sum": S::ZERO, |sum, x| sum.plus(x);
    /// The mean.
    Mean = 1 "Mean": S::ZERO, |sum, x| sum.plus(x);
    /// The maximum.
    Max = 2 "Max": S::ENDS[0], |max, x| if x > max { x } else { max };
    /// The minimum.
    Min = 3 "Min": S::ENDS[1], |min, x| if x < min { x } else { min };
    /// The product.
    Prod = 4 "Prod": S::ONE, |product, x| product.times(x);
    /// The sum of magnitudes.
    L1 = 5 "L1": S::ZERO, |sum, x| sum.plus(x.magnitude());
    /// The sum of squares.
    SumSquare = 6 "SumSquare": S::ZERO, |sum, x| sum.plus(x.times(x));
}

impl Kind {
    /// Whether the kind is one of integers too.
    pub const fn has_integers(self) -> bool {
        matches!(self, Kind::Sum | Kind::Mean | Kind::Max | Kind::Min)
    }

    /// Whether the result is one of the inputs.
    pub const fn selects(self) -> bool {
        matches!(self, Kind::Max | Kind::Min)
    }
}

/// A reduction of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReduceF32 {
    /// What is made of the inputs.
    pub kind: Kind,
    /// Shape of the input.
    pub extents: Extents,
}

/// A reduction of integers, of a kind that [has them](Kind::has_integers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReduceInt {
    /// What is made of the inputs.
    pub kind: Kind,
    /// Shape of the input.
    pub extents: Extents,
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Input scale over output scale, of a mean over the number of inputs; unused by extremes. The multiplier may be
    /// below `2^30`.
    pub factor: FixedPoint,
    /// Zero point of the output; unused by extremes.
    pub zero_point: i32,
}

/// How many inputs there are, how many of them make an output, and how many outputs.
fn counts(extents: &Extents) -> [usize; 3] {
    let [k0, r0, k1, r1, k2, r2, k3] = *extents;
    let reduced = r0.wrapping_mul(r1).wrapping_mul(r2);
    let kept = k0.wrapping_mul(k1).wrapping_mul(k2).wrapping_mul(k3);
    [kept.wrapping_mul(reduced), reduced, kept]
}

impl ReduceInt {
    /// The output of what the inputs have become, in the range of the elements.
    #[inline]
    fn finish(&self, sum: i32, count: usize, [min, max]: [i32; 2]) -> i32 {
        if self.kind.selects() {
            return sum;
        }
        let offset = self.input_zero_point.wrapping_mul(count as i32);
        self.factor.apply(sum.wrapping_sub(offset)).wrapping_add(self.zero_point).max(min).min(max)
    }
}
