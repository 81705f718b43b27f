//! Conv2D over [`Packing::Paired`](crate::conv2d::Packing::Paired) weights: gather four pixels, multiply, store.
//!
//! A window that lies inside the image is gathered straight from it. Another one, or one with taps that are apart
//! along the width, is first copied to a patch.

use super::tile::{
    ROW_BYTES, Stage, Tile, entry, fill_table, kinglet_armv7em_copy, kinglet_armv7em_gather,
    kinglet_armv7em_gather3x3x3, kinglet_armv7em_tile4,
};
use crate::Io;
use crate::conv2d::packing::Taps;
use crate::conv2d::{Conv2dI8, Geometry, PIXEL_TILE};

/// Bytes of a step group, four taps, in the unrolled loop.
const GROUP_CODE: usize = 96;

/// See [`crate::conv2d::conv2d_i8`].
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, _, outputs] = geometry.output;
    let groups = geometry.taps().div_ceil(4);
    let pairs = outputs.div_ceil(2);
    let columns_len = groups.saturating_mul(8 * PIXEL_TILE);
    let table_len = pairs.saturating_mul(ROW_BYTES);
    let weights = layer.weights.len() >= pairs.saturating_mul(groups).saturating_mul(8);
    let aligned = (scratch.as_ptr() as usize | layer.weights.as_ptr() as usize).is_multiple_of(4);
    let Some((columns, rest)) = scratch.split_at_mut_checked(columns_len) else { return };
    let Some((table, patch)) = rest.split_at_mut_checked(table_len) else { return };
    if !(weights && aligned) || groups == 0 || pairs == 0 {
        return;
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
        walk.gather(io.input(), columns, patch, &mut position, count);
        let len = count.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(len)) else { return };
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
            let is_inside = |at: &usize| {
                let last = geometry.kernel.get(axis).copied().unwrap_or(1).wrapping_sub(1);
                geometry.source(axis, *at, 0).is_some() && geometry.source(axis, *at, last).is_some()
            };
            let extent = geometry.output.get(axis).copied().unwrap_or(0);
            let first = (0..extent).find(is_inside).unwrap_or(extent);
            (first, (first..extent).find(|at| !is_inside(at)).unwrap_or(extent))
        };
        // Dilation along the width leaves no contiguous taps: every position counts as outside.
        let dilated = geometry.dilation[1] != 1 && geometry.kernel[1] > 1;
        let inside = if dilated { [(0, 0); 2] } else { [inside(0), inside(1)] };
        let len = taps.rows.wrapping_sub(1).wrapping_mul(row_step).wrapping_add(taps.run);
        let pixel_step = geometry.stride[1].wrapping_mul(channels);
        Walk { geometry, padding: layer.padding_value, taps, inside, row_step, len, pixel_step }
    }

    /// Gathers the windows of `count` pixels from `position` on, which moves behind them.
    #[inline]
    fn gather(&self, input: &[i8], columns: &mut [i8], patch: &mut [i8], position: &mut (usize, usize), count: usize) {
        let Geometry { input: [_, width, channels], output, stride, pad, .. } = self.geometry;
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
        // SAFETY, of both calls: the last window ends within `source`; `columns` has room for the layer's taps of
        // four pixels, and the columns are among these. They are 4-byte aligned because scratch is.
        if (rows, run) == (3, 9) {
            let (source, place) = (source.as_ptr(), place.as_mut_ptr());
            // SAFETY: see above.
            unsafe { kinglet_armv7em_gather3x3x3(source, place, row_step, count, self.pixel_step) };
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
    let (words, _) = patch.as_chunks_mut::<4>();
    words.iter_mut().for_each(|word| *word = [padding; 4]);
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
