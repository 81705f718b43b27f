//! Numbers of one type as numbers of another, without scales.
//!
//! - Integers wrap. Floats lose their fraction and become the nearest 32-bit integer, NaN 0, and then wrap.
//! - A truth value (a byte) is 0 or 1 as a number; a number other than 0, NaN included, is true.
//! - Input and output must not overlap.

/// An element that is a number.
pub trait Number: Copy {
    /// As a float, rounded to nearest.
    fn float(self) -> f32;
    /// As an integer.
    fn integer(self) -> i32;
    /// From a number of this type.
    fn of<N: Number>(number: N) -> Self;
    /// Whether it is not 0.
    fn is_true(self) -> bool;
}

macro_rules! integers {
    ($($ty:ty),*) => { $(
        impl Number for $ty {
            #[inline]
            fn float(self) -> f32 {
                self as f32
            }
            #[inline]
            fn integer(self) -> i32 {
                self.into()
            }
            #[inline]
            fn of<N: Number>(number: N) -> Self {
                number.integer() as $ty
            }
            #[inline]
            fn is_true(self) -> bool {
                self != 0
            }
        }
    )* };
}
integers!(i8, u8, i16, i32);

impl Number for f32 {
    #[inline]
    fn float(self) -> f32 {
        self
    }
    #[inline]
    fn integer(self) -> i32 {
        self as i32
    }
    #[inline]
    fn of<N: Number>(number: N) -> Self {
        number.float()
    }
    #[inline]
    fn is_true(self) -> bool {
        self != 0.0
    }
}

/// Converts each number. False, and nothing is written, when there are not as many results. No scratch.
pub fn cast<A: Number, Y: Number>(from: &[A], to: &mut [Y]) -> bool {
    convert(from, to, Y::of)
}

/// Makes a truth value of each number.
pub fn cast_to_truth<A: Number>(from: &[A], to: &mut [u8]) -> bool {
    convert(from, to, |number| u8::from(number.is_true()))
}

#[inline]
fn convert<A: Copy, Y>(from: &[A], to: &mut [Y], of: impl Fn(A) -> Y) -> bool {
    let is_sound = from.len() == to.len();
    if is_sound {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = of(*from));
    }
    is_sound
}
