//! From the running sums of eight outputs to bytes, with AVX2.
//!
//! `h = (x * m + 2^30) >> 31` and then `h / 2^s` to the nearest, halves away from zero. Where every factor shifts to the
//! right by one place at least and no sum reaches `2^30`, the second rounding costs nothing: its half, times `2^31`, is
//! added together with the `2^30` of the first, and one is taken where `x` is negative. (`h` has the sign of `x`, or is
//! zero, and then one less does not matter as `2^(s - 1) - 1` still rounds to zero.) Other layers take the longer way.

use core::arch::x86_64::*;

use crate::dots::{LANES, Lanes, QUAD};
use crate::numerics::{FixedPoint, OutputStage};

/// Factors of eight numbers.
pub(super) struct Factors {
    /// Multipliers of lanes 0, 2, 4, 6, and of 1, 3, 5, 7, in 64 bits.
    multipliers: [__m256i; 2],
    /// What is added to their products.
    halves: [__m256i; 2],
    /// Places to the left, in the longer way.
    left: __m256i,
    /// Places to the right.
    right: __m256i,
    is_short: bool,
}

impl Factors {
    /// For numbers that are small, below `2^30` in magnitude, or not known to be.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(multipliers: __m256i, shifts: __m256i, are_small: bool) -> Factors {
        let zero = _mm256_setzero_si256();
        let places = |shifts| _mm256_and_si256(shifts, _mm256_set1_epi32(31));
        let right = places(_mm256_max_epi32(_mm256_sub_epi32(zero, shifts), zero));
        let is_right = _mm256_cmpgt_epi32(right, zero);
        let is_short = are_small && _mm256_movemask_epi8(is_right) == -1;
        let first = _mm256_set1_epi64x(1 << 30);
        // 2^(s - 1 + 31), in 64 bits.
        let second = |right| _mm256_sllv_epi64(first, _mm256_and_si256(right, _mm256_set1_epi64x(31)));
        let half = |right| if is_short { _mm256_add_epi64(first, second(right)) } else { first };
        Factors {
            multipliers: [multipliers, odd(multipliers)],
            halves: [half(right), half(odd(right))],
            left: places(_mm256_max_epi32(shifts, zero)),
            right,
            is_short,
        }
    }

    /// The same factor for all.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn splat(factor: FixedPoint, are_small: bool) -> Factors {
        Factors::new(_mm256_set1_epi32(factor.multiplier), _mm256_set1_epi32(factor.shift), are_small)
    }

    /// Products with the multipliers and [`Factors::halves`], their bits from the 31st on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn high(&self, x: __m256i) -> __m256i {
        let even = _mm256_add_epi64(_mm256_mul_epi32(x, self.multipliers[0]), self.halves[0]);
        let odd = _mm256_add_epi64(_mm256_mul_epi32(odd(x), self.multipliers[1]), self.halves[1]);
        _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<31>(even), _mm256_add_epi64(odd, odd))
    }

    /// Eight numbers times their factors: what [`FixedPoint::apply`] gives.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn apply(&self, x: __m256i) -> __m256i {
        if self.is_short {
            let sign = _mm256_srai_epi32::<31>(x);
            return _mm256_srav_epi32(_mm256_add_epi32(self.high(x), sign), self.right);
        }
        let high = self.high(_mm256_sllv_epi32(x, self.left));
        let ones = _mm256_set1_epi32(-1);
        let mask = _mm256_andnot_si256(_mm256_sllv_epi32(ones, self.right), ones);
        let threshold = _mm256_sub_epi32(_mm256_srli_epi32::<1>(mask), _mm256_srai_epi32::<31>(high));
        let is_above = _mm256_cmpgt_epi32(_mm256_and_si256(high, mask), threshold);
        _mm256_sub_epi32(_mm256_srav_epi32(high, self.right), is_above)
    }
}

/// What becomes of scaled numbers.
pub(super) struct Output {
    zero_point: __m256i,
    min: __m256i,
    max: __m256i,
}

impl Output {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(output: OutputStage) -> Output {
        Output {
            zero_point: _mm256_set1_epi16(output.zero_point as i16),
            min: _mm256_set1_epi8(output.min as i8),
            max: _mm256_set1_epi8(output.max as i8),
        }
    }

