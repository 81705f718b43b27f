//! Scratch of the kernels for [`Packing::Lanes`] and [`Packing::WideLanes`].
//!
//! Six output pixels are computed together. For each tap their activations are packed into four words,
//!
//! ```text
//! x0 + (x1 << 11)   x1 + (x2 << 11)   x3 + (x4 << 11)   x4 + (x5 << 11)
//! ```
//!
//! so that four multiplications by a weight serve six pixels. What the method is and why it is exact stands in
//! `arch/armv6m/mod.rs`.
//!
//! ```text
//! scratch: | words: [taps][4] | start values: [chunks][4] | padding: a row of taps |
//! ```

use super::{Geometry, Packing};

/// Output pixels of a tile.
pub const PIXELS: usize = 6;

/// Bytes of a tap's words.
pub const STEP_BYTES: usize = 16;

/// Taps whose sum fits a lane whatever the weights: `60 * 128 * 128 < 2^20`. A multiple of the kernels' unrolling.
pub const CHUNK: usize = 60;

/// Offsets into the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Taps of the first chunk; the others have [`CHUNK`].
    pub first: usize,
    /// Sums that are separated from their lanes before the next ones start.
    pub chunks: usize,
    /// Where the start values are.
    pub starts: usize,
    /// Where the padding is.
    pub padding: usize,
    /// Taps of a row of the window.
    row: usize,
}

impl Layout {
    /// The layout for a layer in `packing`.
    pub fn new(geometry: &Geometry, packing: Packing) -> Self {
        let taps = geometry.taps();
        let chunks = if packing == Packing::Lanes { 1 } else { taps.div_ceil(CHUNK) };
        let starts = taps.saturating_mul(STEP_BYTES);
        let padding = starts.saturating_add(chunks.saturating_mul(STEP_BYTES));
        let first = taps.wrapping_sub(chunks.wrapping_sub(1).wrapping_mul(CHUNK));
        Layout { first, chunks, starts, padding, row: geometry.kernel[1].saturating_mul(geometry.input[2]) }
    }

    /// Bytes of scratch.
    pub fn len(&self) -> usize {
        self.padding.saturating_add(self.row)
    }

    /// True when there is no scratch, which no layer has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
