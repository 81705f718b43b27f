//! Dense layers of floats with a row or two: weights are transposed in registers, four channels by four taps, and used once.
//!
//! Each sum adds its products in the order of the taps, so lanes are channels. Sixteen channels have four sums that do not
//! wait for each other.

use core::arch::wasm32::*;

use super::float::{Four, LANES};
use crate::arch::float::Wide;
use crate::fully_connected::FullyConnectedF32;
use crate::io::range;

/// Vectors of channels that are computed together.
const TOGETHER: usize = 4;

/// All rows of a layer whose slices are as long as it needs.
#[inline(never)]
pub(super) fn rows(layer: &FullyConnectedF32<'_>, input: &[f32], output: &mut [f32]) {
    for row in 0..layer.rows {
        let x = range(input, row.wrapping_mul(layer.taps), layer.taps);
        let at = row.wrapping_mul(layer.outputs);
        let to = output.get_mut(at..at.wrapping_add(layer.outputs)).unwrap_or_default();
        let mut first = 0;
        for to in to.chunks_mut(LANES * TOGETHER) {
            if to.len() == LANES * TOGETHER {
                store(layer, to, sums::<TOGETHER>(layer, x, first));
            } else {
                for (index, to) in to.chunks_mut(LANES).enumerate() {
                    some(layer, x, first.wrapping_add(index.wrapping_mul(LANES)), to);
                }
            }
            first = first.wrapping_add(LANES * TOGETHER);
        }
    }
}

/// Four channels, or fewer one by one.
#[inline(never)]
fn some(layer: &FullyConnectedF32<'_>, x: &[f32], first: usize, to: &mut [f32]) {
    if to.len() == LANES {
        return store(layer, to, sums::<1>(layer, x, first));
    }
    for (index, to) in to.iter_mut().enumerate() {
        let channel = first.wrapping_add(index);
        let start = layer.bias.get(channel).copied().unwrap_or(0.0);
        let weights = range(layer.weights, channel.wrapping_mul(layer.taps), layer.taps);
        *to = layer.clamp.apply(x.iter().zip(weights).fold(start, |sum, (x, w)| sum + x * w));
    }
}

/// Writes as many vectors as there is room for.
#[inline(always)]
fn store<const N: usize>(layer: &FullyConnectedF32<'_>, to: &mut [f32], sums: [v128; N]) {
    for (to, sum) in to.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
        Four.store(to, Four.clamped(layer.clamp, sum));
    }
}

/// The sums of `N` vectors of channels from `first` on.
#[inline(always)]
fn sums<const N: usize>(layer: &FullyConnectedF32<'_>, x: &[f32], first: usize) -> [v128; N] {
    let (taps, channels) = (layer.taps, LANES.wrapping_mul(N));
    let mut sums = [f32x4_splat(0.0); N];
    for (sum, bias) in sums.iter_mut().zip(range(layer.bias, first, channels).as_chunks::<LANES>().0) {
        *sum = Four.load(bias);
    }
    let weights = range(layer.weights, first.wrapping_mul(taps), channels.wrapping_mul(taps));
    if weights.is_empty() || x.len() != taps {
        return sums;
    }
    let (steps, rest) = x.as_chunks::<LANES>();
    for (step, x) in steps.iter().enumerate() {
        for (vector, sum) in sums.iter_mut().enumerate() {
            let row = vector.wrapping_mul(LANES).wrapping_mul(taps).wrapping_add(step.wrapping_mul(LANES));
            let start = weights.as_ptr().wrapping_add(row);
            // SAFETY: each of the `4 N` rows has `taps` weights, of which four from `4 step` on are there, as those of `x` are.
            let load = |index: usize| unsafe { v128_load(start.wrapping_add(index.wrapping_mul(taps)).cast()) };
            let [a, b, c, d] = Four.transposed([load(0), load(1), load(2), load(3)]);
            let [p, q, r, s] = x.map(|x| f32x4_splat(x));
            *sum = f32x4_add(*sum, f32x4_mul(p, a));
            *sum = f32x4_add(*sum, f32x4_mul(q, b));
            *sum = f32x4_add(*sum, f32x4_mul(r, c));
            *sum = f32x4_add(*sum, f32x4_mul(s, d));
        }
    }
    let done = steps.len().wrapping_mul(LANES);
    for (index, x) in rest.iter().enumerate() {
        for (vector, sum) in sums.iter_mut().enumerate() {
            let weight = |lane: usize| {
                let row = vector.wrapping_mul(LANES).wrapping_add(lane).wrapping_mul(taps);
                weights.get(row.wrapping_add(done).wrapping_add(index)).copied().unwrap_or(0.0)
            };
            let column = f32x4(weight(0), weight(1), weight(2), weight(3));
            *sum = f32x4_add(*sum, f32x4_mul(f32x4_splat(*x), column));
        }
    }
    sums
}