    /// Sixteen-bit numbers plus the zero point, and others, clamped: eight bytes of the former and eight of the latter in
    /// each half. What does not fit 16 bits is beyond either clamp.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn bytes(&self, a: __m256i, b: __m256i) -> __m256i {
        let values = |x| _mm256_adds_epi16(x, self.zero_point);
        let bytes = _mm256_packs_epi16(values(a), values(b));
        _mm256_min_epi8(_mm256_max_epi8(bytes, self.min), self.max)
    }
}

/// Constants of eight sums.
pub(crate) struct Stage {
    starts: __m256i,
    factors: Factors,
    output: Output,
}

/// Eight numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn eight(numbers: &[i32; LANES]) -> __m256i {
    // SAFETY: the array's 32 bytes are read, which need no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

/// Upper halves of the 64-bit lanes moved down. A shift would do, but the compiler sees through it and multiplies 64 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn odd(x: __m256i) -> __m256i {
    _mm256_shuffle_epi32::<0b11_11_01_01>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn stage(lanes: &Lanes, output: OutputStage) -> Stage {
    let factors = Factors::new(eight(&lanes.multipliers), eight(&lanes.shifts), lanes.are_small);
    Stage { starts: eight(&lanes.starts), factors, output: Output::new(output) }
}

/// The sum of each vector's lanes: pairs, then fours, then both halves.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn totals([a, b, c, d, e, f, g, h]: [__m256i; LANES]) -> __m256i {
    let pair = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let four = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (low, high) = (four(pair(a, b), pair(c, d)), four(pair(e, f), pair(g, h)));
    _mm256_add_epi32(_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high))
}

/// Eight sums times their factors.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn scaled(stage: &Stage, sums: __m256i) -> __m256i {
    stage.factors.apply(_mm256_add_epi32(sums, stage.starts))
}

/// Outputs of eight sums, one in each lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn finish(stage: &Stage, sums: __m256i) -> [[i8; QUAD]; 2] {
    let scaled = scaled(stage, sums);
    let bytes = clamped(stage, _mm256_packs_epi32(scaled, scaled));
    let quad = |x| _mm_cvtsi128_si32(x).to_le_bytes().map(u8::cast_signed);
    [quad(_mm256_castsi256_si128(bytes)), quad(_mm256_extracti128_si256::<1>(bytes))]
}

/// Outputs of eight channels, one in each lane, for four pixels.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn finish_pixels(stage: &Stage, [a, b, c, d]: [__m256i; 4]) -> [[i8; LANES]; 4] {
    let words = |a, b| _mm256_packs_epi32(scaled(stage, a), scaled(stage, b));
    let bytes = stage.output.bytes(words(a, b), words(c, d));
    // Each half has four channels of all pixels.
    let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    let mut outputs = [[0; LANES]; 4];
    // SAFETY: 32 bytes are written to an array of as many, which need no alignment.
    unsafe { _mm256_storeu_si256(outputs.as_mut_ptr().cast(), bytes) };
    outputs
}

/// Vector `i` of the result has lane `i` of every vector.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transposed([a, b, c, d, e, f, g, h]: [__m256i; LANES]) -> [__m256i; LANES] {
    let low = |a, b| _mm256_unpacklo_epi32(a, b);
    let high = |a, b| _mm256_unpackhi_epi32(a, b);
    let fours = |a, b| [_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)];
    let [a0, a1] = fours(low(a, b), low(c, d));
    let [a2, a3] = fours(high(a, b), high(c, d));
    let [b0, b1] = fours(low(e, f), low(g, h));
    let [b2, b3] = fours(high(e, f), high(g, h));
    let lower = |a, b| _mm256_permute2x128_si256::<0x20>(a, b);
    let upper = |a, b| _mm256_permute2x128_si256::<0x31>(a, b);
    [
        lower(a0, b0),
        lower(a1, b1),
        lower(a2, b2),
        lower(a3, b3),
        upper(a0, b0),
        upper(a1, b1),
        upper(a2, b2),
        upper(a3, b3),
    ]
}

/// Sixteen-bit numbers as bytes, twice in each half.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn clamped(stage: &Stage, values: __m256i) -> __m256i {
    stage.output.bytes(values, values)
}
