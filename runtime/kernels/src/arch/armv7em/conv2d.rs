//! Conv2D over [`Packing::ChannelPairs`](crate::packing::Packing::ChannelPairs) weights: gather four pixels, multiply, store.
//!
//! A window that lies inside the image is gathered straight from it. Another one, or one with taps that are apart
//! along the width, is first copied to a patch.

use super::tile::{
    ROW_BYTES, Stage, Tile, entry, fill_table, kinglet_armv7em_copy, kinglet_armv7em_fill, kinglet_armv7em_gather,
    kinglet_armv7em_gather1, kinglet_armv7em_gather3x3x3, kinglet_armv7em_tile4,
};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry, PIXEL_TILE};
use crate::patch::for_each_run;
use crate::walk::Walk;

/// Bytes of a step group, four taps, in the unrolled loop.
const GROUP_CODE: usize = 96;

/// See [`crate::conv2d::conv2d_i8`].
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, _, outputs] = geometry.output;
    let groups = geometry.taps().div_ceil(4);
    let pairs = outputs.div_ceil(2);
    let columns_len = groups.saturating_mul(8 * PIXEL_TILE);
    let table_len = pairs.saturating_mul(ROW_BYTES);
    let weight_len = pairs.saturating_mul(groups).saturating_mul(8);
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let Some((columns, rest)) = scratch.split_at_mut_checked(columns_len) else { return io.refuse() };
    let Some((table, patch)) = rest.split_at_mut_checked(table_len) else { return io.refuse() };
    let patch_len = patch.len().min(groups.wrapping_mul(4));
    let patch = patch.get_mut(..patch_len).unwrap_or_default();
    let whole = geometry.runs().run == geometry.kernel[1].wrapping_mul(geometry.input[2]);
    if !(aligned && groups > 0 && outputs > 0 && whole && layer.fits(io, weight_len)) {
        return io.refuse();
    }
    fill_table(table, outputs, layer.bias, &layer.requant, layer.stage.zero_point);
    let stage = Stage::new(&layer.stage);
    let clamps = usize::from(stage.clamps).wrapping_add((outputs & 1).wrapping_mul(4));
    let mut tile = Tile {
        weights: layer.weights.as_ptr(),
        table: table.as_ptr(),
        columns: columns.as_ptr(),
        columns_end: columns.as_ptr_range().end,
        entry: entry(groups.wrapping_sub(1), GROUP_CODE),
        is_relu: stage.is_relu.into(),
        flags: clamps,
        output: core::ptr::null_mut(),
        stride: outputs,
        stride3: outputs.wrapping_mul(3),
        table_end: table.as_ptr_range().end,
        pixels: PIXEL_TILE,
        limits: stage.limits,
    };
    let mut windows = Windows { layer, walk: Walk::of_runs(geometry) };
    let (mut pixels, mut start) = (geometry.pixels(), 0usize);
    while pixels > 0 {
        let count = pixels.min(PIXEL_TILE);
        if !windows.gather(io.input_from(0), columns, patch, count) {
            return io.refuse();
        }
        let len = count.wrapping_mul(outputs);
        let output = io.output_range(start, len);
        if output.is_empty() {
            return io.refuse();
        }
        tile.output = output.as_mut_ptr();
        if count < PIXEL_TILE {
            (tile.pixels, tile.flags) = (count, clamps | 2);
        }
        // SAFETY: weights, table and columns have the rows that were checked or cut out above, `output` has
        // `count` pixels.
        unsafe { kinglet_armv7em_tile4(&tile) };
        start = start.wrapping_add(len);
        pixels = pixels.wrapping_sub(count);
    }
}

/// The windows of a layer on their way into the columns of tiles.
struct Windows<'a> {
    layer: &'a Conv2dI8<'a>,
    walk: Walk<'a>,
}

impl Windows<'_> {
    /// Gathers the next `count` windows, at most a tile, into `columns`, which have room for a tile. False when a slice is
    /// too short.
    #[inline]
    fn gather(&mut self, input: &[i8], columns: &mut [i8], patch: &mut [i8], count: usize) -> bool {
        let (mut column, mut missing) = (columns.as_mut_ptr(), count);
        while missing > 0 {
            let inside = self.walk.inside().min(missing);
            let source = if inside > 0 {
                self.walk.elements(input, inside)
            } else {
                gather_edge(self.layer, input, self.walk.corner(), patch);
                patch.get(..self.layer.geometry.taps())
            };
            let taken = inside.max(1);
            let Some(source) = source else { return false };
            // SAFETY: `source` is all of the windows. `columns` has room for the layer's taps of four pixels, of which
            // `missing` are not written yet; they are 4-byte aligned because scratch is.
            unsafe { self.widen(source.as_ptr(), column, taken, inside > 0) };
            column = column.wrapping_add(taken.wrapping_mul(4));
            missing = missing.wrapping_sub(taken);
            self.walk.advance(taken);
        }
        true
    }

    /// Widens `count` windows from `source` on, in the image or in a patch.
    ///
    /// # Safety
    ///
    /// All windows can be read, as many neighbouring columns of a tile written from `column` on. There are taps.
    #[inline]
    unsafe fn widen(&self, source: *const i8, column: *mut i8, count: usize, is_in_image: bool) {
        let Geometry { input: [_, _, channels], kernel: [rows, columns], .. } = self.layer.geometry;
        let (run, pixel_step) = (columns.wrapping_mul(channels), self.walk.pixel_step());
        let (words, left) = (run / 4, run & 3);
        if rows == 1 && left == 0 {
            // SAFETY: the caller's promise; with one row there are taps in it.
            unsafe { kinglet_armv7em_gather1(source, column, words, count, pixel_step) };
            return;
        }
        let row_step = if is_in_image { self.walk.row_step() } else { run };
        if (rows, run) == (3, 9) {
            // SAFETY: the caller's promise.
            unsafe { kinglet_armv7em_gather3x3x3(source, column, row_step, count, pixel_step) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { kinglet_armv7em_gather(source, column, rows, words, row_step, left, count, pixel_step) };
        }
    }
}

/// Copies the window at `corner` to `patch`, with the padding value outside the image.
#[inline(never)]
fn gather_edge(layer: &Conv2dI8, input: &[i8], corner: [usize; 2], patch: &mut [i8]) {
    let value = u32::from(layer.padding_value as u8).wrapping_mul(0x0101_0101);
    // SAFETY: that many words fit, and scratch is aligned.
    unsafe { kinglet_armv7em_fill(patch.as_mut_ptr(), value, patch.len() / 4) };
    for_each_run(&layer.geometry, corner, (0, layer.geometry.groups), |source, target, len| {
        let source = input.get(source..source.wrapping_add(len));
        if let (Some(source), Some(place)) = (source, patch.get_mut(target..target.wrapping_add(len))) {
            // SAFETY: both are `len` bytes long.
            unsafe { kinglet_armv7em_copy(place.as_mut_ptr(), source.as_ptr(), len) };
        }
    });
}
