//! Fixed-point requantization: from an `i32` accumulator to an `i8`, rounding twice.
//!
//! A real factor `f > 0` is a 31-bit multiplier `m` in `[2^30, 2^31)` and a power of two: `f = m / 2^31 * 2^shift`.
//! The product is taken as TensorFlow Lite Micro's reference kernels take it:
//!
//! 1. `x << max(shift, 0)`, wrapping;
//! 2. the high half of the doubled product, rounded to nearest, halves up:
//!    `h = (x * m + 2^30) >> 31`;
//! 3. `h` divided by `2^max(-shift, 0)`, rounded to nearest, halves away from zero.
//!
//! Step 2 is gemmlowp's `SaturatingRoundingDoublingHighMul`. Its saturating case needs both factors to be
//! `-2^31`, and `m` is positive. Its truncating division with a sign-dependent nudge equals the floor above
//! for both signs. Step 3 is `RoundingDivideByPOT`.
//!
//! Sums of int16 activations have 64 bits and another rule, [`FixedPoint::apply_long`]: a multiplier of 15 bits, and
//! one rounding.

/// Mask of the multiplier's stored bits in a packed word.
const STORED_BITS: u32 = 0x3fff_ffff;
/// The multiplier's top bit, always set and so never stored.
const TOP_BIT: u32 = 0x4000_0000;

/// A factor `multiplier / 2^31 * 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoint {
    /// In `[2^30, 2^31)`.
    pub multiplier: i32,
    /// In `-31..=30`; positive shifts to the left.
    pub shift: i32,
}

impl FixedPoint {
    /// `x` times the factor, rounded twice as described above.
    #[inline]
    pub fn apply(self, x: i32) -> i32 {
        let left = self.shift.max(0) as u32;
        let right = self.shift.min(0).unsigned_abs();
        let high = doubling_high_mul(x.wrapping_shl(left), self.multiplier);
        if right == 0 {
            return high;
        }
        // What `rounding_shift_right` computes, in fewer steps. No sum leaves 32 bits, because a product with a multiplier
        // below 2^31 lies above -2^31 and below 2^31 - 1.
        let toward_zero = high.wrapping_sub(i32::from(high < 0));
        (toward_zero.wrapping_shr(right.wrapping_sub(1)).wrapping_add(1)) >> 1
    }

    /// A 64-bit `x` times the factor, rounded once: `(x * r + 2^(14 - shift)) >> (15 - shift)`, modulo 2^32, where `r`
    /// is the multiplier rounded to 15 bits, halves up. `shift` is in [`LONG_SHIFTS`], `x` within [`LONG_LIMIT`].
    #[inline]
    pub fn apply_long(self, x: i64) -> i32 {
        let reduced = (self.multiplier.wrapping_add(1 << 15) as u32 >> 16).min(0x7fff);
        let shift = 15_i32.wrapping_sub(self.shift) as u32;
        let half = 1_i64.wrapping_shl(shift.wrapping_sub(1));
        x.wrapping_mul(i64::from(reduced)).wrapping_add(half).wrapping_shr(shift) as i32
    }
}

/// `(a * b + 2^30) >> 31`: the rounded high half of the doubled product.
#[inline]
pub fn doubling_high_mul(a: i32, b: i32) -> i32 {
    let product = i64::from(a).wrapping_mul(i64::from(b));
    (product.wrapping_add(1 << 30) >> 31) as i32
}

/// `x / 2^exponent` rounded to nearest, halves away from zero. `exponent` in `0..=31`.
#[inline]
pub fn rounding_shift_right(x: i32, exponent: u32) -> i32 {
    let mask = (1u32.wrapping_shl(exponent).wrapping_sub(1)) as i32;
    let remainder = x & mask;
    let threshold = (mask >> 1).wrapping_add(i32::from(x < 0));
    x.wrapping_shr(exponent).wrapping_add(i32::from(remainder > threshold))
}

/// The factors of a layer's output channels, four bytes each.
///
/// Word `c` holds the low 30 bits of the multiplier and, in the top two bits, the channel's shift relative to
/// `shift_base`. A layer whose shifts span more than four values adds `extra` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Requant<'a> {
    /// One word for each output channel, or a single one for all.
    pub words: &'a [u32],
    /// The smallest shift of the layer.
    pub shift_base: i32,
    /// Empty, or one more shift increment for each word.
    pub extra: &'a [u8],
}

