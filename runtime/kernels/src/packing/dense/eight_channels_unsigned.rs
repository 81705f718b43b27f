//! Eight channels, unsigned: weights plus 128 as unsigned bytes, `[O / 8, K, 8]`, for cores that multiply one number at
//! a time and a single vector; one to four channels left over are `[K, 4]`. Missing ones are zero.
//!
//! For FullyConnected. Four channels are computed from sums of products with words of four weights
//! (`arch/armv7m/mod.rs`).

use super::{Numbers, Order, Packing, Storage, Taps, emulate};
use crate::Io;
use crate::fully_connected::FullyConnectedI8;
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::packing::{accumulator, products};
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct EightChannelsUnsigned;

impl Order for EightChannelsUnsigned {
    packed! { "armv7m", Packing::EightChannelsUnsigned;
        fully_connected FULLY_CONNECTED: FullyConnected, FullyConnectedI8[Storage::Bits8]
            = crate::arch::armv7m::fully_connected_i8,
            emulated by emulate::fully_connected_i8::<EightChannelsUnsigned>;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;
    const TAKES_EXTRA_SHIFTS: bool = false;
    const IS_UNSIGNED: bool = true;

    /// Sums of products fit 23 bits with their sign, and accumulators are doubled.
    fn is_exact(numbers: &Numbers<'_>) -> bool {
        numbers.rows().all(|(row, bias)| products(row) < 1 << 22 && accumulator(row, bias) < 1 << 29)
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps)
    }

    fn place(outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        let group = output >> 3;
        let first = group.wrapping_mul(8).wrapping_mul(taps.count());
        // Where no eight channels are left, four follow: their start is the same.
        let width = if group < outputs.div_ceil(4) >> 1 { 8 } else { 4 };
        first.wrapping_add(tap.wrapping_mul(width)).wrapping_add(output & 7)
    }
}
