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
use crate::io::range;
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
    /// Brings all within the bounds, when they are floats.
    fn bound_all(results: &mut [Self], clamp: ClampF32);
}

impl Bounded for f32 {
    #[inline]
    fn bound_all(results: &mut [f32], clamp: ClampF32) {
        clamp.apply_all(results);
    }
}

macro_rules! unbounded {
    ($($ty:ty),*) => { $(
        impl Bounded for $ty {
            #[inline]
            fn bound_all(_results: &mut [$ty], _clamp: ClampF32) {}
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
    if !each_pair::<_, _, true>(grid, operands, y, F::of) {
        return false;
    }
    F::Result::bound_all(y.get_mut(..grid.result_len()).unwrap_or_default(), clamp);
    true
}

/// Writes what `of` makes of each pair. Loops take four pairs at a time when it `IS_SHORT`.
#[inline]
fn each_pair<T: Copy, Y, const IS_SHORT: bool>(
    grid: &Grid<2>,
    [a, b]: [&[T]; 2],
    y: &mut [Y],
    of: impl Fn(T, T) -> Y,
) -> bool {
    if !grid.fits([a.len(), b.len()], y.len()) {
        return false;
    }
    let [a_len, b_len] = grid.repeats.map(|repeats| grid.operand_row_len(repeats));
    let mut rows = grid.rows();
    for row in y.get_mut(..grid.result_len()).unwrap_or_default().chunks_exact_mut(grid.row_len().max(1)) {
        let [a_at, b_at] = rows.at;
        pair_rows::<_, _, IS_SHORT>(range(a, a_at, a_len), range(b, b_at, b_len), row, &of);
        rows.advance();
    }
    true
}

/// A row of the result. The one element of an operand that repeats is in a register.
#[inline]
fn pair_rows<T: Copy, Y, const IS_SHORT: bool>(a: &[T], b: &[T], y: &mut [Y], of: &impl Fn(T, T) -> Y) {
    match (a, b) {
        (&[a], b) => map_row::<_, _, IS_SHORT>(b, y, |b| of(a, b)),
        (a, &[b]) => map_row::<_, _, IS_SHORT>(a, y, |a| of(a, b)),
        _ => zip_rows::<_, _, IS_SHORT>(a, b, y, of),
    }
}

#[inline]
fn map_row<T: Copy, Y, const IS_SHORT: bool>(x: &[T], y: &mut [Y], of: impl Fn(T) -> Y) {
    let (x_fours, x_rest) = if IS_SHORT { x.as_chunks::<4>() } else { (&[][..], x) };
    let (y_fours, y_rest) = if IS_SHORT { y.as_chunks_mut::<4>() } else { (&mut [][..], y) };
    for (y, x) in y_fours.iter_mut().zip(x_fours) {
        *y = x.map(&of);
    }
    y_rest.iter_mut().zip(x_rest).for_each(|(y, &x)| *y = of(x));
}

#[inline]
fn zip_rows<T: Copy, Y, const IS_SHORT: bool>(a: &[T], b: &[T], y: &mut [Y], of: impl Fn(T, T) -> Y) {
    let (a_fours, a_rest) = if IS_SHORT { a.as_chunks::<4>() } else { (&[][..], a) };
    let (b_fours, b_rest) = if IS_SHORT { b.as_chunks::<4>() } else { (&[][..], b) };
    let (y_fours, y_rest) = if IS_SHORT { y.as_chunks_mut::<4>() } else { (&mut [][..], y) };
    for (y, (a, b)) in y_fours.iter_mut().zip(a_fours.iter().zip(b_fours)) {
        *y = [of(a[0], b[0]), of(a[1], b[1]), of(a[2], b[2]), of(a[3], b[3])];
    }
    y_rest.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(y, (&a, &b))| *y = of(a, b));
}
