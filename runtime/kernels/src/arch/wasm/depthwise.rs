//! DepthwiseConv2D in row-major order: channels are lanes, eight at a time.
//!
//! Inputs are read from a [band](crate::arch::band) of 16-bit numbers: padding needs no thought, and all of a band's inputs
//! have been read before the first of its outputs is written. Two taps of four channels are brought side by side, multiplied
//! and added by one instruction:
//!
//! ```text
//! tap 0    x0 y0 z0 u0 ...       x0 x1 | y0 y1 | z0 z1 | u0 u1
//! tap 1    x1 y1 z1 u1 ...   ->  v0 v1 | w0 w1 | ...            weights, likewise, once for a band
//! ```
//!
//! The last eight channels may overlap those before; they are the same twice. Where there are fewer than eight, a vector reads
//! into the next pixel and only what counts is written.

use core::arch::wasm32::*;
use core::mem::MaybeUninit;

use super::bytes::write;
use super::finish::{Constants, LANES, Output, Stage};
use crate::Io;
use crate::arch::band::Bands;
use crate::conv2d::Geometry;
use crate::depthwise::{DepthwiseI8, portable};
use crate::io::range;

/// Channels of a vector.
const CHANNELS: usize = 8;
/// Elements of a band, 48 kB of stack.
const BAND: usize = 24 << 10;
/// Most pairs of taps of a window.
const PAIRS: usize = 128;
/// Pixels that are computed together.
const PIXELS: usize = 2;

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn row_major_depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let Some(bands) = bands(layer) else { return portable::depthwise_i8(layer, io, scratch) };
    if !layer.fits(io) {
        return io.refuse();
    }
    run(layer, &bands, io);
}

/// None for layers that the kernel does not take.
fn bands(layer: &DepthwiseI8) -> Option<Bands> {
    let Geometry { input: [_, _, channels], output: [_, _, outputs], .. } = layer.geometry;
    let bands = Bands::new(&layer.geometry, BAND)?;
    let takes = layer.multiplier == 1 && channels == outputs && channels > 0 && bands.rows > 0;
    (takes && (1..=PAIRS.wrapping_mul(2)).contains(&layer.geometry.kernel_area())).then_some(bands)
}

/// Two taps: where they lie behind the window's first, and their weights, those of four channels in a vector.
#[derive(Clone, Copy)]
struct Pair {
    offsets: [u32; 2],
    weights: [v128; 2],
}

/// One group of channels.
struct Group<'a> {
    /// The first channel, and how many.
    channels: (usize, usize),
    pairs: &'a [MaybeUninit<Pair>],
    constants: &'a Constants<'a>,
    stages: [Stage; 2],
    output: Output,
    /// From a pixel to the next: outputs, and elements of the band.
    steps: (usize, usize),
}

/// A layer whose input, output, weights and constants are as long as it needs.
fn run(layer: &DepthwiseI8, bands: &Bands, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    let Geometry { output: [height, width, channels], stride, .. } = *geometry;
    let mut band = [MaybeUninit::<i16>::uninit(); BAND + CHANNELS];
    let mut pairs = [MaybeUninit::uninit(); PAIRS];
    let bias = range(layer.bias, 0, channels);
    let constants = Constants::new(bias, layer.requant, layer.stage, geometry.kernel_area());
    let line = width.wrapping_mul(channels);
    let mut y = 0;
    while y < height {
        let rows = height.wrapping_sub(y).min(bands.rows);
        // The last vector may read behind the channels of the last pixel.
        let is_copied = bands.copy((geometry, layer.padding_value), io.input(), (y, rows), CHANNELS, &mut band);
        let at = y.wrapping_mul(line);
        let to = io.output().get_mut(at..at.wrapping_add(rows.wrapping_mul(line))).unwrap_or_default();
        if to.is_empty() || !is_copied {
            return io.refuse();
        }
        for first in (0..channels).step_by(CHANNELS) {
            let first = first.min(channels.saturating_sub(CHANNELS));
            let group = Group {
                channels: (first, channels.min(CHANNELS)),
                pairs: written(layer, bands, &constants, first, &mut pairs),
                constants: &constants,
                stages: [
                    Stage::new(&constants, four(layer, first)),
                    Stage::new(&constants, four(layer, first.wrapping_add(LANES))),
                ],
                output: Output::new(layer.stage),
                steps: (channels, stride[1].wrapping_mul(channels)),
            };
            let from = band.as_ptr().cast::<i16>().wrapping_add(first);
            for (index, to) in to.chunks_mut(line.max(1)).enumerate() {
                let from = from.wrapping_add(index.wrapping_mul(stride[0]).wrapping_mul(bands.row));
                // SAFETY: the band has what windows of these rows read, and eight elements more.
                unsafe { group.row(from, to) };
            }
        }
        y = y.wrapping_add(rows);
    }
}

/// Four channels; the last one stands in for those that are missing.
#[inline(always)]
fn four(layer: &DepthwiseI8, first: usize) -> [usize; LANES] {
    let last = layer.geometry.output[2].wrapping_sub(1);
    [0, 1, 2, 3].map(|lane: usize| first.wrapping_add(lane).min(last))
}

