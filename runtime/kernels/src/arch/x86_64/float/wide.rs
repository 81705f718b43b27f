//! Vectors of floats, of eight and of sixteen.
//!
//! The methods are inlined into the last three, which are functions that are compiled for the instructions; nothing else calls
//! them. Generic code between has no closures that compute on vectors: they could not be inlined.

use core::arch::x86_64::*;

use super::Dense;
use crate::Io;
use crate::arch::x86_64::found::{Avx2, Avx512Vnni};
use crate::arch::x86_64::{dense_avx512, finish};
use crate::depthwise::DepthwiseF32;
use crate::elementwise::ElementwiseF32;
use crate::io::range;
use crate::numerics::ClampF32;

/// Proof of instructions on `L` floats, of whose registers `P` pixels with two vectors of sums each take half.
pub(crate) trait Wide<const L: usize, const P: usize>: Copy {
    /// `L` floats.
    type Vector: Copy;

    /// The same number in all lanes.
    fn splat(self, x: f32) -> Self::Vector;

    /// Numbers.
    fn load(self, from: &[f32; L]) -> Self::Vector;

    /// The first lanes from a slice, as many as it has; zeros behind them.
    fn load_part(self, from: &[f32]) -> Self::Vector;

    /// All lanes.
    fn store(self, to: &mut [f32; L], x: Self::Vector);

    /// The first lanes, as many as the slice has room for.
    fn store_part(self, to: &mut [f32], x: Self::Vector);

    /// A sum.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `sums + x * w`, rounded twice.
    fn add_product(self, sums: Self::Vector, x: Self::Vector, w: Self::Vector) -> Self::Vector;

    /// What [`ClampF32::apply`] gives.
    fn clamped(self, clamp: ClampF32, x: Self::Vector) -> Self::Vector;

    /// Vector `i` of the result has lane `i` of every vector.
    fn transposed(self, rows: [Self::Vector; L]) -> [Self::Vector; L];

    /// A layer of many pixels.
    fn tiles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]);

    /// A layer of few pixels.
    fn singles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]);

    /// A sum of two operands of the same shape.
    fn add_all(self, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]);

    /// A depthwise layer without a multiplier.
    fn depthwise(self, layer: &DepthwiseF32<'_>, io: &mut Io<f32>);
}

macro_rules! wide {
    ($Proof:ident, $lanes:literal, $pixels:literal, $Vector:ident, $features:literal;
        $splat:ident, $load:ident, $load_part:ident, $store:ident, $store_part:ident, $mul:ident, $add:ident, $max:ident,
        $min:ident, $transposed:ident) => {
        impl Wide<$lanes, $pixels> for $Proof {
            type Vector = $Vector;

            #[inline(always)]
            fn splat(self, x: f32) -> $Vector {
                // SAFETY: `self` is the proof of the instruction, here and below.
                unsafe { $splat(x) }
            }

            #[inline(always)]
            fn load(self, from: &[f32; $lanes]) -> $Vector {
                // SAFETY: the array is read, which needs no alignment.
                unsafe { $load(from.as_ptr()) }
            }

            #[inline(always)]
            fn load_part(self, from: &[f32]) -> $Vector {
                // SAFETY: see `splat`.
                unsafe { $load_part(from) }
            }

            #[inline(always)]
            fn store(self, to: &mut [f32; $lanes], x: $Vector) {
                // SAFETY: the array is written, which needs no alignment.
                unsafe { $store(to.as_mut_ptr(), x) }
            }

            #[inline(always)]
            fn store_part(self, to: &mut [f32], x: $Vector) {
                // SAFETY: see `splat`.
                unsafe { $store_part(to, x) }
            }

            #[inline(always)]
            fn add(self, a: $Vector, b: $Vector) -> $Vector {
                // SAFETY: see `splat`.
                unsafe { $add(a, b) }
            }

            #[inline(always)]
            fn add_product(self, sums: $Vector, x: $Vector, w: $Vector) -> $Vector {
                // SAFETY: see `splat`.
                let product = unsafe { $mul(x, w) };
                self.add(sums, product)
            }

            #[inline(always)]
            fn clamped(self, clamp: ClampF32, x: $Vector) -> $Vector {
                // The instructions give their second operand unless the first is greater, or less: also where one is NaN.
                // SAFETY: see `splat`.
                let x = unsafe { $max(self.splat(clamp.min), x) };
                // SAFETY: likewise.
                unsafe { $min(self.splat(clamp.max), x) }
            }

            #[inline(always)]
            fn transposed(self, rows: [$Vector; $lanes]) -> [$Vector; $lanes] {
                // SAFETY: see `splat`.
                unsafe { $transposed(rows) }
            }

            fn tiles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                    super::conv2d::tiles::<_, $lanes, $pixels>(wide, layer, input, output);
                }
                // SAFETY: `self` is the proof of what the function is compiled for.
                unsafe { compiled(self, layer, input, output) }
            }

            fn singles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                    super::single::singles::<_, $lanes, $pixels>(wide, layer, input, output);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, layer, input, output) }
            }

            fn add_all(self, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]) {
                    super::add::sums::<_, $lanes, $pixels>(wide, layer, io, b);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, layer, io, b) }
            }

            fn depthwise(self, layer: &DepthwiseF32<'_>, io: &mut Io<f32>) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &DepthwiseF32<'_>, io: &mut Io<f32>) {
                    super::depthwise::pixels::<_, $lanes, $pixels>(wide, layer, io);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, layer, io) }
            }
        }
    };
}

