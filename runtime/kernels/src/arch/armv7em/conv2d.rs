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
use crate::packing::Taps;

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
    if !(aligned && groups > 0 && outputs > 0 && layer.fits(io, weight_len)) {
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
    let walk = Walk::new(layer);
    let (mut pixels, mut position, mut start) = (geometry.pixels(), (0, 0), 0usize);
    while pixels > 0 {
        let count = pixels.min(PIXEL_TILE);
        walk.gather(io.input_from(0), columns, patch, &mut position, count);
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

/// How the windows of a layer lie in the image.
struct Walk<'a> {
    geometry: &'a Geometry,
    /// True when windows are one pixel and the next window is the next pixel.
    is_plain: bool,
    padding: i8,
    taps: Taps,
    /// Positions along the height and the width, from the first to behind the last, whose windows lie inside.
    inside: [(usize, usize); 2],
    /// Elements from a run to the next, from the first tap of a window to behind the last, and from a window to the
    /// next along the width.
    row_step: usize,
    len: usize,
    pixel_step: usize,
}

impl<'a> Walk<'a> {
    fn new(layer: &'a Conv2dI8<'a>) -> Self {
        let geometry = &layer.geometry;
        let [_, width, channels] = geometry.input;
        let taps = geometry.runs();
        let row_step = geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels);
        let inside = |axis: usize| {
            let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
            let (stride, pad) = (field(&geometry.stride), field(&geometry.pad));
            let reach = field(&geometry.kernel).wrapping_sub(1).wrapping_mul(field(&geometry.dilation));
            let room = geometry.input.get(axis).copied().unwrap_or(0).wrapping_add(pad);
            let first = pad.wrapping_add(stride).wrapping_sub(1).checked_div(stride).unwrap_or(0);
            let last = room.checked_sub(reach.wrapping_add(1)).and_then(|room| room.checked_div(stride));
            let end = last.map_or(0, |last| last.wrapping_add(1));
            (first, end.min(geometry.output.get(axis).copied().unwrap_or(0)))
        };
        // Dilation along the width leaves no contiguous taps: every position counts as outside.
        let dilated = geometry.dilation[1] != 1 && geometry.kernel[1] > 1;
        let inside = if dilated { [(0, 0); 2] } else { [inside(0), inside(1)] };
        let len = taps.rows.wrapping_sub(1).wrapping_mul(row_step).wrapping_add(taps.run);
        let pixel_step = geometry.stride[1].wrapping_mul(channels);
        let is_plain = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == width;
        Walk { geometry, is_plain, padding: layer.padding_value, taps, inside, row_step, len, pixel_step }
    }

    /// Gathers the windows of `count` pixels from `position` on, which moves behind them.
    #[inline]
    fn gather(&self, input: &[i8], columns: &mut [i8], patch: &mut [i8], position: &mut (usize, usize), count: usize) {
        let Geometry { input: [_, width, channels], output, stride, pad, .. } = self.geometry;
        // Pixels one after the other need no rows.
        if self.is_plain {
            let source = input.get(position.1.wrapping_mul(*channels)..).unwrap_or_default();
            self.windows(source, columns, (0, count), (self.len, self.row_step));
            position.1 = position.1.wrapping_add(count);
            return;
        }
        let mut column = 0usize;
        while column < count {
            let (y, x) = *position;
            let [rows, inside] = self.inside;
            let mut taken = 1usize;
            if y >= rows.0 && y < rows.1 && x >= inside.0 && x < inside.1 {
                taken = count.wrapping_sub(column).min(inside.1.wrapping_sub(x));
                let row = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]).wrapping_mul(*width);
                let pixel = row.wrapping_add(x.wrapping_mul(stride[1]).wrapping_sub(pad[1]));
                let start = pixel.wrapping_mul(*channels);
                let source = input.get(start..).unwrap_or_default();
                self.windows(source, columns, (column, taken), (self.len, self.row_step));
            } else {
                copy_window(self.geometry, self.padding, input, patch, (y, x));
                let run = self.taps.run;
                self.windows(patch, columns, (column, 1), (self.taps.count(), run));
            }
            column = column.wrapping_add(taken);
            let x = x.wrapping_add(taken);
            *position = if x == output[1] { (y.wrapping_add(1), 0) } else { (y, x) };
        }
    }

    /// Widens `count` windows from the start of `source` on, each `len` long with `row_step` from run to run.
    #[inline]
    fn windows(
        &self,
        source: &[i8],
        columns: &mut [i8],
        (column, count): (usize, usize),
        (len, row_step): (usize, usize),
    ) {
        let Taps { rows, run } = self.taps;
        let needed = count.wrapping_sub(1).wrapping_mul(self.pixel_step).saturating_add(len);
        let Some(place) = columns.get_mut(column.wrapping_mul(4)..) else { return };
        if source.len() < needed || column.wrapping_add(count) > PIXEL_TILE || rows == 0 {
            return;
        }
        // SAFETY, of all three calls: the last window ends within `source`; `columns` has room for the layer's taps of
        // four pixels, and the columns are among these. They are 4-byte aligned because scratch is.
        if (rows, run) == (3, 9) {
            let (source, place) = (source.as_ptr(), place.as_mut_ptr());
            // SAFETY: see above.
            unsafe { kinglet_armv7em_gather3x3x3(source, place, row_step, count, self.pixel_step) };
            return;
        }
        if rows == 1 && run & 3 == 0 && run > 0 {
            let (source, place) = (source.as_ptr(), place.as_mut_ptr());
            // SAFETY: see above.
            unsafe { kinglet_armv7em_gather1(source, place, run / 4, count, self.pixel_step) };
            return;
        }
        // SAFETY: see above.
        unsafe {
            kinglet_armv7em_gather(
                source.as_ptr(),
                place.as_mut_ptr(),
                rows,
                run / 4,
                row_step,
                run & 3,
                count,
                self.pixel_step,
            );
        }
    }
}

