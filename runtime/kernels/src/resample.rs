//! Weighted sums of some indices of one axis: enlarging and shrinking by lines, cubics and wider windows.
//!
//! - `input: [outer, extent, inner]`, `output: [outer, count, inner]`.
//! - `output[o, i, n] = Σ weights[i, t] * input[o, indices[i, t], n]` over the `taps` of index `i`, in their order, from
//!   `+0` on; every index is below `extent`.
//! - int8: weights are in units of 2^-14; codes count from the zero point, and the sum is rounded to the nearest code,
//!   halves up, and clamped: `z + floor((Σ weights * (input - z) + 2^13) / 2^14)`.
//! - Input and output must not overlap.

use crate::Io;
use crate::formula::{Tensor, positions, product};
use crate::io::range;

/// Where every index of the result comes from, with weights of type `W`.
#[derive(Clone, Copy, Debug)]
pub struct Resample<'a, W> {
    /// Product of the dimensions before the axis.
    pub outer: usize,
    /// Extent of the axis.
    pub extent: usize,
    /// Product of the dimensions after the axis.
    pub inner: usize,
    /// Extent of the result's axis.
    pub count: usize,
    /// Weights of each index, at least 1.
    pub taps: usize,
    /// The indices that meet the weights.
    pub indices: &'a [u32],
    /// As many weights.
    pub weights: &'a [W],
}

/// Bits of an integer weight's fraction.
pub const WEIGHT_BITS: u32 = 14;

impl<W> Resample<'_, W> {
    /// True when all elements can be read and written.
    fn fits<T>(&self, io: &Io<T>) -> bool {
        let len = |extent: usize| self.outer.checked_mul(extent).and_then(|len| len.checked_mul(self.inner));
        let weights = self.count.checked_mul(self.taps);
        let is_whole = weights == Some(self.indices.len()) && weights == Some(self.weights.len()) && self.taps > 0;
        let is_inside = self.indices.iter().all(|index| (*index as usize) < self.extent);
        match (len(self.extent), len(self.count)) {
            (Some(input), Some(output)) => is_whole && is_inside && io.has(input, output),
            _ => false,
        }
    }
}

/// Computes the sums. No scratch.
pub fn resample_f32(layer: &Resample<'_, f32>, io: &mut Io<f32>) {
    resample(layer, io, 0.0_f32, |sum, weight, x| sum + weight * x, |sum| sum);
}

/// Computes the sums of codes. No scratch.
pub fn resample_i8(layer: &Resample<'_, i16>, zero_point: i32, io: &mut Io<i8>) {
    let add = |sum: i32, weight: i16, x: i8| {
        sum.wrapping_add(i32::from(weight).wrapping_mul(i32::from(x).wrapping_sub(zero_point)))
    };
    resample(layer, io, 0_i32, add, |sum| code(sum, zero_point));
}

/// The code of a sum.
#[inline]
fn code(sum: i32, zero_point: i32) -> i8 {
    let rounded = sum.wrapping_add(1 << (WEIGHT_BITS - 1)) >> WEIGHT_BITS;
    let code = rounded.wrapping_add(zero_point).clamp(i8::MIN.into(), i8::MAX.into());
    code.to_le_bytes()[0].cast_signed()
}

/// Elements whose sums are kept at a time.
const BLOCK: usize = 16;

#[inline]
fn resample<T: Copy, W: Copy, S: Copy>(
    layer: &Resample<'_, W>,
    io: &mut Io<T>,
    zero: S,
    add: impl Fn(S, W, T) -> S,
    finish: impl Fn(S) -> T,
) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Io::Split { input, output } = io else { return io.refuse() };
    let Resample { outer, extent, inner, taps, indices, weights, .. } = *layer;
    let mut rows = output.chunks_exact_mut(inner.max(1));
    for o in 0..outer {
        let image = range(input, o.wrapping_mul(extent).wrapping_mul(inner), extent.wrapping_mul(inner));
        for (indices, weights) in indices.chunks_exact(taps.max(1)).zip(weights.chunks_exact(taps.max(1))) {
            let row = rows.next().unwrap_or_default();
            for (block, elements) in row.chunks_mut(BLOCK).enumerate() {
                let mut sums = [zero; BLOCK];
                for (index, weight) in indices.iter().zip(weights) {
                    let start = (*index as usize).wrapping_mul(inner).wrapping_add(block.wrapping_mul(BLOCK));
                    let taken = range(image, start, elements.len());
                    sums.iter_mut().zip(taken).for_each(|(sum, x)| *sum = add(*sum, *weight, *x));
                }
                elements.iter_mut().zip(sums).for_each(|(element, sum)| *element = finish(sum));
            }
        }
    }
}

/// The sums that [`resample_f32`] equals to the bit.
pub fn resample_f32_reference(layer: &Resample<'_, f32>, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for (at, [o, i, n]) in positions([layer.outer, layer.count, layer.inner]).enumerate() {
        let mut sum = 0.0;
        for (index, weight) in taps(layer, i) {
            let x = Tensor::new(io.input(), [layer.outer, layer.extent, layer.inner]).at([o, index, n]);
            sum += weight * x;
        }
        io.set(at, sum);
    }
}

/// The sums that [`resample_i8`] equals to the bit.
pub fn resample_i8_reference(layer: &Resample<'_, i16>, zero_point: i32, io: &mut Io<i8>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for (at, [o, i, n]) in positions([layer.outer, layer.count, layer.inner]).enumerate() {
        let mut sum = core::num::Wrapping(0);
        for (index, weight) in taps(layer, i) {
            let x = Tensor::new(io.input(), [layer.outer, layer.extent, layer.inner]).at([o, index, n]);
            sum += product(weight, i32::from(x).wrapping_sub(zero_point));
        }
        io.set(at, code(sum.0, zero_point));
    }
}

/// The indices and weights of index `i` of the result.
fn taps<'a, W: Copy>(layer: &Resample<'a, W>, i: usize) -> impl Iterator<Item = (usize, W)> + use<'a, W> {
    let start = i.wrapping_mul(layer.taps);
    let indices = range(layer.indices, start, layer.taps).iter().map(|index| *index as usize);
    indices.zip(range(layer.weights, start, layer.taps).iter().copied())
}
