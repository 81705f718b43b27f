//! A step is one instruction on 512 bits.
//!
//! The methods are inlined into the functions at the end, which are compiled for the instruction; nothing else calls
//! them.

use core::arch::x86_64::*;

use super::avx_vnni::totals;
use super::found::Avx512Vnni;
use crate::dots::{self, Channels, ROWS, Step, WIDTH};
use crate::numerics::{OutputStage, Requant};

/// The lowest `len` bytes of a vector.
#[inline(always)]
fn lowest(len: usize) -> __mmask64 {
    let rest = WIDTH.saturating_sub(len);
    u64::MAX.checked_shr(u32::try_from(rest).unwrap_or(u32::MAX)).unwrap_or(0)
}

impl Step for Avx512Vnni {
    type Vector = __m512i;

    #[inline(always)]
    fn zero(self) -> __m512i {
        // SAFETY: `self` is the proof that the processor has AVX-512 F.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn activations(self, from: &[i8; WIDTH]) -> __m512i {
        // SAFETY: `self` is the proof of all that the function is compiled for.
        unsafe { unsigned(self.weights(from), u64::MAX) }
    }

    #[inline(always)]
    fn last_activations(self, from: &[i8]) -> __m512i {
        // SAFETY: likewise.
        unsafe { unsigned(self.last_weights(from), lowest(from.len())) }
    }

    #[inline(always)]
    fn weights(self, from: &[i8; WIDTH]) -> __m512i {
        // SAFETY: `self` is the proof of AVX-512 F, and 64 bytes are read, which need no alignment.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn last_weights(self, from: &[i8]) -> __m512i {
        // SAFETY: `self` is the proof of AVX-512 BW. Bytes outside of the mask, those behind the slice, are not read.
        unsafe { _mm512_maskz_loadu_epi8(lowest(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn add(self, sums: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: `self` is the proof of AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, x, w) }
    }

    #[inline(always)]
    fn totals(self, sums: [__m512i; ROWS]) -> [i32; ROWS] {
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

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn sums(step: Avx512Vnni, x: &[i8], weights: &[i8], to: &mut [i32]) {
    dots::sums(step, x, weights, to);
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
fn finish(stage: OutputStage, requant: Requant<'_>, channels: Channels<'_>, to: &mut [i8]) {
    dots::finish(stage, requant, channels, to);
}

/// The bytes of the mask plus 128, the others zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn unsigned(bytes: __m512i, mask: __mmask64) -> __m512i {
    _mm512_maskz_add_epi8(mask, bytes, _mm512_set1_epi8(i8::MIN))
}

/// As [`totals`]. Written out: the function that `map` calls would not be compiled for the instructions.
#[inline]
#[target_feature(enable = "avx2,avx512f")]
fn folded_totals([a, b, c, d, e, f, g, h]: [__m512i; ROWS]) -> [i32; ROWS] {
    totals([folded(a), folded(b), folded(c), folded(d), folded(e), folded(f), folded(g), folded(h)])
}

/// The sum of both halves.
#[inline]
#[target_feature(enable = "avx2,avx512f")]
fn folded(sums: __m512i) -> __m256i {
    _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums))
}
