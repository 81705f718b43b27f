//! From sums to bytes, four channels a vector, to the bit of [`OutputStage::apply`].
//!
//! There is no rounded high product of 32 bits, and no shift has a number of places for each lane. So both roundings are one
//! floor. With the sum `x`, the multiplier `m` and `s` places to the right, one at least, the rule is
//!
//! ```text
//! h = floor((x * m + 2^30) / 2^31)
//! r = floor((h - [h < 0] + 2^(s - 1)) / 2^s)     halves away from zero
//!   = floor((x * m + 2^30 + (2^(s - 1) - [x < 0]) * 2^31) / 2^(31 + s))
//! ```
//!
//! `x` stands for `h` in the comparison: they differ in sign only where `x = -1` and `m = 2^30`, and there `r` is 0 either way.
//! Numerator and denominator are doubled `d + 1` times, `d` one at least, until `S = s + d` is the same for all channels of
//! the layer. Then everything but the product is a multiple of `2^32`:
//!
//! ```text
//! r = (high(x * 2^(d + 1) * m) + 2^(d - 1) + 2^(S - 1) - [x < 0] * 2^d) >> S
//! ```
//!
//! where `high` is the upper half of 64 bits. Sums times `2^(d + 1)` cost nothing where weights are copied anyway: weights and
//! biases are multiplied instead, and with up to seven places weights fit 16 bits. A [`Plan`] exists where all of that holds
//! for a layer; else sums are finished one by one.

use core::arch::wasm32::*;

use super::bytes::{four, numbers};
use crate::io::range;
use crate::numerics::{FixedPoint, OutputStage, Requant};

/// Channels of a vector.
pub(super) const LANES: usize = 4;
/// Most places by which weights are shifted: they have 16 bits.
const PLACES: i32 = 7;
/// The least places, with one factor for all.
pub(super) const SPLAT: u32 = 2;
/// Most places to the right.
pub(super) const SHIFT: i32 = 30;
/// Sums that have been multiplied are at most this, so that no sum of the second formula wraps.
const LIMIT: i64 = 1 << 30;
/// Most that a product of two bytes is.
const PRODUCT: i64 = 1 << 14;

/// Where the constants of a layer are, and how its sums are finished.
#[derive(Clone, Copy)]
pub(super) struct Constants<'a> {
    pub(super) bias: &'a [i32],
    pub(super) requant: Requant<'a>,
    plan: Option<Plan>,
}

/// The same shift for all channels.
#[derive(Clone, Copy)]
struct Plan {
    shift: i32,
}

impl Plan {
    /// None for layers whose sums are finished one by one.
    fn new(bias: &[i32], requant: &Requant<'_>, stage: OutputStage, taps: usize) -> Option<Plan> {
        let (least, most) = span(requant, bias.len());
        // The shift of a channel is `-s`, and `d + 1` the places of its weights.
        let shift = least.wrapping_neg().wrapping_add(1);
        let places = most.wrapping_add(shift).wrapping_add(1);
        if !(-SHIFT..0).contains(&least) || !(-SHIFT..0).contains(&most) || shift > SHIFT || places > PLACES {
            return None;
        }
        let products = i64::try_from(taps).ok()?.checked_mul(PRODUCT)?;
        let largest = bias.iter().fold(0_u32, |largest, bias| largest.max(bias.unsigned_abs()));
        let sum = products.checked_add(largest.into())?;
        let is_code = (-128..=127).contains(&stage.zero_point);
        (is_code && sum.checked_mul(1_i64.wrapping_shl(places as u32))? <= LIMIT).then_some(Plan { shift })
    }
}

/// The least shift of a layer and the greatest.
fn span(requant: &Requant<'_>, outputs: usize) -> (i32, i32) {
    let words = requant.words.get(..outputs).unwrap_or(requant.words);
    if requant.extra.is_empty() {
        let increments = words
            .iter()
            .fold((3, 0), |(least, most), word| (word.wrapping_shr(30).min(least), word.wrapping_shr(30).max(most)));
        let shift = |increment: u32| requant.shift_base.wrapping_add_unsigned(increment);
        return (shift(increments.0), shift(increments.1));
    }
    (0..outputs)
        .map(|channel| requant.at(channel).shift)
        .fold((i32::MAX, i32::MIN), |(least, most), shift| (shift.min(least), shift.max(most)))
}

