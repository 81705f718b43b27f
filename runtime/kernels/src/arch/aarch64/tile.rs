//! Windows of some pixels times vectors of channels: the loop that takes the time.

use core::arch::aarch64::{int8x16_t, int32x4_t, vld1q_s8};

use super::level::Level;
use super::neon::*;
use crate::arch::plan::Extent;

/// Bytes of a word: neighbouring taps of a channel.
pub(super) const WORD: usize = 4;
/// Words of a vector of activations.
const WORDS: usize = 4;

/// The sums of `P` windows, for `N` vectors of four channels.
///
/// # Safety
///
/// From each window on there are the rows of `extent`, and from `weights` on `N` vectors for each of its words.
#[inline(always)]
pub(super) unsafe fn tile<L: Level, const N: usize, const P: usize>(
    level: L,
    mut windows: [*const i8; P],
    extent: Extent,
    mut weights: *const int8x16_t,
    starts: [int32x4_t; N],
) -> [[int32x4_t; N]; P] {
    let mut sums = [[level.begin(vdupq_n_s32(0)); N]; P];
    for sums in &mut sums {
        for (sum, start) in sums.iter_mut().zip(starts) {
            *sum = level.begin(start);
        }
    }
    let mut rows = extent.rows;
    // A window has a row at least, which spares the compiler copies of all sums for one that has none.
    loop {
        let mut left = extent.words;
        let mut at = windows;
        while left >= WORDS {
            // SAFETY: the caller knows that four words are there, which need no alignment.
            let x = at.map(|at| unsafe { vld1q_s8(at) });
            // SAFETY: and their weights.
            let [a, b, c, d] = unsafe { weights.cast::<[[int8x16_t; N]; WORDS]>().read() };
            sums = add_pair::<L, false, N, P>(level, sums, [a, b], x);
            sums = add_pair::<L, true, N, P>(level, sums, [c, d], x);
            at = at.map(|at| at.wrapping_add(WORDS * WORD));
            weights = weights.wrapping_add(N.wrapping_mul(WORDS));
            left = left.wrapping_sub(WORDS);
        }
        while left > 0 {
            // SAFETY: likewise of one word.
            let vectors = unsafe { weights.cast::<[int8x16_t; N]>().read() };
            for (sums, at) in sums.iter_mut().zip(at) {
                // SAFETY: likewise.
                let x = vreinterpretq_s8_s32(vdupq_n_s32(unsafe { at.cast::<i32>().read_unaligned() }));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = level.add_word(*sum, vector, x);
                }
            }
            at = at.map(|at| at.wrapping_add(WORD));
            weights = weights.wrapping_add(N);
            left = left.wrapping_sub(1);
        }
        rows = rows.wrapping_sub(1);
        if rows == 0 {
            break;
        }
        windows = windows.map(|window| window.wrapping_add(extent.row_step));
    }
    // By loops, here and above: functions of arrays of arrays are called, with all sums in memory.
    let mut totals = [[vdupq_n_s32(0); N]; P];
    for (totals, sums) in totals.iter_mut().zip(sums) {
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = level.total(sum);
        }
    }
    totals
}

/// Adds the products of two words of each pixel and their weights.
#[inline(always)]
fn add_pair<L: Level, const UPPER: bool, const N: usize, const P: usize>(
    level: L,
    mut sums: [[L::Sums; N]; P],
    [a, b]: [[int8x16_t; N]; 2],
    x: [int8x16_t; P],
) -> [[L::Sums; N]; P] {
    for (sums, x) in sums.iter_mut().zip(x) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = level.add_pair::<UPPER>(*sum, [a, b], x);
        }
    }
    sums
}
