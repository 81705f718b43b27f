//! A step is two instructions on 256 bits. See `avx512_vnni.rs` for what is inlined where.

use core::arch::x86_64::*;

use super::found::AvxVnni;
use crate::dots::{self, Channels, ROWS, Step, WIDTH};
use crate::numerics::{OutputStage, Requant};

/// Bytes of half a step.
const HALF: usize = WIDTH / 2;

/// The elements, and behind them zeros.
#[inline(always)]
fn padded(from: &[i8], offset: i8) -> [i8; WIDTH] {
    let mut bytes = [0; WIDTH];
    for (byte, element) in bytes.iter_mut().zip(from) {
        *byte = element.wrapping_add(offset);
    }
    bytes
}

impl Step for AvxVnni {
    type Vector = [__m256i; 2];

    #[inline(always)]
    fn zero(self) -> [__m256i; 2] {
        // SAFETY: `self` is the proof that the processor has AVX.
        [unsafe { _mm256_setzero_si256() }; 2]
    }

    #[inline(always)]
    fn activations(self, from: &[i8; WIDTH]) -> [__m256i; 2] {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { unsigned(self.weights(from)) }
    }

    #[inline(always)]
    fn last_activations(self, from: &[i8]) -> [__m256i; 2] {
        self.weights(&padded(from, i8::MIN))
    }

    #[inline(always)]
    fn weights(self, from: &[i8; WIDTH]) -> [__m256i; 2] {
        let (halves, _) = from.as_chunks::<HALF>();
        let [low, high] = halves else { return self.zero() };
        // SAFETY: `self` is the proof of AVX, and 32 bytes are read, which need no alignment.
        let load = |half: &[i8; HALF]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        [load(low), load(high)]
    }

    #[inline(always)]
    fn last_weights(self, from: &[i8]) -> [__m256i; 2] {
        self.weights(&padded(from, 0))
    }

    #[inline(always)]
    fn add(self, sums: [__m256i; 2], x: [__m256i; 2], w: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { add(sums, x, w) }
    }

    #[inline(always)]
    fn totals(self, sums: [[__m256i; 2]; ROWS]) -> [i32; ROWS] {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { folded_totals(sums) }
    }

    fn sums(self, x: &[i8], weights: &[i8], to: &mut [i32]) {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { sums(self, x, weights, to) }
    }

    fn finish(self, stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]) {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { finish(stage, requant, channels, to) }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn sums(step: AvxVnni, x: &[i8], weights: &[i8], to: &mut [i32]) {
    dots::sums(step, x, weights, to);
}

#[target_feature(enable = "avx2")]
fn finish(stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]) {
    dots::finish(stage, requant, channels, to);
}

/// The sum of each vector's lanes, all vectors together: pairs, then fours, then both halves.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn totals(sums: [__m256i; ROWS]) -> [i32; ROWS] {
    let pair = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let four = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let [a, b, c, d, e, f, g, h] = sums;
    let (low, high) = (four(pair(a, b), pair(c, d)), four(pair(e, f), pair(g, h)));
    let halves = (_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high));
    let mut totals = [0; ROWS];
    let sum = _mm256_add_epi32(halves.0, halves.1);
    // SAFETY: eight lanes are written to eight numbers, which need no alignment.
    unsafe { _mm256_storeu_si256(totals.as_mut_ptr().cast(), sum) };
    totals
}

#[inline]
#[target_feature(enable = "avx2")]
fn unsigned([low, high]: [__m256i; 2]) -> [__m256i; 2] {
    let offset = _mm256_set1_epi8(i8::MIN);
    [_mm256_xor_si256(low, offset), _mm256_xor_si256(high, offset)]
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn add([s, t]: [__m256i; 2], [x, y]: [__m256i; 2], [w, v]: [__m256i; 2]) -> [__m256i; 2] {
    [_mm256_dpbusd_avx_epi32(s, x, w), _mm256_dpbusd_avx_epi32(t, y, v)]
}

/// As [`totals`]. Written out: the function that `map` calls would not be compiled for the instructions.
#[inline]
#[target_feature(enable = "avx2")]
fn folded_totals([a, b, c, d, e, f, g, h]: [[__m256i; 2]; ROWS]) -> [i32; ROWS] {
    totals([folded(a), folded(b), folded(c), folded(d), folded(e), folded(f), folded(g), folded(h)])
}

/// The sum of both halves.
#[inline]
#[target_feature(enable = "avx2")]
fn folded([low, high]: [__m256i; 2]) -> __m256i {
    _mm256_add_epi32(low, high)
}
