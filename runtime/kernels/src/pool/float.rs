//! Pooling of floats in blocks of channels, each sum in the reference's order.

use super::PoolF32;
use super::blocks::{BLOCK, Place, for_each_block, for_each_tap};
use crate::Io;

/// Computes the average pooling. No scratch.
pub fn average_pool_f32(layer: &PoolF32, io: &mut Io<f32>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| average::<BLOCK>(layer, input, place),
        |input, place| average::<1>(layer, input, place),
    );
}

/// Computes the maximum pooling. No scratch.
pub fn max_pool_f32(layer: &PoolF32, io: &mut Io<f32>) {
    for_each_block(
        &layer.geometry,
        io,
        |input, place| max::<BLOCK>(layer, input, place),
        |input, place| max::<1>(layer, input, place),
    );
}

fn average<const N: usize>(layer: &PoolF32, input: &[f32], place: Place) -> [f32; N] {
    let (mut sums, mut count) = ([0.0_f32; N], 0.0_f32);
    for_each_tap(&layer.geometry, input, place, |inputs: [f32; N]| {
        for (sum, x) in sums.iter_mut().zip(inputs) {
            *sum += x;
        }
        count += 1.0;
    });
    sums.map(|sum| layer.clamp.apply(if count > 0.0 { sum / count } else { 0.0 }))
}

fn max<const N: usize>(layer: &PoolF32, input: &[f32], place: Place) -> [f32; N] {
    let mut maxima = [f32::MIN; N];
    for_each_tap(&layer.geometry, input, place, |inputs: [f32; N]| {
        for (max, x) in maxima.iter_mut().zip(inputs) {
            *max = if x > *max { x } else { *max };
        }
    });
    maxima.map(|max| layer.clamp.apply(max))
}
