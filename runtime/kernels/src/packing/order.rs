//! In which order kernels write their outputs.
//!
//! While a layer runs, its input dies and its output is born; how far one may lie over the other depends on the order
//! of work, which belongs to the packing. This is the only statement of it: the memory plan and its stripes, the
//! verifier that replays them, and the tests that lay outputs over inputs all ask here.

use crate::conv2d::{Geometry, PIXEL_TILE};

/// When a kernel that goes over pixels in raster order reads the inputs of a pixel that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelOrder {
    /// All inputs of a pixel are read before its first output is written.
    ReadThenWrite,
    /// A pixel's outputs are written block by block while its inputs are still needed.
    Interleaved,
    /// Likewise, but for [`PIXEL_TILE`] pixels at a time.
    Tiled,
}

impl PixelOrder {
    /// True when a pixel's outputs may lie over its own inputs.
    pub const fn reads_first(self) -> bool {
        match self {
            PixelOrder::ReadThenWrite => true,
            PixelOrder::Interleaved | PixelOrder::Tiled => false,
        }
    }

    /// Pixels that are written while one of them is still being read.
    pub const fn tile(self) -> usize {
        match self {
            PixelOrder::ReadThenWrite | PixelOrder::Interleaved => 1,
            PixelOrder::Tiled => PIXEL_TILE,
        }
    }
}

/// The order of a depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOrder {
    /// Pixel by pixel, all channels.
    Pixels(PixelOrder),
    /// A block of channels at a time, and of that a band of rows.
    Bands(Bands),
}

/// How a kernel walks that takes a block of channels of a band of rows into scratch memory before it writes that band.
/// Rows and columns are those of its walk, which may be the image's columns and rows. Rows that two bands share are
/// kept, so that each input element is read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// Channels of a block.
    pub block: usize,
    /// Output rows of a band.
    pub rows: usize,
    /// Input rows under one output row.
    pub window: usize,
    /// Input rows from an output row to the next.
    pub stride: usize,
    /// Rows of padding before the first.
    pub pad: usize,
    /// Rows and columns of the input, and elements from one to the next.
    pub input: [(usize, usize); 2],
    /// Rows and columns of the output, and elements from one to the next.
    pub output: [(usize, usize); 2],
}

impl Bands {
    /// The bands of a walk along the image's rows.
    pub fn along_rows(geometry: &Geometry, block: usize, rows: usize) -> Self {
        let walk =
            |[rows, columns, channels]: [usize; 3]| [(rows, columns.saturating_mul(channels)), (columns, channels)];
        let Geometry { input, output, kernel, stride, pad, .. } = *geometry;
        let (input, output) = (walk(input), walk(output));
        Bands { block, rows, window: kernel[0], stride: stride[0], pad: pad[0], input, output }
    }

    /// True when the output may start exactly where the input does; no other overlap is allowed, because channels are
    /// the outer loop.
    ///
    /// With as many channels on both sides, a channel's outputs touch inputs of the same channel only. Output row `y`
    /// ends, then, no later than input row `y`, which is in scratch by the time row `y` is written: the window of row
    /// `y` reaches down to input row `y * stride + window - 1 - pad`. A single band has read all rows.
    pub fn run_in_place(&self, multiplier: usize) -> bool {
        // The shorter step of a walk is a pixel's channels.
        let [input, output] = [self.input, self.output].map(|[(rows, a), (columns, b)]| (rows, columns, a.min(b)));
        let ((rows_in, columns_in, channels_in), (rows_out, columns_out, channels_out)) = (input, output);
        let fits = multiplier == 1 && channels_in == channels_out && rows_out <= rows_in && columns_out <= columns_in;
        fits && (self.pad < self.window || self.rows >= rows_out)
    }
}
