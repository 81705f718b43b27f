//! Conv2D over [`Packing::FourBySixteen`](crate::packing::Packing::FourBySixteen) weights.

use super::kernel::{Constants, Kernel};
use super::patch::{gather_edge, gather_inside};
use crate::Io;
use crate::conv2d::{Conv2dI8, PIXEL_TILE};
use crate::packing::dense::four_by_sixteen::{patches, reads_in_place, scratch as scratch_len};
use crate::walk::Walk;

/// See [`crate::conv2d::conv2d_i8`].
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let enough = scratch.len() >= scratch_len(geometry) && geometry.groups == 1 && geometry.fits(io);
    let mut pixels = Pixels::new(layer);
    if !enough || !pixels.is_sound {
        return io.refuse();
    }
    pixels.run(io, scratch);
}

/// The state of the walk over a layer's pixels.
struct Pixels<'a> {
    layer: &'a Conv2dI8<'a>,
    kernel: Kernel,
    walk: Walk<'a>,
    /// The next output to write.
    at: usize,
    /// The constants are as long as the assembly will believe.
    is_sound: bool,
    /// See [`Constants::is_regular`].
    is_regular: bool,
}

impl<'a> Pixels<'a> {
    // Not inlined: what it needs shall not lie on the stack while pixels are computed.
    #[inline(never)]
    fn new(layer: &'a Conv2dI8<'a>) -> Self {
        let Conv2dI8 { weights, bias, ref requant, .. } = *layer;
        let (outputs, taps) = (layer.geometry.output[2], layer.geometry.taps());
        let constants = Constants { weights, bias, requant, outputs, taps };
        Pixels {
            layer,
            kernel: Kernel::new(&constants, layer.stage),
            walk: Walk::of_runs(&layer.geometry),
            at: 0,
            is_sound: constants.is_sound(),
            is_regular: constants.is_regular(),
        }
    }

    /// Pixels in raster order: those whose windows can be read where they are in a line, the others gathered.
    #[inline(always)]
    fn run(&mut self, io: &mut Io<i8>, scratch: &mut [i8]) {
        let layer = self.layer;
        let geometry = &layer.geometry;
        let in_place = reads_in_place(geometry);
        let (taps, most) = (geometry.taps(), patches(geometry));
        let (mut gathered, mut left) = (0usize, geometry.pixels());
        while left > 0 || gathered > 0 {
            let inside = if left > 0 { self.walk.inside() } else { 0 };
            let direct = if in_place { inside } else { 0 };
            let (input, pixels) = if gathered > 0 && (direct > 0 || gathered >= most || left == 0) {
                self.kernel.windows((1, taps), 0, taps);
                (scratch.as_ptr(), core::mem::take(&mut gathered))
            } else {
                let (input, count) = if direct > 0 {
                    let Some(input) = self.walk.elements(io.input(), direct) else { return io.refuse() };
                    let run = geometry.kernel[1].wrapping_mul(geometry.input[2]);
                    self.kernel.windows((geometry.kernel[0], run), self.walk.row_step(), self.walk.pixel_step());
                    (input.as_ptr(), direct)
                } else {
                    let place = gathered.wrapping_mul(taps)..most.wrapping_mul(taps);
                    let Some(free) = scratch.get_mut(place) else { return io.refuse() };
                    let count = if inside > 0 {
                        gather_inside(&self.walk, io.input(), [geometry.kernel[0], taps], inside, free)
                    } else {
                        gather_edge(geometry, layer.padding_value, io.input(), self.walk.corner(), free);
                        1
                    };
                    gathered = gathered.wrapping_add(count);
                    (core::ptr::null(), count)
                };
                self.walk.advance(count);
                left = left.wrapping_sub(count);
                (input, direct)
            };
            if pixels > 0 {
                self.compute(io, input, pixels);
            }
        }
    }

    /// The next `pixels` pixels, not zero, whose windows can be read from `input` on.
    fn compute(&mut self, io: &mut Io<i8>, input: *const i8, pixels: usize) {
        let outputs = self.layer.geometry.output[2];
        let start = self.at;
        self.at = start.wrapping_add(pixels.wrapping_mul(outputs));
        let Some(output) = io.output().get_mut(start..self.at) else { return io.refuse() };
        let aligned = (output.as_ptr() as usize).is_multiple_of(4);
        // A single pixel at the end of a line would take the place of four.
        let single = if pixels % PIXEL_TILE == 1 && self.kernel.rows == 1 { 1 } else { 0 };
        let many = pixels.wrapping_sub(single);
        if !(self.is_regular && aligned) {
            return self.irregular(output, input, pixels);
        }
        let pixel_bytes = self.kernel.pixel_bytes;
        if many > 0 {
            // SAFETY: the windows by the contract of this function; `output` is aligned and holds all channels, whole
            // blocks, of `pixels` pixels; the constants were checked.
            unsafe { self.kernel.matrix(many, input, output.as_mut_ptr()) };
        }
        if single > 0 {
            let input = input.wrapping_add(many.wrapping_mul(pixel_bytes));
            let output = output.as_mut_ptr().wrapping_add(many.wrapping_mul(outputs));
            // SAFETY: likewise, for the last pixel; its window has one row.
            unsafe { self.kernel.vector(input, output) };
        }
    }

    /// Pixels whose outputs are not whole words, or not at such addresses: a tile and a block at a time by way of
    /// a buffer.
    #[inline(never)]
    fn irregular(&mut self, output: &mut [i8], input: *const i8, pixels: usize) {
        let (layer, outputs) = (self.layer, self.layer.geometry.output[2]);
        let Conv2dI8 { weights, bias, ref requant, .. } = *layer;
        let constants = Constants { weights, bias, requant, outputs, taps: layer.geometry.taps() };
        self.kernel.output_bytes = 4;
        for (tile, places) in output.chunks_mut(outputs.saturating_mul(PIXEL_TILE).max(1)).enumerate() {
            let done = tile.wrapping_mul(PIXEL_TILE);
            let count = pixels.saturating_sub(done).min(PIXEL_TILE);
            if count == 0 {
                return;
            }
            let input = input.wrapping_add(done.wrapping_mul(self.kernel.pixel_bytes));
            constants.for_each_block(&mut self.kernel, &mut |kernel, first| {
                let mut words = [0u32; PIXEL_TILE];
                // SAFETY: `count` windows, at most a tile, can be read; the buffer has a word for each; there is one
                // block, whose constants are in buffers.
                unsafe { kernel.matrix(count, input, words.as_mut_ptr().cast()) };
                for (row, word) in places.chunks_mut(outputs.max(1)).zip(words) {
                    for (place, byte) in row.iter_mut().skip(first).zip(word.to_le_bytes()) {
                        *place = byte as i8;
                    }
                }
            });
        }
    }
}
