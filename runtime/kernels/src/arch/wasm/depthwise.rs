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

use super::bytes::{bytes, widened, write_half};
use super::finish::{Constants, LANES, Output, Stage};
use crate::Io;
use crate::arch::band::Bands;
use crate::arch::reach::places;
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
    let layer = &DepthwiseI8 { geometry: turned(&layer.geometry), ..*layer };
    let Some(bands) = bands(layer) else { return portable::depthwise_i8(layer, io, scratch) };
    if !layer.fits(io) {
        return io.refuse();
    }
    run(layer, &bands, io);
}

/// A column of pixels as a row: there are pairs of neighbours in it.
fn turned(geometry: &Geometry) -> Geometry {
    let Geometry { input: [height, width, channels], output, kernel, stride, dilation, pad, groups } = *geometry;
    if (width, output[1], kernel[1], pad[1]) != (1, 1, 1, 0) {
        return *geometry;
    }
    let turn = |[row, column]: [usize; 2]| [column, row];
    Geometry {
        input: [1, height, channels],
        output: [1, output[0], output[2]],
        kernel: turn(kernel),
        stride: turn(stride),
        dilation: turn(dilation),
        pad: turn(pad),
        groups,
    }
}

/// None for layers that the kernel does not take.
fn bands(layer: &DepthwiseI8) -> Option<Bands> {
    let Geometry { input: [_, _, channels], output: [_, _, outputs], .. } = layer.geometry;
    let bands = Bands::new(&layer.geometry, BAND)?;
    let takes = layer.multiplier == 1 && channels == outputs && channels > 0 && bands.rows > 0;
    (takes && (1..=PAIRS.wrapping_mul(2)).contains(&layer.geometry.kernel_area())).then_some(bands)
}

/// The weights of two taps, those of four channels in a vector.
type Pair = [v128; 2];

/// One group of channels.
struct Group<'a> {
    /// The first channel, and how many.
    channels: (usize, usize),
    /// Which channels the lanes of a vector are.
    fours: [[usize; LANES]; 2],
    pairs: &'a [MaybeUninit<Pair>],
    /// Where both taps of a pair lie behind the window's first.
    offsets: &'a [[u32; 2]],
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
    let mut offsets = [[0; 2]; PAIRS];
    let Some(offsets) = offsets.get_mut(..geometry.kernel_area().div_ceil(2)) else { return io.refuse() };
    write_offsets(geometry, bands, offsets);
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
            let fours = [four(layer, first), four(layer, first.wrapping_add(LANES))];
            let group = Group {
                channels: (first, channels.min(CHANNELS)),
                fours,
                pairs: written(layer, &constants, first, &mut pairs),
                offsets,
                constants: &constants,
                stages: fours.map(|four| Stage::new(&constants, four)),
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
    constants: &Constants<'_>,
    first: usize,
    pairs: &'p mut [MaybeUninit<Pair>; PAIRS],
) -> &'p [MaybeUninit<Pair>] {
    let channels = layer.geometry.input[2];
    let area = layer.geometry.kernel_area();
    let mut units = [0_i16; CHANNELS];
    for (unit, channel) in units.iter_mut().zip(first..channels) {
        *unit = 1_i16.wrapping_shl(constants.places(channel));
    }
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    let units = unsafe { v128_load(units.as_ptr().cast()) };
    let count = channels.min(CHANNELS);
    let mut taps = layer.weights.chunks_exact(channels.max(1)).take(area).map(|tap| {
        let tap = range(tap, first, count);
        let weights = tap.first_chunk().map_or_else(|| i16x8_extend_low_i8x16(bytes(tap)), widened);
        i16x8_mul(weights, units)
    });
    for pair in pairs.iter_mut().take(area.div_ceil(2)) {
        // Zeros stand in for what an odd number of taps lacks.
        let mut next = || taps.next().unwrap_or(i16x8_splat(0));
        let (low, high) = side_by_side(next(), next());
        pair.write([low, high]);
    }
    pairs.get(..area.div_ceil(2)).unwrap_or_default()
}

/// Writes where taps lie behind the window's first; the last one stands in for what an odd number lacks.
fn write_offsets(geometry: &Geometry, bands: &Bands, offsets: &mut [[u32; 2]]) {
    let Geometry { input: [_, _, channels], kernel: [_, columns], dilation, .. } = *geometry;
    let steps = (dilation[0].wrapping_mul(bands.row), dilation[1].wrapping_mul(channels));
    let offsets = offsets.as_flattened_mut();
    let (taps, lacking) = offsets.split_at_mut_checked(geometry.kernel_area()).unwrap_or_default();
    places(taps, columns, 0, steps);
    lacking.fill(taps.last().copied().unwrap_or(0));
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
            for (pair, offsets) in self.pairs.iter().zip(self.offsets) {
                // SAFETY: pairs have been written.
                let pair = unsafe { pair.assume_init() };
                // SAFETY: the caller knows that the taps are there.
                sums = unsafe { multiplied(sums, [at, next], *offsets, pair) };
            }
            let [[a, b], [c, d]] = sums;
            let bytes = if self.constants.are_long() {
                self.long([a, b, c, d])
            } else {
                self.output.sixteen([p, q, p, q], [a, b, c, d])
            };
            write_half::<0>(to.get_mut(place..place.wrapping_add(count)).unwrap_or_default(), bytes);
            place = place.wrapping_add(step);
            left = left.wrapping_sub(1);
            if left > 0 {
                write_half::<1>(to.get_mut(place..place.wrapping_add(count)).unwrap_or_default(), bytes);
                place = place.wrapping_add(step);
                left = left.wrapping_sub(1);
            }
            at = next.wrapping_add(from_step);
        }
    }

    #[inline(never)]
    fn long(&self, sums: [v128; 4]) -> v128 {
        let [low, high] = self.fours;
        self.output.one_by_one(&self.constants.requant, [low, high, low, high], sums)
    }
}

/// Adds the products of a pair of taps of two windows.
///
/// # Safety
///
/// The taps are there.
#[inline(always)]
unsafe fn multiplied(
    mut sums: [Sums; PIXELS],
    at: [*const i16; PIXELS],
    offsets: [u32; 2],
    [v, w]: Pair,
) -> [Sums; PIXELS] {
    for (sums, at) in sums.iter_mut().zip(at) {
        // SAFETY: the caller knows that the tap is there.
        let x = |offset: u32| unsafe { v128_load(at.wrapping_add(offset as usize).cast()) };
        let (low, high) = side_by_side(x(offsets[0]), x(offsets[1]));
        let [a, b] = *sums;
        *sums = [i32x4_add(a, i32x4_dot_i16x8(low, v)), i32x4_add(b, i32x4_dot_i16x8(high, w))];
    }
    sums
}
