//! Conv2D over [`Packing::FourChannels`](crate::packing::Packing::FourChannels) weights.
//!
//! ```text
//! scratch: | Channel of each output | [taps][2] words of the tile | [3][taps] bytes, unless all windows lie inside |
//! ```

use super::tile::{Channel, Strip, TILE, kinglet_armv7m_strip};
use crate::Io;
use crate::conv2d::Conv2dI8;
use crate::packing::dense::four_channels::chunk_of;
use crate::patch;
use crate::walk::Walk;

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
    let sound = weights.len() >= weight_len && taps > 0 && outputs > 0;
    let whole = layer.geometry.runs().run == layer.geometry.kernel[1].wrapping_mul(layer.geometry.input[2]);
    if !(aligned && sound && whole && layer.fits(io, weight_len)) {
        return io.refuse();
    }
    let Some(table) = table_of(layer, table).filter(|table| table.len() >= outputs) else { return io.refuse() };
    let strip = Strip::new(layer.stage, [taps, chunk], (weights.as_ptr(), table.as_ptr()), columns.as_mut_ptr());
    // What each strip reads and writes is checked where it is made.
    Image { layer, walk: Walk::of_runs(&layer.geometry), strip }.run(io, edges);
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
    walk: Walk<'a>,
    /// Constants and columns are as long as its counts say.
    strip: Strip,
}

impl Image<'_> {
    // Inlined, or the image would be on the stack twice.
    #[inline(always)]
    fn run(&mut self, io: &mut Io<i8>, edges: &mut [i8]) {
        let pixels = self.layer.geometry.pixels();
        let mut pixel = 0usize;
        while pixel < pixels {
            let tiles = self.walk.inside().checked_div(TILE).unwrap_or(0);
            let (count, tiles) = if tiles > 0 {
                self.inside(io.input(), tiles)
            } else {
                self.single(io.input(), pixels.wrapping_sub(pixel).min(TILE), edges)
            };
            self.compute(io, pixel, count, tiles);
            pixel = pixel.wrapping_add(count);
        }
    }

    /// Sets the sources of `tiles` whole tiles, whose windows lie in the image, and moves behind them. Returns pixels
    /// and tiles, none when the input is too short.
    fn inside(&mut self, input: &[i8], tiles: usize) -> (usize, usize) {
        let count = tiles.wrapping_mul(TILE);
        let step = self.walk.pixel_step();
        let Some(source) = self.walk.elements(input, count) else { return (count, 0) };
        let first = source.as_ptr();
        self.strip.gather.sources = [first, first.wrapping_add(step), first.wrapping_add(step.wrapping_mul(2))];
        self.strip.gather.steps = [self.row_gap(); TILE];
        self.walk.advance(count);
        (count, tiles)
    }

    /// Sets the sources of one tile: the next `count` pixels, three or as many as there are, from one row or more; their
    /// windows may reach beyond the image. Returns pixels and tiles.
    fn single(&mut self, input: &[i8], count: usize, edges: &mut [i8]) -> (usize, usize) {
        let mut edges = edges.chunks_exact_mut(self.layer.geometry.taps().max(1));
        let mut last = (core::ptr::null(), 0);
        for slot in 0..TILE {
            if slot < count {
                let Some(source) = self.source(input, &mut edges) else { return (count, 0) };
                last = source;
                self.walk.advance(1);
            }
            let gather = &mut self.strip.gather;
            if let (Some(source), Some(step)) = (gather.sources.get_mut(slot), gather.steps.get_mut(slot)) {
                (*source, *step) = last;
            }
        }
        (count, 1)
    }

    /// Where the taps of this pixel's window are, and what lies between their runs: in the input, or, for a window that
    /// reaches beyond the image, gathered in the next of `edges`.
    fn source<'e>(&self, input: &[i8], edges: &mut impl Iterator<Item = &'e mut [i8]>) -> Option<(*const i8, usize)> {
        if self.walk.inside() > 0 {
            return Some((self.walk.elements(input, 1)?.as_ptr(), self.row_gap()));
        }
        let patch = edges.next()?;
        gather_edge(self.layer, input, self.walk.corner(), patch);
        Some((patch.as_ptr(), 0))
    }

    /// Contiguous taps.
    fn run_len(&self) -> usize {
        self.layer.geometry.kernel[1].wrapping_mul(self.layer.geometry.input[2])
    }

    /// What lies between them and the next, in the input.
    fn row_gap(&self) -> usize {
        self.walk.row_step().wrapping_sub(self.run_len())
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
        let run = self.run_len();
        let strip = &mut self.strip;
        strip.gather.rows = self.layer.geometry.kernel[0];
        strip.gather.run = run;
        strip.tiles = tiles;
        strip.source_step = self.walk.pixel_step().wrapping_mul(TILE);
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

/// [`patch::gather`] in a frame of its own.
#[inline(never)]
fn gather_edge(layer: &Conv2dI8, input: &[i8], corner: [usize; 2], patch: &mut [i8]) {
    patch::gather((&layer.geometry, layer.padding_value), input, corner, 0, patch);
}
