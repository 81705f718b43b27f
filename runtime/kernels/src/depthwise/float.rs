//! DepthwiseConv2D of floats in blocks of output channels.

use super::DepthwiseF32;
use crate::Io;
use crate::io::range;

/// Output channels that are summed together.
const BLOCK: usize = 8;

/// Computes the convolution. No scratch.
pub(crate) fn depthwise_f32(layer: &DepthwiseF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let [height, width, outputs] = layer.geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        for x in 0..width {
            let mut o = 0;
            while outputs.wrapping_sub(o) >= BLOCK && layer.multiplier == 1 {
                block::<BLOCK>(layer, io, (y, x), o, at);
                o = o.wrapping_add(BLOCK);
                at = at.wrapping_add(BLOCK);
            }
            while o < outputs {
                block::<1>(layer, io, (y, x), o, at);
                o = o.wrapping_add(1);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// Output channels `o .. o + N` of pixel `(y, x)`, written from element `at` on. `N` is 1 unless the multiplier
/// is.
#[inline]
fn block<const N: usize>(layer: &DepthwiseF32, io: &mut Io<f32>, (y, x): (usize, usize), o: usize, at: usize) {
    let geometry = &layer.geometry;
    let [_, _, channels] = geometry.input;
    let [_, _, outputs] = geometry.output;
    let c = o.checked_div(layer.multiplier).unwrap_or(0);
    let mut sums = load::<N>(layer.bias, o);
    let mut weights_at = o;
    for i in 0..geometry.kernel[0] {
        for j in 0..geometry.kernel[1] {
            if let Some(pixel) = geometry.source_pixel((y, x), (i, j)) {
                let inputs = load::<N>(io.input(), pixel.wrapping_mul(channels).wrapping_add(c));
                let weights = load::<N>(layer.weights, weights_at);
                for ((sum, x), w) in sums.iter_mut().zip(inputs).zip(weights) {
                    *sum += x * w;
                }
            }
            weights_at = weights_at.wrapping_add(outputs);
        }
    }
    for (element, sum) in io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(sums) {
        *element = layer.clamp.apply(sum);
    }
}

/// `N` elements from `start`; zeros if they do not fit.
#[inline]
fn load<const N: usize>(elements: &[f32], start: usize) -> [f32; N] {
    range(elements, start, N).first_chunk().copied().unwrap_or([0.0; N])
}
