//! Channel pairs by four: the numbers of [`channel_pairs`](super::channel_pairs), for a single vector of inputs.
//!
//! In blocks of eight channels, `[O / 8, K / 4, 4 pairs, 4]`, rounded up with zeros, so that four taps of the vector
//! meet eight channels in a row. For FullyConnected. Weights of four bits stand otherwise, as
//! [`channel_quads`](super::channel_quads), and are read as they are.

use super::channel_pairs::{are_exact, emulated_outputs, pack, place, weight_at};
use super::{Numbers, Order, Packing, Storage, Taps, channel_quads, emulate};
use crate::Io;
use crate::dense::{Dense, Vector};
use crate::fully_connected::{self, FullyConnectedI8, WIDENED_GROUPS};
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct ChannelPairsByFour;

impl Order for ChannelPairsByFour {
    packed! { "armv7em", Packing::ChannelPairsByFour;
        fully_connected FULLY_CONNECTED: FullyConnected, FullyConnectedI8[Storage::Bits8]
            = crate::arch::armv7em::fully_connected_i8,
            emulated by crate::packing::dense::channel_pairs_by_four::emulated_fully_connected_i8;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;
    const LEAST_WEIGHT: i8 = -127;
    const IS_PAIRED: bool = true;
    const TAKES_EXTRA_SHIFTS: bool = false;
    const READS_FOUR_BITS: bool = true;

    fn is_exact(numbers: &Numbers<'_>) -> bool {
        if numbers.storage == channel_quads::STORAGE { channel_quads::are_exact(numbers) } else { are_exact(numbers) }
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(8).saturating_mul(taps.div_ceil(4)).saturating_mul(32)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        place(group_at, taps, output, tap)
    }

    fn pack(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
        if storage == channel_quads::STORAGE {
            return channel_quads::pack::<Self>(outputs, taps, row_major, out);
        }
        pack::<Self>(storage, outputs, taps, row_major, out);
    }

    fn weight_at(storage: Storage, [outputs, output]: [usize; 2], taps: Taps, weights: &[i8], tap: usize) -> i8 {
        if storage == channel_quads::STORAGE {
            return channel_quads::weight_at(taps, weights, output, tap);
        }
        weight_at::<Self>(storage, [outputs, output], taps, weights, tap)
    }

    fn outputs(dense: &Dense<'_>, _taps: Taps, io: &mut Io<i8>, vector: Vector<'_>, at: usize) {
        emulated_outputs(dense, group_at, io, vector, at);
    }

    /// The last taps of a row widened to 16 bits.
    fn fully_connected_scratch(taps: usize) -> usize {
        taps.div_ceil(4).min(WIDENED_GROUPS).saturating_mul(8)
    }
}

/// Any fully connected layer, decoding the numbers as it goes.
pub(crate) fn emulated_fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if layer.storage != channel_quads::STORAGE {
        return emulate::fully_connected_i8::<ChannelPairsByFour>(layer, io, scratch);
    }
    if !layer.fits(io) {
        return io.refuse();
    }
    let dense = fully_connected::portable::dense(layer);
    for row in 0..layer.rows {
        let vector = Vector::Input(row.wrapping_mul(layer.taps));
        channel_quads::emulated_outputs(&dense, io, vector, row.wrapping_mul(layer.outputs));
    }
}

/// The first of the four numbers that hold taps `4 * group ..` of a pair of channels.
fn group_at(taps: usize, pair: usize, group: usize) -> usize {
    let block = (pair / 4).wrapping_mul(taps.div_ceil(4)).wrapping_add(group);
    block.wrapping_mul(4).wrapping_add(pair & 3).wrapping_mul(4)
}
