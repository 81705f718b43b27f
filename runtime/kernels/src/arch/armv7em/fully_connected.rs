//! FullyConnected over [`Packing::Paired`](crate::conv2d::Packing::Paired) weights.

use super::columns::Columns;
use super::tile::{Tile, kinglet_armv7em_tile1};
use crate::Io;
use crate::fully_connected::FullyConnectedI8;
use crate::numerics::Requant;

/// See [`crate::fully_connected::fully_connected_i8`].
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let steps = taps.div_ceil(2);
    let words = layer.requant.words.len();
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let constants = layer.bias.len() >= outputs && (words == 1 || words >= outputs) && layer.requant.extra.is_empty();
    let weights = layer.weights.len() >= outputs.div_ceil(2).saturating_mul(steps).saturating_mul(4);
    if !(aligned && constants && weights && steps > 0 && scratch.len() >= steps.saturating_mul(4)) {
        return;
    }
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let mut columns = Columns::new(scratch, 1);
        columns.vector(io.input().get(start..start.wrapping_add(taps)));
        let columns = columns.as_ptr();
        let start = row.wrapping_mul(outputs);
        if let Some(output) = io.output().get_mut(start..start.wrapping_add(outputs)) {
            let tile = Tile::new(layer.stage, &layer.requant, steps);
            vector(tile, columns, layer.weights, layer.bias, &layer.requant, output);
        }
    }
}

/// All channels of one vector: whole groups of four at once, then the rest by way of buffers. The caller has
/// checked that weights, biases and words (or the single word) suffice for `output.len()` channels.
pub(super) fn vector(
    mut tile: Tile,
    columns: *const u32,
    weights: &[i8],
    bias: &[i32],
    requant: &Requant,
    output: &mut [i8],
) {
    let steps = tile.steps;
    let groups = output.len() / 4;
    tile.columns = columns;
    tile.weights = weights.as_ptr();
    tile.bias = bias.as_ptr();
    tile.requant = requant.words.as_ptr();
    tile.output = output.as_mut_ptr();
    tile.count = groups;
    if groups > 0 {
        // SAFETY: the caller's checks cover `4 * groups` channels; columns hold `steps` words.
        unsafe { kinglet_armv7em_tile1(&mut tile) };
    }
    let done = groups.wrapping_mul(4);
    let Some(rest) = output.get_mut(done..).filter(|rest| !rest.is_empty()) else { return };
    let mut last_bias = [0i32; 4];
    last_bias.iter_mut().zip(bias.iter().skip(done)).for_each(|(to, from)| *to = *from);
    let mut last_words = [0u32; 4];
    let word = |channel: usize| requant.words.get(if requant.words.len() == 1 { 0 } else { channel });
    for (offset, to) in last_words.iter_mut().enumerate() {
        *to = word(done.wrapping_add(offset)).copied().unwrap_or(0);
    }
    let mut last = [0i8; 4];
    tile.weights = weights.get(done.wrapping_mul(steps).wrapping_mul(2)..).unwrap_or_default().as_ptr();
    tile.bias = last_bias.as_ptr();
    (tile.requant, tile.requant_stride) = (last_words.as_ptr(), 4);
    // One or two channels left: there is no second pair, the first is computed twice.
    tile.pair_stride = if rest.len() > 2 { steps.wrapping_mul(4) } else { 0 };
    (tile.output, tile.count) = (last.as_mut_ptr(), 1);
    // SAFETY: four biases and words, one or two pairs of weights, four bytes of output.
    unsafe { kinglet_armv7em_tile1(&mut tile) };
    rest.iter_mut().zip(last).for_each(|(to, from)| *to = from);
}
