//! Conv2D over [`Packing::Interleaved`](crate::conv2d::Packing::Interleaved) weights.
//!
//! ```text
//! scratch: | Channel of each output | [taps][2] words of the tile | [3][taps] bytes, unless all windows lie inside |
//! ```

use super::tile::{Channel, Gather, Tile, kinglet_armv7m_gather, kinglet_armv7m_tile3};
use crate::Io;
use crate::conv2d::packing::chunk_of;
use crate::conv2d::{Conv2dI8, Geometry, portable};
use core::ops::Range;

/// Pixels of a tile.
const TILE: usize = 3;

/// See [`crate::conv2d::conv2d_i8`].
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, width, outputs] = geometry.output;
    let (pixels, taps) = (geometry.pixels(), geometry.taps());
    let Some((chunk, weights)) = chunk_of(layer.weights) else { return };
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let sound = weights.len() >= outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps) && taps > 0 && outputs > 0;
    let Some((table, scratch)) = scratch.split_at_mut_checked(outputs.wrapping_mul(size_of::<Channel>())) else {
        return;
    };
    let Some((columns, edges)) = scratch.split_at_mut_checked(taps.wrapping_mul(8)) else { return };
    if !(aligned && sound && io.output().len() >= pixels.saturating_mul(outputs)) {
        return;
    }
    // SAFETY: every pattern of bits is a `Channel`, and of bytes too.
    let (_, table, _) = unsafe { table.align_to_mut::<Channel>() };
    for (channel, place) in table.iter_mut().enumerate() {
        *place = Channel::new(layer.stage, &layer.requant, layer.bias, channel);
    }
    if table.len() < outputs {
        return;
    }
    let table = table.as_ptr();
    let later = taps.wrapping_sub(1).checked_div(chunk).unwrap_or(0).wrapping_mul(chunk);
    let first = taps.wrapping_sub(later);
    let walk = Walk::new(geometry);
    let (mut pixel, mut position) = (0usize, (0usize, 0usize));
    while pixel < pixels {
        let count = pixels.wrapping_sub(pixel).min(TILE);
        let mut gather = Gather {
            sources: [core::ptr::null(); TILE],
            steps: [0; TILE],
            target: columns.as_mut_ptr(),
            rows: walk.rows,
            run: walk.run,
        };
        let mut edge = edges.chunks_exact_mut(taps);
        for slot in 0..TILE {
            if slot < count {
                let Some((source, step)) = source(layer, &walk, io.input(), position, &mut edge) else { return };
                set(&mut gather, slot, source, step);
                position.1 = position.1.wrapping_add(1);
                if position.1 == width {
                    position = (position.0.wrapping_add(1), 0);
                }
            } else {
                let [source, step] = [slot.wrapping_sub(1); 2];
                let source = gather.sources.get(source).copied().unwrap_or(core::ptr::null());
                let step = gather.steps.get(step).copied().unwrap_or(0);
                set(&mut gather, slot, source, step);
            }
        }
        // SAFETY: each source has `rows` runs, see `source`, and `columns` eight bytes for each tap.
        unsafe { kinglet_armv7m_gather(&gather) };
        let start = pixel.wrapping_mul(outputs);
        let end = start.wrapping_add(count.wrapping_mul(outputs));
        if let Some(output) = io.output().get_mut(start..end) {
            let second = if count > 1 { outputs } else { 0 };
            let third = if count > 2 { outputs } else { 0 };
            let mut tile = Tile {
                weights: weights.as_ptr(),
                first: first.wrapping_mul(4),
                row_bytes: taps.wrapping_mul(4),
                chunk: chunk.wrapping_mul(4),
                columns: columns.as_ptr().cast(),
                entry: (first.wrapping_neg() & 7).wrapping_mul(52),
                table,
                channels: outputs,
                output: output.as_mut_ptr(),
                offsets: [second, second.wrapping_add(third)],
                clamps: u32::from(layer.stage.min > -128 || layer.stage.max < 127),
                min: layer.stage.min,
                max: layer.stage.max,
            };
            // SAFETY: the columns are complete; weights and table suffice for all channels, as checked above;
            // `output` has `count` pixels of `outputs` channels, and no offset leads further.
            unsafe { kinglet_armv7m_tile3(&mut tile) };
        }
        pixel = pixel.wrapping_add(count);
    }
}

#[inline]
fn set(gather: &mut Gather, slot: usize, source: *const i8, step: usize) {
    if let (Some(to), Some(place)) = (gather.sources.get_mut(slot), gather.steps.get_mut(slot)) {
        (*to, *place) = (source, step);
    }
}

/// Where the taps of the window at `position` are, and what lies between the runs: in the input, or, for a
/// window that reaches beyond the image, gathered in the next of `edges`. `rows` runs can be read from there.
#[inline]
fn source<'a>(
    layer: &Conv2dI8,
    walk: &Walk<'_>,
    input: &[i8],
    position: (usize, usize),
    edges: &mut impl Iterator<Item = &'a mut [i8]>,
) -> Option<(*const i8, usize)> {
    if let Some(start) = walk.start(position) {
        let source = input.get(start..start.wrapping_add(walk.len))?;
        return Some((source.as_ptr(), walk.row_stride.wrapping_sub(walk.run)));
    }
    let patch = edges.next()?;
    portable::gather(layer, input, position, patch);
    Some((patch.as_ptr(), 0))
}

/// What the windows of a layer have in common.
struct Walk<'a> {
    geometry: &'a Geometry,
    /// Positions along the height and the width whose windows lie inside.
    inside: [Range<usize>; 2],
    /// Runs of contiguous taps, and taps of a run.
    rows: usize,
    run: usize,
    /// From a run to the next, in the input.
    row_stride: usize,
    /// From the first tap to behind the last, in the input.
    len: usize,
}

impl<'a> Walk<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        let [_, width, channels] = geometry.input;
        let [rows, columns] = geometry.kernel;
        let run = columns.wrapping_mul(channels);
        let row_stride = geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels);
        let inside = |axis: usize| {
            let extent = geometry.output.get(axis).copied().unwrap_or(0);
            let last = geometry.kernel.get(axis).copied().unwrap_or(1).wrapping_sub(1);
            let lies_inside =
                |at: usize| geometry.source(axis, at, 0).is_some() && geometry.source(axis, at, last).is_some();
            let first = (0..extent).find(|&at| lies_inside(at)).unwrap_or(extent);
            first..(first..extent).find(|&at| !lies_inside(at)).unwrap_or(extent)
        };
        let everywhere = || [0..geometry.output[0], 0..geometry.output[1]];
        // Dilation along the width leaves no contiguous taps: every position counts as outside.
        let inside = match geometry.windows_lie_inside() {
            true => everywhere(),
            false if geometry.dilation[1] == 1 => [inside(0), inside(1)],
            false => [0..0, 0..0],
        };
        let len = rows.wrapping_sub(1).wrapping_mul(row_stride).wrapping_add(run);
        Walk { geometry, inside, rows, run, row_stride, len }
    }

    /// The first element of the window at `(y, x)`, if all of it is inside the image.
    #[inline]
    fn start(&self, (y, x): (usize, usize)) -> Option<usize> {
        let [rows, columns] = &self.inside;
        if !(rows.contains(&y) && columns.contains(&x)) {
            return None;
        }
        let Geometry { input, stride, pad, .. } = self.geometry;
        let row = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
        let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
        Some(row.wrapping_mul(input[1]).wrapping_add(column).wrapping_mul(input[2]))
    }
}
