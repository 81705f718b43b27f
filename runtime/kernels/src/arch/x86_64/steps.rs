//! A step is one instruction on 256 bits, or two.
//!
//! | step | activations | taps | multiplies and adds |
//! |---|---|---|---|
//! | [`Avx2`] | 16 bits | 16 | `vpmaddwd`, `vpaddd` |
//! | [`AvxVnni`], [`Avx512Vnni`] | bytes plus 128 | 32 | `vpdpbusd` |
//!
//! Rejected: `vpmaddubsw` for AVX2. Two of its products can exceed 16 bits, and what makes them fit (the magnitude of one
//! factor, the sign moved to the other) costs the instructions that it saves. Rejected for AVX-512: vectors of 512 bits.
//! Most layers of small models have fewer than 64 taps left over.
//!
//! The methods are inlined into the three last ones, which call functions that are compiled for the instructions; nothing
//! else calls them.

use core::arch::x86_64::*;

use super::finish::{Stage, finish, finish_pixels, stage, totals, transposed};
use super::found::{Avx2, Avx512Vnni, AvxVnni};
use crate::dense::Dense;
use crate::dots::{self, LANES, Lanes, Panel, QUAD, Step, Transposed, Windows};
use crate::numerics::OutputStage;

/// A step for the instructions that a proof stands for.
macro_rules! step {
    ($Proof:ident, $taps:literal, $word:literal, $Element:ty, $features:literal, $is_unsigned:literal;
        $element:expr, $weights:ident, $add:ident) => {
        impl Step<$taps, $word> for $Proof {
            type Element = $Element;
            type Vector = __m256i;
            type Stage = Stage;

            const IS_UNSIGNED: bool = $is_unsigned;

            #[inline(always)]
            fn element(x: i8) -> $Element {
                $element(x)
            }

            #[inline(always)]
            fn zero(self) -> __m256i {
                // SAFETY: `self` is the proof of AVX2.
                unsafe { _mm256_setzero_si256() }
            }

            #[inline(always)]
            fn activations(self, from: &[$Element; $taps]) -> __m256i {
                // SAFETY: `self` is the proof of AVX2, and the array's 32 bytes are read, which need no alignment.
                unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
            }

            #[inline(always)]
            fn broadcast(self, word: &[$Element; $word]) -> __m256i {
                // SAFETY: the array's four bytes are read, which need no alignment.
                let word = unsafe { word.as_ptr().cast::<i32>().read_unaligned() };
                // SAFETY: `self` is the proof of AVX2.
                unsafe { _mm256_set1_epi32(word) }
            }

            #[inline(always)]
            fn weights(self, from: &[i8; $taps]) -> __m256i {
                // SAFETY: `self` is the proof of AVX2.
                unsafe { $weights(from) }
            }

            #[inline(always)]
            fn add(self, sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
                // SAFETY: `self` is the proof of what the function is compiled for.
                unsafe { $add(sums, x, w) }
            }

            #[inline(always)]
            fn totals(self, sums: [__m256i; LANES]) -> [i32; LANES] {
                // SAFETY: `self` is the proof of AVX2.
                self.lanes(unsafe { totals(sums) })
            }

            #[inline(always)]
            fn transposed(self, rows: [__m256i; LANES]) -> [__m256i; LANES] {
                // SAFETY: `self` is the proof of AVX2.
                unsafe { transposed(rows) }
            }

            #[inline(always)]
            fn lanes(self, sums: __m256i) -> [i32; LANES] {
                let mut lanes = [0; LANES];
                // SAFETY: `self` is the proof of AVX2; eight lanes are written to eight numbers, which need no alignment.
                unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
                lanes
            }

            #[inline(always)]
            fn stage(self, lanes: &Lanes, output: OutputStage) -> Stage {
                // SAFETY: `self` is the proof of AVX2.
                unsafe { stage(lanes, output) }
            }

            #[inline(always)]
            fn finish(self, stage: &Stage, sums: [__m256i; LANES]) -> [[i8; QUAD]; 2] {
                // SAFETY: `self` is the proof of AVX2.
                let sums = unsafe { totals(sums) };
                // SAFETY: likewise.
                unsafe { finish(stage, sums) }
            }

            #[inline(always)]
            fn finish_pixels(self, stage: &Stage, sums: [__m256i; 4]) -> [[i8; LANES]; 4] {
                // SAFETY: `self` is the proof of AVX2.
                unsafe { finish_pixels(stage, sums) }
            }

            fn gather(self, windows: &mut Windows<'_>, input: &[i8], panel: &mut Panel<Self, $taps, $word>) {
                #[target_feature(enable = $features)]
                fn compiled(windows: &mut Windows<'_>, input: &[i8], panel: &mut Panel<$Proof, $taps, $word>) {
                    dots::gather::<$Proof, $taps, $word>(windows, input, panel);
                }
                // SAFETY: `self` is the proof of what the function is compiled for.
                unsafe { compiled(windows, input, panel) }
            }

            fn rows(self, taps: usize, input: &[i8], panel: &mut Panel<Self, $taps, $word>) {
                #[target_feature(enable = $features)]
                fn compiled(taps: usize, input: &[i8], panel: &mut Panel<$Proof, $taps, $word>) {
                    dots::rows::<$Proof, $taps, $word>(taps, input, panel);
                }
                // SAFETY: likewise.
                unsafe { compiled(taps, input, panel) }
            }

            fn blocks(
                self,
                dense: &Dense<'_>,
                groups: usize,
                buffers: (&Panel<Self, $taps, $word>, &mut Transposed<Self, $taps, $word>),
                output: &mut [i8],
            ) {
                #[target_feature(enable = $features)]
                fn compiled(
                    step: $Proof,
                    dense: &Dense<'_>,
                    groups: usize,
                    buffers: (&Panel<$Proof, $taps, $word>, &mut Transposed<$Proof, $taps, $word>),
                    output: &mut [i8],
                ) {
                    dots::blocks(step, dense, groups, buffers, output);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, dense, groups, buffers, output) }
            }
        }
    };
}

step! { Avx2, 16, 2, i16, "avx2", false; i16::from, widened, multiply_add }
step! { AvxVnni, 32, 4, u8, "avx2,avxvnni", true; unsigned, bytes, dot_avx }
step! { Avx512Vnni, 32, 4, u8, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", true; unsigned, bytes, dot_avx512 }

/// 128 more.
#[inline(always)]
fn unsigned(x: i8) -> u8 {
    x.cast_unsigned() ^ 0x80
}

/// Sixteen bytes as 16-bit numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn widened(from: &[i8; 16]) -> __m256i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
}

/// Thirty-two bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(from: &[i8; 32]) -> __m256i {
    // SAFETY: the array's 32 bytes are read, which need no alignment.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add(sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
    _mm256_add_epi32(sums, _mm256_madd_epi16(x, w))
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn dot_avx(sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
    _mm256_dpbusd_avx_epi32(sums, x, w)
}

#[inline]
#[target_feature(enable = "avx512vl,avx512vnni")]
fn dot_avx512(sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
    _mm256_dpbusd_epi32(sums, x, w)
}
