//! FullyConnected: every output sees every input of its row.
//!
//! - `input: [rows, taps]`, `output: [rows, outputs]`.
//! - weights: `[outputs, taps]`, or the same numbers in another order, see [`Packing`].
//! - `output[r, o] = stage(bias[o] + sum over k of input[r, k] * weight[o, k])`
//! - int8: the host has folded the input's zero point into the bias
//!   (`bias[o] = b[o] - zero_point * sum(weight[o])`). Accumulators are `i32` and wrap.
//! - float: each sum starts at the bias and adds products in the order of `k`.
//! - Overlapping input and output: rows are written in order; the output of row `r` must not touch an input of
//!   row `r` or of any row after it.

pub(crate) mod float;
mod int16;
pub(crate) mod portable;
mod reference;

pub use crate::registry::fully_connected_f32;
pub use int16::{FullyConnectedI16, fully_connected_i16};
pub use reference::{fully_connected_f32_reference, fully_connected_i8_reference, fully_connected_i16_reference};

use crate::numerics::{ClampF32, OutputStage, Requant};
use crate::packing::{Packing, Storage, Taps};
use crate::{Io, Token};

/// Everything an int8 dense layer needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct FullyConnectedI8<'a> {
    /// Rows of the input and of the output: the batch.
    pub rows: usize,
    /// Inputs of a row.
    pub taps: usize,
    /// Outputs of a row.
    pub outputs: usize,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// Order of `weights`.
    pub packing: Packing,
    /// What each of them is in memory.
    pub storage: Storage,
    /// See [`Packing`].
    pub weights: &'a [i8],
    /// `[outputs]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output, or one for all.
    pub requant: Requant<'a>,
    /// What the processor can do.
    pub token: Token,
}

impl FullyConnectedI8<'_> {
    /// True when input, output and constants are as long as the layer needs: what each kernel asks for first, but those
    /// for which a call more would be felt, which look at the same slices as they cut them. Weights without their zeros are
    /// looked at as they are read.
    pub(crate) fn fits(&self, io: &Io<i8>) -> bool {
        let FullyConnectedI8 { rows, taps, outputs, .. } = *self;
        let is_sparse = Storage::Sparse.is_runnable() && self.storage == Storage::Sparse;
        self.requant.suffices(self.bias, outputs)
            && (is_sparse || self.weights.len() >= self.packing.weight_len(self.storage, outputs, taps))
            && io.has(rows.saturating_mul(taps), rows.saturating_mul(outputs))
    }

    /// Weight `tap` of output `output`.
    pub(crate) fn weight_at(&self, output: usize, tap: usize) -> i8 {
        self.packing.weight_at(self.storage, [self.outputs, output], Taps::flat(self.taps), self.weights, tap)
    }
}

/// Everything a float dense layer needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct FullyConnectedF32<'a> {
    /// Rows of the input and of the output: the batch.
    pub rows: usize,
    /// Inputs of a row.
    pub taps: usize,
    /// Outputs of a row.
    pub outputs: usize,
    /// Fused activation.
    pub clamp: ClampF32,
    /// `[outputs, taps]`.
    pub weights: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
    /// What the processor can do.
    pub token: Token,
}

impl FullyConnectedF32<'_> {
    /// True when every slice is as long as the layer needs.
    pub(crate) fn fits(&self, io: &Io<f32>) -> bool {
        let FullyConnectedF32 { rows, taps, outputs, .. } = *self;
        io.has(rows.saturating_mul(taps), rows.saturating_mul(outputs))
            && self.bias.len() >= outputs
            && self.weights.len() >= outputs.saturating_mul(taps)
    }
}

/// Most groups of four inputs that are widened once for all outputs; others are widened for each eight outputs.
/// Scratch pays for what is widened once, and beside a long row of inputs it would be the arena's largest part.
pub const WIDENED_GROUPS: usize = 76;

/// Bytes of weights, or a few more, that are widened at a time for a single row of inputs.
const WIDENED_BYTES: usize = 4096;

/// Channels that are widened at a time. A single row reads every weight once, so that little scratch is enough; several
/// rows would have their weights widened for each.
fn block([rows, taps, outputs]: [usize; 3], storage: Storage) -> usize {
    if rows != 1 {
        return outputs;
    }
    // No packing has more than eight channels together, and blocks start with whole words.
    let least = storage.group().max(8);
    let fitting = WIDENED_BYTES.checked_div(least.saturating_mul(taps)).unwrap_or(0).max(1);
    least.saturating_mul(fitting).min(outputs)
}

/// Bytes of scratch [`fully_connected_i8`] needs for `[rows, taps, outputs]`.
pub fn fully_connected_i8_scratch_len(shape: [usize; 3], packing: Packing, storage: Storage) -> usize {
    let [_, taps, _] = shape;
    packing.fully_connected_scratch(taps).saturating_add(packing.widened_len(storage, block(shape, storage), taps))
}

/// Computes the layer with the fastest kernel this target has for its packing.
///
/// `scratch` has at least [`fully_connected_i8_scratch_len`] bytes and is 4-byte aligned.
pub fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if Storage::ANY_NARROW && !layer.packing.reads(layer.storage) {
        return widened(layer, io, scratch);
    }
    Packing::fully_connected(layer, io, scratch);
}

/// The same for weights of fewer than eight bits, in blocks of channels.
#[inline(never)]
fn widened(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let FullyConnectedI8 { rows, taps, outputs, packing, storage, bias, requant, .. } = *layer;
    if !layer.fits(io) {
        return io.refuse();
    }
    let block = block([rows, taps, outputs], storage).max(1);
    let mut sparse = match storage {
        Storage::Sparse => packing.sparse(outputs, taps).reader(layer.weights),
        _ => None,
    };
    for first in (0..outputs).step_by(block) {
        let outputs = block.min(outputs.wrapping_sub(first));
        let widening = packing.widening(storage, outputs, taps);
        let widened = match (storage, &mut sparse) {
            // Where a block begins follows from those before it.
            (Storage::Sparse, Some(reader)) => widening.next(reader, scratch),
            (Storage::Sparse, None) => None,
            _ => {
                let before = packing.weight_len(storage, first, taps);
                widening.run(layer.weights.get(before..).unwrap_or_default(), scratch)
            }
        };
        let Some((weights, scratch)) = widened else { return io.refuse() };
        let (bias, requant) = (bias.get(first..).unwrap_or_default(), requant.from(first));
        let part = FullyConnectedI8 { outputs, storage: Storage::Bits8, weights, bias, requant, ..*layer };
        let mut channels = io.narrow((0, rows.saturating_mul(taps)), (first, rows.saturating_mul(outputs)));
        Packing::fully_connected(&part, &mut channels, scratch);
        if channels.is_refused() {
            return io.refuse();
        }
    }
}
