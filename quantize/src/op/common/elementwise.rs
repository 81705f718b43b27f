//! Operators on two operands, element by element, with broadcasting.

use super::real::{Real, ravel, unravel};
use crate::value::{Shape, ShapeError, fail};

/// The extent of `shape` under axis `axis` of a shape with `rank` axes, aligned at the end.
pub(crate) fn extent(shape: &[usize], rank: usize, axis: usize) -> usize {
    (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
}

/// The shape of an elementwise result: axes are aligned at the end, and an axis of extent 1 stretches.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape, ShapeError> {
    let rank = a.len().max(b.len());
    (0..rank)
        .map(|axis| match (extent(a, rank, axis), extent(b, rank, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => fail(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// The indices of all elements of a tensor, row-major.
pub(crate) fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..shape.iter().product()).map(|flat| unravel(flat, shape))
}

/// The element of an operand of shape `shape` that meets the result's element at `index`.
pub(crate) fn position(shape: &[usize], index: &[usize]) -> usize {
    let own = &index[index.len() - shape.len()..];
    ravel(own.iter().zip(shape).map(|(&at, &extent)| if extent == 1 { 0 } else { at }), shape)
}

/// `combine` on every pair of elements that meet in the result.
pub(crate) fn binary(inputs: &[Real<'_>], shape: &[usize], combine: impl Fn(f64, f64) -> f64) -> Vec<f32> {
    let at = |tensor: Real<'_>, index: &[usize]| f64::from(tensor.data[position(tensor.shape, index)]);
    positions(shape).map(|index| combine(at(inputs[0], &index), at(inputs[1], &index)) as f32).collect()
}