impl<'a> Constants<'a> {
    /// Of a layer with `taps` products in a sum; `bias` has as many numbers as there are channels.
    pub(super) fn new(bias: &'a [i32], requant: Requant<'a>, stage: OutputStage, taps: usize) -> Self {
        Constants { bias, requant, plan: Plan::new(bias, &requant, stage, taps) }
    }

    /// True when sums are finished one by one, and weights are not multiplied.
    #[inline(always)]
    pub(super) fn are_long(&self) -> bool {
        self.plan.is_none()
    }

    /// By how many places weights and bias of a channel are shifted to the left.
    #[inline(always)]
    pub(super) fn places(&self, channel: usize) -> u32 {
        self.plan.map_or(0, |plan| (self.requant.at(channel).shift.wrapping_add(plan.shift) as u32).wrapping_add(1))
    }
}

/// The constants of four channels.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    /// What sums begin with, multiplied like the weights.
    pub(super) starts: v128,
    multipliers: v128,
    /// What is added to each product's upper half.
    added: v128,
    /// What is added besides to those below zero.
    below_zero: v128,
    shift: u32,
}

impl Stage {
    /// Those of four channels, in each lane those of one.
    #[inline(always)]
    pub(super) fn new(constants: &Constants<'_>, channels: [usize; LANES]) -> Stage {
        let Constants { bias, requant, plan, .. } = constants;
        let [first, .., last] = channels;
        let neighbours = |plan: &Plan| {
            let words = match requant.words {
                [word] => Some([*word; LANES]),
                words => range(words, first, LANES).first_chunk().copied(),
            };
            let bias = range(bias, first, LANES).first_chunk::<LANES>();
            let are_neighbours = last == first.wrapping_add(LANES - 1) && requant.extra.is_empty();
            words
                .zip(bias)
                .filter(|_| are_neighbours)
                .map(|(words, bias)| Stage::of(plan, requant.shift_base, &words, bias))
        };
        match plan.as_ref().and_then(neighbours) {
            Some(stage) => stage,
            None => Stage::one_by_one(constants, channels),
        }
    }

