//! DepthwiseConv2D without a multiplier: a vector of channels of a pixel meets the same channels of the weights, which lie
//! side by side.

use super::wide::{Wide, load, store};
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseF32;
use crate::io::{Io, range};
use crate::runs::Span;

/// Channels of a pixel that are computed before any is written.
const CHANNELS: usize = 256;

/// All pixels, up to `N` vectors of channels at a time.
#[inline(always)]
pub(in crate::arch) fn pixels<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(
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
                pixel::<W, L, P, N>(wide, layer, io.input(), ([rows, columns], first), outputs);
                let to = io.output().get_mut(at..at.wrapping_add(len)).unwrap_or_default();
                to.copy_from_slice(outputs.get(..to.len()).unwrap_or_default());
                (first, at) = (first.wrapping_add(len), at.wrapping_add(len));
            }
        }
    }
}

/// The outputs of a pixel, whose rows and columns inside the image are given, from a channel on.
#[inline(always)]
fn pixel<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(
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
    let place = Place { steps: (row_step, column_step), weight_steps: (weight_step, channels), counts };
    let (from, weights) = (window.as_ptr(), weights.as_ptr());
    for to in to.chunks_mut(L.wrapping_mul(N)) {
        if to.len() == L.wrapping_mul(N) {
            let starts = range(layer.bias, first, to.len());
            // SAFETY: the window has all channels of each tap, and there are `N` vectors from this one on; so have the weights.
            let sums = unsafe {
                place.sums::<W, L, P, N>(wide, from.wrapping_add(first), weights.wrapping_add(first), L, starts)
            };
            for (to, sum) in to.chunks_mut(L).zip(sums) {
                store(wide, to, wide.clamped(layer.clamp, sum));
            }
            first = first.wrapping_add(L.wrapping_mul(N));
            continue;
        }
        for to in to.chunks_mut(L) {
            let starts = range(layer.bias, first, to.len());
            // SAFETY: likewise, there are as many as there is room for.
            let [sum] = unsafe {
                let (from, weights) = (from.wrapping_add(first), weights.wrapping_add(first));
                place.sums::<W, L, P, 1>(wide, from, weights, to.len(), starts)
            };
            store(wide, to, wide.clamped(layer.clamp, sum));
            first = first.wrapping_add(L);
        }
    }
}

/// Where the taps of a window lie that are inside the image: elements from a row to the next and from a column to the next,
/// the same of their weights, and how many rows and columns there are.
struct Place {
    steps: (usize, usize),
    weight_steps: (usize, usize),
    counts: (usize, usize),
}

impl Place {
    /// The sums of `N` vectors of channels, each of `count` channels.
    ///
    /// # Safety
    ///
    /// From `from` and from `weight` on, each tap has `N` vectors of channels, or `count` where `N` is one.
    #[inline(always)]
    unsafe fn sums<W: Wide<L, P>, const L: usize, const P: usize, const N: usize>(
        &self,
        wide: W,
        from: *const f32,
        weight: *const f32,
        count: usize,
        starts: &[f32],
    ) -> [W::Vector; N] {
        let mut sums = [wide.splat(0.0); N];
        for (sum, start) in sums.iter_mut().zip(starts.chunks(L)) {
            *sum = load(wide, start);
        }
        let (mut row_from, mut row_weight) = (from, weight);
        for _ in 0..self.counts.0 {
            let (mut from, mut weight) = (row_from, row_weight);
            for _ in 0..self.counts.1 {
                for (index, sum) in sums.iter_mut().enumerate() {
                    let before = index.wrapping_mul(L);
                    // SAFETY: the caller knows that they are there.
                    let x = unsafe { core::slice::from_raw_parts(from.wrapping_add(before), count) };
                    // SAFETY: likewise.
                    let w = unsafe { core::slice::from_raw_parts(weight.wrapping_add(before), count) };
                    *sum = wide.add_product(*sum, load(wide, x), load(wide, w));
                }
                (from, weight) = (from.wrapping_add(self.steps.1), weight.wrapping_add(self.weight_steps.1));
            }
            (row_from, row_weight) =
                (row_from.wrapping_add(self.steps.0), row_weight.wrapping_add(self.weight_steps.0));
        }
        sums
    }
}
