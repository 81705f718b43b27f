//! Rows of weights against the activations of several pixels: Conv2D and FullyConnected in row-major order, on machines
//! whose vectors multiply neighbouring numbers and add the products.
//!
//! Activations of a group of pixels are gathered in a *panel*, as the instruction wants them, each pixel's padded with
//! zeros to whole vectors. Then four channels at a time meet two pixels at a time:
//!
//! ```text
//!                 pixel 0   pixel 1
//! channel 0       s0        s4           eight running sums, each a vector
//! channel 1       s1        s5           a step: TAPS weights of each channel are loaded once and
//! channel 2       s2        s6           multiplied with TAPS activations of both pixels
//! channel 3       s3        s7
//! ```
//!
//! In the end each vector is folded, which gives eight numbers in a vector, four channels of either pixel, and these are
//! requantized together. Where there is a single pixel, eight channels meet it. Where there are eight pixels or more, and
//! rows are short, channels are [`lanes`] instead, and nothing is folded.
//!
//! An instruction that multiplies unsigned by signed bytes (`vpdpbusd`) gets 128 more than each activation, and what that
//! adds to a sum is taken from the value it starts with: `sum of x * w = sum of (x + 128) * w - 128 * sum of w`. The
//! second sum is the first with every `x` zero, so the same loop computes it. Nothing saturates on the way, and sums wrap
//! as everywhere.
//!
//! All inputs of the group's pixels are read before the first of their outputs is written. That is what the contract of
//! Conv2D allows ([`crate::conv2d`]), so the output may lie over the input.
//!
//! The loops are generic over a [`Step`]: one for each form of the instruction, in `arch/`, and [`emulated::Emulated`].
//!
//! Rejected: a packing with channels side by side. It would spare the transposition of [`lanes`], a few instructions of a
//! hundred, and a blob for `x86-64` would differ from one for `portable`.

pub(crate) mod blocks;
#[cfg(feature = "emulation")]
pub(crate) mod emulated;
mod gather;
mod lanes;

pub(crate) use blocks::{Lanes, blocks};
pub(crate) use gather::{Windows, gather, rows};
pub(crate) use lanes::Transposed;
use lanes::transposed;

use crate::Io;
use crate::conv2d::{self, Conv2dI8};
use crate::dense::Dense;
use crate::fully_connected::{self, FullyConnectedI8};
use crate::io::range;
use crate::numerics::OutputStage;

/// Sums that are folded and requantized together.
pub(crate) const LANES: usize = 8;
/// Channels that meet two pixels.
pub(crate) const QUAD: usize = LANES / 2;

/// Vectors of a small panel, and of the largest: 16 kB of stack.
const PANELS: [usize; 2] = [48, 512];
/// Most pixels of a group: the more, the less do a channel's constants cost.
const PIXELS: usize = 64;

/// Activations as the instruction wants them, in vectors.
pub(crate) type Panel<S, const TAPS: usize, const WORD: usize> = [[<S as Step<TAPS, WORD>>::Element; TAPS]];

/// An instruction that multiplies `TAPS` activations by as many weights and adds the products of `WORD` neighbours, four
/// bytes, to a lane.
pub(crate) trait Step<const TAPS: usize, const WORD: usize>: Copy {
    /// An activation as it is multiplied.
    type Element: Copy + Default;
    /// Activations, weights, or the sums of their products in lanes.
    type Vector: Copy;
    /// Constants of eight sums.
    type Stage;

    /// True when [`Step::element`] adds 128.
    const IS_UNSIGNED: bool;

    /// An activation as it is multiplied; the default is one that adds nothing to a sum.
    fn element(x: i8) -> Self::Element;

    /// No sum yet.
    fn zero(self) -> Self::Vector;

    /// Activations.
    fn activations(self, from: &[Self::Element; TAPS]) -> Self::Vector;

    /// A word of activations in all lanes.
    fn broadcast(self, word: &[Self::Element; WORD]) -> Self::Vector;

    /// Weights.
    fn weights(self, from: &[i8; TAPS]) -> Self::Vector;

    /// Adds products to the lanes of `sums`.
    fn add(self, sums: Self::Vector, x: Self::Vector, w: Self::Vector) -> Self::Vector;

    /// For each vector the sum of its lanes.
    fn totals(self, sums: [Self::Vector; LANES]) -> [i32; LANES];

    /// Vector `i` of the result has word `i` of every vector.
    fn transposed(self, rows: [Self::Vector; LANES]) -> [Self::Vector; LANES];

    /// The lanes of a sum.
    fn lanes(self, sums: Self::Vector) -> [i32; LANES];

    /// The constants as [`Step::finish`] wants them.
    fn stage(self, lanes: &Lanes, stage: OutputStage) -> Self::Stage;

    /// Outputs from the running sums of two pixels' four channels, or of one pixel's eight.
    fn finish(self, stage: &Self::Stage, sums: [Self::Vector; LANES]) -> [[i8; QUAD]; 2];

    /// Outputs of eight channels, from the sums of four pixels that have a channel in each lane.
    fn finish_pixels(self, stage: &Self::Stage, sums: [Self::Vector; 4]) -> [[i8; LANES]; 4];