/// Copies the window of output position `at` to `patch`, with the padding value outside the image.
#[inline(never)]
fn copy_window(geometry: &Geometry, padding: i8, input: &[i8], patch: &mut [i8], (y, x): (usize, usize)) {
    let [_, width, channels] = geometry.input;
    let run = geometry.kernel[1].wrapping_mul(channels);
    let value = u32::from(padding as u8).wrapping_mul(0x0101_0101);
    // SAFETY: that many words fit, and scratch is aligned.
    unsafe { kinglet_armv7em_fill(patch.as_mut_ptr(), value, patch.len() / 4) };
    let (column, count) = geometry.clipped(1, x);
    // Taps along the width that lie outside before the first inside.
    let origin = x.wrapping_mul(geometry.stride[1]);
    let outside = column.wrapping_add(geometry.pad[1]).wrapping_sub(origin);
    let is_dilated = geometry.dilation[1] != 1;
    let (pieces, piece) = if is_dilated { (count, channels) } else { (1, count.wrapping_mul(channels)) };
    let skipped = outside.checked_div(geometry.dilation[1]).unwrap_or(0).wrapping_mul(channels);
    for (i, row) in patch.chunks_exact_mut(run.max(1)).enumerate().take(geometry.kernel[0]) {
        let Some(source_row) = geometry.source(0, y, i) else { continue };
        let mut from = source_row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
        let mut to = skipped;
        for _ in 0..pieces {
            let source = input.get(from..from.saturating_add(piece));
            if let (Some(source), Some(place)) = (source, row.get_mut(to..to.saturating_add(piece))) {
                // SAFETY: both are `piece` bytes long.
                unsafe { kinglet_armv7em_copy(place.as_mut_ptr(), source.as_ptr(), piece) };
            }
            from = from.wrapping_add(geometry.dilation[1].wrapping_mul(channels));
            to = to.wrapping_add(piece);
        }
    }
}
