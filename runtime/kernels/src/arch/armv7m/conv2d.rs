//! Conv2D over [`Packing::Interleaved`](crate::conv2d::Packing::Interleaved) weights.
//!
//! ```text
//! scratch: | Channel of each output | [taps][2] words of the tile | [3][taps] bytes, unless all windows lie inside |
//! ```

use super::tile::{Channel, Strip, TILE, kinglet_armv7m_strip};
use crate::Io;
use crate::conv2d::packing::chunk_of;
use crate::conv2d::{Conv2dI8, Geometry, portable};
use core::ops::Range;

/// See [`crate::conv2d::conv2d_i8`].
// A function of its own, so that its frame and the engine's are not one.
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let [_, _, outputs] = layer.geometry.output;
    let (pixels, taps) = (layer.geometry.pixels(), layer.geometry.taps());
    let Some((chunk, weights)) = chunk_of(layer.weights) else { return };
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let sound = weights.len() >= outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps) && taps > 0 && outputs > 0;
    let table_bytes = outputs.saturating_mul(size_of::<Channel>());
    let Some((table, scratch)) = scratch.split_at_mut_checked(table_bytes) else { return };
    let Some((columns, edges)) = scratch.split_at_mut_checked(taps.saturating_mul(8)) else { return };
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
    let strip = Strip::new(layer.stage, [taps, chunk], (weights.as_ptr(), table.as_ptr()), columns.as_mut_ptr());
    // What each strip reads and writes is checked where it is made.
    Image { layer, walk: Walk::new(&layer.geometry), strip }.run(io, edges);
}

/// A convolution of one image.
struct Image<'a> {
    layer: &'a Conv2dI8<'a>,
    walk: Walk,
    /// Constants and columns are as long as its counts say.
    strip: Strip,
}

impl Image<'_> {
    fn run(&mut self, io: &mut Io<i8>, edges: &mut [i8]) {
        let width = self.walk.geometry.output[1];
        let pixels = self.walk.geometry.pixels();
        let (mut pixel, mut position) = (0usize, (0usize, 0usize));
        while pixel < pixels {
            let inside = self.walk.inside_from(position);
            let count = if inside >= TILE {
                self.inside(io, pixel, position, inside)
            } else {
                self.single(io, pixel, position, edges)
            };
            pixel = pixel.wrapping_add(count);
            position.1 = position.1.wrapping_add(count);
            while position.1 >= width && pixel < pixels {
                position = (position.0.wrapping_add(1), position.1.wrapping_sub(width));
            }
        }
    }

    /// Whole tiles of the `inside` pixels from `position` on, whose windows lie in the image. Returns their pixels.
    fn inside(&mut self, io: &mut Io<i8>, pixel: usize, position: (usize, usize), inside: usize) -> usize {
        let tiles = inside.checked_div(TILE).unwrap_or(0);
        let count = tiles.wrapping_mul(TILE);
        let start = self.walk.start(position);
        let len = self.walk.len.wrapping_add(count.wrapping_sub(1).wrapping_mul(self.walk.step));
        let Some(source) = io.input().get(start..start.wrapping_add(len)) else { return count };
        for (index, place) in self.strip.gather.sources.iter_mut().enumerate() {
            *place = source.as_ptr().wrapping_add(index.wrapping_mul(self.walk.step));
        }
        self.strip.gather.steps = [self.walk.row_stride.wrapping_sub(self.walk.run); TILE];
        self.compute(io, pixel, count, tiles);
        count
    }

    /// One tile, of the next three pixels or as many as there are, from one row or more; their windows may reach beyond
    /// the image. Returns how many there are.
    fn single(&mut self, io: &mut Io<i8>, pixel: usize, mut position: (usize, usize), edges: &mut [i8]) -> usize {
        let count = self.walk.geometry.pixels().wrapping_sub(pixel).min(TILE);
        let mut edges = edges.chunks_exact_mut(self.walk.taps());
        let mut last = (core::ptr::null(), 0);
        for slot in 0..TILE {
            if slot < count {
                let Some(source) = self.source(io.input(), position, &mut edges) else { return count };
                last = source;
                position.1 = position.1.wrapping_add(1);
                if position.1 == self.walk.geometry.output[1] {
                    position = (position.0.wrapping_add(1), 0);
                }
            }
            let gather = &mut self.strip.gather;
            if let (Some(source), Some(step)) = (gather.sources.get_mut(slot), gather.steps.get_mut(slot)) {
                (*source, *step) = last;
            }
        }
        self.compute(io, pixel, count, 1);
        count
    }

    /// Where the taps of the window at `position` are, and what lies between their runs: in the input, or, for a
    /// window that reaches beyond the image, gathered in the next of `edges`.
    fn source<'e>(
        &self,
        input: &[i8],
        position: (usize, usize),
        edges: &mut impl Iterator<Item = &'e mut [i8]>,
    ) -> Option<(*const i8, usize)> {
        if self.walk.inside_from(position) > 0 {
            let start = self.walk.start(position);
            let source = input.get(start..start.wrapping_add(self.walk.len))?;
            return Some((source.as_ptr(), self.walk.row_stride.wrapping_sub(self.walk.run)));
        }
        let patch = edges.next()?;
        portable::gather(self.layer, input, position, patch);
        Some((patch.as_ptr(), 0))
    }

    /// `count` pixels from `pixel` on in `tiles` tiles, whose sources have been set.
    fn compute(&mut self, io: &mut Io<i8>, pixel: usize, count: usize, tiles: usize) {
        let [_, _, outputs] = self.walk.geometry.output;
        let start = pixel.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(count.wrapping_mul(outputs))) else { return };
        let strip = &mut self.strip;
        (strip.gather.rows, strip.gather.run) = (self.walk.rows, self.walk.run);
        strip.tiles = tiles;
        strip.source_step = self.walk.step.wrapping_mul(TILE);
        strip.output_step = outputs.wrapping_mul(TILE);
        strip.tile.channels = outputs;
        strip.tile.output = output.as_mut_ptr();
        let second = if count > 1 { outputs } else { 0 };
        strip.tile.offsets = [second, if count > 2 { second.wrapping_mul(2) } else { second }];
        // SAFETY: weights, table and columns suffice for all channels, which `conv2d_i8` has checked. Each source has
        // `rows` runs, and as many more, `source_step` apart, as there are tiles: `inside` and `source` have taken
        // them from slices. `output` has `count` pixels, whole tiles unless there is only one, and no offset leads
        // further. Where the output overlaps the input, each tile is gathered before it is written.
        unsafe { kinglet_armv7m_strip(strip) };
    }
}

