//! Four channels: `[O / 4, K, 4]`, rounded up with zeros, behind four bytes, for cores that multiply one number at a time.
//!
//! For Conv2D without groups. The kernel multiplies three pixels by one weight with two multiplications, and the sums of
//! the three can be told apart while their magnitudes are below `2^20` (`arch/armv7m/mod.rs`). The taps of a channel are
//! therefore summed in chunks: the host finds the longest, a multiple of eight, that keeps below that bound for any
//! activations, and the bytes before the weights say it. Chunks are counted from the last tap backwards, so that only
//! the first may be shorter.

use super::{Numbers, Order, Packing, Storage, Taps, emulate};
use crate::Io;
use crate::conv2d::{Conv2dI8, Geometry};
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::packing::{accumulator, products};
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// See the module.
pub(crate) struct FourChannels;

impl Order for FourChannels {
    packed! { "armv7m", Packing::FourChannels;
        conv2d CONV2D: Conv2D, Conv2dI8[Storage::Bits8] = crate::arch::armv7m::conv2d_i8,
            emulated by emulate::conv2d_i8::<FourChannels>;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;
    const HEAD: usize = 4;

    /// Accumulators are doubled.
    fn is_exact(numbers: &Numbers<'_>) -> bool {
        numbers.rows().all(|(row, bias)| accumulator(row, bias) < 1 << 29)
    }

    /// The chunk length is a multiple of eight, and not zero.
    fn takes_head(weights: &[i8]) -> bool {
        chunk_of(weights).is_some()
    }

    fn is_head_of(weights: &[i8], taps: usize, row_major: &[i8]) -> bool {
        chunk_of(weights).is_some_and(|(chunk, _)| chunks_are_exact(chunk, taps, row_major))
    }

    #[inline]
    fn places(outputs: usize, taps: usize) -> usize {
        outputs.div_ceil(4).saturating_mul(4).saturating_mul(taps)
    }

    fn place(_outputs: usize, taps: Taps, output: usize, tap: usize) -> usize {
        four_together(taps, output, tap)
    }

    fn pack(storage: Storage, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
        let chunk = longest_chunk(outputs, taps.count(), row_major) as u32;
        let Some((head, weights)) = out.split_first_chunk_mut() else { return };
        *head = chunk.to_le_bytes().map(|byte| byte as i8);
        super::pack_places::<Self>(storage, outputs, taps, row_major, weights);
    }

    /// Constants of the channels, three pixels in two words for each tap, and three patches where windows reach beyond
    /// the image.
    fn conv2d_scratch(geometry: &Geometry) -> usize {
        let tap_len = if geometry.windows_lie_inside() { 8 } else { 8 + 3 };
        let constants = geometry.output[2].saturating_mul(16);
        geometry.taps().saturating_mul(tap_len).saturating_add(constants)
    }
}

/// The place of a weight in `[O / 4, K, 4]`.
pub(super) fn four_together(taps: Taps, output: usize, tap: usize) -> usize {
    let group = (output >> 2).wrapping_mul(taps.count()).wrapping_add(tap);
    group.wrapping_mul(4).wrapping_add(output & 3)
}

/// The chunk length, and the weights behind it.
#[inline]
pub(crate) fn chunk_of(weights: &[i8]) -> Option<(usize, &[i8])> {
    let (head, weights) = weights.split_first_chunk::<4>()?;
    let chunk = u32::from_le_bytes(head.map(|byte| byte as u8)) as usize;
    (chunk > 0 && chunk.is_multiple_of(8)).then_some((chunk, weights))
}

/// True when the sums of all chunks of all channels can be told apart.
fn chunks_are_exact(chunk: usize, taps: usize, row_major: &[i8]) -> bool {
    let rows = row_major.chunks_exact(taps.max(1));
    rows.into_iter().all(|row| row.rchunks(chunk.max(1)).all(|weights| products(weights) < 1 << 20))
}

/// The longest chunk for which every chunk of every channel has `128 * sum(|w|) < 2^20`.
fn longest_chunk(outputs: usize, taps: usize, row_major: &[i8]) -> usize {
    let row_major = row_major.get(..outputs.saturating_mul(taps)).unwrap_or(row_major);
    let is_exact = |chunk: usize| chunks_are_exact(chunk, taps, row_major);
    let length = |chunks: usize| taps.div_ceil(chunks).next_multiple_of(8).max(8);
    // Eight weights of the greatest magnitude are far below the limit.
    (1..=taps.max(1)).map(length).find(|&chunk| is_exact(chunk)).unwrap_or(8)
}
