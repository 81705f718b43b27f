//! Add of int8 with AVX2, eight elements at a time, for operands of the same shape.
//!
//! Operands are `(x - zero_point) * 2^20` with zero points of eight bits, so below `2^28` in magnitude; where no factor
//! shifts to the left the sum is below `2^29`, and the shorter requantization is exact (`finish.rs`).

use core::arch::x86_64::*;

use super::finish::{Factors, Output};
use super::found::Avx2;
use super::{Found, add_avx512};
use crate::Io;
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Broadcast, Operand, portable};
use crate::io::{PART, range};
use crate::numerics::FixedPoint;

/// Elements of a step.
const STEP: usize = 16;

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    let zero_points = [layer.a_zero_point, layer.b_zero_point];
    if let (Some(proof), Operand::Slice(elements, Broadcast { inner: 1, len })) = (layer.token.0.avx2(), b)
        && len == io.input().len()
        && elements.len() >= len
        && zero_points.iter().all(|zero_point| (-128..=127).contains(zero_point))
    {
        if let Found::Avx512Vnni(proof) = layer.token.0
            && add_avx512::add_i8(proof, layer, io, elements)
        {
            return;
        }
        return elements_of(proof, layer, io, elements);
    }
    portable::add_i8(layer, io, b);
}

fn elements_of(proof: Avx2, layer: &AddI8, io: &mut Io<i8>, b: &[i8]) {
    let _ = proof;
    // SAFETY: `proof` stands for AVX2.
    unsafe { all(layer, io, b) }
}

#[target_feature(enable = "avx2")]
fn all(layer: &AddI8, io: &mut Io<i8>, b: &[i8]) {
    let are_small = layer.a_factor.shift <= 0 && layer.b_factor.shift <= 0;
    let sums = Sums {
        a: Term::new(layer.a_zero_point, layer.a_factor),
        b: Term::new(layer.b_zero_point, layer.b_factor),
        factors: Factors::splat(layer.output_factor, are_small),
        output: Output::new(layer.stage),
    };
    io.map_indexed(PART, |index, chunk| sums.apply(chunk, range(b, index, chunk.len())));
}

/// An operand's constants.
struct Term {
    zero_point: __m256i,
    factors: Factors,
}

impl Term {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(zero_point: i32, factor: FixedPoint) -> Term {
        Term { zero_point: _mm256_set1_epi32(zero_point), factors: Factors::splat(factor, true) }
    }

    /// Eight elements on the common scale.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of(&self, elements: __m128i) -> __m256i {
        let x = _mm256_sub_epi32(_mm256_cvtepi8_epi32(elements), self.zero_point);
        self.factors.apply(_mm256_slli_epi32::<{ ADD_LEFT_SHIFT as i32 }>(x))
    }
}

/// The layer's constants.
struct Sums {
    a: Term,
    b: Term,
    factors: Factors,
    output: Output,
}

impl Sums {
    /// Replaces each element of `a`.
    #[target_feature(enable = "avx2")]
    fn apply(&self, a: &mut [i8], b: &[i8]) {
        let mut b = b.chunks(STEP);
        for a in a.chunks_mut(STEP) {
            let b = b.next().unwrap_or_default();
            if let (Some(a), Some(b)) = (a.first_chunk_mut(), b.first_chunk()) {
                *a = self.sixteen(a, b);
                continue;
            }
            let (mut rest_a, mut rest_b) = ([0; STEP], [0; STEP]);
            for ((rest, other), (a, b)) in rest_a.iter_mut().zip(&mut rest_b).zip(a.iter().zip(b)) {
                (*rest, *other) = (*a, *b);
            }
            for (a, value) in a.iter_mut().zip(self.sixteen(&rest_a, &rest_b)) {
                *a = value;
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn sixteen(&self, a: &[i8; STEP], b: &[i8; STEP]) -> [i8; STEP] {
        let (a, b) = (vector(a), vector(b));
        let sum = |a, b| self.factors.apply(_mm256_add_epi32(self.a.of(a), self.b.of(b)));
        let upper = |x| _mm_srli_si128::<8>(x);
        // Halves have elements 0 to 3 and 8 to 11, 4 to 7 and 12 to 15.
        let words = _mm256_packs_epi32(sum(a, b), sum(upper(a), upper(b)));
        let bytes = self.output.bytes(words, words);
        let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
        let bytes = _mm_unpacklo_epi32(low, high);
        let mut values = [0; STEP];
        // SAFETY: sixteen bytes are written to an array of as many, which need no alignment.
        unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), bytes) };
        values
    }
}

/// Sixteen bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn vector(bytes: &[i8; STEP]) -> __m128i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
