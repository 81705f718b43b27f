//! Operators on two operands, element by element, with broadcasting.

use super::real::{Real, ravel, unravel};
use crate::value::{Shape, ShapeError, fail};

/// The shape of an elementwise result: axes are aligned at the end, and an axis of extent 1 stretches.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape, ShapeError> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => fail(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// `combine` on every pair of elements that meet in the result.
pub(crate) fn binary(inputs: &[Real<'_>], shape: &[usize], combine: fn(f64, f64) -> f64) -> Vec<f32> {
    let at = |tensor: Real<'_>, index: &[usize]| {
        let own = &index[index.len() - tensor.shape.len()..];
        let clipped = own.iter().zip(tensor.shape).map(|(&at, &extent)| if extent == 1 { 0 } else { at });
        f64::from(tensor.data[ravel(clipped, tensor.shape)])
    };
    let len: usize = shape.iter().product();
    (0..len)
        .map(|flat| {
            let index = unravel(flat, shape);
            combine(at(inputs[0], &index), at(inputs[1], &index)) as f32
        })
        .collect()
}
