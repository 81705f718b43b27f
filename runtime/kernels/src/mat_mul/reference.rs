//! Products of matrices as their formula.

use super::{MatMulF32, MatMulI8, MatMulI16, MatMulShape};
use crate::formula::{Wrapping, long_product, positions, product};

/// The product that every `mat_mul_f32` kernel equals to the bit. False, and nothing written, when the slices are too
/// short.
#[must_use]
pub fn mat_mul_f32_reference(layer: &MatMulF32, a: &[f32], b: &[f32], output: &mut [f32]) -> bool {
    mat_mul(&layer.shape, [a, b], output, |sum: f32, a, b| sum + a * b, |sum| layer.finish(sum))
}

/// The product that every `mat_mul_i8` kernel equals to the bit, likewise.
#[must_use]
pub fn mat_mul_i8_reference(layer: &MatMulI8, a: &[i8], b: &[i8], output: &mut [i8]) -> bool {
    let add = |sum: i32, a: i8, b: i8| {
        let (a, b) = (i32::from(a).wrapping_sub(layer.a_zero_point), i32::from(b).wrapping_sub(layer.b_zero_point));
        (Wrapping(sum) + product(a, b)).0
    };
    mat_mul(&layer.shape, [a, b], output, add, |sum| layer.finish(sum))
}

/// The product that every `mat_mul_i16` kernel equals to the bit, likewise.
#[must_use]
pub fn mat_mul_i16_reference(layer: &MatMulI16, a: &[i16], b: &[i16], output: &mut [i16]) -> bool {
    let add = |sum: i64, a: i16, b: i16| (Wrapping(sum) + long_product(a, b)).0;
    mat_mul(&layer.shape, [a, b], output, add, |sum| layer.finish(sum))
}

fn mat_mul<T: Copy + Default, S: Copy + Default>(
    shape: &MatMulShape,
    [a, b]: [&[T]; 2],
    output: &mut [T],
    add: impl Fn(S, T, T) -> S,
    finish: impl Fn(S) -> T,
) -> bool {
    if !shape.fits([a.len(), b.len(), output.len()]) {
        return false;
    }
    let at = |strides: [usize; 5], [x, y, z]: [usize; 3], [i, j]: [usize; 2]| {
        let [_, _, _, of_i, of_j] = strides;
        let inner = i.wrapping_mul(of_i).wrapping_add(j.wrapping_mul(of_j));
        shape.start([x, y, z], strides).wrapping_add(inner)
    };
    let [b0, b1, b2] = shape.batch;
    for (element, [x, y, z, i, j]) in output.iter_mut().zip(positions([b0, b1, b2, shape.rows, shape.columns])) {
        let sum = (0..shape.depth).fold(S::default(), |sum, k| {
            let of_a = a.get(at(shape.a, [x, y, z], [i, k])).copied().unwrap_or_default();
            let of_b = b.get(at(shape.b, [x, y, z], [k, j])).copied().unwrap_or_default();
            add(sum, of_a, of_b)
        });
        *element = finish(sum);
    }
    true
}
