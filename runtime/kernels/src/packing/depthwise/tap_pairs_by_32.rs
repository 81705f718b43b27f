//! Tap pairs by 32: the weights of two neighbouring taps of a channel stand together, 32 channels at a time, for
//! instructions that multiply two pairs of 16-bit numbers and add the products (`arch/x86_64/depthwise.rs`).
//!
//! ```text
//! block of n channels: 32, in the last block what is left
//!   of an odd number of taps the first:   w0 of channel 0 | w0 of channel 1 | ...       n bytes
//!   the first two of those that are left: w1 w2 of channel 0 | w1 w2 of channel 1 | ... 2 n bytes
//!   the next two:                         w3 w4 of channel 0 | w3 w4 of channel 1 | ... 2 n bytes
//!   ...
//! ```
//!
//! Taps are those of `[KH, KW]`, so the two of a pair may be in two rows. A weight is a byte and nothing is padded: there
//! are as many places as weights. Rejected: weights of 16 bits, which would save a kernel three of the fourteen
//! instructions for a pair of eight channels and take twice the room.
//!
//! Two products of 128 by 128 fit 32 bits, so the kernels are exact for every layer whose factors are below one. Any
//! window, but not for a multiplier, and for eight channels at least: row-major kernels are faster below.

use super::{DepthwisePacking, Order, WriteOrder, emulate};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::packing::PixelOrder;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Channels that the kernels compute together, and the least that a layer has: for fewer, row-major is faster.
pub(crate) const STEP: usize = 8;

/// Channels of a block.
pub(crate) const BLOCK: usize = 32;

/// See the module.
pub(crate) struct TapPairsBy32;

impl Order for TapPairsBy32 {
    packed! { "x86_64", DepthwisePacking::TapPairsBy32;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::x86_64::depthwise_i8,
            emulated by emulate::depthwise_i8::<TapPairsBy32>;
    }

    /// The kernels do not shift to the left.
    const SHIFTS: RangeInclusive<i32> = -31..=0;

    fn takes(geometry: &Geometry, multiplier: usize) -> bool {
        multiplier == 1 && geometry.input[2] == geometry.output[2] && geometry.input[2] >= STEP
    }

    fn nearest(geometry: &Geometry, _multiplier: usize) -> (Geometry, usize) {
        let mut geometry = *geometry;
        let channels = geometry.input[2];
        let channels = if channels < STEP { channels.saturating_add(STEP) } else { channels };
        (geometry.input[2], geometry.output[2]) = (channels, channels);
        (geometry, 1)
    }

    fn place(outputs: usize, area: usize, output: usize, tap: usize) -> usize {
        let channel = output % BLOCK;
        let first = output.wrapping_sub(channel);
        let channels = outputs.wrapping_sub(first).min(BLOCK);
        let block = first.wrapping_mul(area);
        let single = area & 1;
        match tap.checked_sub(single) {
            None => block.wrapping_add(channel),
            Some(tap) => {
                let pair = block.wrapping_add(single.wrapping_add(tap & !1).wrapping_mul(channels));
                pair.wrapping_add(channel.wrapping_mul(2)).wrapping_add(tap & 1)
            }
        }
    }

    fn write_order(_geometry: &Geometry) -> WriteOrder {
        WriteOrder::Pixels(PixelOrder::Interleaved)
    }

    fn scratch(_geometry: &Geometry) -> usize {
        0
    }
}
