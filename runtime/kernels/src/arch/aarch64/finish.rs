//! From sums to bytes, four channels a vector, to the bit of [`OutputStage::apply`].
//!
//! `SQRDMULH` is the rounded high half of the doubled product; it saturates only for `-2^31` times `-2^31`, and multipliers
//! are positive. `SRSHL` to the right rounds halves up, and the rule rounds them away from zero: one is taken from
//! negative numbers first, which changes nothing else where the shift is a place at least. The product of a number and a
//! multiplier below `2^31` lies above `-2^31`, so that does not wrap.
//!
//! Where all factors are below one half, numbers have 30 bits after the shift: nothing that 16 bits do not hold comes back
//! within a byte by adding the zero point, so it is added after narrowing. Other factors take the longer way.

use core::arch::aarch64::{int8x16_t, int16x8_t, int32x4_t, vld1q_s32};

use super::neon::*;
use crate::numerics::{FixedPoint, OutputStage, Requant};

/// Channels of a vector.
pub(super) const LANES: usize = 4;

/// Where the constants of a layer are.
#[derive(Clone, Copy)]
pub(super) struct Constants<'a> {
    pub(super) bias: &'a [i32],
    pub(super) requant: Requant<'a>,
}

/// The constants of four channels.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    /// What sums begin with: [`Stage::scaled`] adds nothing.
    pub(super) starts: int32x4_t,
    multipliers: int32x4_t,
    /// Places to the left.
    left: int32x4_t,
    /// Places to the right, as negative numbers.
    right: int32x4_t,
}

/// What each lane's channel has; zeros behind the last.
#[inline(always)]
fn lanes<T: Copy + Default>(numbers: &[T], first: usize) -> [T; LANES] {
    let numbers = numbers.get(first..).unwrap_or_default();
    if let Some(four) = numbers.first_chunk() {
        return *four;
    }
    let mut lanes = [T::default(); LANES];
    for (lane, number) in lanes.iter_mut().zip(numbers) {
        *lane = *number;
    }
    lanes
}

/// Four numbers.
#[inline(always)]
pub(super) fn four(numbers: &[i32; LANES]) -> int32x4_t {
    // SAFETY: the array's 16 bytes are read.
    unsafe { vld1q_s32(numbers.as_ptr()) }
}

impl Stage {
    /// Those of channels `first .. first + 4`, and whether all their factors are below one half.
    #[inline(always)]
    pub(super) fn new(constants: &Constants<'_>, first: usize) -> (Stage, bool) {
        let Constants { bias, requant, .. } = constants;
        let words = match requant.words {
            [word] => [*word; LANES],
            words => lanes(words, first),
        };
        let extra = match requant.extra {
            [] => None,
            [extra] => Some([*extra; LANES]),
            extra => Some(lanes(extra, first)),
        };
        Stage::of(lanes(bias, first), words, requant.shift_base, extra)
    }

    /// The same where channels begin again from the first behind `cycle`.
    #[inline(always)]
    pub(super) fn repeated(constants: &Constants<'_>, first: usize, cycle: usize) -> (Stage, bool) {
        if first.saturating_add(LANES) <= cycle {
            return Stage::new(constants, first);
        }
        let Constants { bias, requant, .. } = constants;
        let channel = |lane: usize| first.wrapping_add(lane).checked_rem(cycle).unwrap_or(0);
        let channels = [channel(0), channel(1), channel(2), channel(3)];
        let index = |channel: usize, len: usize| if len == 1 { 0 } else { channel };
        let words = channels.map(|c| requant.words.get(index(c, requant.words.len())).copied().unwrap_or(0));
        let extra = channels.map(|c| requant.extra.get(index(c, requant.extra.len())).copied().unwrap_or(0));
        let bias = channels.map(|channel| bias.get(channel).copied().unwrap_or(0));
        Stage::of(bias, words, requant.shift_base, Some(extra))
    }

    /// One factor for all, and sums that begin with 0.
    #[inline(always)]
    pub(super) fn splat(factor: FixedPoint) -> Stage {
        Stage {
            starts: vdupq_n_s32(0),
            multipliers: vdupq_n_s32(factor.multiplier),
            left: vdupq_n_s32(factor.shift.max(0)),
            right: vdupq_n_s32(factor.shift.min(0)),
        }
    }

