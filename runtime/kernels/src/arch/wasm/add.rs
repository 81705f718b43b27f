//! Add of int8, sixteen elements at a time, for operands of the same shape.
//!
//! Operands are `(x - zero_point) * 2^20` with zero points of eight bits. Where an operand's factor is one half, as the larger
//! scale's is, that is a shift of 19; the other one and the sum are multiplied and rounded as `finish.rs` says, shifted by two
//! places more. Differences have nine bits with their sign, so they have 31 then; the sum of two operands times one half has
//! 29 at most, and 31 after the shift. Other factors take the portable kernel.

use core::arch::wasm32::*;

use super::bytes::{lanes, sixteen};
use super::finish::{Output, SHIFT, SPLAT, Stage};
use crate::Io;
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Broadcast, Operand, portable};
use crate::io::{PART, range};
use crate::numerics::FixedPoint;

/// The factor of the operand with the larger scale: `(x << 20) * HALF` has no second rounding.
const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 0 };
/// Elements of a step.
const STEP: usize = 16;

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    if let Operand::Slice(elements, Broadcast { inner: 1, len }) = b
        && len == io.input().len()
        && elements.len() >= len
        && let Some(sums) = Sums::new(layer)
    {
        return io.map_indexed(PART, |index, chunk| {
            let b = range(elements, index, chunk.len());
            if sums.is_a_larger { sums.apply::<true>(chunk, b) } else { sums.apply::<false>(chunk, b) }
        });
    }
    portable::add_i8(layer, io, b);
}

/// The layer's constants.
struct Sums {
    /// True when the first operand's factor is one half, else the second one's is.
    is_a_larger: bool,
    zero_points: [v128; 2],
    /// Of the operand whose factor is not one half.
    smaller: Stage,
    output_factor: Stage,
    output: Output,
}

/// Sixteen numbers of 32 bits.
type Numbers = [v128; 4];

impl Sums {
    /// None for layers that the kernel does not take.
    fn new(layer: &AddI8) -> Option<Sums> {
        let zero_points = [layer.a_zero_point, layer.b_zero_point, layer.stage.zero_point];
        let is_a_larger = layer.a_factor == HALF;
        let (larger, smaller) =
            if is_a_larger { (layer.a_factor, layer.b_factor) } else { (layer.b_factor, layer.a_factor) };
        let are_codes = zero_points.iter().all(|zero_point| (-128..=127).contains(zero_point));
        let are_below_half = [smaller, layer.output_factor].iter().all(|factor| (1 - SHIFT..0).contains(&factor.shift));
        (are_codes && are_below_half && larger == HALF).then(|| Sums {
            is_a_larger,
            zero_points: [i16x8_splat(layer.a_zero_point as i16), i16x8_splat(layer.b_zero_point as i16)],
            smaller: Stage::splat(smaller),
            output_factor: Stage::splat(layer.output_factor),
            output: Output::new(layer.stage),
        })
    }

    /// Replaces each element of `a`.
    #[inline(never)]
    fn apply<const A: bool>(&self, a: &mut [i8], b: &[i8]) {
        let (a, last_a) = a.as_chunks_mut::<STEP>();
        let (b, last_b) = b.as_chunks::<STEP>();
        for (a, b) in a.iter_mut().zip(b) {
            self.replace::<A>(a, b);
        }
        if !last_a.is_empty() {
            let (mut rest_a, mut rest_b) = ([0; STEP], [0; STEP]);
            for ((rest, other), (a, b)) in rest_a.iter_mut().zip(&mut rest_b).zip(last_a.iter().zip(last_b)) {
                (*rest, *other) = (*a, *b);
            }
            self.replace::<A>(&mut rest_a, &rest_b);
            for (a, value) in last_a.iter_mut().zip(rest_a) {
                *a = value;
            }
        }
    }

    #[inline(always)]
    fn replace<const A: bool>(&self, a: &mut [i8; STEP], b: &[i8; STEP]) {
        let [p, q, r, s] = self.scaled::<A>(0, sixteen(a));
        let [t, u, v, w] = if A { self.scaled::<false>(1, sixteen(b)) } else { self.scaled::<true>(1, sixteen(b)) };
        let sum = |x, y| i32x4_shl(i32x4_add(x, y), SPLAT);
        *a = lanes(self.output.sixteen([&self.output_factor; 4], [sum(p, t), sum(q, u), sum(r, v), sum(s, w)]));
    }

    /// Elements of an operand on the common scale.
    #[inline(always)]
    fn scaled<const HALVED: bool>(&self, operand: usize, x: v128) -> Numbers {
        let [a, b] = self.zero_points;
        let zero_point = if operand == 0 { a } else { b };
        let low = i16x8_sub(i16x8_extend_low_i8x16(x), zero_point);
        let high = i16x8_sub(i16x8_extend_high_i8x16(x), zero_point);
        let wide = [
            i32x4_extend_low_i16x8(low),
            i32x4_extend_high_i16x8(low),
            i32x4_extend_low_i16x8(high),
            i32x4_extend_high_i16x8(high),
        ];
        if HALVED {
            return wide.map(|x| i32x4_shl(x, ADD_LEFT_SHIFT.wrapping_sub(1)));
        }
        wide.map(|x| self.smaller.scaled(i32x4_shl(x, ADD_LEFT_SHIFT.wrapping_add(SPLAT))))
    }
}
