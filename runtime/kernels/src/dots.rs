//! Rows of weights against one vector by an instruction that multiplies unsigned by signed bytes and adds four products
//! to each 32-bit lane: `vpdpbusd` of x86-64.
//!
//! Activations are signed, so 128 is added to each, and what that adds to a sum is taken from the value it starts with:
//! `sum of x * w = sum of (x + 128) * w - 128 * sum of w`. The second sum is the first with every `x` zero, so the same
//! loop computes it, once for a layer. Nothing saturates on the way (four products are at most 4 * 255 * 128), and sums
//! wrap as everywhere.
//!
//! The loop is generic over a [`Step`], of which there is one for each form of the instruction, in `arch/`, and
//! [`Emulated`], which computes in plain Rust what the instruction does.

use crate::Io;
use crate::conv2d::{self, Conv2dI8};
use crate::fully_connected::{self, FullyConnectedI8};
use crate::io::range;
use crate::numerics::{OutputStage, Requant};

/// Taps of a step.
pub(crate) const WIDTH: usize = 64;
/// Rows that are multiplied together: their sums hide each other's latency.
pub(crate) const ROWS: usize = 8;
/// Most output channels of a layer. Start values and sums are on the stack, 4 kB each.
const MAX_OUTPUTS: usize = 1024;
/// Most taps of a fully connected layer: as many zeros are on the stack.
const MAX_TAPS: usize = 8192;

/// The instruction.
pub(crate) trait Step: Copy {
    /// [`WIDTH`] bytes, or the sums of their products in lanes.
    type Vector: Copy;

    /// No sum yet.
    fn zero(self) -> Self::Vector;

    /// [`WIDTH`] activations, 128 added to each.
    fn activations(self, from: &[i8; WIDTH]) -> Self::Vector;

    /// Fewer activations, 128 added to each, and zeros behind them.
    fn last_activations(self, from: &[i8]) -> Self::Vector;

    /// [`WIDTH`] weights.
    fn weights(self, from: &[i8; WIDTH]) -> Self::Vector;

    /// Fewer weights, and zeros behind them.
    fn last_weights(self, from: &[i8]) -> Self::Vector;

    /// Adds the products of unsigned `x` and signed `w` to the lanes of `sums`.
    fn add(self, sums: Self::Vector, x: Self::Vector, w: Self::Vector) -> Self::Vector;

    /// For each vector the sum of its lanes.
    fn totals(self, sums: [Self::Vector; ROWS]) -> [i32; ROWS];

    /// [`sums`], compiled for processors that have the instruction.
    fn sums(self, x: &[i8], weights: &[i8], sums: &mut [i32]);

    /// [`finish`], likewise.
    fn finish(self, stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]);
}

/// Sums of a group of output channels.
#[derive(Clone, Copy)]
pub(crate) struct Channels<'a> {
    /// Number of the first.
    pub(crate) first: usize,
    /// What is added to the sums.
    pub(crate) starts: &'a [i32],
    /// One for each channel.
    pub(crate) sums: &'a [i32],
}

/// For each of `sums` that of `(x + 128) * weight` over its row of `weights`, `[sums.len(), x.len()]`.
#[inline(always)]
pub(crate) fn sums<S: Step>(step: S, x: &[i8], weights: &[i8], sums: &mut [i32]) {
    let taps = x.len();
    let (chunks, rest) = x.as_chunks::<WIDTH>();
    let mut first: usize = 0;
    for block in sums.chunks_mut(ROWS) {
        let mut totals = [step.zero(); ROWS];
        let mut rows = [weights; ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = range(weights, first.wrapping_add(index).wrapping_mul(taps), taps);
        }
        let rows = rows.map(|row| row.as_chunks::<WIDTH>());
        for (index, chunk) in chunks.iter().enumerate() {
            let x = step.activations(chunk);
            for (total, (row, _)) in totals.iter_mut().zip(&rows) {
                if let Some(w) = row.get(index) {
                    *total = step.add(*total, x, step.weights(w));
                }
            }
        }
        if !rest.is_empty() {
            let x = step.last_activations(rest);
            for (total, (_, row)) in totals.iter_mut().zip(&rows) {
                *total = step.add(*total, x, step.last_weights(row));
            }
        }
        for (sum, total) in block.iter_mut().zip(step.totals(totals)) {
            *sum = total;
        }
        first = first.wrapping_add(ROWS);
    }
}

/// Outputs from sums.
#[inline(always)]
pub(crate) fn finish(stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]) {
    let Channels { first, starts, sums } = channels;
    let accumulators = sums.iter().zip(starts).map(|(sum, start)| sum.wrapping_add(*start));
    let words = range(requant.words, first, sums.len());
    // Nearly all layers: a loop without a branch, which vectors run.
    if requant.extra.is_empty() && requant.words.len() > 1 && words.len() == sums.len() {
        for ((acc, word), output) in accumulators.zip(words).zip(to) {
            *output = stage.apply(acc, requant.factor(*word, 0));
        }
    } else {
        for ((index, acc), output) in accumulators.enumerate().zip(to) {
            *output = stage.apply(acc, requant.at(first.wrapping_add(index)));
        }
    }
}

