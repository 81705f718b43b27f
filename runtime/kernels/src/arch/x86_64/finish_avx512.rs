//! From the sums of sixteen outputs to bytes, with AVX-512: what `finish.rs` does for eight, whose head has the proof of the
//! shorter way.
//!
//! Where that is taken, factors shift by 22 places at most and the upper clamp is that of a byte, the zero point is a part of
//! what is added to the products, times `2^(31 + s)`: nothing is added behind the shift, and saturation clamps.

use core::arch::x86_64::*;

use crate::numerics::{FixedPoint, OutputStage, Requant};

/// Outputs of a vector.
pub(super) const LANES: usize = 16;
/// Most places to the right in the shorter way.
const LONGEST: i32 = 22;

/// Constants of sixteen sums.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    /// What the sums begin with: [`Stage::finish`] adds nothing.
    pub(super) starts: __m512i,
    /// Multipliers of even and of odd lanes, in 64 bits.
    multipliers: [__m512i; 2],
    /// What is added to their products in the shorter way.
    halves: [__m512i; 2],
    /// Places to the left, in the longer way.
    left: __m512i,
    /// Places to the right.
    right: __m512i,
    zero_point: __m512i,
    min: __m128i,
    max: __m128i,
    /// True when [`Stage::finish`] may be asked for the shorter way.
    pub(super) is_short: bool,
}

/// Where the constants of a layer are.
#[derive(Clone, Copy)]
pub(super) struct Constants<'a> {
    pub(super) bias: &'a [i32],
    pub(super) requant: Requant<'a>,
    pub(super) output: OutputStage,
    /// True when no activations make a sum that is `2^30` or more in magnitude.
    pub(super) are_small: bool,
}

/// Channels of a vector: the first, how many lanes have one, and after how many they begin again from channel 0.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) cycle: usize,
}

impl Channels {
    /// What each lane's channel has; zeros where there is none.
    #[inline(always)]
    fn of<T: Copy + Default>(self, numbers: &[T]) -> [T; LANES] {
        let run = numbers.get(self.first..).and_then(|run| run.first_chunk());
        if let (Some(run), true) = (run, self.first.saturating_add(LANES) <= self.cycle && self.count == LANES) {
            return *run;
        }
        let mut lanes = [T::default(); LANES];
        let mut channel = self.first;
        for to in lanes.iter_mut().take(self.count) {
            *to = numbers.get(channel).copied().unwrap_or_default();
            channel = channel.wrapping_add(1);
            channel = if channel >= self.cycle { 0 } else { channel };
        }
        lanes
    }
}