impl Requant<'_> {
    /// The factor of output channel `channel`.
    #[inline]
    pub fn at(&self, channel: usize) -> FixedPoint {
        let index = if self.words.len() == 1 { 0 } else { channel };
        let word = self.words.get(index).copied().unwrap_or(0);
        self.factor(word, self.extra.get(index).copied().unwrap_or(0))
    }

    /// The factor of a channel's word and its further increment.
    #[inline]
    pub(crate) fn factor(&self, word: u32, extra: u8) -> FixedPoint {
        FixedPoint {
            multiplier: ((word & STORED_BITS) | TOP_BIT) as i32,
            shift: self.shift_base.wrapping_add((word >> 30) as i32).wrapping_add(i32::from(extra)),
        }
    }

    /// The factors of the output channels from `channel` on.
    #[inline]
    pub(crate) fn from(self, channel: usize) -> Self {
        let words = if self.words.len() == 1 { self.words } else { self.words.get(channel..).unwrap_or_default() };
        let extra = if self.words.len() == 1 { self.extra } else { self.extra.get(channel..).unwrap_or_default() };
        Requant { words, extra, ..self }
    }

    /// True when there are biases and factors for `outputs` channels.
    #[inline]
    pub(crate) fn suffices(&self, bias: &[i32], outputs: usize) -> bool {
        let (words, extra) = (self.words.len(), self.extra.len());
        bias.len() >= outputs && (words == 1 || words >= outputs) && (extra == 0 || extra >= words)
    }

    /// The word for a factor; `relative_shift` in `0..=3` is its shift less the layer's base. There is none for a
    /// factor of zero: the host sets that channel's weights and bias to zero instead.
    pub fn pack(multiplier: i32, relative_shift: u32) -> u32 {
        (multiplier as u32 & STORED_BITS) | (relative_shift << 30)
    }
}

/// Shifts that the output stage of the dual-multiply kernels takes: it always rounds to the right, and its
/// rounding constant includes the zero point.
pub const DUAL_MULTIPLY_SHIFTS: core::ops::RangeInclusive<i32> = -20..=-1;

/// Shifts of factors below one half: those that round to the right.
pub const RIGHT_SHIFTS: core::ops::RangeInclusive<i32> = -31..=-1;

/// Shifts that the output stage of kernels without a long multiplication takes for accumulators below
/// [`NARROW_LIMIT`]: its rounding constant, with the zero point, must leave room for the product.
pub const NARROW_SHIFTS: core::ops::RangeInclusive<i32> = -13..=-1;

/// As [`NARROW_SHIFTS`], for accumulators below [`WIDE_LIMIT`].
pub const WIDE_SHIFTS: core::ops::RangeInclusive<i32> = -16..=-1;

/// Magnitude below which an accumulator times 11 bits of a multiplier, and a carry, fit 32 bits.
pub const NARROW_LIMIT: i64 = (1 << 20) - (1 << 10);

/// Magnitude below which an accumulator times 8 bits of a multiplier, and a carry, fit 32 bits.
pub const WIDE_LIMIT: i64 = (1 << 23) - (1 << 15);

/// Shifts that [`FixedPoint::apply_long`] takes.
pub const LONG_SHIFTS: core::ops::RangeInclusive<i32> = -31..=14;

/// Magnitude below which a 64-bit accumulator times the reduced multiplier, and half a unit, fit 64 bits.
pub const LONG_LIMIT: i64 = 1 << 47;

/// Shifts of any factor.
pub const ALL_SHIFTS: core::ops::RangeInclusive<i32> = -31..=30;

/// How an accumulator leaves an integer operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStage {
    /// Added after requantization, in `-128..=127`.
    pub zero_point: i32,
    /// Lower clamp of the result, in `-128..=127`.
    pub min: i32,
    /// Upper clamp of the result, in `min..=127`.
    pub max: i32,
}

impl OutputStage {
    /// The whole `i8` range around `zero_point`.
    pub const fn unclamped(zero_point: i32) -> Self {
        OutputStage { zero_point, min: -128, max: 127 }
    }

    /// `acc * factor + zero_point`, clamped.
    #[inline]
    pub fn apply(self, acc: i32, factor: FixedPoint) -> i8 {
        factor.apply(acc).wrapping_add(self.zero_point).max(self.min).min(self.max) as i8
    }
}

