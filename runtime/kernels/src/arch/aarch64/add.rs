//! Add of int8, sixteen elements at a time, for operands of the same shape.
//!
//! Operands are `(x - zero_point) * 2^20` with zero points of eight bits. Differences have nine bits and their sixteenth power of
//! two is `SHLL`, so the shift is one of 4 in lanes of 16 bits and one of 16 that widens. Where an operand's factor is one half,
//! as the larger scale's is, the widening shift is one of 15 and no more is to be done. Factors that shift to the left are none
//! that the host writes, and take the portable kernel.

use core::arch::aarch64::{int8x16_t, int16x8_t, int32x4_t, vst1q_s8};

use super::bytes::sixteen;
use super::finish::{Output, Stage};
use super::neon::*;
use crate::Io;
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Broadcast, Operand, portable};
use crate::io::{PART, range};
use crate::numerics::FixedPoint;

/// The factor of the operand with the larger scale: `(x << 20) * HALF` has no second rounding.
const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 0 };
/// Elements of a step.
const STEP: usize = 16;
/// Places by which differences are shifted in 16 bits, and those by which that is shifted and widened.
const PLACES: (i32, i32) = (4, 16);
const _: () = assert!((PLACES.0 + PLACES.1) as u32 == ADD_LEFT_SHIFT);

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    let zero_points = [layer.a_zero_point, layer.b_zero_point];
    let factors = [layer.a_factor, layer.b_factor, layer.output_factor];
    if let Operand::Slice(elements, Broadcast { inner: 1, len }) = b
        && len == io.input().len()
        && elements.len() >= len
        && zero_points.iter().all(|zero_point| (-128..=127).contains(zero_point))
        && factors.iter().all(|factor| factor.shift <= 0)
    {
        let sums = Sums::new(layer);
        let is_short =
            |larger: FixedPoint, other: FixedPoint| larger == HALF && other.shift < 0 && layer.output_factor.shift < 0;
        let (a_larger, b_larger) = (is_short(factors[0], factors[1]), is_short(factors[1], factors[0]));
        return io.map_indexed(PART, |index, chunk| {
            let b = range(elements, index, chunk.len());
            match (a_larger, b_larger) {
                (true, _) => sums.apply::<true, true, false>(chunk, b),
                (false, true) => sums.apply::<true, false, true>(chunk, b),
                (false, false) => sums.apply::<false, false, false>(chunk, b),
            }
        });
    }
    portable::add_i8(layer, io, b);
}

/// The layer's constants.
struct Sums {
    zero_points: [int8x16_t; 2],
    factors: [Stage; 2],
    output_factor: Stage,
    output: Output,
}

/// Sixteen numbers of 32 bits.
type Numbers = [int32x4_t; 4];

impl Sums {
    fn new(layer: &AddI8) -> Sums {
        Sums {
            zero_points: [vdupq_n_s8(layer.a_zero_point as i8), vdupq_n_s8(layer.b_zero_point as i8)],
            factors: [Stage::splat(layer.a_factor), Stage::splat(layer.b_factor)],
            output_factor: Stage::splat(layer.output_factor),
            output: Output::new(layer.stage),
        }
    }

    /// Replaces each element of `a`: the shorter way, if one factor is one half and the others are below, and with that factor for
    /// the first or for the second operand.
    #[inline(never)]
    fn apply<const SHORT: bool, const A: bool, const B: bool>(&self, a: &mut [i8], b: &[i8]) {
        let (a, last_a) = a.as_chunks_mut::<STEP>();
        let (b, last_b) = b.as_chunks::<STEP>();
        for (a, b) in a.iter_mut().zip(b) {
            self.replace::<SHORT, A, B>(a, b);
        }
        if !last_a.is_empty() {
            let (mut rest_a, mut rest_b) = ([0; STEP], [0; STEP]);
            for ((rest, other), (a, b)) in rest_a.iter_mut().zip(&mut rest_b).zip(last_a.iter().zip(last_b)) {
                (*rest, *other) = (*a, *b);
            }
            self.replace::<SHORT, A, B>(&mut rest_a, &rest_b);
            for (a, value) in last_a.iter_mut().zip(rest_a) {
                *a = value;
            }
        }
    }

    #[inline(always)]
    fn replace<const SHORT: bool, const A: bool, const B: bool>(&self, a: &mut [i8; STEP], b: &[i8; STEP]) {
        let [p, q, r, s] = self.scaled::<SHORT, A>(0, sixteen(a));
        let [t, u, v, w] = self.scaled::<SHORT, B>(1, sixteen(b));
        let sums = [vaddq_s32(p, t), vaddq_s32(q, u), vaddq_s32(r, v), vaddq_s32(s, w)];
        let bytes = self.output.sixteen::<SHORT>([&self.output_factor; 4], sums);
        // SAFETY: sixteen bytes are written to an array of as many.
        unsafe { vst1q_s8(a.as_mut_ptr(), bytes) };
    }

    /// Elements of an operand on the common scale.
    #[inline(always)]
    fn scaled<const SHORT: bool, const HALVED: bool>(&self, operand: usize, x: int8x16_t) -> Numbers {
        let [a, b] = &self.factors;
        let [a_zero, b_zero] = self.zero_points;
        let (factor, zero) = if operand == 0 { (a, a_zero) } else { (b, b_zero) };
        let low = vshlq_n_s16::<{ PLACES.0 }>(vsubl_s8(vget_low_s8(x), vget_low_s8(zero)));
        let high = vshlq_n_s16::<{ PLACES.0 }>(vsubl_high_s8(x, zero));
        let wide = |x: int16x8_t| {
            if HALVED {
                return [vshll_n_s16::<{ PLACES.1 - 1 }>(vget_low_s16(x)), vshll_high_n_s16::<{ PLACES.1 - 1 }>(x)];
            }
            [vshll_n_s16::<{ PLACES.1 }>(vget_low_s16(x)), vshll_high_n_s16::<{ PLACES.1 }>(x)]
        };
        let ([a, b], [c, d]) = (wide(low), wide(high));
        if HALVED {
            return [a, b, c, d];
        }
        let scaled = |x: int32x4_t| factor.scaled::<SHORT>(x);
        [scaled(a), scaled(b), scaled(c), scaled(d)]
    }
}
