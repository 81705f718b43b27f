//! DepthwiseConv2D in blocks of output channels.
//!
//! Neighbouring channels lie next to each other in the input, the weights and the output, so a block is what
//! vectors want; its sums stay in registers over the whole window. Which positions of the window lie inside the
//! image is found once for a row and once for a pixel, not for each tap.

use super::DepthwiseI8;
use crate::Io;
use crate::conv2d::Geometry;
use crate::io::range;
use core::ops::Range;

/// Channels of a block: a vector of `i8` where there are vectors, else what the registers hold.
const BLOCK: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// Any depthwise convolution in [`super::DepthwisePacking::RowMajor`]. Needs no scratch.
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if layer.fits(io) { pixels(layer, io) } else { io.refuse() }
}

/// All pixels. A function of its own, whose frame holds nothing of what is asked before.
#[inline(never)]
fn pixels(layer: &DepthwiseI8, io: &mut Io<i8>) {
    let [height, width, outputs] = layer.geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        let rows = inside(&layer.geometry, 0, y);
        for x in 0..width {
            let window = Window::new(&layer.geometry, (y, x), rows.clone());
            let mut o = 0;
            while outputs.wrapping_sub(o) >= BLOCK {
                block::<BLOCK>(layer, io, &window, o, at);
                o = o.wrapping_add(BLOCK);
                at = at.wrapping_add(BLOCK);
            }
            while o < outputs {
                block::<1>(layer, io, &window, o, at);
                o = o.wrapping_add(1);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// The taps along `axis` that lie inside the image at output position `position`.
pub(crate) fn inside(geometry: &Geometry, axis: usize, position: usize) -> Range<usize> {
    let len = geometry.kernel.get(axis).copied().unwrap_or(0);
    let is_inside = |tap: &usize| geometry.source(axis, position, *tap).is_some();
    let start = (0..len).find(is_inside).unwrap_or(len);
    let end = (start..len).find(|tap| !is_inside(tap)).unwrap_or(len);
    start..end
}

/// The part of an output pixel's window that lies inside the image.
pub(crate) struct Window {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
    /// First channel of the pixel under the first tap inside.
    pub(crate) start: usize,
    /// Elements from a tap to the next in its row, and from a row of taps to the next.
    pub(crate) tap_step: usize,
    pub(crate) row_step: usize,
    /// True when no tap lies outside.
    pub(crate) is_whole: bool,
}

impl Window {
    pub(crate) fn new(geometry: &Geometry, (y, x): (usize, usize), rows: Range<usize>) -> Self {
        let [_, width, channels] = geometry.input;
        let columns = inside(geometry, 1, x);
        let pixel = geometry.source_pixel((y, x), (rows.start, columns.start)).unwrap_or(0);
        Window {
            start: pixel.wrapping_mul(channels),
            tap_step: geometry.dilation[1].wrapping_mul(channels),
            row_step: geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels),
            is_whole: rows.len() == geometry.kernel[0] && columns.len() == geometry.kernel[1],
            rows,
            columns,
        }
    }

    pub(crate) fn contains(&self, i: usize, j: usize) -> bool {
        self.rows.contains(&i) && self.columns.contains(&j)
    }
}

/// Output channels `o .. o + N` of the window's pixel, written from element `at` on.
#[inline]
fn block<const N: usize>(layer: &DepthwiseI8, io: &mut Io<i8>, window: &Window, o: usize, at: usize) {
    let mut sums = if layer.multiplier == 1 {
        sum(layer, io.input(), window, (o, o), |pixel| pixel.first_chunk().copied())
    } else {
        let channels = source_channels::<N>(o, layer.multiplier);
        let pick = |pixel: &[i8]| Some(channels.map(|c| pixel.get(c).copied().unwrap_or(0)));
        sum(layer, io.input(), window, (0, o), pick)
    };
    if !window.is_whole {
        sums = add_padding(layer, window, o, sums);
    }
    let mut values = [0_i8; N];
    for ((k, value), sum) in values.iter_mut().enumerate().zip(sums) {
        let channel = o.wrapping_add(k);
        let acc = sum.wrapping_add(layer.bias.get(channel).copied().unwrap_or(0));
        *value = layer.stage.apply(acc, layer.requant.at(channel));
    }
    for (element, value) in io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(values) {
        *element = value;
    }
}

/// The sums of products over the taps inside the image, for output channels `o ..`. `pick` takes the block's
/// inputs from what follows channel `c` of a pixel.
#[inline]
fn sum<const N: usize>(
    layer: &DepthwiseI8,
    input: &[i8],
    window: &Window,
    (c, o): (usize, usize),
    pick: impl Fn(&[i8]) -> Option<[i8; N]>,
) -> [i32; N] {
    let [_, _, outputs] = layer.geometry.output;
    let mut sums = [0_i32; N];
    let mut start = window.start.wrapping_add(c);
    for i in window.rows.clone() {
        let tap = i.wrapping_mul(layer.geometry.kernel[1]).wrapping_add(window.columns.start);
        let mut pixels = input.get(start..).unwrap_or_default();
        let mut weights = layer.weights.get(tap.wrapping_mul(outputs).wrapping_add(o)..).unwrap_or_default();
        for _ in window.columns.clone() {
            let (Some(x), Some(w)) = (pick(pixels), weights.first_chunk()) else { break };
            sums = multiply_add(sums, x, *w);
            pixels = pixels.get(window.tap_step..).unwrap_or_default();
            weights = weights.get(outputs..).unwrap_or_default();
        }
        start = start.wrapping_add(window.row_step);
    }
    sums
}

/// Adds the products of the taps outside the image, which read as the padding value.
#[inline(never)]
fn add_padding<const N: usize>(layer: &DepthwiseI8, window: &Window, o: usize, mut sums: [i32; N]) -> [i32; N] {
    let [_, _, outputs] = layer.geometry.output;
    let mut weights_at = o;
    for i in 0..layer.geometry.kernel[0] {
        for j in 0..layer.geometry.kernel[1] {
            if !window.contains(i, j) {
                sums = multiply_add(sums, [layer.padding_value; N], load(layer.weights, weights_at));
            }
            weights_at = weights_at.wrapping_add(outputs);
        }
    }
    sums
}

/// `sums + x * w`, lane by lane.
#[inline]
fn multiply_add<const N: usize>(mut sums: [i32; N], x: [i8; N], w: [i8; N]) -> [i32; N] {
    let one = |sum: &mut i32, x: i8, w: i8| *sum = sum.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)));
    // Written out for the block of machines without vectors, where an image optimised for size would else run
    // a loop over memory.
    if let ([a, b, c, d], [xa, xb, xc, xd], [wa, wb, wc, wd]) = (&mut sums[..], &x[..], &w[..]) {
        one(a, *xa, *wa);
        one(b, *xb, *wb);
        one(c, *xc, *wc);
        one(d, *xd, *wd);
    } else {
        for ((sum, x), w) in sums.iter_mut().zip(x).zip(w) {
            one(sum, x, w);
        }
    }
    sums
}

/// `N` elements from `start`; zeros if they do not fit.
#[inline]
fn load<const N: usize>(elements: &[i8], start: usize) -> [i8; N] {
    range(elements, start, N).first_chunk().copied().unwrap_or([0; N])
}

/// The input channel of each output channel of a block.
#[inline]
fn source_channels<const N: usize>(o: usize, multiplier: usize) -> [usize; N] {
    let mut channel = o.checked_div(multiplier).unwrap_or(0);
    let mut phase = o.checked_rem(multiplier).unwrap_or(0);
    [(); N].map(|()| {
        let current = channel;
        phase = phase.wrapping_add(1);
        if phase == multiplier {
            (channel, phase) = (channel.wrapping_add(1), 0);
        }
        current
    })
}