/// Writes the pairs of taps of eight channels from `first` on.
#[inline(never)]
fn written<'p>(
    layer: &DepthwiseI8,
    bands: &Bands,
    constants: &Constants<'_>,
    first: usize,
    pairs: &'p mut [MaybeUninit<Pair>; PAIRS],
) -> &'p [MaybeUninit<Pair>] {
    let Geometry { input: [_, _, channels], kernel, dilation, .. } = layer.geometry;
    let area = layer.geometry.kernel_area();
    let mut units = [0_i16; CHANNELS];
    for (unit, channel) in units.iter_mut().zip(first..channels) {
        *unit = 1_i16.wrapping_shl(constants.places(channel));
    }
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    let units = unsafe { v128_load(units.as_ptr().cast()) };
    let weights = |tap: usize| {
        let at = tap.wrapping_mul(channels).wrapping_add(first);
        let count = if tap < area { channels.wrapping_sub(first).min(CHANNELS) } else { 0 };
        let mut lanes = [0_i8; CHANNELS];
        for (lane, weight) in lanes.iter_mut().zip(range(layer.weights, at, count)) {
            *lane = *weight;
        }
        i16x8_mul(i16x8_extend_low_i8x16(super::bytes::eight(&lanes)), units)
    };
    let offset = |tap: usize| {
        let tap = tap.min(area.wrapping_sub(1));
        let (row, column) = (tap.checked_div(kernel[1]).unwrap_or(0), tap.checked_rem(kernel[1]).unwrap_or(0));
        let row = row.wrapping_mul(dilation[0]).wrapping_mul(bands.row);
        row.wrapping_add(column.wrapping_mul(dilation[1]).wrapping_mul(channels)) as u32
    };
    let count = area.div_ceil(2);
    for (index, pair) in pairs.iter_mut().enumerate().take(count) {
        let (tap, other) = (index.wrapping_mul(2), index.wrapping_mul(2).wrapping_add(1));
        let (low, high) = side_by_side(weights(tap), weights(other));
        pair.write(Pair { offsets: [offset(tap), offset(other)], weights: [low, high] });
    }
    pairs.get(..count).unwrap_or_default()
}

/// The lanes of both vectors in turn: those of the lower halves, and those of the upper ones.
#[inline(always)]
fn side_by_side(a: v128, b: v128) -> (v128, v128) {
    (i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b), i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b))
}

/// Sums of eight channels.
type Sums = [v128; 2];

impl Group<'_> {
    /// One row of outputs. Pairs of taps are a loop of their own also for the commonest window: in a long run of
    /// instructions engines bring all that is read to the front and run out of registers.
    ///
    /// # Safety
    ///
    /// From `from` on there are the windows of a row, and eight elements more.
    #[inline(never)]
    unsafe fn row(&self, from: *const i16, to: &mut [i8]) {
        let [p, q] = &self.stages;
        let (first, count) = self.channels;
        let starts = [[p.starts, q.starts]; PIXELS];
        let (step, from_step) = self.steps;
        let width = to.len().checked_div(step).unwrap_or(0);
        let (mut at, mut place) = (from, first);
        let mut left = width;
        while left > 0 {
            // The last pixel of an odd row is computed twice. In one place, or the compiler would make a call of it.
            let next = if left == 1 { at } else { at.wrapping_add(from_step) };
            let mut sums = starts;
            for pair in self.pairs {
                // SAFETY: pairs have been written.
                let pair = unsafe { pair.assume_init() };
                // SAFETY: the caller knows that the taps are there.
                sums = unsafe { multiplied(sums, [at, next], &pair) };
            }
            let [[a, b], [c, d]] = sums;
            let bytes = if self.constants.are_long() {
                self.long([a, b, c, d])
            } else {
                self.output.sixteen([p, q, p, q], [a, b, c, d])
            };
            half::<0>(to.get_mut(place..place.wrapping_add(count)).unwrap_or_default(), bytes);
            place = place.wrapping_add(step);
            left = left.wrapping_sub(1);
            if left > 0 {
                half::<1>(to.get_mut(place..place.wrapping_add(count)).unwrap_or_default(), bytes);
                place = place.wrapping_add(step);
                left = left.wrapping_sub(1);
            }
            at = next.wrapping_add(from_step);
        }
    }

    #[inline(never)]
    fn long(&self, sums: [v128; 4]) -> v128 {
        let (first, count) = self.channels;
        let four = |from: usize| {
            [0, 1, 2, 3].map(|lane: usize| first.wrapping_add(from.wrapping_add(lane).min(count.wrapping_sub(1))))
        };
        let (low, high) = (four(0), four(LANES));
        self.output.one_by_one(&self.constants.requant, [low, high, low, high], sums)
    }
}

/// Adds the products of a pair of taps of two windows.
///
/// # Safety
///
/// The taps are there.
#[inline(always)]
unsafe fn multiplied(mut sums: [Sums; PIXELS], at: [*const i16; PIXELS], pair: &Pair) -> [Sums; PIXELS] {
    let [v, w] = pair.weights;
    for (sums, at) in sums.iter_mut().zip(at) {
        // SAFETY: the caller knows that the tap is there.
        let x = |offset: u32| unsafe { v128_load(at.wrapping_add(offset as usize).cast()) };
        let (low, high) = side_by_side(x(pair.offsets[0]), x(pair.offsets[1]));
        let [a, b] = *sums;
        *sums = [i32x4_add(a, i32x4_dot_i16x8(low, v)), i32x4_add(b, i32x4_dot_i16x8(high, w))];
    }
    sums
}

/// Writes one half of a vector, or as much of it as there is room for.
#[inline(always)]
fn half<const LANE: usize>(to: &mut [i8], bytes: v128) {
    if let Some(to) = to.first_chunk_mut::<CHANNELS>() {
        // SAFETY: eight bytes are written to an array of as many, which need no alignment.
        unsafe { v128_store64_lane::<LANE>(bytes, to.as_mut_ptr().cast()) };
    } else {
        write(to, if LANE == 0 { bytes } else { i64x2_shuffle::<1, 1>(bytes, bytes) });
    }
}
