//! DepthwiseConv2D without a multiplier: a vector of channels of a pixel meets the same channels of the weights, which lie
//! side by side.

use super::wide::{Wide, load, store};
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseF32;
use crate::io::{Io, range};
use crate::runs::Span;

/// Channels of a pixel that are computed before any is written.
const CHANNELS: usize = 256;

/// All pixels.
#[inline(always)]
pub(super) fn pixels<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &DepthwiseF32<'_>,
    io: &mut Io<f32>,
) {
    let Geometry { input, output: [height, width, channels], kernel, stride, dilation, pad, .. } = layer.geometry;
    // Windows from a column below this one on lie inside.
    let inside = input[1].saturating_sub(kernel[1].saturating_sub(1).saturating_mul(dilation[1]));
    let (mut outputs, mut at) = ([0.0; CHANNELS], 0_usize);
    for y in 0..height {
        let rows = Span::of_window(&layer.geometry, 0, y);
        for x in 0..width {
            let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
            // A column before the image has wrapped.
            let columns = if column < inside {
                Span { source: column, tap: 0, count: kernel[1] }
            } else {
                Span::of_window(&layer.geometry, 1, x)
            };
            let mut first = 0;
            while first < channels {
                let len = channels.wrapping_sub(first).min(CHANNELS);
                let Some(outputs) = outputs.get_mut(..len) else { return };
                pixel(wide, layer, io.input(), ([rows, columns], first), outputs);
                let to = io.output().get_mut(at..at.wrapping_add(len)).unwrap_or_default();
                to.copy_from_slice(outputs.get(..to.len()).unwrap_or_default());
                (first, at) = (first.wrapping_add(len), at.wrapping_add(len));
            }
        }
    }
}

/// The outputs of a pixel, whose rows and columns inside the image are given, from a channel on.
#[inline(always)]
fn pixel<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &DepthwiseF32<'_>,
    input: &[f32],
    ([rows, columns], mut first): ([Span; 2], usize),
    to: &mut [f32],
) {
    let Geometry { input: [_, width, channels], kernel, dilation, .. } = layer.geometry;
    let tap = rows.tap.wrapping_mul(kernel[1]).wrapping_add(columns.tap).wrapping_mul(channels);
    let source = rows.source.wrapping_mul(width).wrapping_add(columns.source).wrapping_mul(channels);
    let (row_step, column_step) =
        (dilation[0].wrapping_mul(width).wrapping_mul(channels), dilation[1].wrapping_mul(channels));
    let reach = |row_step: usize, column_step: usize| {
        let rows = rows.count.wrapping_sub(1).wrapping_mul(row_step);
        rows.wrapping_add(columns.count.wrapping_sub(1).wrapping_mul(column_step)).wrapping_add(channels)
    };
    let is_empty = rows.count == 0 || columns.count == 0;
    let weight_step = kernel[1].wrapping_mul(channels);
    let window = if is_empty { &[] } else { range(input, source, reach(row_step, column_step)) };
    let weights = if is_empty { &[] } else { range(layer.weights, tap, reach(weight_step, channels)) };
    let counts = if window.is_empty() || weights.is_empty() { (0, 0) } else { (rows.count, columns.count) };
    for to in to.chunks_mut(L) {
        let count = to.len();
        let mut sums = load(wide, range(layer.bias, first, count));
        let (mut row_from, mut row_weight) =
            (window.as_ptr().wrapping_add(first), weights.as_ptr().wrapping_add(first));
        for _ in 0..counts.0 {
            let (mut from, mut weight) = (row_from, row_weight);
            for _ in 0..counts.1 {
                // SAFETY: the window has all channels of the tap, and there are `count` from this one on.
                let x = unsafe { core::slice::from_raw_parts(from, count) };
                // SAFETY: so have the weights.
                let w = unsafe { core::slice::from_raw_parts(weight, count) };
                sums = wide.add_product(sums, load(wide, x), load(wide, w));
                (from, weight) = (from.wrapping_add(column_step), weight.wrapping_add(channels));
            }
            (row_from, row_weight) = (row_from.wrapping_add(row_step), row_weight.wrapping_add(weight_step));
        }
        store(wide, to, wide.clamped(layer.clamp, sums));
        first = first.wrapping_add(L);
    }
}