    #[inline(always)]
    fn of(bias: [i32; LANES], words: [u32; LANES], base: i32, extra: Option<[u8; LANES]>) -> (Stage, bool) {
        let words = four(&words.map(u32::cast_signed));
        let increments = vreinterpretq_s32_u32(vshrq_n_u32::<30>(vreinterpretq_u32_s32(words)));
        let mut shifts = vaddq_s32(increments, vdupq_n_s32(base));
        if let Some(extra) = extra {
            shifts = vaddq_s32(shifts, four(&extra.map(i32::from)));
        }
        let stored = vandq_s32(words, vdupq_n_s32(0x3fff_ffff));
        let zero = vdupq_n_s32(0);
        let stage = Stage {
            starts: four(&bias),
            multipliers: vorrq_s32(stored, vdupq_n_s32(0x4000_0000)),
            left: vmaxq_s32(shifts, zero),
            right: vminq_s32(shifts, zero),
        };
        (stage, vmaxvq_s32(shifts) < 0)
    }

    /// Sums times the factors, the shorter way if all factors are below one half.
    #[inline(always)]
    pub(super) fn scaled<const SHORT: bool>(&self, sums: int32x4_t) -> int32x4_t {
        if SHORT {
            let high = vqrdmulhq_s32(sums, self.multipliers);
            return vrshlq_s32(vsraq_n_s32::<31>(high, high), self.right);
        }
        let high = vqrdmulhq_s32(vshlq_s32(sums, self.left), self.multipliers);
        // Only what is shifted to the right is rounded away from zero.
        let signs = vshrq_n_s32::<31>(vandq_s32(high, self.right));
        vrshlq_s32(vaddq_s32(high, signs), self.right)
    }
}

/// Zero point and clamp.
#[derive(Clone, Copy)]
pub(super) struct Output {
    zero_point: int16x8_t,
    min: int8x16_t,
    max: int8x16_t,
}

impl Output {
    #[inline(always)]
    pub(super) fn new(stage: OutputStage) -> Output {
        let OutputStage { zero_point, min, max } = stage;
        // Zero points are bytes.
        let zero_point = vdupq_n_s16(zero_point as i16);
        Output { zero_point, min: vdupq_n_s8(min as i8), max: vdupq_n_s8(max as i8) }
    }

    /// Eight sums, in 16 bits.
    #[inline(always)]
    fn halves<const SHORT: bool>(&self, stages: [&Stage; 2], [a, b]: [int32x4_t; 2]) -> int16x8_t {
        let (a, b) = (stages[0].scaled::<SHORT>(a), stages[1].scaled::<SHORT>(b));
        if SHORT {
            return vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), self.zero_point);
        }
        let zero_point = vmovl_s16(vget_low_s16(self.zero_point));
        vqmovn_high_s32(vqmovn_s32(vaddq_s32(a, zero_point)), vaddq_s32(b, zero_point))
    }

    #[inline(always)]
    fn clamp(&self, bytes: int8x16_t) -> int8x16_t {
        // What does not fit a byte is beyond either clamp.
        vminq_s8(vmaxq_s8(bytes, self.min), self.max)
    }

    /// Outputs of sixteen sums.
    #[inline(always)]
    pub(super) fn sixteen<const SHORT: bool>(&self, [a, b, c, d]: [&Stage; 4], sums: [int32x4_t; 4]) -> int8x16_t {
        let low = self.halves::<SHORT>([a, b], [sums[0], sums[1]]);
        let high = self.halves::<SHORT>([c, d], [sums[2], sums[3]]);
        self.clamp(vqmovn_high_s16(vqmovn_s16(low), high))
    }

    /// Outputs of eight sums, twice.
    #[inline(always)]
    pub(super) fn eight<const SHORT: bool>(&self, stages: [&Stage; 2], sums: [int32x4_t; 2]) -> int8x16_t {
        let bytes = vqmovn_s16(self.halves::<SHORT>(stages, sums));
        self.clamp(vcombine_s8(bytes, bytes))
    }
}
