//! Conv2D over [`Packing::FourChannels`](crate::packing::Packing::FourChannels) weights.
//!
//! ```text
//! scratch: | Channel of each output | [taps][2] words of the tile | [3][taps] bytes, unless all windows lie inside |
//! ```

use super::tile::{Channel, Strip, TILE, kinglet_armv7m_strip};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry, portable};
use crate::packing::dense::four_channels::chunk_of;
use core::ops::Range;

/// See [`crate::conv2d::conv2d_i8`].
// A function of its own, so that its frame and the engine's are not one.
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let [_, _, outputs] = layer.geometry.output;
    let taps = layer.geometry.taps();
    let Some((chunk, weights)) = chunk_of(layer.weights) else { return io.refuse() };
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let weight_len = outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps);
    let table_bytes = outputs.saturating_mul(size_of::<Channel>());
    let Some((table, scratch)) = scratch.split_at_mut_checked(table_bytes) else { return io.refuse() };
    let Some((columns, edges)) = scratch.split_at_mut_checked(taps.saturating_mul(8)) else { return io.refuse() };
    let whole = weights.len() >= weight_len && taps > 0 && outputs > 0;
    if !(aligned && whole && layer.fits(io, weight_len)) {
        return io.refuse();
    }
    let Some(table) = table_of(layer, table).filter(|table| table.len() >= outputs) else { return io.refuse() };
    let strip = Strip::new(layer.stage, [taps, chunk], (weights.as_ptr(), table.as_ptr()), columns.as_mut_ptr());
    // What each strip reads and writes is checked where it is made.
    Image { layer, walk: Walk::new(&layer.geometry), strip }.run(io, edges);
}

/// Writes the constants of all channels into scratch.
#[inline(never)]
fn table_of<'a>(layer: &Conv2dI8, scratch: &'a mut [i8]) -> Option<&'a [Channel]> {
    // SAFETY: every pattern of bits is a `Channel`, and of bytes too.
    let (_, table, _) = unsafe { scratch.align_to_mut::<Channel>() };
    for (channel, place) in table.iter_mut().enumerate() {
        *place = Channel::new(layer.stage, &layer.requant, layer.bias, channel);
    }
    Some(table)
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
        let (mut pixel, mut position) = (0usize, (0usize, 0usize));
        while pixel < self.walk.pixels {
            let inside = self.walk.inside_from(position);
            let (count, tiles) = if inside >= TILE {
                self.inside(io.input(), position, inside)
            } else {
                self.single(io.input(), pixel, position, edges)
            };
            self.compute(io, pixel, count, tiles);
            pixel = pixel.wrapping_add(count);
            position = self.walk.next(position, count);
        }
    }

    /// Sets the sources of whole tiles of the `inside` pixels from `position` on, whose windows lie in the image.
    /// Returns pixels and tiles, none when the input is too short.
    fn inside(&mut self, input: &[i8], position: (usize, usize), inside: usize) -> (usize, usize) {
        let tiles = inside.checked_div(TILE).unwrap_or(0);
        let count = tiles.wrapping_mul(TILE);
        let Walk { step, row_gap, .. } = self.walk;
        let start = self.walk.start(position);
        let len = self.walk.len.wrapping_add(count.wrapping_sub(1).wrapping_mul(step));
        let Some(source) = input.get(start..start.wrapping_add(len)) else { return (count, 0) };
        let first = source.as_ptr();
        self.strip.gather.sources = [first, first.wrapping_add(step), first.wrapping_add(step.wrapping_mul(2))];
        self.strip.gather.steps = [row_gap; TILE];
        (count, tiles)
    }

    /// Sets the sources of one tile: the next three pixels or as many as there are, from one row or more; their windows
    /// may reach beyond the image. Returns pixels and tiles.
    fn single(&mut self, input: &[i8], pixel: usize, mut position: (usize, usize), edges: &mut [i8]) -> (usize, usize) {
        let count = self.walk.pixels.wrapping_sub(pixel).min(TILE);
        let mut edges = edges.chunks_exact_mut(self.layer.geometry.taps().max(1));
        let mut last = (core::ptr::null(), 0);
        for slot in 0..TILE {
            if slot < count {
                let Some(source) = self.source(input, position, &mut edges) else { return (count, 0) };
                last = source;
                position = self.walk.next(position, 1);
            }
            let gather = &mut self.strip.gather;
            if let (Some(source), Some(step)) = (gather.sources.get_mut(slot), gather.steps.get_mut(slot)) {
                (*source, *step) = last;
            }
        }
        (count, 1)
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
            return Some((source.as_ptr(), self.walk.row_gap));
        }
        let patch = edges.next()?;
        gather_edge(self.layer, input, position, patch);
        Some((patch.as_ptr(), 0))
    }

    /// `count` pixels from `pixel` on in `tiles` tiles, whose sources have been set.
    fn compute(&mut self, io: &mut Io<i8>, pixel: usize, count: usize, tiles: usize) {
        let [_, _, outputs] = self.layer.geometry.output;
        let start = pixel.wrapping_mul(outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(count.wrapping_mul(outputs))) else {
            return io.refuse();
        };
        if tiles == 0 {
            return io.refuse();
        }
        let strip = &mut self.strip;
        strip.gather.rows = self.layer.geometry.kernel[0];
        strip.gather.run = self.walk.run;
        strip.tiles = tiles;
        strip.source_step = self.walk.step.wrapping_mul(TILE);
        strip.output_step = outputs.wrapping_mul(TILE);
        strip.tile.channels = outputs;
        strip.tile.output = output.as_mut_ptr();
        let second = if count > 1 { outputs } else { 0 };
        strip.tile.offsets = [second, if count > 2 { second.wrapping_mul(2) } else { second }];
        // SAFETY: weights, table and columns suffice for all channels, which `conv2d_i8` has checked. Each source has
        // all runs of its window, and as many more, `source_step` apart, as there are tiles: `inside` and `source` have
        // taken them from slices. `output` has `count` pixels, whole tiles unless there is only one, and no offset
        // leads further. Where the output overlaps the input, each tile is gathered before it is written.
        unsafe { kinglet_armv7m_strip(strip) };
    }
}