    /// Of four neighbours with a word each.
    #[inline(always)]
    fn of(plan: &Plan, base: i32, words: &[u32; LANES], bias: &[i32; LANES]) -> Stage {
        // Two to the power of what a word says the shift is above the base, then `2^d`.
        let powers = i8x16(1, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        // SAFETY: the array's 16 bytes are read, which need no alignment.
        let words = unsafe { v128_load(words.as_ptr().cast()) };
        let increments = v128_or(u32x4_shr(words, 30), i32x4_splat(0x7f7f_7f00));
        // The least increment of a layer is 3 at most, so from the base to the shift there are two places less than none at worst.
        let places = base.wrapping_add(plan.shift).wrapping_add(2) as u32;
        let units = i32x4_shr(i32x4_shl(i8x16_swizzle(powers, increments), places), 2);
        let half = 1_i32.wrapping_shl((plan.shift as u32).wrapping_sub(1));
        Stage {
            starts: i32x4_mul(four(bias), i32x4_shl(units, 1)),
            multipliers: v128_or(v128_and(words, i32x4_splat(0x3fff_ffff)), i32x4_splat(0x4000_0000)),
            added: i32x4_add(i32x4_shr(units, 1), i32x4_splat(half)),
            below_zero: i32x4_neg(units),
            shift: plan.shift as u32,
        }
    }

    /// Of any four.
    #[inline(never)]
    fn one_by_one(constants: &Constants<'_>, channels: [usize; LANES]) -> Stage {
        let Constants { bias, requant, plan, .. } = constants;
        let shift = plan.map_or(0, |plan| plan.shift) as u32;
        let half = 1_i32.wrapping_shl(shift.wrapping_sub(1));
        let [mut starts, mut multipliers, mut added, mut below_zero] = [[0; LANES]; 4];
        for (lane, channel) in channels.into_iter().enumerate() {
            let places = constants.places(channel);
            // Where there is no plan, none of it is looked at.
            let unit = 1_i32.wrapping_shl(places.wrapping_sub(1));
            let set = |numbers: &mut [i32; LANES], number: i32| {
                if let Some(to) = numbers.get_mut(lane) {
                    *to = number;
                }
            };
            set(&mut starts, bias.get(channel).copied().unwrap_or(0).wrapping_shl(places));
            set(&mut multipliers, requant.at(channel).multiplier);
            set(&mut added, (unit >> 1).wrapping_add(half));
            set(&mut below_zero, unit.wrapping_neg());
        }
        let (starts, multipliers) = (four(&starts), four(&multipliers));
        Stage { starts, multipliers, added: four(&added), below_zero: four(&below_zero), shift }
    }

    /// By how much weights of these channels are multiplied.
    #[inline(always)]
    pub(super) fn factors(&self, constants: &Constants<'_>) -> v128 {
        if constants.are_long() { i32x4_splat(1) } else { i32x4_shl(i32x4_neg(self.below_zero), 1) }
    }

    /// One factor below one half for all, and weights that are multiplied by [`SPLAT`] places.
    pub(super) fn splat(factor: FixedPoint) -> Stage {
        let shift = factor.shift.unsigned_abs().wrapping_add(1);
        Stage {
            starts: i32x4_splat(0),
            multipliers: i32x4_splat(factor.multiplier),
            added: i32x4_splat(1_i32.wrapping_add(1_i32.wrapping_shl(shift.wrapping_sub(1)))),
            below_zero: i32x4_splat(-2),
            shift,
        }
    }

    /// Multiplied sums times the factors.
    #[inline(always)]
    pub(super) fn scaled(&self, sums: v128) -> v128 {
        // The compiler takes what does not change out of loops, which here is one half of an instruction: it would widen the
        // multipliers once and put a multiplication of 64 bits, a dozen instructions, in the place of each of these two.
        // SAFETY: a reference is read.
        let multipliers = unsafe { (&raw const self.multipliers).read_volatile() };
        let low = i64x2_extmul_low_i32x4(sums, multipliers);
        let high = i64x2_extmul_high_i32x4(sums, multipliers);
        let upper = i32x4_shuffle::<1, 3, 5, 7>(low, high);
        let below_zero = v128_and(i32x4_shr(sums, 31), self.below_zero);
        i32x4_shr(i32x4_add(i32x4_add(upper, self.added), below_zero), self.shift)
    }
}

/// Zero point and clamp.
#[derive(Clone, Copy)]
pub(super) struct Output {
    stage: OutputStage,
    zero_point: v128,
    min: v128,
    max: v128,
}

impl Output {
    #[inline(always)]
    pub(super) fn new(stage: OutputStage) -> Output {
        // Zero points are bytes.
        let zero_point = i16x8_splat(stage.zero_point as i16);
        Output { stage, zero_point, min: i8x16_splat(stage.min as i8), max: i8x16_splat(stage.max as i8) }
    }

    /// Outputs of four times four sums.
    #[inline(always)]
    pub(super) fn sixteen(&self, [a, b, c, d]: [&Stage; 4], sums: [v128; 4]) -> v128 {
        // What does not fit 16 bits does not come back into a byte by adding the zero point, and what does not fit a byte is
        // beyond either clamp.
        let low = i16x8_narrow_i32x4(a.scaled(sums[0]), b.scaled(sums[1]));
        let low = i16x8_add_sat(low, self.zero_point);
        let high = i16x8_narrow_i32x4(c.scaled(sums[2]), d.scaled(sums[3]));
        let high = i16x8_add_sat(high, self.zero_point);
        i8x16_min(i8x16_max(i8x16_narrow_i16x8(low, high), self.min), self.max)
    }

    /// The same one by one, of the sums of as many channels from `first` on.
    #[inline(never)]
    pub(super) fn one_by_one(&self, requant: &Requant<'_>, channels: [[usize; LANES]; 4], sums: [v128; 4]) -> v128 {
        let mut lanes = [0_i8; 16];
        let numbers = [numbers(sums[0]), numbers(sums[1]), numbers(sums[2]), numbers(sums[3])];
        let sums = numbers.as_flattened().iter().zip(channels.as_flattened());
        for (lane, (sum, channel)) in lanes.iter_mut().zip(sums) {
            *lane = self.stage.apply(*sum, requant.at(*channel));
        }
        super::bytes::sixteen(&lanes)
    }
}
