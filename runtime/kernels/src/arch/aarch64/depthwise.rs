//! DepthwiseConv2D in row-major order: channels are lanes, sixteen at a time.
//!
//! `SMULL` multiplies eight activations by the weights of one tap into 16 bits, `SMLAL` adds the products of the next tap, `SADDW`
//! adds what that gives to sums of 32 bits. Two products of -128 by -128 would not fit 16 bits, so layers with a weight of -128
//! add each tap by itself.
//!
//! Inputs are read from a [band](crate::arch::band): padding needs no thought, and all of a band's inputs have been read before the
//! first of its outputs is written. So the last sixteen channels may overlap those before; they are the same twice. Where
//! channels are few and rows of outputs are as dense as rows of inputs, lanes are the channels of several pixels; where they
//! are not, a vector reads into the next pixel and only what counts is written.

use core::arch::aarch64::{int8x16_t, int16x8_t, int32x4_t, vld1q_s8, vst1q_s8};
use core::mem::MaybeUninit;

use super::bytes::sixteen;
use super::finish::{Constants, LANES, Output, Stage};
use super::neon::*;
use crate::Io;
use crate::arch::band::Bands;
use crate::arch::reach::places;
use crate::conv2d::Geometry;
use crate::depthwise::{DepthwiseI8, portable};
use crate::io::range;

/// Channels of a vector.
const CHANNELS: usize = 16;
/// Bytes of a band.
const BAND: usize = 32 << 10;
/// Most taps of a window.
const TAPS: usize = 256;
/// Those of the window that most layers have.
const COMMON: usize = 9;

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn row_major_depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let Some(plan) = Plan::new(layer) else { return portable::depthwise_i8(layer, io, scratch) };
    if !layer.fits(io) {
        return io.refuse();
    }
    plan.run(layer, io);
}

/// How a layer is computed.
struct Plan {
    bands: Bands,
    /// True when a vector has the channels of several pixels.
    is_flat: bool,
}

/// One group of channels.
struct Group<'a> {
    /// All of which have been written.
    weights: &'a [MaybeUninit<int8x16_t>],
    /// Where the taps lie behind the first.
    offsets: &'a [u32],
    stages: [Stage; 4],
    output: Output,
    /// Outputs from a vector to the next, and bytes of their windows.
    steps: (usize, usize),
    /// Outputs of a vector.
    count: usize,
}

impl Plan {
    /// None for layers that the kernel does not take.
    fn new(layer: &DepthwiseI8) -> Option<Plan> {
        let Geometry { input: [_, _, channels], output: [_, width, outputs], stride, .. } = layer.geometry;
        let bands = Bands::new(&layer.geometry, BAND)?;
        let line = width.checked_mul(channels)?;
        let is_flat = channels > 0 && CHANNELS.is_multiple_of(channels) && stride[1] == 1 && line >= CHANNELS;
        let takes = layer.multiplier == 1 && channels == outputs && channels > 0 && bands.rows > 0;
        let takes = takes && (1..=TAPS).contains(&layer.geometry.kernel_area());
        takes.then_some(Plan { bands, is_flat })
    }

    /// A layer whose input, output, weights and constants are as long as it needs.
    fn run(&self, layer: &DepthwiseI8, io: &mut Io<i8>) {
        let geometry = &layer.geometry;
        let [height, width, channels] = geometry.output;
        let mut band = [MaybeUninit::uninit(); BAND + CHANNELS];
        let mut offsets = [0; TAPS];
        let Some(offsets) = offsets.get_mut(..geometry.kernel_area()) else { return io.refuse() };
        self.offsets(geometry, offsets);
        let line = width.wrapping_mul(channels);
        let mut y = 0;
        while y < height {
            let rows = height.wrapping_sub(y).min(self.bands.rows);
            // The last vector may read behind the channels of the last pixel.
            let is_copied =
                self.bands.copy((geometry, layer.padding_value), io.input(), (y, rows), CHANNELS, &mut band);
            let at = y.wrapping_mul(line);
            let to = io.output().get_mut(at..at.wrapping_add(rows.wrapping_mul(line))).unwrap_or_default();
            if to.is_empty() || !is_copied {
                return io.refuse();
            }
            let mut first = 0;
            while first < channels {
                let start = first.min(channels.saturating_sub(CHANNELS));
                self.group(layer, offsets, start, &band, to);
                first = first.wrapping_add(CHANNELS);
            }
            y = y.wrapping_add(rows);
        }
    }

