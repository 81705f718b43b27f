//! Products of matrices, a few columns at a time: each element of `a` is read once for all of them.

use super::{MatMulF32, MatMulI8, MatMulI16, MatMulShape};
use crate::formula::positions;
use crate::io::range;

/// Columns at a time: sums that the registers hold.
const COLUMNS: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// Computes the product. False, and nothing written, when the slices are too short.
#[must_use]
pub fn mat_mul_f32(layer: &MatMulF32, a: &[f32], b: &[f32], output: &mut [f32]) -> bool {
    mat_mul(&layer.shape, [a, b], output, |sum: f32, a, b| sum + a * b, |sum| layer.finish(sum))
}

/// Computes the product, likewise.
#[must_use]
pub fn mat_mul_i8(layer: &MatMulI8, a: &[i8], b: &[i8], output: &mut [i8]) -> bool {
    let (za, zb) = (layer.a_zero_point, layer.b_zero_point);
    let add = |sum: i32, a: i8, b: i8| {
        let (a, b) = (i32::from(a).wrapping_sub(za), i32::from(b).wrapping_sub(zb));
        sum.wrapping_add(a.wrapping_mul(b))
    };
    mat_mul(&layer.shape, [a, b], output, add, |sum| layer.finish(sum))
}

/// Computes the product, likewise.
#[must_use]
pub fn mat_mul_i16(layer: &MatMulI16, a: &[i16], b: &[i16], output: &mut [i16]) -> bool {
    // A product of two int16 fits 32 bits, -2^15 squared included.
    let add = |sum: i64, a: i16, b: i16| sum.wrapping_add(i64::from(i32::from(a).wrapping_mul(i32::from(b))));
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
    let [b0, b1, b2] = shape.batch;
    let [_, _, _, of_row, _] = shape.a;
    let rows = output.chunks_exact_mut(shape.columns.max(1));
    for (row, [x, y, z, i]) in rows.zip(positions([b0, b1, b2, shape.rows])) {
        let a_at = shape.start([x, y, z], shape.a).wrapping_add(i.wrapping_mul(of_row));
        let a_row = a.get(a_at..).unwrap_or_default();
        let matrix = b.get(shape.start([x, y, z], shape.b)..).unwrap_or_default();
        let mut column: usize = 0;
        let mut blocks = row.chunks_exact_mut(COLUMNS);
        for block in &mut blocks {
            let sums = columns::<T, S, COLUMNS>(shape, a_row, matrix, column, &add);
            block.iter_mut().zip(sums).for_each(|(element, sum)| *element = finish(sum));
            column = column.wrapping_add(COLUMNS);
        }
        for element in blocks.into_remainder() {
            let [sum] = columns::<T, S, 1>(shape, a_row, matrix, column, &add);
            *element = finish(sum);
            column = column.wrapping_add(1);
        }
    }
    true
}

/// The sums of a row's elements `column .. column + N`.
#[inline]
fn columns<T: Copy + Default, S: Copy + Default, const N: usize>(
    shape: &MatMulShape,
    a: &[T],
    b: &[T],
    column: usize,
    add: impl Fn(S, T, T) -> S,
) -> [S; N] {
    let [.., of_a] = shape.a;
    let [_, _, _, of_k, of_column] = shape.b;
    let mut sums = [S::default(); N];
    let (mut a_at, mut b_at) = (0_usize, column.wrapping_mul(of_column));
    for _ in 0..shape.depth {
        let x = a.get(a_at).copied().unwrap_or_default();
        if of_column == 1 {
            let row: [T; N] = range(b, b_at, N).first_chunk().copied().unwrap_or([T::default(); N]);
            for (sum, y) in sums.iter_mut().zip(row) {
                *sum = add(*sum, x, y);
            }
        } else {
            let mut at = b_at;
            for sum in &mut sums {
                *sum = add(*sum, x, b.get(at).copied().unwrap_or_default());
                at = at.wrapping_add(of_column);
            }
        }
        a_at = a_at.wrapping_add(of_a);
        b_at = b_at.wrapping_add(of_k);
    }
    sums
}
