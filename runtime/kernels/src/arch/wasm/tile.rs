//! Windows of some pixels times vectors of channels: the loop that takes the time.
//!
//! Activations and weights have 16 bits, two neighbouring taps are a word:
//!
//! ```text
//! weights   a0 a1 | b0 b1 | c0 c1 | d0 d1      two taps of four channels
//! x         x0 x1 | x0 x1 | x0 x1 | x0 x1      the same two of a pixel's window, read into all lanes
//! ```
//!
//! One instruction multiplies them and adds the products of each channel, without rounding or saturation: 8
//! multiplications, and another instruction adds them to the sums.

use core::arch::wasm32::{i32x4_add, i32x4_dot_i16x8, v128, v128_load32_splat};

use crate::arch::plan::Extent;

/// Taps of a word.
pub(super) const WORD: usize = 2;
/// Words of a step.
const STEP: usize = 1;

/// The sums of `P` windows, for `N` vectors of four channels.
///
/// # Safety
///
/// From each window on there are the rows of `extent`, and from `weights` on `N` vectors for each of its words.
#[inline(always)]
pub(super) unsafe fn tile<const N: usize, const P: usize>(
    mut windows: [*const i16; P],
    extent: Extent,
    mut weights: *const v128,
    starts: [v128; N],
) -> [[v128; N]; P] {
    let mut sums = [starts; P];
    let mut rows = extent.rows;
    loop {
        let mut at = windows;
        let mut left = extent.words;
        while left >= STEP {
            // SAFETY: the caller knows that four words and their weights are there.
            sums = unsafe { multiplied::<N, P, STEP>(at, weights, sums) };
            at = at.map(|at| at.wrapping_add(STEP * WORD));
            weights = weights.wrapping_add(N.wrapping_mul(STEP));
            left = left.wrapping_sub(STEP);
        }
        while left > 0 {
            // SAFETY: likewise of one word.
            sums = unsafe { multiplied::<N, P, 1>(at, weights, sums) };
            at = at.map(|at| at.wrapping_add(WORD));
            weights = weights.wrapping_add(N);
            left = left.wrapping_sub(1);
        }
        rows = rows.wrapping_sub(1);
        if rows == 0 {
            return sums;
        }
        windows = windows.map(|window| window.wrapping_add(extent.row_step));
    }
}

/// Adds the products of `W` words.
///
/// # Safety
///
/// From each of `at` on there are so many words, and from `weights` on `N` vectors for each of them.
#[inline(always)]
unsafe fn multiplied<const N: usize, const P: usize, const W: usize>(
    at: [*const i16; P],
    weights: *const v128,
    mut sums: [[v128; N]; P],
) -> [[v128; N]; P] {
    for word in 0..W {
        // Steps that are known not to wrap become parts of the instructions that read.
        // SAFETY: the caller knows that they are there, here and below.
        let weights = unsafe { weights.add(word.wrapping_mul(N)) };
        // SAFETY: likewise.
        let weights = unsafe { weights.cast::<[v128; N]>().read() };
        for (sums, at) in sums.iter_mut().zip(at) {
            // SAFETY: likewise.
            let at = unsafe { at.add(word.wrapping_mul(WORD)) };
            // SAFETY: likewise of the word, which needs no alignment.
            let x = unsafe { v128_load32_splat(at.cast()) };
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(x, weights));
            }
        }
    }
    sums
}
