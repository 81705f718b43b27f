//! Floats on x86-64: which layers run with which vectors, and the vectors of eight and of sixteen.

use core::arch::x86_64::*;

use super::found::{Avx2, Avx512Vnni};
use super::{Found, dense_avx512, finish};
use crate::Io;
use crate::arch::float::{self, Dense, Wide};
use crate::conv2d::Conv2dF32;
use crate::depthwise::DepthwiseF32;
use crate::elementwise::{ElementwiseF32, Operand};
use crate::fully_connected::FullyConnectedF32;
use crate::numerics::ClampF32;

/// Channels that a vector of eight has room for.
const FEW: usize = 8;

/// See [`crate::conv2d::conv2d_f32`].
pub(crate) fn conv2d_f32(layer: &Conv2dF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if !run(&Dense::of_conv2d(layer), layer.token.0, io) {
        crate::conv2d::float::conv2d_f32(layer, io);
    }
}

/// See [`crate::fully_connected::fully_connected_f32`].
pub(crate) fn fully_connected_f32(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if !run(&Dense::of_fully_connected(layer), layer.token.0, io) {
        crate::fully_connected::float::fully_connected_f32(layer, io);
    }
}

/// See [`crate::depthwise::depthwise_f32`].
pub(crate) fn depthwise_f32(layer: &DepthwiseF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    if float::takes_depthwise(layer) {
        match layer.token.0 {
            Found::Avx512Vnni(proof) if FEW < layer.geometry.output[2] => return proof.depthwise(layer, io),
            found => {
                if let Some(proof) = found.avx2() {
                    return proof.depthwise(layer, io);
                }
            }
        }
    }
    crate::depthwise::float::depthwise_f32(layer, io);
}

/// See [`crate::elementwise::add_f32`].
pub(crate) fn add_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    if let Some(elements) = float::operand_of_sum(io, &b) {
        match layer.token.0 {
            Found::Avx512Vnni(proof) => return proof.add_all(layer, io, elements),
            found => {
                if let Some(proof) = found.avx2() {
                    return proof.add_all(layer, io, elements);
                }
            }
        }
    }
    crate::elementwise::float::add_f32(layer, io, b);
}

/// Runs with the vectors that the processor has and the channels fill. False for layers that are left to the portable
/// kernel.
fn run(layer: &Dense<'_>, found: Found, io: &mut Io<f32>) -> bool {
    match (found, io) {
        // The kernels write outputs while inputs are still needed.
        (_, Io::Overlapped { .. }) | (Found::Plain, _) => false,
        (Found::Avx512Vnni(proof), Io::Split { input, output }) if FEW < layer.outputs() => {
            layer.run(proof, input, output)
        }
        (found, Io::Split { input, output }) => found.avx2().is_some_and(|proof| layer.run(proof, input, output)),
    }
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
                    float::conv2d::tiles::<_, $lanes, $pixels>(wide, layer, input, output);
                }
                // SAFETY: `self` is the proof of what the function is compiled for.
                unsafe { compiled(self, layer, input, output) }
            }

            fn singles(self, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &Dense<'_>, input: &[f32], output: &mut [f32]) {
                    float::single::singles::<_, $lanes, $pixels>(wide, layer, input, output);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, layer, input, output) }
            }

            fn add_all(self, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &ElementwiseF32, io: &mut Io<f32>, b: &[f32]) {
                    float::add::sums::<_, $lanes, $pixels>(wide, layer, io, b);
                }
                // SAFETY: likewise.
                unsafe { compiled(self, layer, io, b) }
            }

            fn depthwise(self, layer: &DepthwiseF32<'_>, io: &mut Io<f32>) {
                #[target_feature(enable = $features)]
                fn compiled(wide: $Proof, layer: &DepthwiseF32<'_>, io: &mut Io<f32>) {
                    float::depthwise::pixels::<_, $lanes, $pixels, 1>(wide, layer, io);
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
