//! Layers of few pixels, and of one: weights are read where they lie, taps are lanes.
//!
//! Eight rows of weights meet one row of activations, sixteen taps at a time; the four lanes of each sum are added at the end.
//! The last taps of a row, fewer than sixteen, are copied, with zeros behind them.

use core::arch::aarch64::{int8x8_t, int8x16_t, int32x4_t, vld1q_s8, vst1_s8};
use core::ops::Range;

use super::bytes::bytes;
use super::finish::{Constants, LANES, Output, Stage};
use super::level::Level;
use super::neon::*;
use crate::Io;
use crate::arch::dense::ROW;
use crate::dense::Dense;
use crate::io::range;

/// Taps of a vector.
const RUN: usize = 16;
/// Vectors of a row that are multiplied together.
const STEP: usize = 4;
/// Rows of weights that are multiplied together.
const ROWS: usize = 8;

/// The outputs of `count` pixels of at most [`ROW`] taps, one after the other. Input, output, weights and constants are as long
/// as the layer needs.
pub(super) fn rows<L: Level>(level: L, count: usize, dense: &Dense<'_>, io: &mut Io<i8>) {
    let outputs = dense.bias.len();
    for index in 0..count {
        let (from, to) = (index.wrapping_mul(dense.taps), index.wrapping_mul(outputs));
        let to = to..to.wrapping_add(outputs);
        match io {
            Io::Split { input, output } => {
                one(level, dense, range(input, from, dense.taps), output.get_mut(to).unwrap_or_default());
            }
            Io::Overlapped { .. } => copied(level, dense, io, from, to),
        }
    }
}

/// The outputs of one pixel, which may lie over its inputs.
#[inline(never)]
fn copied<L: Level>(level: L, dense: &Dense<'_>, io: &mut Io<i8>, from: usize, to: Range<usize>) {
    let mut row = [0; ROW];
    for (to, from) in row.iter_mut().zip(range(io.input(), from, dense.taps)) {
        *to = *from;
    }
    one(level, dense, range(&row, 0, dense.taps), io.output().get_mut(to).unwrap_or_default());
}

/// The outputs of one pixel.
#[inline(never)]
fn one<L: Level>(level: L, dense: &Dense<'_>, x: &[i8], output: &mut [i8]) {
    let output_len = output.len();
    let (eights, rest) = output.as_chunks_mut::<ROWS>();
    let mut group = Group { dense, x, first: 0, starts: starts(ROWS, x.len()) };
    for to in eights {
        // SAFETY: eight bytes are written to an array of as many.
        unsafe { vst1_s8(to.as_mut_ptr(), group.outputs(level)) };
        group.first = group.first.wrapping_add(ROWS);
    }
    if !rest.is_empty() {
        group.starts = starts(output_len.wrapping_sub(group.first), x.len());
        let mut values = [0; ROWS];
        // SAFETY: likewise.
        unsafe { vst1_s8(values.as_mut_ptr(), group.outputs(level)) };
        for (to, value) in rest.iter_mut().zip(values) {
            *to = value;
        }
    }
}

/// Where eight rows of weights begin behind the first; the last of `count` stands in for missing ones.
fn starts(count: usize, taps: usize) -> [usize; ROWS] {
    let start = |row: usize| row.min(count.wrapping_sub(1)).wrapping_mul(taps);
    [start(0), start(1), start(2), start(3), start(4), start(5), start(6), start(7)]
}

/// Eight channels of a pixel.
struct Group<'a> {
    dense: &'a Dense<'a>,
    x: &'a [i8],
    first: usize,
    starts: [usize; ROWS],
}

impl Group<'_> {
    #[inline(always)]
    fn outputs<L: Level>(&self, level: L) -> int8x8_t {
        let constants = Constants { bias: self.dense.bias, requant: self.dense.requant };
        let (low, are_low_short) = Stage::new(&constants, self.first);
        let (high, are_high_short) = Stage::new(&constants, self.first.wrapping_add(LANES));
        let sums = self.products(level);
        let sums = [vaddq_s32(low.starts, sums[0]), vaddq_s32(high.starts, sums[1])];
        let (stages, output) = ([&low, &high], Output::new(self.dense.stage));
        let are_short = are_low_short && are_high_short;
        let bytes = if are_short { output.eight::<true>(stages, sums) } else { output.eight::<false>(stages, sums) };
        vget_low_s8(bytes)
    }

    /// The products of the activations and each row of weights.
    #[inline(always)]
    fn products<L: Level>(&self, level: L) -> [int32x4_t; 2] {
        let taps = self.x.len();
        let whole = taps / RUN;
        let [.., last] = self.starts;
        let block = range(self.dense.weights, self.first.wrapping_mul(taps), last.wrapping_add(taps));
        if block.is_empty() {
            return [vdupq_n_s32(0); 2];
        }
        let start = block.as_ptr();
        let [a, b, c, d, e, f, g, h] = self.starts;
        let at = |offset: usize| start.wrapping_add(offset);
        let rows = [at(a), at(b), at(c), at(d), at(e), at(f), at(g), at(h)];
        // SAFETY: from each start on, of which the last one is the greatest, there are as many weights as activations, sixteen
        // times `whole` at least.
        let mut sums = unsafe { multiplied(level, rows, self.x.as_ptr(), whole) };
        let at = whole.wrapping_mul(RUN);
        let left = taps.wrapping_sub(at);
        if left > 0 {
            let x = bytes(range(self.x, at, left));
            for (sum, start) in sums.iter_mut().zip(self.starts) {
                *sum = level.add_row(*sum, bytes(range(block, start.wrapping_add(at), left)), x);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let four = |a, b, c, d| vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
        [four(a, b, c, d), four(e, f, g, h)]
    }
}

/// The products of `whole` vectors of activations and of each row, four lanes a row.
///
/// # Safety
///
/// There are as many vectors of activations, and of weights in each row.
#[inline(always)]
unsafe fn multiplied<L: Level>(
    level: L,
    mut rows: [*const i8; ROWS],
    mut x: *const i8,
    whole: usize,
) -> [int32x4_t; ROWS] {
    let mut sums = [vdupq_n_s32(0); ROWS];
    let mut left = whole;
    while left >= STEP {
        // SAFETY: the caller knows that so many vectors are there, which need no alignment.
        let xs = unsafe { x.cast::<[int8x16_t; STEP]>().read_unaligned() };
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: likewise.
            let weights = unsafe { row.cast::<[int8x16_t; STEP]>().read_unaligned() };
            for (weights, x) in weights.into_iter().zip(xs) {
                *sum = level.add_row(*sum, weights, x);
            }
        }
        rows = rows.map(|row| row.wrapping_add(STEP * RUN));
        x = x.wrapping_add(STEP * RUN);
        left = left.wrapping_sub(STEP);
    }
    while left > 0 {
        // SAFETY: likewise of one.
        let x_one = unsafe { vld1q_s8(x) };
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: likewise.
            *sum = level.add_row(*sum, unsafe { vld1q_s8(row) }, x_one);
        }
        rows = rows.map(|row| row.wrapping_add(RUN));
        x = x.wrapping_add(RUN);
        left = left.wrapping_sub(1);
    }
    sums
}