wide! { Avx2, 8, 4, __m256, "avx2";
_mm256_set1_ps, _mm256_loadu_ps, load_part_of_eight, _mm256_storeu_ps, store_part_of_eight, _mm256_mul_ps, _mm256_add_ps,
_mm256_max_ps, _mm256_min_ps, transposed_eight }
wide! { Avx512Vnni, 16, 8, __m512, "avx2,avx512f,avx512bw,avx512dq,avx512vl";
_mm512_set1_ps, _mm512_loadu_ps, load_part_of_sixteen, _mm512_storeu_ps, store_part_of_sixteen, _mm512_mul_ps,
_mm512_add_ps, _mm512_max_ps, _mm512_min_ps, transposed_sixteen }

/// Ones in the first lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_of_eight(count: usize) -> __m256i {
    let count = _mm256_set1_epi32(count.min(8) as i32);
    _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_part_of_eight(from: &[f32]) -> __m256 {
    let mask = mask_of_eight(from.len());
    // SAFETY: the mask leaves the slice's numbers.
    unsafe { _mm256_maskload_ps(from.as_ptr(), mask) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_part_of_eight(to: &mut [f32], x: __m256) {
    let mask = mask_of_eight(to.len());
    // SAFETY: the mask leaves the slice's numbers.
    unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), mask, x) }
}

/// Ones in the first lanes.
#[inline(always)]
fn mask_of_sixteen(count: usize) -> u16 {
    1_u32.wrapping_shl(count.min(16) as u32).wrapping_sub(1) as u16
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_part_of_sixteen(from: &[f32]) -> __m512 {
    // SAFETY: the mask leaves the slice's numbers.
    unsafe { _mm512_maskz_loadu_ps(mask_of_sixteen(from.len()), from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_part_of_sixteen(to: &mut [f32], x: __m512) {
    // SAFETY: the mask leaves the slice's numbers.
    unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask_of_sixteen(to.len()), x) }
}

/// Vector `i` of the result has lane `i` of every vector.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed_eight(rows: [__m256; 8]) -> [__m256; 8] {
    // No closures: those of other functions are not compiled for the instructions.
    let mut words = [_mm256_setzero_si256(); 8];
    for (word, row) in words.iter_mut().zip(rows) {
        *word = _mm256_castps_si256(row);
    }
    let mut columns = rows;
    for (column, word) in columns.iter_mut().zip(finish::transposed(words)) {
        *column = _mm256_castsi256_ps(word);
    }
    columns
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transposed_sixteen(rows: [__m512; 16]) -> [__m512; 16] {
    // No closures: those of other functions are not compiled for the instructions.
    let mut words = [_mm512_setzero_si512(); 16];
    for (word, row) in words.iter_mut().zip(rows) {
        *word = _mm512_castps_si512(row);
    }
    let mut columns = rows;
    for (column, word) in columns.iter_mut().zip(dense_avx512::transposed(words)) {
        *column = _mm512_castsi512_ps(word);
    }
    columns
}

/// As many numbers as the slice has, at most a vector, and zeros behind them.
#[inline(always)]
pub(super) fn load<W: Wide<L, P>, const L: usize, const P: usize>(wide: W, from: &[f32]) -> W::Vector {
    match from.first_chunk() {
        Some(whole) => wide.load(whole),
        None => wide.load_part(from),
    }
}

/// As many numbers as the slice has room for.
#[inline(always)]
pub(super) fn store<W: Wide<L, P>, const L: usize, const P: usize>(wide: W, to: &mut [f32], x: W::Vector) {
    match to.first_chunk_mut() {
        Some(whole) => wide.store(whole, x),
        None => wide.store_part(to, x),
    }
}

/// Taps `tap .. tap + len` of the channels whose weights are `rows`, a vector for each tap; zeros for what is missing.
#[inline(always)]
pub(super) fn columns<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    rows: &[f32],
    taps: usize,
    (tap, len): (usize, usize),
) -> [W::Vector; L] {
    let mut vectors = [wide.splat(0.0); L];
    if rows.len() == L.wrapping_mul(taps) && tap.saturating_add(L) <= taps && len == L {
        let mut from = rows.as_ptr().wrapping_add(tap);
        for vector in &mut vectors {
            // SAFETY: there are `L` rows of `taps` weights, of which `L` are behind the first `tap`.
            *vector = wide.load(unsafe { &*from.cast() });
            from = from.wrapping_add(taps);
        }
    } else {
        for (vector, row) in vectors.iter_mut().zip(rows.chunks(taps.max(1))) {
            *vector = load(wide, range(row, tap, len));
        }
    }
    wide.transposed(vectors)
}
