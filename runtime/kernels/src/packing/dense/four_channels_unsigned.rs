//! Four channels, unsigned: four output channels together, `[O / 4, K, 4]`, rounded up with zeros, each weight plus 128
//! as an unsigned byte.
//!
//! For FullyConnected on cores without a dual multiplication or a multiply-accumulate. A word of four weights is
//! multiplied as it is, and the sums are told apart afterwards: exact for accumulators of 24 bits, which their output
//! stage makes a little less (`arch/armv6m/mod.rs`).

use super::four_channels::four_together;
use super::{Numbers, Order, Packing, Storage, Taps, emulate};
use crate::Io;
use crate::fully_connected::FullyConnectedI8;
use crate::numerics::{WIDE_LIMIT, WIDE_SHIFTS};
use crate::packing::accumulator;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct FourChannelsUnsigned;

impl Order for FourChannelsUnsigned {
    packed! { "armv6m", Packing::FourChannelsUnsigned;
        fully_connected FULLY_CONNECTED: FullyConnected, FullyConnectedI8[Storage::Bits8]
            = crate::arch::armv6m::fully_connected_i8,
            emulated by emulate::fully_connected_i8::<FourChannelsUnsigned>;
    }

    const SHIFTS: RangeInclusive<i32> = WIDE_SHIFTS;
    const IS_UNSIGNED: bool = true;

    fn is_exact(numbers: &Numbers<'_>) -> bool {
        numbers.rows().all(|(row, bias)| accumulator(row, bias) < WIDE_LIMIT)
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(4).saturating_mul(taps).saturating_mul(4)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        four_together(taps, output, tap)
    }
}
