//! Pooling of int16 in blocks of channels.

use super::blocks::{BLOCK, Place, for_each_block, for_each_tap};
use super::rounded_average;
use crate::Io;
use crate::conv2d::Geometry;

/// An int16 pooling layer. No window's sum leaves 32 bits: it has fewer than 2^16 positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolI16 {
    /// Shapes.
    pub geometry: Geometry,
    /// Lower clamp of the result.
    pub min: i16,
    /// Upper clamp of the result, at least `min`.
    pub max: i16,
}

impl PoolI16 {
    /// The result for a window: `value` within the clamp.
    #[inline]
    pub(super) fn clamp(&self, value: i32) -> i16 {
        value.max(self.min.into()).min(self.max.into()) as i16
    }
}

/// Computes the average pooling. No scratch.
pub fn average_pool_i16(layer: &PoolI16, io: &mut Io<i16>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| average::<BLOCK>(layer, input, place),
        |input, place| average::<1>(layer, input, place),
    );
}

/// Computes the maximum pooling. No scratch.
pub fn max_pool_i16(layer: &PoolI16, io: &mut Io<i16>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| max::<BLOCK>(layer, input, place),
        |input, place| max::<1>(layer, input, place),
    );
}

fn average<const N: usize>(layer: &PoolI16, input: &[i16], place: Place) -> [i16; N] {
    let (mut sums, mut count) = ([0_i32; N], 0_i32);
    for_each_tap(&layer.geometry, input, place, |inputs: [i16; N]| {
        for (sum, x) in sums.iter_mut().zip(inputs) {
            *sum = sum.wrapping_add(x.into());
        }
        count = count.wrapping_add(1);
    });
    sums.map(|sum| layer.clamp(rounded_average(sum, count)))
}

fn max<const N: usize>(layer: &PoolI16, input: &[i16], place: Place) -> [i16; N] {
    let mut maxima = [i16::MIN; N];
    for_each_tap(&layer.geometry, input, place, |inputs: [i16; N]| {
        for (max, x) in maxima.iter_mut().zip(inputs) {
            *max = x.max(*max);
        }
    });
    maxima.map(|max| layer.clamp(max.into()))
}
