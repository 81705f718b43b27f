//! Conv2D over [`Packing::Paired`](crate::conv2d::Packing::Paired) weights.

use super::columns::{Columns, Walk};
use super::tile::{Tile, kinglet_armv7em_tile4};
use crate::Io;
use crate::conv2d::{Conv2dI8, PIXEL_TILE};

/// See [`crate::conv2d::conv2d_i8`].
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, width, outputs] = geometry.output;
    let pixels = geometry.pixels();
    let steps = geometry.taps().div_ceil(2);
    if !fits(layer, io, scratch, steps) {
        return;
    }
    let walk = Walk::new(geometry);
    let (mut pixel, mut position) = (0usize, (0usize, 0usize));
    while pixel < pixels {
        let count = pixels.wrapping_sub(pixel).min(PIXEL_TILE);
        // One pixel left over: the narrow kernel, unless the layer has extra shifts, which it does not know.
        let columns_count = if count == 1 && layer.requant.extra.is_empty() { 1 } else { PIXEL_TILE };
        let mut columns = Columns::new(scratch, columns_count);
        for column in 0..count {
            columns.gather(&walk, layer.padding_value, io.input(), column, position);
            position.1 = position.1.wrapping_add(1);
            if position.1 == width {
                position = (position.0.wrapping_add(1), 0);
            }
        }
        let start = pixel.wrapping_mul(outputs);
        let end = start.wrapping_add(count.wrapping_mul(outputs));
        if let Some(output) = io.output().get_mut(start..end) {
            if columns_count == 1 {
                one_pixel(layer, steps, columns.as_ptr(), output);
            } else {
                four_pixels(layer, steps, columns.as_ptr(), output, count);
            }
        }
        pixel = pixel.wrapping_add(count);
    }
}

/// Every slice is as long as the assembly will believe.
fn fits(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &[i8], steps: usize) -> bool {
    let [_, _, outputs] = layer.geometry.output;
    let words = layer.requant.words.len();
    let extra = layer.requant.extra.len();
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let constants = layer.bias.len() >= outputs && (words == 1 || words >= outputs) && (extra == 0 || extra >= words);
    let weights = layer.weights.len() >= outputs.div_ceil(2).saturating_mul(steps).saturating_mul(4);
    let room = scratch.len() >= steps.saturating_mul(4 * PIXEL_TILE);
    let sound = aligned && constants && weights && room && steps > 0 && outputs > 0;
    sound && io.output().len() >= layer.geometry.pixels().saturating_mul(outputs)
}

/// `count` pixels, up to four: all whole channel pairs at once, then a single last channel by way of buffers.
/// One factor for all channels goes by way of the buffers too, since the kernel reads two words for each pair.
fn four_pixels(layer: &Conv2dI8, steps: usize, columns: *const u32, output: &mut [i8], count: usize) {
    let [_, _, outputs] = layer.geometry.output;
    let pairs = if layer.requant.words.len() == 1 { 0 } else { outputs / 2 };
    let mut tile = Tile::new(layer.stage, &layer.requant, steps);
    tile.columns = columns;
    tile.pixels = count;
    if pairs > 0 {
        tile.weights = layer.weights.as_ptr();
        tile.bias = layer.bias.as_ptr();
        tile.requant = layer.requant.words.as_ptr();
        tile.extra = if layer.requant.extra.is_empty() { core::ptr::null() } else { layer.requant.extra.as_ptr() };
        (tile.output, tile.output_stride, tile.count) = (output.as_mut_ptr(), outputs, pairs);
        // SAFETY: `fits` has checked constants and weights for all channels and the columns' room; `output`
        // holds `count` pixels of `outputs` channels, of which the first `2 * pairs` are written.
        unsafe { kinglet_armv7em_tile4(&mut tile) };
    }
    for pair in pairs..outputs.div_ceil(2) {
        buffered_pair(layer, &mut tile, output, pair);
    }
}

/// Channel pair `pair` of up to four pixels, with constants and outputs in buffers of their own.
fn buffered_pair(layer: &Conv2dI8, tile: &mut Tile, output: &mut [i8], pair: usize) {
    let [_, _, outputs] = layer.geometry.output;
    let first = pair.wrapping_mul(2);
    let channels = [first, first.wrapping_add(1)];
    let requant = &layer.requant;
    let word = |channel: usize| requant.words.get(if requant.words.len() == 1 { 0 } else { channel }).copied();
    let bias = channels.map(|channel| layer.bias.get(channel).copied().unwrap_or(0));
    let words = channels.map(|channel| word(channel).unwrap_or(0));
    let extra = channels.map(|channel| requant.extra.get(channel).copied().unwrap_or(0));
    let mut outputs_of_pair = [0i8; 2 * PIXEL_TILE];
    let weights = pair.wrapping_mul(tile.steps).wrapping_mul(4);
    tile.weights = layer.weights.get(weights..).unwrap_or_default().as_ptr();
    (tile.bias, tile.requant) = (bias.as_ptr(), words.as_ptr());
    tile.extra = if requant.extra.is_empty() { core::ptr::null() } else { extra.as_ptr() };
    (tile.output, tile.output_stride, tile.count) = (outputs_of_pair.as_mut_ptr(), 2, 1);
    // SAFETY: one pair: two biases, words and extra shifts, the pair's weights, up to four pixels of two bytes.
    unsafe { kinglet_armv7em_tile4(tile) };
    for (pixel, values) in output.chunks_mut(outputs.max(1)).zip(outputs_of_pair.as_chunks::<2>().0) {
        pixel.iter_mut().skip(first).zip(values).for_each(|(place, value)| *place = *value);
    }
}

/// One pixel, see [`super::fully_connected`].
fn one_pixel(layer: &Conv2dI8, steps: usize, columns: *const u32, output: &mut [i8]) {
    let tile = Tile::new(layer.stage, &layer.requant, steps);
    super::fully_connected::vector(tile, columns, layer.weights, layer.bias, &layer.requant, output);
}
