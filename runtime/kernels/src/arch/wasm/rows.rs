//! Layers of few pixels, and of one: weights are read where they lie, taps are lanes.
//!
//! Eight rows of weights meet one row of activations, which has been widened, eight taps at a time; the four lanes of each
//! sum are added at the end. The last taps of a row, fewer than eight, are copied, with zeros behind them.

use core::arch::wasm32::*;

use super::bytes::{lanes, widened};
use super::finish::{Constants, LANES, Output, Stage};
use crate::Io;
use crate::arch::dense::ROW;
use crate::dense::Dense;
use crate::io::range;

/// Taps of a vector.
const RUN: usize = 8;
/// Rows of weights that are multiplied together.
const ROWS: usize = 8;

/// The outputs of `count` pixels of at most [`ROW`] taps, one after the other. Input, output, weights and constants are as long
/// as the layer needs.
pub(super) fn rows(count: usize, dense: &Dense<'_>, io: &mut Io<i8>) {
    let outputs = dense.bias.len();
    let constants = Constants::new(dense.bias, dense.requant, dense.stage, dense.taps);
    let mut row = [0_i16; ROW];
    for index in 0..count {
        // Outputs may lie over the inputs of their pixel.
        for (to, from) in row.iter_mut().zip(range(io.input(), index.wrapping_mul(dense.taps), dense.taps)) {
            *to = (*from).into();
        }
        let pixel = Pixel { dense, constants: &constants, output: Output::new(dense.stage), row: &row };
        let at = index.wrapping_mul(outputs);
        let to = io.output().get_mut(at..at.wrapping_add(outputs)).unwrap_or_default();
        for (index, to) in to.chunks_mut(ROWS).enumerate() {
            let values = lanes(pixel.outputs(index.wrapping_mul(ROWS), to.len()));
            for (to, value) in to.iter_mut().zip(values) {
                *to = value;
            }
        }
    }
}

/// One pixel.
struct Pixel<'a> {
    dense: &'a Dense<'a>,
    constants: &'a Constants<'a>,
    output: Output,
    /// Its activations, with zeros behind them.
    row: &'a [i16; ROW],
}

impl Pixel<'_> {
    /// The outputs of `count` channels from `first` on, at most eight.
    #[inline(always)]
    fn outputs(&self, first: usize, count: usize) -> v128 {
        let channel = |lane: usize| first.wrapping_add(lane.min(count.wrapping_sub(1)));
        let channels = [[0, 1, 2, 3].map(channel), [4, 5, 6, 7].map(channel)];
        let [low, high] = channels;
        let stages = [Stage::new(self.constants, low), Stage::new(self.constants, high)];
        let [low, high] = self.products(channels);
        let sums = [
            i32x4_add(i32x4_mul(low, stages[0].factors(self.constants)), stages[0].starts),
            i32x4_add(i32x4_mul(high, stages[1].factors(self.constants)), stages[1].starts),
        ];
        let [low, high] = sums;
        if self.constants.are_long() {
            let [a, b] = channels;
            return self.output.one_by_one(&self.constants.requant, [a, b, a, b], [low, high, low, high]);
        }
        let [p, q] = &stages;
        self.output.sixteen([p, q, p, q], [low, high, low, high])
    }

    /// The products of the activations and the weights of eight channels.
    #[inline(always)]
    fn products(&self, channels: [[usize; LANES]; 2]) -> [v128; 2] {
        let taps = self.dense.taps;
        let mut rows = [&[][..]; ROWS];
        for (row, channel) in rows.iter_mut().zip(channels.as_flattened()) {
            *row = range(self.dense.weights, channel.wrapping_mul(taps), taps);
        }
        let (xs, _) = self.row.as_chunks::<RUN>();
        let mut sums = [i32x4_splat(0); ROWS];
        let [a, b, c, d, e, f, g, h] = rows.map(|row| row.as_chunks::<RUN>().0.iter());
        let mut whole = 0;
        for ((((((((x, a), b), c), d), e), f), g), h) in
            xs.iter().zip(a).zip(b).zip(c).zip(d).zip(e).zip(f).zip(g).zip(h)
        {
            sums = multiplied(sums, x, [a, b, c, d, e, f, g, h]);
            whole = RUN.wrapping_add(whole);
        }
        if let Some(x) = self.row.get(whole..).and_then(|row| row.first_chunk()).filter(|_| whole < taps) {
            let mut rests = [[0; RUN]; ROWS];
            for (rest, row) in rests.iter_mut().zip(rows) {
                for (to, from) in rest.iter_mut().zip(row.get(whole..).unwrap_or_default()) {
                    *to = *from;
                }
            }
            sums = multiplied(sums, x, rests.each_ref());
        }
        let [a, b, c, d, e, f, g, h] = sums;
        [added([a, b, c, d]), added([e, f, g, h])]
    }
}

/// Adds the products of eight taps.
#[inline(always)]
fn multiplied(mut sums: [v128; ROWS], x: &[i16; RUN], weights: [&[i8; RUN]; ROWS]) -> [v128; ROWS] {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    let x = unsafe { v128_load(x.as_ptr().cast()) };
    for (sum, weights) in sums.iter_mut().zip(weights) {
        *sum = i32x4_add(*sum, i32x4_dot_i16x8(x, widened(weights)));
    }
    sums
}

/// Lane `i` of the result is the sum of the lanes of vector `i`.
#[inline(always)]
fn added([a, b, c, d]: [v128; LANES]) -> v128 {
    let pairs = |a, b| i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (ab, cd) = (pairs(a, b), pairs(c, d));
    i32x4_add(i64x2_shuffle::<0, 2>(ab, cd), i64x2_shuffle::<1, 3>(ab, cd))
}
