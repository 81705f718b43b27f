//! Conv2D over [`Packing::Quads`](crate::conv2d::Packing::Quads) weights.

use super::kernel::{Constants, Kernel};
use super::patch::Walk;
use crate::Io;
use crate::conv2d::packing::{quads_patches, quads_read_in_place, quads_scratch};
use crate::conv2d::{Conv2dI8, PIXEL_TILE};

/// See [`crate::conv2d::conv2d_i8`].
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [height, width, outputs] = geometry.output;
    let taps = geometry.taps();
    let constants = Constants { weights: layer.weights, bias: layer.bias, requant: layer.requant, outputs, taps };
    let enough = scratch.len() >= quads_scratch(geometry)
        && io.output().len() >= geometry.pixels().saturating_mul(outputs)
        && geometry.groups == 1;
    if !enough || !constants.is_sound() {
        return;
    }
    let walk = Walk::new(geometry, layer.padding_value);
    let mut pixels = Pixels { layer, kernel: Kernel::new(&constants, layer.stage), walk, at: 0 };
    let in_place = quads_read_in_place(geometry);
    let same = geometry.stride == [1, 1] && geometry.output[..2] == geometry.input[..2];
    if geometry.is_pointwise() && same {
        pixels.line(io, (0, 0), height.wrapping_mul(width));
    } else {
        pixels.run(io, scratch, in_place);
    }
}

/// The state of the walk over a layer's pixels.
struct Pixels<'a> {
    layer: &'a Conv2dI8<'a>,
    kernel: Kernel,
    walk: Walk<'a>,
    /// The next output to write.
    at: usize,
}

impl Pixels<'_> {
    /// Pixels in raster order: those whose windows can be read where they are in a line, the others gathered.
    fn run(&mut self, io: &mut Io<i8>, scratch: &mut [i8], in_place: bool) {
        let geometry = &self.layer.geometry;
        let [height, width, _] = geometry.output;
        let (taps, most) = (geometry.taps(), quads_patches(geometry));
        let patch_bytes = taps.wrapping_mul(most);
        let mut gathered = 0usize;
        for y in 0..height {
            let mut x = 0usize;
            while x < width {
                let direct = if in_place { self.walk.inside_from((y, x)) } else { 0 };
                if direct > 0 {
                    self.patches(io, scratch, gathered);
                    gathered = 0;
                    self.line(io, (y, x), direct);
                    x = x.wrapping_add(direct);
                    continue;
                }
                let Some(free) = scratch.get_mut(gathered.wrapping_mul(taps)..patch_bytes) else { return };
                let count = self.walk.gather(io.input(), (y, x), taps, free);
                (gathered, x) = (gathered.wrapping_add(count), x.wrapping_add(count));
                if gathered >= most {
                    self.patches(io, scratch, gathered);
                    gathered = 0;
                }
            }
        }
        self.patches(io, scratch, gathered);
    }

    /// `pixels` pixels of a row from `position` on, whose windows lie inside the image.
    fn line(&mut self, io: &mut Io<i8>, position: (usize, usize), pixels: usize) {
        let start = self.walk.start(position);
        let Some(input) = io.input().get(start..start.saturating_add(self.walk.len(pixels))) else { return };
        let input = input.as_ptr();
        let geometry = &self.layer.geometry;
        let run = geometry.kernel[1].wrapping_mul(geometry.input[2]);
        self.kernel.windows((geometry.kernel[0], run), self.walk.row_bytes(), self.walk.pixel_bytes());
        self.compute(io, input, pixels);
    }

    /// `pixels` pixels whose windows are patches in `scratch`.
    fn patches(&mut self, io: &mut Io<i8>, scratch: &[i8], pixels: usize) {
        let taps = self.layer.geometry.taps();
        if pixels > 0 && scratch.len() >= pixels.saturating_mul(taps) {
            self.kernel.windows((1, taps), 0, taps);
            self.compute(io, scratch.as_ptr(), pixels);
        }
    }

    /// The next `pixels` pixels, not zero, whose windows can be read from `input` on.
    fn compute(&mut self, io: &mut Io<i8>, input: *const i8, pixels: usize) {
        let outputs = self.layer.geometry.output[2];
        let start = self.at;
        self.at = start.wrapping_add(pixels.wrapping_mul(outputs));
        let Some(output) = io.output().get_mut(start..self.at) else { return };
        let constants = self.constants();
        let aligned = (output.as_ptr() as usize).is_multiple_of(4);
        // A single pixel at the end of a line would take the place of four.
        let single = if pixels % PIXEL_TILE == 1 && self.kernel.rows == 1 { 1 } else { 0 };
        let many = pixels.wrapping_sub(single);
        if !(constants.is_regular() && aligned) {
            self.irregular(output, input, pixels);
            return;
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

    fn constants(&self) -> Constants<'_> {
        let Conv2dI8 { weights, bias, requant, .. } = *self.layer;
        Constants { weights, bias, requant, outputs: self.layer.geometry.output[2], taps: self.layer.geometry.taps() }
    }

    /// Pixels whose outputs are not whole words, or not at such addresses: a tile and a block at a time by way of
    /// a buffer.
    #[inline(never)]
    fn irregular(&mut self, output: &mut [i8], input: *const i8, pixels: usize) {
        let (layer, outputs) = (self.layer, self.layer.geometry.output[2]);
        let Conv2dI8 { weights, bias, requant, .. } = *layer;
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
