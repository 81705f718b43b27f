//! Products of matrices, a few columns at a time: each element of `a` is read once for all of them.

use super::{MatMulF32, MatMulI8, MatMulI16, MatMulShape};
use crate::formula::positions;

/// Columns at a time: sums that the registers hold.
const COLUMNS: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// Computes the product. False, and nothing written, when the slices are too short.
#[must_use]
pub fn mat_mul_f32(layer: &MatMulF32, a: &[f32], b: &[f32], output: &mut [f32]) -> bool {
    mat_mul(&layer.shape, [a, b], output, |sum: f32, a, b| sum + a * b, |sum| layer.finish(sum))
}

/// Computes the product, likewise.
#[must_use]
pub(crate) fn mat_mul_i8(layer: &MatMulI8, a: &[i8], b: &[i8], output: &mut [i8]) -> bool {
    mat_mul(&layer.shape, [a, b], output, |sum: i32, a, b| add(layer, sum, a, b), |sum| layer.finish(sum))
}

/// The columns of a row from `column` on, of which there are as many as `elements`, one at a time.
#[cfg_attr(not(kinglet_isa = "armv7em"), allow(dead_code))]
pub(crate) fn last_columns(layer: &MatMulI8, a: &[i8], b: &[i8], column: usize, elements: &mut [i8]) {
    for (index, element) in elements.iter_mut().enumerate() {
        let column = column.wrapping_add(index);
        let [sum] = columns::<i8, i32, 1>(&layer.shape, a, b, column, |sum, a, b| add(layer, sum, a, b));
        *element = layer.finish(sum);
    }
}

#[inline]
fn add(layer: &MatMulI8, sum: i32, a: i8, b: i8) -> i32 {
    let (a, b) = (i32::from(a).wrapping_sub(layer.a_zero_point), i32::from(b).wrapping_sub(layer.b_zero_point));
    sum.wrapping_add(a.wrapping_mul(b))
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
    let start = column.wrapping_mul(of_column);
    let b = b.get(start..).unwrap_or_default();
    if of_column == 1 && of_k >= N {
        let a = a.iter().step_by(of_a.max(1)).take(shape.depth);
        for (x, row) in a.zip(b.chunks(of_k)) {
            let Some(row) = row.first_chunk::<N>() else { break };
            add_row(&mut sums, *x, row, &add);
        }
        return sums;
    }
    let (fours, rest) = sums.as_chunks_mut::<4>();
    let mut start: usize = 0;
    for four in fours {
        let rows =
            [0, 1, 2, 3].map(|index| b.get(start.wrapping_add(of_column.wrapping_mul(index))..).unwrap_or_default());
        four_columns(shape, a, rows, four, &add);
        start = start.wrapping_add(of_column.wrapping_mul(4));
    }
    for sum in rest {
        let a = a.iter().step_by(of_a.max(1)).take(shape.depth);
        let column = b.get(start..).unwrap_or_default().iter().step_by(of_k.max(1));
        *sum = a.zip(column).fold(*sum, |sum, (x, y)| add(sum, *x, *y));
        start = start.wrapping_add(of_column);
    }
    sums
}

/// Adds `x` times each element of a row, four by four, so that no compiler makes a loop of so few steps.
#[inline(always)]
fn add_row<T: Copy, S: Copy, const N: usize>(sums: &mut [S; N], x: T, row: &[T; N], add: impl Fn(S, T, T) -> S) {
    let ((fours, rest), (row, row_rest)) = (sums.as_chunks_mut::<4>(), row.as_chunks::<4>());
    for (sums, y) in fours.iter_mut().zip(row) {
        *sums = [add(sums[0], x, y[0]), add(sums[1], x, y[1]), add(sums[2], x, y[2]), add(sums[3], x, y[3])];
    }
    rest.iter_mut().zip(row_rest).for_each(|(sum, y)| *sum = add(*sum, x, *y));
}

/// Four columns whose elements are not beside each other.
#[inline]
fn four_columns<T: Copy, S: Copy>(
    shape: &MatMulShape,
    a: &[T],
    rows: [&[T]; 4],
    sums: &mut [S; 4],
    add: impl Fn(S, T, T) -> S,
) {
    let ([.., of_a], [_, _, _, of_k, _]) = (shape.a, shape.b);
    let [p, q, r, s] = rows;
    let [mut sum_p, mut sum_q, mut sum_r, mut sum_s] = *sums;
    let mut each = |x: &T, p: &T, q: &T, r: &T, s: &T| {
        sum_p = add(sum_p, *x, *p);
        sum_q = add(sum_q, *x, *q);
        sum_r = add(sum_r, *x, *r);
        sum_s = add(sum_s, *x, *s);
    };
    if of_a == 1 && of_k == 1 {
        let a = a.get(..shape.depth).unwrap_or_default();
        a.iter().zip(p).zip(q).zip(r).zip(s).for_each(|((((x, p), q), r), s)| each(x, p, q, r, s));
    } else {
        let (mut a_at, mut b_at) = (0_usize, 0_usize);
        for _ in 0..shape.depth {
            let (Some(x), Some(p), Some(q), Some(r), Some(s)) =
                (a.get(a_at), p.get(b_at), q.get(b_at), r.get(b_at), s.get(b_at))
            else {
                break;
            };
            each(x, p, q, r, s);
            (a_at, b_at) = (a_at.wrapping_add(of_a), b_at.wrapping_add(of_k));
        }
    }
    *sums = [sum_p, sum_q, sum_r, sum_s];
}
