//! How far an operator's result may reach into its operand's memory.
//!
//! Kernels of windowed operators write pixels in raster order, so while they run the front of the input dies.
//! A result that starts `lead` bytes before its operand never catches up with what is still to be read:
//!
//! ```text
//! input          |=================================|
//! output   |==========================|
//!          <-lead>
//! after pixel p: written up to here ^   ^ first byte that pixels after p still read
//! ```
//!
//! `lead` is found by walking all pixels, so it holds for every stride, dilation, padding and batch.

use kinglet_kernels::conv2d::Geometry;
pub use kinglet_kernels::packing::PixelOrder;
use kinglet_kernels::packing::WriteOrder;

/// Whether a result may share memory with the first operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It may not.
    Never,
    /// It may, if it starts at least this many bytes before the operand.
    Lead(usize),
    /// It may, from the operand's first byte on and nowhere else (depthwise by planes: a channel's inputs are read
    /// before its outputs are written over them, but other channels' are not).
    Exactly,
}

impl Overlap {
    /// The result may take the operand's very place: elementwise operators.
    pub const IN_PLACE: Overlap = Overlap::Lead(0);

    /// The lead of a windowed operator on `batch` images of elements of `size` bytes.
    pub fn windowed(geometry: &Geometry, batch: usize, size: usize, order: PixelOrder) -> Overlap {
        let image = |[h, w, c]: [usize; 3]| h * w * c;
        let (input_len, pixels) = (image(geometry.input), geometry.pixels());
        let first_reads = (0..batch * pixels).map(|index| {
            let (image, pixel) = (index / pixels, index % pixels);
            let (y, x) = (pixel / geometry.output[1], pixel % geometry.output[1]);
            first_read(geometry, y, x).map(|element| image * input_len + element)
        });
        lead(first_reads.collect(), geometry.output[2], order).map_or(Overlap::Never, |lead| Overlap::Lead(lead * size))
    }

    /// What the order in which a kernel writes allows, with `multiplier` output channels of each input channel where a
    /// block of channels is taken at a time.
    pub fn of_order(
        order: WriteOrder,
        geometry: &Geometry,
        (batch, multiplier): (usize, usize),
        size: usize,
    ) -> Overlap {
        match order {
            WriteOrder::Bands(bands) if bands.run_in_place(multiplier) && batch == 1 => Overlap::Exactly,
            WriteOrder::Bands(_) => Overlap::Never,
            WriteOrder::Pixels(order) => Overlap::windowed(geometry, batch, size, order),
        }
    }

    /// The lead of an operator that turns rows of `input_bytes` into rows of `output_bytes`.
    pub fn rows(rows: usize, input_bytes: usize, output_bytes: usize) -> Overlap {
        let first_reads = (0..rows).map(|row| Some(row * input_bytes)).collect();
        lead(first_reads, output_bytes, PixelOrder::Interleaved).map_or(Overlap::Never, Overlap::Lead)
    }
}

/// The lowest input element that output pixel `(y, x)` reads; `None` when its window lies in the padding.
fn first_read(geometry: &Geometry, y: usize, x: usize) -> Option<usize> {
    let row = (0..geometry.kernel[0]).find_map(|i| geometry.source(0, y, i))?;
    let column = (0..geometry.kernel[1]).find_map(|j| geometry.source(1, x, j))?;
    Some((row * geometry.input[1] + column) * geometry.input[2])
}

/// The least lead in elements, given the first element that each pixel reads; `None` when nothing is gained
/// over disjoint memory.
fn lead(first_reads: Vec<Option<usize>>, pixel_len: usize, order: PixelOrder) -> Option<usize> {
    let pixels = first_reads.len();
    let mut lead = 0;
    // The lowest element that this pixel or a later one still needs, from the last pixel backwards.
    let mut needed: Option<usize> = None;
    for (pixel, first) in first_reads.into_iter().enumerate().rev() {
        let later = needed;
        needed = match (first, needed) {
            (Some(first), Some(needed)) => Some(first.min(needed)),
            (first, needed) => first.or(needed),
        };
        let limit = if order.reads_first() { later } else { needed };
        let written = (pixel + order.tile()).min(pixels) * pixel_len;
        lead = lead.max(limit.map_or(0, |limit| written.saturating_sub(limit)));
    }
    (lead < pixels * pixel_len).then_some(lead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(side: usize, channels: [usize; 2], kernel: usize, stride: usize, pad: usize) -> Geometry {
        let out = (side + 2 * pad - kernel) / stride + 1;
        Geometry {
            input: [side, side, channels[0]],
            output: [out, out, channels[1]],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [pad; 2],
            groups: 1,
        }
    }

    #[test]
    fn pointwise_layers_run_in_place_or_shrink_into_their_input() {
        let order = PixelOrder::ReadThenWrite;
        assert_eq!(Overlap::windowed(&square(8, [4, 4], 1, 1, 0), 1, 1, order), Overlap::Lead(0));
        assert_eq!(Overlap::windowed(&square(8, [8, 4], 1, 1, 0), 1, 1, order), Overlap::Lead(0));
        // Doubling the channels: the input stands in the second half of the output.
        assert_eq!(Overlap::windowed(&square(8, [4, 8], 1, 1, 0), 1, 1, order), Overlap::Lead(63 * 8 - 63 * 4));
        // Writing a pixel before its inputs are all read costs one pixel more.
        let interleaved = Overlap::windowed(&square(8, [4, 4], 1, 1, 0), 1, 1, PixelOrder::Interleaved);
        assert_eq!(interleaved, Overlap::Lead(4));
        // Four pixels at a time: three more.
        let tiled = Overlap::windowed(&square(8, [4, 4], 1, 1, 0), 1, 1, PixelOrder::Tiled);
        assert_eq!(tiled, Overlap::Lead(16));
    }

    #[test]
    fn three_by_three_needs_a_row_and_a_pixel() {
        let geometry = square(8, [4, 4], 3, 1, 1);
        // The next pixel still reads the row above, from the column before its own.
        assert_eq!(Overlap::windowed(&geometry, 1, 1, PixelOrder::ReadThenWrite), Overlap::Lead((8 + 1) * 4));
        assert_eq!(Overlap::windowed(&geometry, 1, 1, PixelOrder::Interleaved), Overlap::Lead((8 + 2) * 4));
        assert_eq!(Overlap::windowed(&geometry, 1, 4, PixelOrder::Interleaved), Overlap::Lead((8 + 2) * 16));
    }

    #[test]
    fn a_window_over_everything_gains_nothing() {
        assert_eq!(Overlap::windowed(&square(8, [4, 4], 8, 1, 0), 1, 1, PixelOrder::Interleaved), Overlap::Never);
        assert_eq!(Overlap::rows(1, 10, 3), Overlap::Never);
    }

    #[test]
    fn images_of_a_batch_follow_each_other() {
        let geometry = square(8, [4, 4], 3, 2, 0);
        let one = Overlap::windowed(&geometry, 1, 1, PixelOrder::Interleaved);
        let two = Overlap::windowed(&geometry, 2, 1, PixelOrder::Interleaved);
        assert!(matches!((one, two), (Overlap::Lead(one), Overlap::Lead(two)) if two <= one));
        assert_eq!(Overlap::rows(4, 10, 3), Overlap::Lead(3));
    }
}
