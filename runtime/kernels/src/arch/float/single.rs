//! Layers of few pixels: weights are transposed in registers, a block of channels by as many taps, and used once.

use super::Dense;
use super::wide::{Wide, columns, load, store};
use crate::io::range;

/// All pixels, one after the other.
#[inline(always)]
pub(in crate::arch) fn singles<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &Dense<'_>,
    input: &[f32],
    output: &mut [f32],
) {
    let (taps, outputs, step) = (layer.geometry.taps(), layer.geometry.output[2], L.wrapping_mul(2));
    for pixel in 0..layer.geometry.pixels() {
        let x = range(input, pixel.wrapping_mul(taps), taps);
        let at = pixel.wrapping_mul(outputs);
        let to = output.get_mut(at..at.wrapping_add(outputs)).unwrap_or_default();
        for (index, to) in to.chunks_mut(step).enumerate() {
            let first = index.wrapping_mul(step);
            let (count, later) = (to.len().min(L), to.len().saturating_sub(L));
            let sums = if later > 0 {
                products::<W, L, P, 2>(wide, layer, x, [(first, count), (first.wrapping_add(L), later)])
            } else {
                let [sums] = products::<W, L, P, 1>(wide, layer, x, [(first, count)]);
                [sums, sums]
            };
            for (to, sums) in to.chunks_mut(L).zip(sums) {
                store(wide, to, wide.clamped(layer.clamp, sums));
            }
        }
    }
}

/// The sums of `N` vectors of channels: the first of each, and how many.
#[inline(always)]
fn products<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(
    wide: W,
    layer: &Dense<'_>,
    x: &[f32],
    channels: [(usize, usize); N],
) -> [W::Vector; N] {
    let taps = x.len();
    let mut sums = [wide.splat(0.0); N];
    for (sum, (first, count)) in sums.iter_mut().zip(channels) {
        *sum = load(wide, range(layer.bias, first, count));
    }
    for (index, x) in x.chunks(L).enumerate() {
        let tap = index.wrapping_mul(L);
        // One block after the other: registers hold one, and the processor finds the sums that do not wait.
        for (sum, (first, count)) in sums.iter_mut().zip(channels) {
            let rows = range(layer.weights, first.wrapping_mul(taps), count.wrapping_mul(taps));
            let block = columns(wide, rows, taps, (tap, x.len()));
            let mut total = *sum;
            if let Some(x) = x.first_chunk::<L>() {
                for (x, column) in x.iter().zip(block) {
                    total = wide.add_product(total, wide.splat(*x), column);
                }
            } else {
                for (x, column) in x.iter().zip(block) {
                    total = wide.add_product(total, wide.splat(*x), column);
                }
            }
            *sum = total;
        }
    }
    sums
}
