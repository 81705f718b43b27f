//! Functions of two elements, of each pair that meets in the result.
//!
//! - `a`, `b`: dense tensors that may repeat along axes of the result, see [`Grid`]; `y`: as many elements as the grid.
//! - Functions are in [`functions`], for codes in [`quantized`], for `f32`, `i32` and truth values (a byte: 0 is false, anything else true; results
//!   are 0 and 1).
//! - Floats: the function, then the clamp.
//! - `y` shares no memory with an operand; operands may share with each other.

mod float;
pub mod functions;
mod power;
pub mod quantized;

pub use float::{floor, remainder};
pub use power::power;

use crate::grid::Grid;
use crate::numerics::ClampF32;

/// A function of two elements of type `T`.
pub trait Combines<T> {
    /// What it makes of them.
    type Result: Bounded;

    /// The function.
    fn of(a: T, b: T) -> Self::Result;
}

/// A result that may be clamped.
pub trait Bounded: Copy {
    /// Within the bounds, when it is a float.
    fn bounded(self, clamp: ClampF32) -> Self;
}

impl Bounded for f32 {
    #[inline]
    fn bounded(self, clamp: ClampF32) -> f32 {
        clamp.apply(self)
    }
}

macro_rules! unbounded {
    ($($ty:ty),*) => { $(
        impl Bounded for $ty {
            #[inline]
            fn bounded(self, _clamp: ClampF32) -> $ty {
                self
            }
        }
    )* };
}
unbounded!(i32, u8);

/// Computes `F` of each pair, row by row. False, and nothing is written, when a slice is too short. No scratch.
pub fn combine<F: Combines<T>, T: Copy>(
    grid: &Grid<2>,
    clamp: ClampF32,
    operands: [&[T]; 2],
    y: &mut [F::Result],
) -> bool {
    each_pair(grid, operands, y, |a, b| F::of(a, b).bounded(clamp))
}

/// Writes what `of` makes of each pair.
#[inline]
fn each_pair<T: Copy, Y>(grid: &Grid<2>, [a, b]: [&[T]; 2], y: &mut [Y], of: impl Fn(T, T) -> Y) -> bool {
    if !grid.fits([a.len(), b.len()], y.len()) {
        return false;
    }
    let [a_repeats, b_repeats] = grid.repeats;
    let mut rows = grid.rows();
    let mut rest = y.get_mut(..grid.result_len()).unwrap_or_default();
    while !rest.is_empty() {
        let Some((row, behind)) = rest.split_at_mut_checked(grid.row_len()) else { return false };
        let [a_at, b_at] = rows.at;
        pair_rows(grid.row(a_repeats, a, a_at), grid.row(b_repeats, b, b_at), row, &of);
        rows.advance();
        rest = behind;
    }
    true
}

/// A row of the result. The one element of an operand that repeats is in a register.
#[inline]
fn pair_rows<T: Copy, Y>(a: &[T], b: &[T], y: &mut [Y], of: &impl Fn(T, T) -> Y) {
    match (a, b) {
        (&[a], b) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = of(a, b)),
        (a, &[b]) => y.iter_mut().zip(a).for_each(|(y, &a)| *y = of(a, b)),
        _ => y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = of(a, b)),
    }
}