/// [`portable::gather`] in a frame of its own.
#[inline(never)]
fn gather_edge(layer: &Conv2dI8, input: &[i8], position: (usize, usize), patch: &mut [i8]) {
    portable::gather(layer, input, position, patch);
}

/// What the windows of a layer have in common.
struct Walk {
    /// Output pixels, and those of a row. The pixels of a convolution that sees one at a time are a single row.
    pixels: usize,
    width: usize,
    /// Positions along the height and the width whose windows lie inside.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Contiguous taps, and what lies between them and the next in the input.
    run: usize,
    row_gap: usize,
    /// From the first tap to behind the last, in the input.
    len: usize,
    /// From a window to the next in its row and in its column, and from the first window to the first element.
    step: usize,
    row_step: usize,
    origin: usize,
}

impl Walk {
    #[inline(never)]
    fn new(geometry: &Geometry) -> Self {
        let [height, width, channels] = geometry.input;
        let [output_height, output_width, _] = geometry.output;
        let row_len = width.wrapping_mul(channels);
        let run = geometry.kernel[1].wrapping_mul(channels);
        let row_stride = geometry.dilation[0].wrapping_mul(row_len);
        let mut walk = Walk {
            pixels: geometry.pixels(),
            width: output_width,
            rows: inside(geometry, 0),
            columns: inside(geometry, 1),
            run,
            row_gap: row_stride.wrapping_sub(run),
            len: geometry.kernel[0].wrapping_sub(1).wrapping_mul(row_stride).wrapping_add(run),
            step: geometry.stride[1].wrapping_mul(channels),
            row_step: geometry.stride[0].wrapping_mul(row_len),
            origin: geometry.pad[0].wrapping_mul(row_len).wrapping_add(geometry.pad[1].wrapping_mul(channels)),
        };
        if geometry.is_pointwise() && geometry.stride == [1, 1] && [output_height, output_width] == [height, width] {
            walk.width = walk.pixels;
            (walk.rows, walk.columns) = (0..1, 0..walk.pixels);
        }
        walk
    }

    /// How many positions from `(y, x)` on, in this row, have their windows inside the image.
    fn inside_from(&self, (y, x): (usize, usize)) -> usize {
        if self.rows.contains(&y) && self.columns.contains(&x) { self.columns.end.wrapping_sub(x) } else { 0 }
    }

    /// The first element of the window at `(y, x)`, all of which is inside the image.
    fn start(&self, (y, x): (usize, usize)) -> usize {
        y.wrapping_mul(self.row_step).wrapping_add(x.wrapping_mul(self.step)).wrapping_sub(self.origin)
    }

    /// The position `count` pixels behind another.
    fn next(&self, (mut y, mut x): (usize, usize), count: usize) -> (usize, usize) {
        x = x.wrapping_add(count);
        while x >= self.width && self.width > 0 {
            (y, x) = (y.wrapping_add(1), x.wrapping_sub(self.width));
        }
        (y, x)
    }
}

/// The positions along an axis whose windows lie inside the image and consist of runs.
#[inline(never)]
fn inside(geometry: &Geometry, axis: usize) -> Range<usize> {
    let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
    let (stride, pad) = (field(&geometry.stride).max(1), field(&geometry.pad));
    let reach = field(&geometry.kernel).wrapping_sub(1).wrapping_mul(field(&geometry.dilation)).wrapping_add(1);
    let [height, width, _] = geometry.input;
    let extent = if axis == 0 { height } else { width };
    // The last position whose window ends within the image, and no position at all without runs.
    let room = extent.wrapping_add(pad).checked_sub(reach).filter(|_| geometry.has_runs());
    let [rows, columns, _] = geometry.output;
    let positions = if axis == 0 { rows } else { columns };
    let end = room.map_or(0, |room| room.checked_div(stride).unwrap_or(0).wrapping_add(1)).min(positions);
    pad.div_ceil(stride).min(end)..end
}