    /// Where the taps of a window lie behind the first.
    fn offsets(&self, geometry: &Geometry, offsets: &mut [u32]) {
        let Geometry { input: [_, _, channels], kernel, dilation, .. } = *geometry;
        let steps = (dilation[0].wrapping_mul(self.bands.row), dilation[1].wrapping_mul(channels));
        places(offsets, kernel[1], 0, steps);
    }

    /// Some rows of outputs of the channels from `first` on. The band has been written.
    fn group(&self, layer: &DepthwiseI8, offsets: &[u32], first: usize, band: &[MaybeUninit<i8>], to: &mut [i8]) {
        let Geometry { output: [_, width, channels], stride, .. } = layer.geometry;
        let line = width.wrapping_mul(channels);
        let mut weights = [MaybeUninit::uninit(); TAPS];
        let mut least = vdupq_n_s8(i8::MAX);
        let count = CHANNELS.min(channels);
        for (tap, weight) in weights.iter_mut().take(offsets.len()).enumerate() {
            let vector = repeated(range(layer.weights, tap.wrapping_mul(channels).wrapping_add(first), count));
            least = vminq_s8(least, vector);
            weight.write(vector);
        }
        let constants = Constants { bias: layer.bias, requant: layer.requant };
        let stage = |index: usize| {
            // With few channels lanes begin again from the first.
            let from = first.wrapping_add(index.wrapping_mul(LANES));
            Stage::repeated(&constants, from, channels)
        };
        let [a, b, c, d] = [stage(0), stage(1), stage(2), stage(3)];
        let are_short = a.1 && b.1 && c.1 && d.1;
        let group = Group {
            weights: weights.get(..offsets.len()).unwrap_or_default(),
            offsets,
            stages: [a.0, b.0, c.0, d.0],
            output: Output::new(layer.stage),
            steps: if self.is_flat { (CHANNELS, CHANNELS) } else { (channels, stride[1].wrapping_mul(channels)) },
            count: if self.is_flat { CHANNELS } else { channels.min(CHANNELS) },
        };
        let from = band.as_ptr().cast::<i8>().wrapping_add(first);
        let row_step = stride[0].wrapping_mul(self.bands.row);
        let pairs = vminvq_s8(least) > i8::MIN;
        for (index, to) in to.chunks_mut(line.max(1)).enumerate() {
            let from = from.wrapping_add(index.wrapping_mul(row_step));
            let to = to.get_mut(first..).unwrap_or_default();
            match (are_short, pairs, offsets.len() == COMMON) {
                // SAFETY: the band has what windows of these rows read, and sixteen bytes more.
                (true, true, true) => unsafe { group.common(from, to) },
                // SAFETY: likewise.
                (true, true, false) => unsafe { group.row::<true, true>(from, to) },
                // SAFETY: likewise.
                (false, true, _) => unsafe { group.row::<false, true>(from, to) },
                // SAFETY: likewise.
                (_, false, _) => unsafe { group.row::<false, false>(from, to) },
            }
        }
    }
}

/// Sums of sixteen channels.
type Sums = [int32x4_t; 4];

/// Adds products of 16 bits.
#[inline(always)]
fn add([a, b, c, d]: Sums, low: int16x8_t, high: int16x8_t) -> Sums {
    [vaddw_s16(a, vget_low_s16(low)), vaddw_high_s16(b, low), vaddw_s16(c, vget_low_s16(high)), vaddw_high_s16(d, high)]
}

#[inline(always)]
fn add_tap(sums: Sums, weights: int8x16_t, x: int8x16_t) -> Sums {
    add(sums, vmull_s8(vget_low_s8(weights), vget_low_s8(x)), vmull_high_s8(weights, x))
}

/// Adds the products of two taps whose weights are not -128.
#[inline(always)]
fn add_pair(sums: Sums, [v, w]: [int8x16_t; 2], [x, y]: [int8x16_t; 2]) -> Sums {
    let low = vmlal_s8(vmull_s8(vget_low_s8(v), vget_low_s8(x)), vget_low_s8(w), vget_low_s8(y));
    add(sums, low, vmlal_high_s8(vmull_high_s8(v, x), w, y))
}

