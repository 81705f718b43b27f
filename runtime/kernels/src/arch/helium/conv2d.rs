//! Conv2D over [`Packing::Quads`](crate::conv2d::Packing::Quads) weights.

use super::matrix::{Line, matrix};
use super::patch::Walk;
use super::vector::{Channels, Constants, LANES, Window, vector};
use crate::Io;
use crate::conv2d::packing::{quads_patches, quads_read_in_place, quads_scratch};
use crate::conv2d::{Conv2dI8, PIXEL_TILE};

/// See [`crate::conv2d::conv2d_i8`].
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [height, width, outputs] = geometry.output;
    let (taps, pixels) = (geometry.taps(), geometry.pixels());
    let shape = (outputs, taps.div_ceil(LANES));
    let Some(constants) = Constants::new(layer.weights, layer.bias, layer.requant, layer.stage, shape) else { return };
    let enough = scratch.len() >= quads_scratch(geometry) && io.output().len() >= pixels.saturating_mul(outputs);
    if !enough || geometry.groups != 1 {
        return;
    }
    let walk = Walk::new(geometry, layer.padding_value);
    let kernel = Pixels { constants, taps, outputs, walk: &walk, pixel: 0 };
    kernel.run(io, scratch, (height, width));
}

/// The state of the walk over a layer's pixels.
struct Pixels<'a> {
    constants: Constants<'a>,
    taps: usize,
    outputs: usize,
    walk: &'a Walk<'a>,
    /// The next pixel to write.
    pixel: usize,
}

impl Pixels<'_> {
    /// Pixels in raster order: those whose windows can be read where they are in a line, the others gathered.
    fn run(mut self, io: &mut Io<i8>, scratch: &mut [i8], (height, width): (usize, usize)) {
        let geometry = self.walk.geometry;
        let in_place = quads_read_in_place(geometry);
        if in_place && geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[..2] == geometry.input[..2] {
            self.line(io, (0, 0), height.wrapping_mul(width));
            return;
        }
        let most = quads_patches(geometry);
        let patch_bytes = self.taps.wrapping_mul(most);
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
                let Some(free) = scratch.get_mut(gathered.wrapping_mul(self.taps)..patch_bytes) else { return };
                let count = self.walk.gather(io.input(), (y, x), self.taps, free);
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
        let geometry = self.walk.geometry;
        let run = geometry.kernel[1].wrapping_mul(geometry.input[2]);
        let window = Window::new(geometry.kernel[0], run, self.walk.row_bytes());
        self.compute(io, &window, input, self.walk.pixel_bytes(), pixels);
    }

    /// `pixels` pixels whose windows are patches in `scratch`.
    fn patches(&mut self, io: &mut Io<i8>, scratch: &[i8], pixels: usize) {
        if pixels > 0 && scratch.len() >= pixels.saturating_mul(self.taps) {
            let window = Window::new(1, self.taps, 0);
            self.compute(io, &window, scratch.as_ptr(), self.taps, pixels);
        }
    }

    /// The next `pixels` pixels, whose windows, readable, are `pixel_bytes` apart from `input` on.
    fn compute(&mut self, io: &mut Io<i8>, window: &Window, input: *const i8, pixel_bytes: usize, pixels: usize) {
        let start = self.pixel.wrapping_mul(self.outputs);
        self.pixel = self.pixel.wrapping_add(pixels);
        let len = pixels.wrapping_mul(self.outputs);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(len)) else { return };
        // A single pixel at the end of a line would take the place of four.
        let single = if pixels % PIXEL_TILE == 1 && window.rows == 1 { 1 } else { 0 };
        let many = pixels.wrapping_sub(single);
        let aligned = self.outputs.is_multiple_of(4) && (output.as_ptr() as usize).is_multiple_of(4);
        if aligned {
            if let Some(channels) = self.constants.whole().filter(|_| many > 0) {
                let line = Line { pixel_bytes, output_bytes: self.outputs, pixels: many };
                // SAFETY: the windows by the contract of this function; `output` is aligned and holds all channels,
                // whole blocks, of `many` pixels; `Constants` has checked the constants.
                unsafe { matrix(window, &channels, &line, input, output.as_mut_ptr()) };
            }
        } else {
            let mut done = 0usize;
            while done < many {
                let count = many.wrapping_sub(done).min(PIXEL_TILE);
                let at = input.wrapping_add(done.wrapping_mul(pixel_bytes));
                let rows = output.get_mut(done.wrapping_mul(self.outputs)..).unwrap_or_default();
                for (channels, first) in self.groups() {
                    self.buffered(window, &channels, at, (pixel_bytes, count), (first, rows));
                }
                done = done.wrapping_add(count);
            }
        }
        if single > 0 {
            let at = input.wrapping_add(many.wrapping_mul(pixel_bytes));
            let output = output.get_mut(many.wrapping_mul(self.outputs)..).unwrap_or_default();
            // SAFETY: the pixel's window has one row of `taps` bytes, which the contract says can be read.
            unsafe { vector(&self.constants, self.taps, at, output) };
        }
    }

    /// Whole blocks and the last one, one at a time, each with its first channel.
    fn groups(&self) -> impl Iterator<Item = (Channels, usize)> {
        let block_bytes = self.taps.div_ceil(LANES).wrapping_mul(4 * LANES);
        let whole = self.constants.whole();
        let count = whole.map_or(0, |channels| channels.blocks);
        let last = self.constants.last().map(|channels| (channels, count.wrapping_mul(4)));
        let one = move |block: usize| {
            let channels = whole?;
            let first = block.wrapping_mul(4);
            let word = if channels.one_word { 0 } else { first };
            let extra = if channels.extra.is_null() { channels.extra } else { channels.extra.wrapping_add(word) };
            let weights = channels.weights.wrapping_add(block.wrapping_mul(block_bytes));
            let (bias, words) = (channels.bias.wrapping_add(first), channels.words.wrapping_add(word));
            Some((Channels { blocks: 1, weights, bias, words, extra, ..channels }, first))
        };
        (0..count).filter_map(one).chain(last)
    }

    /// One block of channels of a tile whose outputs are not whole words: by way of a buffer.
    fn buffered(
        &self,
        window: &Window,
        channels: &Channels,
        input: *const i8,
        (pixel_bytes, pixels): (usize, usize),
        (first, output): (usize, &mut [i8]),
    ) {
        let mut words = [0u32; PIXEL_TILE];
        let line = Line { pixel_bytes, output_bytes: 4, pixels };
        // SAFETY: `pixels` windows, at most a tile, from `input` on can be read; the buffer holds a word for each.
        unsafe { matrix(window, channels, &line, input, words.as_mut_ptr().cast()) };
        for (row, word) in output.chunks_mut(self.outputs.max(1)).zip(words).take(pixels) {
            for (place, byte) in row.iter_mut().skip(first).zip(word.to_le_bytes()) {
                *place = byte as i8;
            }
        }
    }
}