/// What the windows of a layer have in common.
struct Walk {
    /// An image under a 1x1 kernel is one row.
    geometry: Geometry,
    /// Positions along the height and the width whose windows lie inside.
    inside: [Range<usize>; 2],
    /// Runs of contiguous taps, and taps of a run.
    rows: usize,
    run: usize,
    /// From a run to the next, in the input.
    row_stride: usize,
    /// From the first tap to behind the last, in the input.
    len: usize,
    /// From a window to the next in its row, in the input.
    step: usize,
}

impl Walk {
    fn new(geometry: &Geometry) -> Self {
        let geometry = in_one_row(geometry);
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
        let inside = if geometry.windows_lie_inside() {
            [0..geometry.output[0], 0..geometry.output[1]]
        } else if geometry.has_runs() {
            [inside(0), inside(1)]
        } else {
            // Dilation along the width leaves no contiguous taps: every position counts as outside.
            [0..0, 0..0]
        };
        let len = rows.wrapping_sub(1).wrapping_mul(row_stride).wrapping_add(run);
        let step = geometry.stride[1].wrapping_mul(channels);
        Walk { geometry, inside, rows, run, row_stride, len, step }
    }

    /// Taps of a window.
    fn taps(&self) -> usize {
        self.rows.wrapping_mul(self.run).max(1)
    }

    /// How many positions from `(y, x)` on, in this row, have their windows inside the image.
    fn inside_from(&self, (y, x): (usize, usize)) -> usize {
        let [rows, columns] = &self.inside;
        if rows.contains(&y) && columns.contains(&x) { columns.end.wrapping_sub(x) } else { 0 }
    }

    /// The first element of the window at `(y, x)`, all of which is inside the image.
    fn start(&self, (y, x): (usize, usize)) -> usize {
        let Geometry { input, stride, pad, .. } = &self.geometry;
        let row = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
        let column = x.wrapping_mul(stride[1]).wrapping_sub(pad[1]);
        row.wrapping_mul(input[1]).wrapping_add(column).wrapping_mul(input[2])
    }
}

/// `[H, W, C]` under a 1x1 kernel is the same memory and the same sums as `[1, H * W, C]`, in fewer remainders.
fn in_one_row(geometry: &Geometry) -> Geometry {
    let [height, width, channels] = geometry.input;
    let [_, _, outputs] = geometry.output;
    if !(geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output == [height, width, outputs]) {
        return *geometry;
    }
    let pixels = height.wrapping_mul(width);
    Geometry { input: [1, pixels, channels], output: [1, pixels, outputs], ..*geometry }
}
