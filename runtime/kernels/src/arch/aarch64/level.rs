//! How products are summed with the instructions of a level, behind one trait.
//!
//! Tiles of pixels and channels read vectors of weights that have four taps (a word) of four channels:
//!
//! ```text
//! weights   a0 a1 a2 a3 | b0 b1 b2 b3 | c0 c1 c2 c3 | d0 d1 d2 d3
//! x         x0 x1 x2 x3 | x4 x5 x6 x7 | ...          sixteen neighbouring bytes of a pixel's window: four words
//! ```
//!
//! - `SDOT` by lane multiplies one word of `x` by all four channels and adds to their four lanes.
//! - Without it the word is repeated. `SMULL` multiplies eight bytes by eight into 16 bits, `SMLAL` adds the products of the
//!   next word, `SADALP` adds neighbours of what that gives to 32 bits: two lanes a channel, added at the end. Two
//!   products of -128 by -128 would not fit 16 bits, so [`Pairs`] is for weights without -128 and [`Single`] for all.
//!
//! `SDOT` has no stable intrinsic and stands in assembly that allows the assembler the extension, so no function needs the
//! target feature and values stay in registers whatever is inlined into what.

use core::arch::aarch64::{int8x16_t, int32x4_t};
use core::arch::asm;

use super::found::Dotprod;
use super::neon::*;

/// Weights without -128, or none at all.
#[derive(Clone, Copy)]
pub(super) struct Pairs;

/// Any weights.
#[derive(Clone, Copy)]
pub(super) struct Single;

/// See the module. A value is the proof that the processor has the instructions.
pub(super) trait Level: Copy {
    /// Sums of four channels in the making.
    type Sums: Copy;

    /// Sums that begin with these values.
    fn begin(self, starts: int32x4_t) -> Self::Sums;

    /// Adds the products of words 0 and 1 of `x`, or of words 2 and 3.
    fn add_pair<const UPPER: bool>(self, sums: Self::Sums, weights: [int8x16_t; 2], x: int8x16_t) -> Self::Sums;

    /// Adds the products of a word that is in all lanes of `x`.
    fn add_word(self, sums: Self::Sums, weights: int8x16_t, x: int8x16_t) -> Self::Sums;

    /// The sums of the four channels.
    fn total(self, sums: Self::Sums) -> int32x4_t;

    /// Adds sixteen products of one channel to four lanes, four to each, in whatever order.
    fn add_row(self, sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t;
}

/// Adds the products of four bytes of `x` and four of each lane, four bytes at lane `$lane` of `x`.
macro_rules! sdot_lane {
    ($sums:ident, $weights:expr, $x:ident, $lane:literal) => {{
        let mut sums = $sums;
        // SAFETY: the token that `self` is stands for the instruction, which touches no memory.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                concat!("sdot {sums:v}.4s, {weights:v}.16b, {x:v}.4b[", $lane, "]"),
                sums = inout(vreg) sums,
                weights = in(vreg) $weights,
                x = in(vreg) $x,
                options(pure, nomem, nostack, preserves_flags),
            )
        };
        sums
    }};
}

impl Level for Dotprod {
    type Sums = int32x4_t;

    #[inline(always)]
    fn begin(self, starts: int32x4_t) -> int32x4_t {
        starts
    }

    #[inline(always)]
    fn add_pair<const UPPER: bool>(self, sums: int32x4_t, weights: [int8x16_t; 2], x: int8x16_t) -> int32x4_t {
        if UPPER {
            let sums = sdot_lane!(sums, weights[0], x, 2);
            sdot_lane!(sums, weights[1], x, 3)
        } else {
            let sums = sdot_lane!(sums, weights[0], x, 0);
            sdot_lane!(sums, weights[1], x, 1)
        }
    }

    #[inline(always)]
    fn add_word(self, sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
        self.add_row(sums, weights, x)
    }

    #[inline(always)]
    fn total(self, sums: int32x4_t) -> int32x4_t {
        sums
    }

    #[inline(always)]
    fn add_row(self, sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
        let mut sums = sums;
        // SAFETY: `self` stands for the instruction, which touches no memory.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {weights:v}.16b, {x:v}.16b",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags),
            )
        };
        sums
    }
}

/// Sums of two channels in two lanes each, first those of the lower two.
type Halves = [int32x4_t; 2];

/// A word of `x` in all lanes.
#[inline(always)]
fn word<const LANE: i32>(x: int8x16_t) -> int8x16_t {
    vreinterpretq_s8_s32(vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(x)))
}

#[inline(always)]
fn words<const UPPER: bool>(x: int8x16_t) -> [int8x16_t; 2] {
    if UPPER { [word::<2>(x), word::<3>(x)] } else { [word::<0>(x), word::<1>(x)] }
}

/// Half of each value in every second lane.
#[inline(always)]
fn halves(starts: int32x4_t) -> Halves {
    let zero = vdupq_n_s32(0);
    [vzip1q_s32(starts, zero), vzip2q_s32(starts, zero)]
}

#[inline(always)]
fn add_word([low, high]: Halves, weights: int8x16_t, x: int8x16_t) -> Halves {
    [vpadalq_s16(low, vmull_s8(vget_low_s8(weights), vget_low_s8(x))), vpadalq_s16(high, vmull_high_s8(weights, x))]
}

#[inline(always)]
fn add_row(sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
    let sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(weights), vget_low_s8(x)));
    vpadalq_s16(sums, vmull_high_s8(weights, x))
}

impl Level for Pairs {
    type Sums = Halves;

    #[inline(always)]
    fn begin(self, starts: int32x4_t) -> Halves {
        halves(starts)
    }

    #[inline(always)]
    fn add_pair<const UPPER: bool>(self, [low, high]: Halves, [a, b]: [int8x16_t; 2], x: int8x16_t) -> Halves {
        let [x, y] = words::<UPPER>(x);
        let products = vmull_s8(vget_low_s8(a), vget_low_s8(x));
        let products = vmlal_s8(products, vget_low_s8(b), vget_low_s8(y));
        let upper = vmlal_high_s8(vmull_high_s8(a, x), b, y);
        [vpadalq_s16(low, products), vpadalq_s16(high, upper)]
    }

    #[inline(always)]
    fn add_word(self, sums: Halves, weights: int8x16_t, x: int8x16_t) -> Halves {
        add_word(sums, weights, x)
    }

    #[inline(always)]
    fn total(self, [low, high]: Halves) -> int32x4_t {
        vpaddq_s32(low, high)
    }

    #[inline(always)]
    fn add_row(self, sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
        let products = vmull_s8(vget_low_s8(weights), vget_low_s8(x));
        vpadalq_s16(sums, vmlal_high_s8(products, weights, x))
    }
}

impl Level for Single {
    type Sums = Halves;

    #[inline(always)]
    fn begin(self, starts: int32x4_t) -> Halves {
        halves(starts)
    }

    #[inline(always)]
    fn add_pair<const UPPER: bool>(self, sums: Halves, [a, b]: [int8x16_t; 2], x: int8x16_t) -> Halves {
        let [x, y] = words::<UPPER>(x);
        add_word(add_word(sums, a, x), b, y)
    }

    #[inline(always)]
    fn add_word(self, sums: Halves, weights: int8x16_t, x: int8x16_t) -> Halves {
        add_word(sums, weights, x)
    }

    #[inline(always)]
    fn total(self, [low, high]: Halves) -> int32x4_t {
        vpaddq_s32(low, high)
    }

    #[inline(always)]
    fn add_row(self, sums: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
        add_row(sums, weights, x)
    }
}