impl Group<'_> {
    #[inline(always)]
    fn starts(&self) -> Sums {
        let [a, b, c, d] = &self.stages;
        [a.starts, b.starts, c.starts, d.starts]
    }

    /// One row of outputs, which begins with this group's first channel; `sums` gets the address of a window.
    #[inline(always)]
    fn each<const SHORT: bool>(&self, from: *const i8, to: &mut [i8], sums: impl Fn(*const i8) -> Sums) {
        let [a, b, c, d] = &self.stages;
        let outputs = |at: *const i8| self.output.sixteen::<SHORT>([a, b, c, d], sums(at));
        let (step, from_step) = self.steps;
        if self.count < CHANNELS {
            for (index, to) in to.chunks_mut(step.max(1)).enumerate() {
                let bytes = outputs(from.wrapping_add(index.wrapping_mul(from_step)));
                write(to.get_mut(..self.count).unwrap_or_default(), bytes);
            }
            return;
        }
        let Some(last) = to.len().checked_sub(CHANNELS) else { return };
        let (mut at, mut place) = (from, to.as_mut_ptr());
        for _ in 0..=last.checked_div(step).unwrap_or(0) {
            let bytes = outputs(at);
            // SAFETY: a vector begins at a multiple of `step` that is not above `last`, from where on there are sixteen bytes.
            unsafe { vst1q_s8(place, bytes) };
            (at, place) = (at.wrapping_add(from_step), place.wrapping_add(step));
        }
        // What is left of a row whose vectors have several pixels: the last sixteen, some of them once more.
        if step == CHANNELS && !last.is_multiple_of(CHANNELS) {
            write(to.get_mut(last..).unwrap_or_default(), outputs(from.wrapping_add(last)));
        }
    }

    /// One row of outputs of windows of nine taps, the shorter way, no weight being -128.
    ///
    /// # Safety
    ///
    /// From `from` on there are the windows of a row, and sixteen bytes more.
    #[inline(never)]
    unsafe fn common(&self, from: *const i8, to: &mut [i8]) {
        let (Some(weights), Some(offsets)) = (self.weights.first_chunk(), self.offsets.first_chunk()) else { return };
        // SAFETY: they have been written.
        let weights: [int8x16_t; COMMON] = weights.map(|weight| unsafe { weight.assume_init() });
        let offsets: [u32; COMMON] = *offsets;
        let starts = self.starts();
        self.each::<true>(from, to, |at| {
            // SAFETY: the caller knows that the tap is there.
            let x = |offset: u32| unsafe { vld1q_s8(at.wrapping_add(offset as usize)) };
            let [a, b, c, d, e, f, g, h, i] = offsets;
            let sums = add_pair(starts, [weights[0], weights[1]], [x(a), x(b)]);
            let sums = add_pair(sums, [weights[2], weights[3]], [x(c), x(d)]);
            let sums = add_pair(sums, [weights[4], weights[5]], [x(e), x(f)]);
            let sums = add_pair(sums, [weights[6], weights[7]], [x(g), x(h)]);
            add_tap(sums, weights[8], x(i))
        });
    }

    /// One row of outputs of any window.
    ///
    /// # Safety
    ///
    /// As for [`Group::common`].
    #[inline(never)]
    unsafe fn row<const SHORT: bool, const PAIRS: bool>(&self, from: *const i8, to: &mut [i8]) {
        let starts = self.starts();
        let (weights, last_weights) = self.weights.as_chunks::<2>();
        let (offsets, last_offsets) = self.offsets.as_chunks::<2>();
        self.each::<SHORT>(from, to, |at| {
            // SAFETY: the caller knows that the tap is there.
            let x = |offset: u32| unsafe { vld1q_s8(at.wrapping_add(offset as usize)) };
            let mut sums = starts;
            for (weights, offsets) in weights.iter().zip(offsets) {
                let x = [x(offsets[0]), x(offsets[1])];
                // SAFETY: they have been written.
                let weights = weights.map(|weight| unsafe { weight.assume_init() });
                sums = if PAIRS {
                    add_pair(sums, weights, x)
                } else {
                    add_tap(add_tap(sums, weights[0], x[0]), weights[1], x[1])
                };
            }
            for (weight, offset) in last_weights.iter().zip(last_offsets) {
                // SAFETY: likewise.
                sums = add_tap(sums, unsafe { weight.assume_init() }, x(*offset));
            }
            sums
        });
    }
}

/// Writes as many bytes as there is room for, at most sixteen.
fn write(to: &mut [i8], bytes: int8x16_t) {
    let mut values = [0; CHANNELS];
    // SAFETY: sixteen bytes are written to an array of as many.
    unsafe { vst1q_s8(values.as_mut_ptr(), bytes) };
    for (to, value) in to.iter_mut().zip(values) {
        *to = value;
    }
}

/// Sixteen bytes of these, again and again from the first where there are fewer.
fn repeated(from: &[i8]) -> int8x16_t {
    if let Some(from) = from.first_chunk() {
        return sixteen(from);
    }
    let mut lanes = [0; CHANNELS];
    for (lane, byte) in lanes.iter_mut().zip(from.iter().cycle()) {
        *lane = *byte;
    }
    sixteen(&lanes)
}
