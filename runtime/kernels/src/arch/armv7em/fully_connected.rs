//! FullyConnected over [`Packing::PairedBlocks`](crate::conv2d::Packing::PairedBlocks) weights.
//!
//! The last groups of a row are widened once, as many as scratch holds; those before them are widened in passing, for
//! each block of channels again, which costs two instructions for 32 multiplications.

use super::dense::{Dense, GROUP_CODE, kinglet_armv7em_dense2, kinglet_armv7em_dense8};
use super::tile::{Stage, entry, kinglet_armv7em_widen};
use crate::Io;
use crate::fully_connected::{FullyConnectedI8, WIDENED_GROUPS};

/// See [`crate::fully_connected::fully_connected_i8`].
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let groups = taps.div_ceil(4);
    let widened = groups.min(WIDENED_GROUPS);
    let words = layer.requant.words.len();
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let constants = layer.bias.len() >= outputs && (words == 1 || words >= outputs) && layer.requant.extra.is_empty();
    let weights = layer.weights.len() >= outputs.div_ceil(2).saturating_mul(groups).saturating_mul(8);
    let Some(column) = scratch.get_mut(..widened.wrapping_mul(8)) else { return };
    if !(aligned && constants && weights) || groups == 0 {
        return;
    }
    let word_stride = if words == 1 { 0 } else { 4 };
    let mut dense = Dense::new(Stage::new(&layer.stage), layer.stage.zero_point, layer.requant.shift_base, word_stride);
    dense.entry = entry(widened, GROUP_CODE);
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let Some(input) = io.input().get(start..start.wrapping_add(taps)) else { return };
        let (passing, rest) = input.split_at(groups.wrapping_sub(widened).wrapping_mul(4).min(taps));
        widen(rest, column);
        let ends = passing.as_ptr_range();
        (dense.input, dense.input_end) = (ends.start, ends.end);
        let ends = column.as_ptr_range();
        (dense.column, dense.column_end) = (ends.start, ends.end);
        let start = row.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(outputs)) else { return };
        vector(layer, &mut dense, groups, output);
    }
}

/// Widens a vector to whole groups.
fn widen(vector: &[i8], column: &mut [i8]) {
    let (words, left) = vector.as_chunks::<4>();
    let (whole, rest) = column.split_at_mut(words.len().wrapping_mul(8).min(column.len()));
    if !words.is_empty() && whole.len() == words.len().wrapping_mul(8) {
        // SAFETY: both sides have that many words, and the column is 4-byte aligned because scratch is.
        unsafe { kinglet_armv7em_widen(vector.as_ptr(), whole.as_mut_ptr(), words.len()) };
    }
    if let Some(group) = rest.first_chunk_mut::<8>() {
        let mut taps = [0i16; 4];
        taps.iter_mut().zip(left).for_each(|(to, from)| *to = (*from).into());
        let [a, b, c, d] = taps.map(|tap| tap.to_le_bytes().map(|byte| byte as i8));
        *group = [a[0], a[1], c[0], c[1], b[0], b[1], d[0], d[1]];
    }
}

/// All channels of one vector: blocks of eight, then pairs by way of buffers. The caller has checked that weights,
/// biases and words suffice for `output.len()` channels, and set input and column.
fn vector(layer: &FullyConnectedI8, dense: &mut Dense, groups: usize, output: &mut [i8]) {
    let blocks = output.len() / 8;
    dense.weights = layer.weights.as_ptr();
    dense.bias = layer.bias.as_ptr();
    dense.words = layer.requant.words.as_ptr();
    dense.output = output.as_mut_ptr();
    dense.blocks = blocks;
    if blocks > 0 {
        // SAFETY: the caller's checks cover `8 * blocks` channels.
        unsafe { kinglet_armv7em_dense8(dense) };
    }
    let mut channel = blocks.wrapping_mul(8);
    let pairs = output.get_mut(channel..).unwrap_or_default();
    for places in pairs.chunks_mut(2) {
        let mut bias = [0i32; 2];
        bias.iter_mut().zip(layer.bias.iter().skip(channel)).for_each(|(to, from)| *to = *from);
        let mut words = [0u32; 2];
        let first = if layer.requant.words.len() == 1 { 0 } else { channel };
        words.iter_mut().zip(layer.requant.words.iter().skip(first)).for_each(|(to, from)| *to = *from);
        let mut last = [0i8; 2];
        let weights = (channel / 2).wrapping_mul(groups).wrapping_mul(8);
        dense.weights = layer.weights.get(weights..).unwrap_or_default().as_ptr();
        (dense.bias, dense.words, dense.output) = (bias.as_ptr(), words.as_ptr(), last.as_mut_ptr());
        // SAFETY: two biases and words, the pair's weights, two bytes of output.
        unsafe { kinglet_armv7em_dense2(dense) };
        places.iter_mut().zip(last).for_each(|(to, from)| *to = from);
        channel = channel.wrapping_add(2);
    }
}
