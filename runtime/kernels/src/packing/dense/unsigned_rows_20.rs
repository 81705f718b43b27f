//! Unsigned rows: `[O, KH, KW, C]`, each weight plus 128 as an unsigned byte, with accumulators of 20 bits.
//!
//! For Conv2D without groups on cores without a multiply-accumulate. Six output pixels are computed together. For each
//! tap their activations are packed into four words,
//!
//! ```text
//! x0 + (x1 << 11)   x1 + (x2 << 11)   x3 + (x4 << 11)   x4 + (x5 << 11)
//! ```
//!
//! so that four multiplications by a weight serve six pixels. What the method is and why it is exact stands in
//! `arch/armv6m/mod.rs`: every accumulator with its bias must fit its part of a word and the output stage.
//!
//! ```text
//! scratch: | words: [taps][4] | start values: [chunks][4] | padding: a row of taps |
//! ```

use super::{Numbers, Order, Packing, Storage, Taps, emulate};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry};
use crate::numerics::{NARROW_LIMIT, NARROW_SHIFTS};
use crate::packing::accumulator;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct UnsignedRows20;

impl Order for UnsignedRows20 {
    packed! { "armv6m", Packing::UnsignedRows20;
        conv2d CONV2D: Conv2D, Conv2dI8[Storage::Bits8] = crate::arch::armv6m::conv2d_i8,
            emulated by emulate::conv2d_i8::<UnsignedRows20>;
    }

    const SHIFTS: RangeInclusive<i32> = NARROW_SHIFTS;
    const IS_UNSIGNED: bool = true;

    fn is_exact(numbers: &Numbers<'_>) -> bool {
        numbers.rows().all(|(row, bias)| accumulator(row, bias) < NARROW_LIMIT)
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.saturating_mul(taps)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        output.wrapping_mul(taps.count()).wrapping_add(tap)
    }

    fn conv2d_scratch(geometry: &Geometry) -> usize {
        Layout::new(geometry, false).len()
    }
}

/// Output pixels of a tile.
#[cfg_attr(not(kinglet_isa = "armv6m"), allow(dead_code))] // What only the assembly reads.
pub(crate) const PIXELS: usize = 6;

/// Bytes of a tap's words.
pub(crate) const STEP_BYTES: usize = 16;

/// Taps whose sum fits 20 bits whatever the weights: `60 * 128 * 128 < 2^20`. A multiple of the kernels' unrolling.
pub(crate) const CHUNK: usize = 60;

/// Offsets into the scratch of one layer.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(kinglet_isa = "armv6m"), allow(dead_code))] // What only the assembly reads.
pub(crate) struct Layout {
    /// Taps of the first chunk; the others have [`CHUNK`].
    pub(crate) first: usize,
    /// Sums that are separated from their lanes before the next ones start.
    pub(crate) chunks: usize,
    /// Where the start values are.
    pub(crate) starts: usize,
    /// Where the padding is.
    pub(crate) padding: usize,
    /// Taps of a row of the window.
    row: usize,
}

impl Layout {
    /// The layout for a layer, whose sums are taken in chunks or not.
    pub(crate) fn new(geometry: &Geometry, in_chunks: bool) -> Self {
        let taps = geometry.taps();
        let chunks = if in_chunks { taps.div_ceil(CHUNK) } else { 1 };
        let starts = taps.saturating_mul(STEP_BYTES);
        let padding = starts.saturating_add(chunks.saturating_mul(STEP_BYTES));
        let first = taps.wrapping_sub(chunks.wrapping_sub(1).wrapping_mul(CHUNK));
        Layout { first, chunks, starts, padding, row: geometry.kernel[1].saturating_mul(geometry.input[2]) }
    }

    /// Bytes of scratch.
    pub(crate) fn len(&self) -> usize {
        self.padding.saturating_add(self.row)
    }
}
