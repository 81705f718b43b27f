//! FullyConnected over [`Packing::ChannelPairsByFour`](crate::packing::Packing::ChannelPairsByFour) weights.
//!
//! The last groups of a row are widened once, as many as scratch holds; those before them are widened in passing, for
//! each block of channels again, which costs two instructions for 32 multiplications. Weights of four bits have a
//! micro-kernel of their own.

use super::dense::{BYTES, Dense, Micro, NIBBLES, kinglet_armv7em_sum};
use super::tile::{entry, kinglet_armv7em_widen};
use crate::Io;
use crate::fully_connected::{FullyConnectedI8, WIDENED_GROUPS};
use crate::packing::Storage;

/// See [`crate::fully_connected::fully_connected_i8`].
#[inline(never)]
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    // Without the cargo feature nothing of the other one is linked.
    let is_narrow = Storage::Bits4.is_runnable() && layer.storage == Storage::Bits4;
    let micro = if is_narrow { &NIBBLES } else { &BYTES };
    let groups = taps.div_ceil(4);
    // What is widened in passing is an even number of groups.
    let passing = (groups.saturating_sub(WIDENED_GROUPS).wrapping_add(1)) & !1;
    let widened = groups.wrapping_sub(passing);
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let constants = layer.requant.extra.is_empty() && layer.requant.suffices(layer.bias, outputs);
    // Blocks of eight channels for which there are weights; none when there are no taps.
    let blocks = layer.weights.len().wrapping_shr(micro.group_bytes.trailing_zeros()).checked_div(groups).unwrap_or(0);
    let Some(column) = scratch.get_mut(..widened.wrapping_mul(8)) else { return io.refuse() };
    if !(aligned && constants && blocks >= outputs.div_ceil(8)) {
        return io.refuse();
    }
    let mut dense = Dense::new(&layer.stage, &layer.requant);
    dense.entry = entry(widened, micro.group_code);
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let Some(input) = io.input_from(start).get(..taps) else { return io.refuse() };
        if is_narrow {
            dense.start = sum(input).wrapping_mul(-8);
        }
        let (passing, rest) = input.split_at(passing.wrapping_mul(4).min(taps));
        widen(rest, column);
        let ends = passing.as_ptr_range();
        (dense.input, dense.input_end) = (ends.start, ends.end);
        let ends = column.as_ptr_range();
        (dense.column, dense.column_end) = (ends.start, ends.end);
        let start = row.wrapping_mul(outputs);
        let output = io.output_range(start, outputs);
        if output.is_empty() {
            return io.refuse();
        }
        vector(layer, micro, &mut dense, groups, output);
    }
}

/// The sum of a vector.
fn sum(vector: &[i8]) -> i32 {
    let (words, left) = vector.as_chunks::<4>();
    let rest = left.iter().fold(0_i32, |sum, x| sum.wrapping_add(i32::from(*x)));
    if words.is_empty() {
        return rest;
    }
    // SAFETY: so many words; they may begin at any byte.
    let raised = unsafe { kinglet_armv7em_sum(vector.as_ptr(), words.len()) };
    rest.wrapping_add(raised).wrapping_sub((words.len() as i32).wrapping_mul(4 * 128))
}

/// Widens a vector to whole groups.
fn widen(vector: &[i8], column: &mut [i8]) {
    let (words, left) = vector.as_chunks::<4>();
    let (whole, rest) = column.split_at_mut(words.len().wrapping_mul(8).min(column.len()));
    if !words.is_empty() && whole.len() == words.len().wrapping_mul(8) {
        // SAFETY: both sides have that many words, and the column is 4-byte aligned because scratch is.
        unsafe { kinglet_armv7em_widen(vector.as_ptr(), whole.as_mut_ptr(), words.len()) };
    }
    if rest.len() >= 8 {
        let tap = |index: usize| left.get(index).copied().unwrap_or(0);
        let word = [tap(0), tap(1), tap(2), tap(3)];
        // SAFETY: one word to two.
        unsafe { kinglet_armv7em_widen(word.as_ptr(), rest.as_mut_ptr(), 1) };
    }
}

/// All channels of one vector: whole blocks of eight, then the rest by way of buffers. The caller has checked that
/// weights, biases and words suffice for `output.len()` channels, and set input and column.
fn vector(layer: &FullyConnectedI8, micro: &Micro, dense: &mut Dense, groups: usize, output: &mut [i8]) {
    let (blocks, rest) = output.as_chunks_mut::<8>();
    dense.weights = layer.weights.as_ptr();
    dense.bias = layer.bias.as_ptr();
    dense.words = layer.requant.words.as_ptr();
    dense.output = blocks.as_mut_ptr().cast();
    dense.blocks = blocks.len();
    if !blocks.is_empty() {
        // SAFETY: the caller's checks cover all channels of the blocks.
        unsafe { (micro.run)(dense) };
    }
    if rest.is_empty() {
        return;
    }
    let done = blocks.len().wrapping_mul(8);
    let mut bias = [0i32; 8];
    let mut words = [0u32; 8];
    let mut channel = done;
    for (bias, word) in bias.iter_mut().zip(&mut words) {
        *bias = layer.bias.get(channel).copied().unwrap_or(0);
        *word = layer.requant.words.get(channel).copied().unwrap_or(0);
        channel = channel.wrapping_add(1);
    }
    let mut last = [0i8; 8];
    dense.weights =
        layer.weights.as_ptr().wrapping_add(blocks.len().wrapping_mul(groups).wrapping_mul(micro.group_bytes));
    (dense.bias, dense.words, dense.output) = (bias.as_ptr(), words.as_ptr(), last.as_mut_ptr());
    dense.blocks = 1;
    // SAFETY: eight biases and words, a block of weights, which is whole in the blob, and eight bytes of output.
    unsafe { (micro.run)(dense) };
    rest.iter_mut().zip(last).for_each(|(to, from)| *to = from);
}