/// A factor and an output stage for accumulators of less than 30 bits, with what both say worked out once: for loops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortStage {
    multiplier: i32,
    /// Half a unit of the result and its zero point, before the shift.
    rounding: i32,
    shift: u32,
    min: i32,
    max: i32,
}

impl ShortStage {
    /// `None` for a factor whose shift is not in [`DUAL_MULTIPLY_SHIFTS`].
    pub(crate) fn new(factor: FixedPoint, stage: OutputStage) -> Option<Self> {
        let OutputStage { zero_point, min, max } = stage;
        let is_code = (-128..=127).contains(&zero_point);
        (is_code && DUAL_MULTIPLY_SHIFTS.contains(&factor.shift)).then(|| {
            let shift = factor.shift.unsigned_abs();
            let half = 1_i32.wrapping_shl(shift.wrapping_sub(1));
            let rounding = half.wrapping_add(zero_point.wrapping_shl(shift));
            ShortStage { multiplier: factor.multiplier, rounding, shift, min, max }
        })
    }

    /// What [`OutputStage::apply`] computes, of an `acc` in `-2^30..2^30`. The upper half of the product of the doubled
    /// accumulator needs no shift, and no sum leaves 32 bits.
    #[inline]
    pub(crate) fn apply(&self, acc: i32) -> i8 {
        let product = i64::from(acc.wrapping_shl(1)).wrapping_mul(i64::from(self.multiplier));
        let high = (product.wrapping_add(1 << 31) >> 32) as i32;
        let rounded = high.wrapping_add(high >> 31).wrapping_add(self.rounding).wrapping_shr(self.shift);
        rounded.max(self.min).min(self.max) as i8
    }
}

/// [`ShortStage`] for layers with a factor for each output channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortRequant<'a> {
    requant: Requant<'a>,
    stage: OutputStage,
}

impl<'a> ShortRequant<'a> {
    /// `None` when a factor may have a shift that is not in [`DUAL_MULTIPLY_SHIFTS`], or a bias may bring the sum of `taps`
    /// products of nine and eight bits to 30 bits.
    pub(crate) fn new(requant: Requant<'a>, stage: OutputStage, bias: &[i32], taps: usize) -> Option<Self> {
        let has_shifts = requant.extra.is_empty()
            && DUAL_MULTIPLY_SHIFTS.contains(&requant.shift_base)
            && DUAL_MULTIPLY_SHIFTS.contains(&requant.shift_base.wrapping_add(3));
        let is_code = (-128..=127).contains(&stage.zero_point);
        let is_small = taps < 1 << 13 && bias.iter().all(|bias| bias.unsigned_abs() < 1 << 29);
        (has_shifts && is_code && is_small).then_some(ShortRequant { requant, stage })
    }

    /// What [`OutputStage::apply`] makes of output channel `channel`.
    #[inline]
    pub(crate) fn apply(&self, channel: usize, acc: i32) -> i8 {
        let words = self.requant.words;
        let word = words.get(if words.len() == 1 { 0 } else { channel }).copied().unwrap_or(0);
        let FixedPoint { multiplier, shift } = self.requant.factor(word, 0);
        let shift = shift.unsigned_abs();
        let OutputStage { zero_point, min, max } = self.stage;
        let rounding = 1_i32.wrapping_shl(shift.wrapping_sub(1)).wrapping_add(zero_point.wrapping_shl(shift));
        ShortStage { multiplier, rounding, shift, min, max }.apply(acc)
    }
}

/// The clamp of a float operator's output; `-inf..=inf` when it has no activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClampF32 {
    /// Lower bound.
    pub min: f32,
    /// Upper bound.
    pub max: f32,
}

impl ClampF32 {
    /// `x` within the bounds; NaN stays NaN.
    #[inline]
    pub fn apply(self, x: f32) -> f32 {
        let x = if x < self.min { self.min } else { x };
        if x > self.max { self.max } else { x }
    }

    /// Brings all within the bounds; bounds that no number exceeds are not asked.
    #[inline(never)]
    pub fn apply_all(self, elements: &mut [f32]) {
        if self.max < f32::INFINITY {
            elements.iter_mut().for_each(|x| *x = self.apply(*x));
        } else if self.min > f32::NEG_INFINITY {
            elements.iter_mut().for_each(|x| *x = if *x < self.min { self.min } else { *x });
        }
    }
}
