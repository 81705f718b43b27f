//! Unsigned rows with accumulators of 23 bits: the weights of [`unsigned_rows_20`](super::unsigned_rows_20) for sums
//! that do not fit there.
//!
//! The kernel separates its sums chunk by chunk, and its output stage takes longer.

use super::unsigned_rows_20::Layout;
use super::{Numbers, Order, Packing, Storage, Taps, emulate};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry};
use crate::numerics::{WIDE_LIMIT, WIDE_SHIFTS};
use crate::packing::accumulator;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct UnsignedRows23;

impl Order for UnsignedRows23 {
    packed! { "armv6m", Packing::UnsignedRows23;
        conv2d CONV2D: Conv2D, Conv2dI8[Storage::Bits8] = crate::arch::armv6m::conv2d_i8,
            emulated by emulate::conv2d_i8::<UnsignedRows23>;
    }

    const SHIFTS: RangeInclusive<i32> = WIDE_SHIFTS;
    const IS_UNSIGNED: bool = true;

    fn is_exact(numbers: &Numbers<'_>) -> bool {
        numbers.rows().all(|(row, bias)| accumulator(row, bias) < WIDE_LIMIT)
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.saturating_mul(taps)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        output.wrapping_mul(taps.count()).wrapping_add(tap)
    }

    fn conv2d_scratch(geometry: &Geometry) -> usize {
        Layout::new(geometry, true).len()
    }
}