impl Stage {
    /// Those of some channels, whose sums are too large by `excess`.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn new(constants: &Constants<'_>, channels: Channels, excess: __m512i) -> Stage {
        let Constants { bias, requant, output, are_small } = constants;
        let words = match requant.words {
            [word] => _mm512_set1_epi32(word.cast_signed()),
            words => sixteen(&channels.of(words).map(u32::cast_signed)),
        };
        let mut shifts = _mm512_add_epi32(_mm512_srli_epi32::<30>(words), _mm512_set1_epi32(requant.shift_base));
        match requant.extra {
            [] => {}
            [extra] => shifts = _mm512_add_epi32(shifts, _mm512_set1_epi32((*extra).into())),
            extra => shifts = _mm512_add_epi32(shifts, sixteen(&channels.of(extra).map(i32::from))),
        }
        let stored = _mm512_and_si512(words, _mm512_set1_epi32(0x3fff_ffff));
        let multipliers = _mm512_or_si512(stored, _mm512_set1_epi32(0x4000_0000));
        let zero = _mm512_setzero_si512();
        let places = |shifts| _mm512_and_si512(shifts, _mm512_set1_epi32(31));
        let right = places(_mm512_max_epi32(_mm512_sub_epi32(zero, shifts), zero));
        let is_within = |limit| _mm512_cmple_epi32_mask(right, _mm512_set1_epi32(limit));
        let is_short = *are_small && is_within(0) == 0 && is_within(LONGEST) == u16::MAX;
        let is_short = is_short && output.max == 127;
        let first = _mm512_set1_epi64(1 << 30);
        let zero_point = _mm512_set1_epi64(i64::from(output.zero_point) << 31);
        // 2^(s - 1 + 31) and the zero point, in 64 bits.
        let more = |right| {
            let right = _mm512_and_si512(right, _mm512_set1_epi64(31));
            _mm512_add_epi64(_mm512_sllv_epi64(first, right), _mm512_sllv_epi64(zero_point, right))
        };
        let half = |right| _mm512_add_epi64(first, more(right));
        Stage {
            starts: _mm512_sub_epi32(sixteen(&channels.of(bias)), excess),
            multipliers: [multipliers, odd(multipliers)],
            halves: [half(right), half(odd(right))],
            left: places(_mm512_max_epi32(shifts, zero)),
            right,
            zero_point: _mm512_set1_epi32(output.zero_point),
            min: _mm_set1_epi8(output.min as i8),
            max: _mm_set1_epi8(output.max as i8),
            is_short,
        }
    }

    /// Products with the multipliers, with halves added in even and in odd lanes, their bits from the 31st on.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    fn high(&self, x: __m512i, halves: [__m512i; 2]) -> __m512i {
        let even = _mm512_add_epi64(_mm512_mul_epi32(x, self.multipliers[0]), halves[0]);
        let odd = _mm512_add_epi64(_mm512_mul_epi32(odd(x), self.multipliers[1]), halves[1]);
        _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<31>(even), _mm512_add_epi64(odd, odd))
    }

    /// Outputs of the sums, the shorter way if it may be taken.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn finish<const SHORT: bool>(&self, sums: __m512i) -> __m128i {
        if SHORT {
            let signs = _mm512_srai_epi32::<31>(sums);
            let scaled = _mm512_srav_epi32(_mm512_add_epi32(self.high(sums, self.halves), signs), self.right);
            // Without the lower clamp the compiler would convert into memory, which takes several times as long.
            return _mm_max_epi8(_mm512_cvtsepi32_epi8(scaled), self.min);
        }
        let first = _mm512_set1_epi64(1 << 30);
        let high = self.high(_mm512_sllv_epi32(sums, self.left), [first, first]);
        let ones = _mm512_set1_epi32(-1);
        let mask = _mm512_andnot_si512(_mm512_sllv_epi32(ones, self.right), ones);
        let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(high));
        let is_above = _mm512_cmpgt_epi32_mask(_mm512_and_si512(high, mask), threshold);
        let scaled = _mm512_srav_epi32(high, self.right);
        let scaled = _mm512_mask_sub_epi32(scaled, is_above, scaled, ones);
        // What does not fit a byte is beyond either clamp.
        let bytes = _mm512_cvtsepi32_epi8(_mm512_add_epi32(scaled, self.zero_point));
        _mm_min_epi8(_mm_max_epi8(bytes, self.min), self.max)
    }
}

/// A factor below one half, for numbers below `2^30` in magnitude.
pub(super) struct Scale {
    multiplier: __m512i,
    half: __m512i,
    right: __m512i,
}

impl Scale {
    /// None for other factors.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(factor: FixedPoint) -> Option<Scale> {
        let right = u32::try_from(factor.shift.checked_neg()?).ok().filter(|right| (1..=31).contains(right))?;
        Some(Scale {
            multiplier: _mm512_set1_epi32(factor.multiplier),
            half: _mm512_set1_epi64((1_i64 << 30).wrapping_add(1_i64.wrapping_shl(right.wrapping_add(30)))),
            right: _mm512_set1_epi32(right.cast_signed()),
        })
    }

    /// Numbers times the factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn apply(&self, x: __m512i) -> __m512i {
        let even = _mm512_add_epi64(_mm512_mul_epi32(x, self.multiplier), self.half);
        let odd = _mm512_add_epi64(_mm512_mul_epi32(odd(x), self.multiplier), self.half);
        let high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<31>(even), _mm512_add_epi64(odd, odd));
        _mm512_srav_epi32(_mm512_add_epi32(high, _mm512_srai_epi32::<31>(x)), self.right)
    }
}

/// Writes `count` bytes, at most sixteen.
///
/// # Safety
///
/// There is room for them.
#[inline]
#[target_feature(enable = "avx512bw,avx512vl")]
pub(super) unsafe fn store(to: *mut i8, count: usize, bytes: __m128i) {
    if count == LANES {
        // SAFETY: the caller knows that there is room; no alignment is needed.
        unsafe { _mm_storeu_si128(to.cast(), bytes) };
    } else {
        // SAFETY: likewise.
        unsafe { _mm_mask_storeu_epi8(to, mask_of(count), bytes) };
    }
}

/// The first lanes.
#[inline(always)]
pub(super) fn mask_of(count: usize) -> u16 {
    (1_u32.wrapping_shl(count.min(LANES) as u32).wrapping_sub(1)) as u16
}

/// Sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn sixteen(numbers: &[i32; LANES]) -> __m512i {
    // SAFETY: the array's 64 bytes are read, which need no alignment.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// Upper halves of the 64-bit lanes moved down. A shift would do, but the compiler sees through it and multiplies 64 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn odd(x: __m512i) -> __m512i {
    _mm512_shuffle_epi32::<0b11_11_01_01>(x)
}
