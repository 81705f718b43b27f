//! Channel pairs: two output channels `(a, b)` in each 16-bit number, `256 * b + a`, for `SMLAD`.
//!
//! `[O / 2, K / 4, 4]`, both rounded up with zeros, taps in the order of [`Taps`]. For Conv2D without groups. One load
//! and one unpacking instruction serve two channels; how, and why it is exact, stands in `arch/armv7em/mod.rs`:
//!
//! - Numbers fit 16 bits: weights lie in `-127..=127`.
//! - The sum of `b` can be read from the upper 24 bits: `128 * sum(|b|) + |bias_b| < 2^22, twice that being accumulated`.
//! - Both accumulators stay below `2^30` in magnitude, so that no order of additions overflows.

use super::{Numbers, Order, Packing, Storage, Taps, pack_places};
use crate::Io;
use crate::conv2d::portable::for_each_patch;
use crate::conv2d::{self, Conv2dI8, Geometry, PIXEL_TILE};
use crate::dense::{Dense, Vector, multiply_add};
use crate::io::range;
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::packing::accumulator;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct ChannelPairs;

impl Order for ChannelPairs {
    packed! { "armv7em", Packing::ChannelPairs;
        conv2d CONV2D: Conv2D, Conv2dI8[Storage::Bits8] = crate::arch::armv7em::conv2d_i8,
            emulated by crate::packing::dense::channel_pairs::emulated_conv2d_i8;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;
    const LEAST_WEIGHT: i8 = -127;
    const IS_PAIRED: bool = true;

    fn is_exact(numbers: &Numbers<'_>) -> bool {
        are_exact(numbers)
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(2).saturating_mul(taps.div_ceil(4)).saturating_mul(8)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        place(group_at, taps, output, tap)
    }

    fn pack(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
        pack::<Self>(storage, outputs, taps, row_major, out);
    }

    fn weight_at(storage: Storage, [outputs, output]: [usize; 2], taps: Taps, weights: &[i8], tap: usize) -> i8 {
        weight_at::<Self>(storage, [outputs, output], taps, weights, tap)
    }

    fn outputs(dense: &Dense<'_>, _taps: Taps, io: &mut Io<i8>, vector: Vector<'_>, at: usize) {
        emulated_outputs(dense, group_at, io, vector, at);
    }

    /// A tile of pixels widened to 16 bits, eight words for each pair of channels, and the patch of a pixel whose window
    /// is not whole.
    fn conv2d_scratch(geometry: &Geometry) -> usize {
        let taps = geometry.taps().div_ceil(4).saturating_mul(4);
        let columns = taps.saturating_mul(2 * PIXEL_TILE);
        let constants = geometry.output[2].div_ceil(2).saturating_mul(32);
        let patch = if geometry.is_pointwise() { 0 } else { taps };
        columns.saturating_add(constants).saturating_add(patch)
    }
}

/// The first of the four numbers that hold taps `4 * group ..` of a pair of channels.
fn group_at(taps: usize, pair: usize, group: usize) -> usize {
    pair.wrapping_mul(taps.div_ceil(4)).wrapping_add(group).wrapping_mul(4)
}

/// Every pair of channels is exact, the last of an odd number of channels being paired with zeros.
pub(super) fn are_exact(numbers: &Numbers<'_>) -> bool {
    let mut rows = numbers.rows();
    while let Some((a, bias_a)) = rows.next() {
        let (b, bias_b) = rows.next().unwrap_or((&[], 0));
        if accumulator(a, bias_a) >= 1 << 30 || accumulator(b, bias_b) >= 1 << 22 {
            return false;
        }
    }
    true
}

/// The byte that a weight has to itself: `a` is the low byte of a number, `b` the other, less a borrow. `group_at`
/// finds the numbers of four taps.
pub(super) fn place(group_at: fn(usize, usize, usize) -> usize, taps: Taps, output: usize, tap: usize) -> usize {
    let place = taps.place(tap);
    // 0, 2, 1, 3.
    let within = ((place & 1) << 1) | ((place >> 1) & 1);
    let number = group_at(taps.count(), output >> 1, place / 4).wrapping_add(within);
    number.wrapping_mul(2).wrapping_add(output & 1)
}

/// Bytes first, then the borrows: a negative `a` takes one from the high byte. Wraps where weights are not exact.
/// Fewer bits than eight have a place to themselves.
pub(super) fn pack<P: Order>(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    if storage != Storage::Bits8 {
        return pack_places::<P>(storage, outputs, taps, row_major, out);
    }
    out.fill(0);
    for (index, weight) in row_major.iter().enumerate().take(outputs.saturating_mul(taps.count())) {
        let (output, tap) = (index.checked_div(taps.count()), index.checked_rem(taps.count()));
        let place = P::place(outputs, taps, output.unwrap_or(0), tap.unwrap_or(0));
        if let Some(byte) = out.get_mut(place) {
            *byte = *weight;
        }
    }
    for [a, b] in out.as_chunks_mut::<2>().0 {
        *b = b.wrapping_sub(i8::from(*a < 0));
    }
}

/// The weight of one channel of a pair.
pub(super) fn weight_at<P: Order>(
    storage: Storage,
    [outputs, output]: [usize; 2],
    taps: Taps,
    weights: &[i8],
    tap: usize,
) -> i8 {
    let place = P::place(outputs, taps, output, tap);
    if storage != Storage::Bits8 {
        return storage.read(weights, place).unwrap_or(0);
    }
    let number = place & !1;
    let bytes = weights.get(number..).and_then(<[i8]>::first_chunk);
    let [a, b] = bytes.copied().map_or([0, 0], decode);
    if output & 1 == 0 { a } else { b }
}

/// The two weights of a number: `a` is its low byte as a signed number, `b` what is left of it.
#[inline]
fn decode([low, high]: [i8; 2]) -> [i8; 2] {
    [low, high.wrapping_add(i8::from(low < 0))]
}

/// Any convolution, decoding the pairs as it goes. The patch is brought into the order of the taps first.
pub(crate) fn emulated_conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let (outputs, taps) = (layer.geometry.output[2], layer.geometry.runs());
    let Some((ordered, scratch)) = scratch.split_at_mut_checked(taps.count()) else { return io.refuse() };
    for_each_patch(layer, io, scratch, |io, patch, pixel| {
        taps.order(patch, ordered);
        let (dense, at) = (conv2d::portable::dense(layer), pixel.wrapping_mul(outputs));
        ChannelPairs::outputs(&dense, taps, io, Vector::Gathered(ordered), at);
    });
}

/// All outputs of a vector whose elements are in the order of the taps, but for that within four.
pub(super) fn emulated_outputs(
    dense: &Dense<'_>,
    group_at: fn(usize, usize, usize) -> usize,
    io: &mut Io<i8>,
    vector: Vector<'_>,
    at: usize,
) {
    let outputs = dense.bias.len();
    for pair in 0..outputs.div_ceil(2) {
        let mut sums = [0_i32; 2];
        for (group, x) in dense.vector(io, vector).chunks(4).enumerate() {
            let numbers = range(dense.weights, group_at(dense.taps, pair, group).wrapping_mul(2), 8);
            for (number, tap) in numbers.as_chunks::<2>().0.iter().zip([0, 2, 1, 3]) {
                let [a, b] = decode(*number);
                let x = x.get(tap).copied().unwrap_or(0);
                sums = [multiply_add(sums[0], x, a), multiply_add(sums[1], x, b)];
            }
        }
        for (output, sum) in (pair.wrapping_mul(2)..outputs).zip(sums) {
            io.set(at.wrapping_add(output), dense.finish(output, sum));
        }
    }
}
