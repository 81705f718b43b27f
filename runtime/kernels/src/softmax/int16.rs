//! Softmax of int16, with two tables in place of an exponential and a quotient.
//!
//! - Inputs and outputs have zero point 0, outputs the scale `2^-15`.
//! - Differences to the row's maximum become parts of 65535 of -10, their exponentials (`2^-15`) come from the first
//!   table, and are summed in 32 bits. The sum, brought between 1 and 2, finds its inverse in the second.

use crate::Io;
use crate::map::interpolate;
use crate::numerics::FixedPoint;

/// Entries of each table.
pub const TABLE_LEN: usize = 513;

/// An int16 softmax.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxI16<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub depth: usize,
    /// From a difference of inputs to parts of 65535 of 10.
    pub factor: FixedPoint,
    /// `e^x` from -10 to 0: [`TABLE_LEN`] entries.
    pub exponentials: &'a [i16],
    /// `1 / (1 + x)` from 0 to 1: as many.
    pub inverses: &'a [i16],
}

/// Computes the softmax. No scratch.
pub fn softmax_i16(layer: &SoftmaxI16<'_>, io: &mut Io<i16>) {
    let SoftmaxI16 { rows, depth, factor, exponentials, inverses } = *layer;
    let len = rows.wrapping_mul(depth);
    if !io.has(len, len) || exponentials.len() < TABLE_LEN || inverses.len() < TABLE_LEN {
        return io.refuse();
    }
    for row in 0..rows {
        let start = row.wrapping_mul(depth);
        let elements = io.input().get(start..start.wrapping_add(depth)).unwrap_or_default();
        let max = i32::from(elements.iter().copied().max().unwrap_or(0));
        let exponential = |x: i16| {
            let place = factor.apply(i32::from(x).wrapping_sub(max)).wrapping_add(32767);
            i32::from(interpolate(exponentials, place.clamp(i16::MIN.into(), i16::MAX.into()) as i16))
        };
        let sum = elements.iter().fold(0_i32, |sum, &x| sum.wrapping_add(exponential(x)));
        let leading = sum.leading_zeros();
        let scaled = i64::from(sum).wrapping_shl(leading.wrapping_sub(1)).wrapping_add(1 << 13) >> 14;
        let place = (scaled as i32).wrapping_sub((1 << 15) + (1 << 16));
        let inverse = i64::from(interpolate(inverses, place.clamp(i16::MIN.into(), i16::MAX.into()) as i16));
        let right = 31_u32.wrapping_sub(leading);
        let half = 1_i64.wrapping_shl(right.wrapping_sub(1));
        for at in start..start.wrapping_add(depth) {
            let x = io.input().get(at).copied().unwrap_or(0);
            let product = i64::from(exponential(x)).wrapping_mul(inverse).wrapping_add(half);
            io.set(at, (product.wrapping_shr(right) as i32).clamp(0, i16::MAX.into()) as i16);
        }
    }
}
