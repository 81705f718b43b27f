//! Weights in another order: written once on the host, read by the kernels made for it.

use super::Packing;
use crate::numerics::{NARROW_LIMIT, WIDE_LIMIT};

/// Most an `i8` activation can be, in magnitude.
const ACTIVATION_MAX: i64 = 128;

/// Writes `row_major`, `[outputs, taps]`, into `out` as `packing` orders it. `out` has
/// [`Packing::weight_len`] elements.
pub fn pack(packing: Packing, outputs: usize, taps: usize, row_major: &[i8], out: &mut [i8]) {
    match packing {
        Packing::RowMajor => {
            for (to, from) in out.iter_mut().zip(row_major) {
                *to = *from;
            }
        }
        Packing::Lanes | Packing::WideLanes => {
            for (to, from) in out.iter_mut().zip(row_major) {
                *to = biased(*from);
            }
        }
        Packing::Fours => {
            for (at, place) in out.iter_mut().enumerate() {
                let (step, lane) = (at / 4, at % 4);
                let (quad, tap) = (step.checked_div(taps).unwrap_or(0), step.checked_rem(taps).unwrap_or(0));
                let output = quad.wrapping_mul(4).wrapping_add(lane);
                let weight = row_major.get(output.wrapping_mul(taps).wrapping_add(tap));
                *place = biased(weight.copied().filter(|_| output < outputs).unwrap_or(0));
            }
        }
        Packing::Paired => {
            let weight = |output: usize, tap: usize| match tap < taps && output < outputs {
                true => row_major.get(output.wrapping_mul(taps).wrapping_add(tap)).copied().unwrap_or(0),
                false => 0,
            };
            let row_len = taps.wrapping_add(taps & 1).max(2);
            for (element, bytes) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let pair = element.checked_div(row_len).unwrap_or(0).wrapping_mul(2);
                let tap = element.checked_rem(row_len).unwrap_or(0);
                let (a, b) = (weight(pair, tap), weight(pair.wrapping_add(1), tap));
                *bytes = encode_pair(a, b).map(|byte| byte as i8);
            }
        }
    }
}

/// Weight `tap` of output channel `output` of a layer with `taps` taps; 0 outside the layer.
pub fn weight_at(packing: Packing, taps: usize, weights: &[i8], output: usize, tap: usize) -> i8 {
    match packing {
        Packing::RowMajor => weights.get(output.wrapping_mul(taps).wrapping_add(tap)).copied().unwrap_or(0),
        Packing::Lanes | Packing::WideLanes => {
            biased(weights.get(output.wrapping_mul(taps).wrapping_add(tap)).copied().unwrap_or(0))
        }
        Packing::Fours => {
            let step = (output / 4).wrapping_mul(taps).wrapping_add(tap);
            biased(weights.get(step.wrapping_mul(4).wrapping_add(output % 4)).copied().unwrap_or(0))
        }
        Packing::Paired => {
            let row_len = taps.wrapping_add(taps & 1);
            let element = (output >> 1).wrapping_mul(row_len).wrapping_add(tap);
            let at = element.wrapping_mul(2);
            let bytes = weights.get(at..at.saturating_add(2)).and_then(<[i8]>::first_chunk);
            let [a, b] = bytes.copied().map_or([0, 0], decode_pair);
            if output & 1 == 0 { a } else { b }
        }
    }
}

/// A weight plus 128 as an unsigned byte, and back.
#[inline]
pub fn biased(weight: i8) -> i8 {
    weight ^ i8::MIN
}

/// True when an output channel's accumulator and all its partial sums, whatever the activations, stay below `limit`:
/// [`NARROW_LIMIT`] for [`Packing::Lanes`], [`WIDE_LIMIT`] for [`Packing::WideLanes`] and [`Packing::Fours`].
pub fn lanes_are_exact(row: impl IntoIterator<Item = i8>, bias: i32, limit: i64) -> bool {
    let magnitude = row.into_iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
    magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs()) < limit
}

/// The limit for [`lanes_are_exact`] of a packing that needs one.
pub fn limit(packing: Packing) -> Option<i64> {
    match packing {
        Packing::Lanes => Some(NARROW_LIMIT),
        Packing::WideLanes | Packing::Fours => Some(WIDE_LIMIT),
        Packing::RowMajor | Packing::Paired => None,
    }
}

/// The 16-bit element `256 * b + a`, little-endian. Wraps where `paired_is_exact` would say no.
#[inline]
pub fn encode_pair(a: i8, b: i8) -> [u8; 2] {
    i16::from(b).wrapping_mul(256).wrapping_add(i16::from(a)).to_le_bytes()
}

/// The two weights of one element: `a` is its low byte as a signed number, `b` what is left of it.
#[inline]
pub fn decode_pair(bytes: [i8; 2]) -> [i8; 2] {
    let [low, high] = bytes;
    // A negative `a` has borrowed one from the high byte.
    [low, high.wrapping_add(i8::from(low < 0))]
}

/// True when the pair of output channels `a`, `b` can be computed from sums of `x * (256 * b + a)` in 32 bits.
///
/// - Elements fit 16 bits: weights lie in `-127..=127`.
/// - The sum of `b` can be read from the upper 24 bits: `128 * sum(|b|) + |bias_b| < 2^22, twice that being accumulated`.
/// - Both accumulators stay below `2^30` in magnitude, so that no order of additions overflows.
pub fn paired_is_exact(weights: [&[i8]; 2], bias: [i32; 2]) -> bool {
    let in_range = weights.iter().all(|row| row.iter().all(|weight| *weight != i8::MIN));
    let bound = |row: &[i8], bias: i32| {
        let magnitude = row.iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
        magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs())
    };
    let [a, b] = weights;
    let [bias_a, bias_b] = bias;
    in_range && bound(a, bias_a) < 1 << 30 && bound(b, bias_b) < 1 << 22
}