    /// [`gather`], compiled for processors that have the instruction.
    fn gather(self, windows: &mut Windows<'_>, input: &[i8], panel: &mut Panel<Self, TAPS, WORD>);

    /// [`rows`], likewise.
    fn rows(self, taps: usize, input: &[i8], panel: &mut Panel<Self, TAPS, WORD>);

    /// [`blocks`], likewise.
    fn blocks(
        self,
        dense: &Dense<'_>,
        groups: usize,
        buffers: (&Panel<Self, TAPS, WORD>, &mut Transposed<Self, TAPS, WORD>),
        output: &mut [i8],
    );
}

/// How many pixels share a panel, and its vectors; `None` when not even one fits.
fn group_of_pixels(steps: usize, pixels: usize) -> Option<(usize, usize)> {
    let [_, most] = PANELS;
    let fitting = most.checked_div(steps)?.min(PIXELS).min(pixels);
    // Pixels are multiplied in pairs.
    let count = if fitting == pixels || fitting == 1 { fitting } else { fitting & !1 };
    (count > 0).then_some((count, count.wrapping_mul(steps)))
}

/// A panel, and room for transposed weights.
type Buffers<'a, S, const TAPS: usize, const WORD: usize> =
    (&'a mut Panel<S, TAPS, WORD>, &'a mut Transposed<S, TAPS, WORD>);

/// Runs a layer that multiplies `count` pixels at a time with buffers for it: clearing larger ones takes longer than many
/// layers of a single pixel.
#[inline(always)]
fn with_buffers<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    taps: usize,
    (count, vectors): (usize, usize),
    run: impl FnOnce(Buffers<'_, S, TAPS, WORD>),
) {
    let empty = [S::Element::default(); TAPS];
    // One vector more: what is copied may be longer than what is meant.
    match (vectors < PANELS[0], lanes::takes::<WORD>(taps, count)) {
        (true, true) => run((&mut [empty; PANELS[0]], &mut transposed(step))),
        (true, false) => run((&mut [empty; PANELS[0]], &mut [])),
        (false, true) => run((&mut [empty; PANELS[1] + 1], &mut transposed(step))),
        (false, false) => run((&mut [empty; PANELS[1] + 1], &mut [])),
    }
}

/// Any convolution in [`crate::packing::Packing::RowMajor`], as the portable kernel, which also runs layers with more
/// taps than a panel holds.
pub(crate) fn conv2d_i8<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    layer: &Conv2dI8,
    io: &mut Io<i8>,
    scratch: &mut [i8],
) {
    let geometry = &layer.geometry;
    let steps = geometry.taps().div_ceil(TAPS).saturating_mul(geometry.groups);
    let Some((count, vectors)) = group_of_pixels(steps, geometry.pixels()) else {
        return conv2d::portable::conv2d_i8(layer, io, scratch);
    };
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    with_buffers(step, geometry.taps(), (count, vectors), |buffers| convolve(step, layer, io, count, buffers));
}

/// All pixels, `count` at a time.
#[inline(never)]
fn convolve<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    layer: &Conv2dI8,
    io: &mut Io<i8>,
    count: usize,
    (panel, weights): Buffers<'_, S, TAPS, WORD>,
) {
    let geometry = &layer.geometry;
    let outputs = geometry.output[2];
    let dense = conv2d::portable::dense(layer);
    let dense = Dense { bias: range(dense.bias, 0, outputs), ..dense };
    let mut windows = Windows::new(geometry, layer.padding_value);
    let mut first: usize = 0;
    while first < geometry.pixels() {
        windows.count = geometry.pixels().wrapping_sub(first).min(count);
        if windows.are_pixels {
            let taps = geometry.taps();
            step.rows(taps, range(io.input(), first.wrapping_mul(taps), windows.count.wrapping_mul(taps)), panel);
        } else {
            step.gather(&mut windows, io.input(), panel);
        }
        let (at, len) = (first.wrapping_mul(outputs), windows.count.wrapping_mul(outputs));
        let output = io.output().get_mut(at..at.saturating_add(len)).unwrap_or_default();
        step.blocks(&dense, geometry.groups, (panel, weights), output);
        first = first.wrapping_add(windows.count);
    }
}

/// Any layer in [`crate::packing::Packing::RowMajor`], as the portable kernel, which also runs layers with more taps than
/// a panel holds.
pub(crate) fn fully_connected_i8<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    layer: &FullyConnectedI8,
    io: &mut Io<i8>,
    scratch: &mut [i8],
) {
    let Some((count, vectors)) = group_of_pixels(layer.taps.div_ceil(TAPS), layer.rows) else {
        return fully_connected::portable::fully_connected_i8(layer, io, scratch);
    };
    if !layer.fits(io) {
        return io.refuse();
    }
    with_buffers(step, layer.taps, (count, vectors), |buffers| multiply(step, layer, io, count, buffers));
}

/// All rows, `count` at a time.
#[inline(never)]
fn multiply<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    layer: &FullyConnectedI8,
    io: &mut Io<i8>,
    count: usize,
    (panel, weights): Buffers<'_, S, TAPS, WORD>,
) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let dense = fully_connected::portable::dense(layer);
    let dense = Dense { bias: range(dense.bias, 0, outputs), ..dense };
    let mut row = 0;
    while row < layer.rows {
        let rows = layer.rows.wrapping_sub(row).min(count);
        step.rows(taps, range(io.input(), row.wrapping_mul(taps), rows.wrapping_mul(taps)), panel);
        let at = row.wrapping_mul(outputs);
        let output = io.output().get_mut(at..at.saturating_add(rows.wrapping_mul(outputs))).unwrap_or_default();
        step.blocks(&dense, 1, (panel, weights), output);
        row = row.wrapping_add(rows);
    }
}