/// Any convolution in [`crate::packing::Packing::RowMajor`], as the portable kernel, which also runs layers with more
/// channels than there is stack for.
pub(crate) fn conv2d_i8<S: Step>(step: S, layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let (taps, outputs) = (geometry.taps(), geometry.output[2]);
    let group_outputs = outputs.checked_div(geometry.groups).unwrap_or(0);
    let (mut starts, mut sums) = ([0; MAX_OUTPUTS], [0; MAX_OUTPUTS]);
    let (Some(starts), Some(sums)) = (starts.get_mut(..outputs), sums.get_mut(..group_outputs)) else {
        return conv2d::portable::conv2d_i8(layer, io, scratch);
    };
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let Some(zeros) = scratch.get_mut(..taps) else { return io.refuse() };
    zeros.fill(0);
    start_values(step, zeros, layer.weights, layer.bias, starts);
    conv2d::portable::for_each_patch(layer, io, scratch, |io, patch, pixel| {
        let mut first: usize = 0;
        for group in 0..geometry.groups {
            let x = range(patch, group.wrapping_mul(taps), taps);
            let weights = layer.weights.get(first.wrapping_mul(taps)..).unwrap_or_default();
            step.sums(x, weights, sums);
            let channels = Channels { first, starts: range(starts, first, group_outputs), sums };
            let at = pixel.wrapping_mul(outputs).wrapping_add(first);
            let to = io.output().get_mut(at..at.saturating_add(group_outputs)).unwrap_or_default();
            step.finish(layer.stage, layer.requant, channels, to);
            first = first.wrapping_add(group_outputs);
        }
    });
}

/// Any layer in [`crate::packing::Packing::RowMajor`], as the portable kernel, which also runs layers that there is no
/// stack for.
pub(crate) fn fully_connected_i8<S: Step>(step: S, layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let FullyConnectedI8 { rows, taps, outputs, stage, weights, bias, requant, .. } = *layer;
    let (mut starts, mut sums) = ([0; MAX_OUTPUTS], [0; MAX_OUTPUTS]);
    let (starts, sums, zeros) = (starts.get_mut(..outputs), sums.get_mut(..outputs), [0; MAX_TAPS]);
    let (Some(starts), Some(sums), Some(zeros)) = (starts, sums, zeros.get(..taps)) else {
        return fully_connected::portable::fully_connected_i8(layer, io, scratch);
    };
    if !layer.fits(io) {
        return io.refuse();
    }
    start_values(step, zeros, weights, bias, starts);
    for row in 0..rows {
        step.sums(range(io.input(), row.wrapping_mul(taps), taps), weights, sums);
        let at = row.wrapping_mul(outputs);
        let to = io.output().get_mut(at..at.saturating_add(outputs)).unwrap_or_default();
        step.finish(stage, requant, Channels { first: 0, starts, sums }, to);
    }
}

/// The biases, less what 128 more for each activation adds. `zeros` has an element for each tap.
fn start_values<S: Step>(step: S, zeros: &[i8], weights: &[i8], bias: &[i32], starts: &mut [i32]) {
    step.sums(zeros, weights, starts);
    for (index, start) in starts.iter_mut().enumerate() {
        *start = bias.get(index).copied().unwrap_or(0).wrapping_sub(*start);
    }
}

/// The instruction in plain Rust, for machines without it, emulators among them.
#[cfg(feature = "emulation")]
pub(crate) mod emulated {
    use super::*;

    /// Computes what the instruction computes.
    #[derive(Clone, Copy)]
    pub(crate) struct Emulated;

    /// Bytes, or little-endian lanes.
    type Bytes = [[u8; 4]; WIDTH / 4];

    fn load(from: &[i8], offset: u8) -> Bytes {
        let mut bytes = [[0; 4]; WIDTH / 4];
        for (byte, element) in bytes.as_flattened_mut().iter_mut().zip(from) {
            *byte = (*element as u8).wrapping_add(offset);
        }
        bytes
    }

    impl Step for Emulated {
        type Vector = Bytes;

        fn zero(self) -> Bytes {
            [[0; 4]; WIDTH / 4]
        }

        fn activations(self, from: &[i8; WIDTH]) -> Bytes {
            load(from, 128)
        }

        fn last_activations(self, from: &[i8]) -> Bytes {
            load(from, 128)
        }

        fn weights(self, from: &[i8; WIDTH]) -> Bytes {
            load(from, 0)
        }

        fn last_weights(self, from: &[i8]) -> Bytes {
            load(from, 0)
        }

        fn add(self, mut sums: Bytes, x: Bytes, w: Bytes) -> Bytes {
            for (lane, (x, w)) in sums.iter_mut().zip(x.iter().zip(&w)) {
                let products = x.iter().zip(w).map(|(x, w)| i32::from(*x).wrapping_mul(i32::from(*w as i8)));
                *lane = products.fold(i32::from_le_bytes(*lane), i32::wrapping_add).to_le_bytes();
            }
            sums
        }

        fn totals(self, sums: [Bytes; ROWS]) -> [i32; ROWS] {
            sums.map(|lanes| lanes.into_iter().map(i32::from_le_bytes).fold(0, i32::wrapping_add))
        }

        fn sums(self, x: &[i8], weights: &[i8], to: &mut [i32]) {
            sums(self, x, weights, to);
        }

        fn finish(self, stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]) {
            finish(stage, requant, channels, to);
        }
    }

    /// The kernel of x86-64, on any machine.
    pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
        super::conv2d_i8(Emulated, layer, io, scratch);
    }

    /// Likewise.
    pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
        super::fully_connected_i8(Emulated, layer, io, scratch);
    }
}
