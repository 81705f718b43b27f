//! Pooling of int8 in blocks of channels.

use super::PoolI8;
use super::blocks::{BLOCK, Place, for_each_block, for_each_tap};
use crate::Io;

/// Computes the average pooling. No scratch.
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| average::<BLOCK>(layer, input, place),
        |input, place| average::<1>(layer, input, place),
    );
}

/// Computes the maximum pooling. No scratch.
pub(crate) fn max_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| max::<BLOCK>(layer, input, place),
        |input, place| max::<1>(layer, input, place),
    );
}

fn average<const N: usize>(layer: &PoolI8, input: &[i8], place: Place) -> [i8; N] {
    let (mut sums, mut count) = ([0_i32; N], 0_i32);
    for_each_tap(&layer.geometry, input, place, |inputs: [i8; N]| {
        for (sum, x) in sums.iter_mut().zip(inputs) {
            *sum = sum.wrapping_add(x.into());
        }
        count = count.wrapping_add(1);
    });
    sums.map(|sum| layer.average(sum, count))
}

fn max<const N: usize>(layer: &PoolI8, input: &[i8], place: Place) -> [i8; N] {
    let mut maxima = [i8::MIN; N];
    for_each_tap(&layer.geometry, input, place, |inputs: [i8; N]| {
        for (max, x) in maxima.iter_mut().zip(inputs) {
            *max = x.max(*max);
        }
    });
    maxima.map(|max| layer.clamp(max.into()))
}
