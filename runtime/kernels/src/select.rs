//! One of two elements, by a third.
//!
//! - `condition`: truth values (0 is false, anything else true); `a` where it is true, `b` where it is not. All three
//!   are dense tensors that may repeat along axes of the result, see [`Grid`].
//! - Any type of elements; their bits are copied.
//! - The result shares no memory with an operand; operands may share with each other.

use crate::grid::Grid;

/// Computes the selection, row by row. False, and nothing is written, when a slice is too short. No scratch.
pub fn select<T: Copy>(grid: &Grid<3>, condition: &[u8], a: &[T], b: &[T], y: &mut [T]) -> bool {
    if !grid.fits([condition.len(), a.len(), b.len()], y.len()) {
        return false;
    }
    let [condition_repeats, a_repeats, b_repeats] = grid.repeats;
    let mut rows = grid.rows();
    let mut rest = y.get_mut(..grid.result_len()).unwrap_or_default();
    while !rest.is_empty() {
        let Some((row, behind)) = rest.split_at_mut_checked(grid.row_len()) else { return false };
        let [condition_at, a_at, b_at] = rows.at;
        let condition = grid.row(condition_repeats, condition, condition_at);
        select_row(condition, grid.row(a_repeats, a, a_at), grid.row(b_repeats, b, b_at), row);
        rows.advance();
        rest = behind;
    }
    true
}

/// A row of the result.
#[inline]
fn select_row<T: Copy>(condition: &[u8], a: &[T], b: &[T], y: &mut [T]) {
    match condition {
        &[condition] if y.len() > 1 => fill(y, if condition != 0 { a } else { b }),
        _ => {
            fill(y, b);
            overwrite(condition, a, y);
        }
    }
}

/// All of `from`, or its one element everywhere.
#[inline]
fn fill<T: Copy>(y: &mut [T], from: &[T]) {
    match from {
        &[one] => y.iter_mut().for_each(|y| *y = one),
        _ => y.iter_mut().zip(from).for_each(|(y, from)| *y = *from),
    }
}

/// Elements of `a` where the condition is true.
#[inline]
fn overwrite<T: Copy>(condition: &[u8], a: &[T], y: &mut [T]) {
    let chosen = y.iter_mut().zip(condition).enumerate().filter(|(_, (_, condition))| **condition != 0);
    match a {
        &[one] => chosen.for_each(|(_, (y, _))| *y = one),
        _ => chosen.for_each(|(at, (y, _))| {
            if let Some(a) = a.get(at) {
                *y = *a;
            }
        }),
    }
}
