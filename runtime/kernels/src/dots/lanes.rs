//! Channels side by side: eight channels are the lanes of a vector, so sums need no folding.
//!
//! Rows of weights are transposed once for a group of pixels, then each word of a pixel's activations, two or four of them,
//! is copied to all lanes and meets the words of the channels:
//!
//! ```text
//! x0 x1 | x0 x1 | x0 x1 | ...        word 0 of a pixel
//! a0 a1 | b0 b1 | c0 c1 | ...        word 0 of channels a, b, c, ...
//! a     | b     | c     | ...        sums
//! ```
//!
//! Four pixels meet eight or sixteen channels at a time.

use super::blocks::{Lanes, padded};
use super::{LANES, Step};
use crate::dense::Dense;
use crate::io::range;

/// Most words of a row: transposed weights are on the stack, 8 kB.
const WORDS: usize = 128;
/// Pixels that are multiplied together.
const PIXELS: usize = 4;
/// Fewest pixels for which transposing pays.
const LEAST: usize = 8;

/// True when layers of so many taps are computed this way, that many pixels at a time.
#[inline(always)]
pub(super) fn takes<const WORD: usize>(taps: usize, pixels: usize) -> bool {
    pixels >= LEAST && taps <= WORDS.wrapping_mul(WORD)
}

/// Rows of weights, transposed: a word of eight channels in each vector, of sixteen in each pair.
pub(crate) type Transposed<S, const TAPS: usize, const WORD: usize> = [[<S as Step<TAPS, WORD>>::Vector; 2]];

/// Room for them, with nothing in it yet.
pub(super) fn transposed<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
) -> [[S::Vector; 2]; WORDS] {
    [[step.zero(); 2]; WORDS]
}

/// Where the activations of a group of pixels are.
#[derive(Clone, Copy)]
pub(super) struct Pixels<'a, E, const TAPS: usize> {
    /// From the first vector of the first pixel on.
    pub(super) panel: &'a [[E; TAPS]],
    /// Vectors from a pixel to the next.
    pub(super) step: usize,
}

/// Channels `first .. end` of all pixels.
#[inline(always)]
pub(super) fn channels<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    (dense, are_small): (&Dense<'_>, bool),
    (first, end): (usize, usize),
    pixels: Pixels<'_, S::Element, TAPS>,
    weights: &mut Transposed<S, TAPS, WORD>,
    output: &mut [i8],
) {
    let mut channel = first;
    while end.saturating_sub(channel) > LANES {
        let count = end.wrapping_sub(channel).min(2 * LANES);
        let stages = [
            transpose::<S, TAPS, WORD>(step, (dense, are_small), (channel, LANES), 0, weights),
            transpose(step, (dense, are_small), (channel.wrapping_add(LANES), count.wrapping_sub(LANES)), 1, weights),
        ];
        tiles::<S, TAPS, WORD, 2>(step, (weights, &stages), pixels, (dense, channel, count), output);
        channel = channel.wrapping_add(2 * LANES);
    }
    if channel < end {
        let count = end.wrapping_sub(channel);
        let stages = [transpose::<S, TAPS, WORD>(step, (dense, are_small), (channel, count), 0, weights)];
        tiles::<S, TAPS, WORD, 1>(step, (weights, &stages), pixels, (dense, channel, count), output);
    }
}

/// Words of a row.
#[inline(always)]
fn words<const WORD: usize>(dense: &Dense<'_>) -> usize {
    dense.taps.div_ceil(WORD).min(WORDS)
}

/// Writes the words of `count` channels from `first` on, at most eight, to column `column` of `weights`, and returns their
/// constants. The first channel stands in for missing ones.
#[inline(always)]
fn transpose<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize>(
    step: S,
    (dense, are_small): (&Dense<'_>, bool),
    (first, count): (usize, usize),
    column: usize,
    weights: &mut Transposed<S, TAPS, WORD>,
) -> S::Stage {
    let mut rows: [&[i8]; LANES] = [&[]; LANES];
    for (index, row) in rows.iter_mut().enumerate() {
        let channel = first.wrapping_add(if index < count { index } else { 0 });
        *row = range(dense.weights, channel.wrapping_mul(dense.taps), dense.taps);
    }
    let mut excess = step.zero();
    let zeros = step.broadcast(&[S::element(0); WORD]);
    let mut at: usize = 0;
    for columns in weights.chunks_mut(LANES).take(dense.taps.div_ceil(TAPS)) {
        let mut block = [step.zero(); LANES];
        for (vector, row) in block.iter_mut().zip(&rows) {
            let row = row.get(at..).unwrap_or_default();
            *vector = match row.first_chunk() {
                Some(whole) => step.weights(whole),
                None => step.weights(&padded(row)),
            };
        }
        for (to, vector) in columns.iter_mut().zip(step.transposed(block)) {
            if let Some(to) = to.get_mut(column) {
                *to = vector;
            }
            if S::IS_UNSIGNED {
                excess = step.add(excess, zeros, vector);
            }
        }
        at = at.wrapping_add(TAPS);
    }
    let mut lanes = Lanes::of(dense, are_small, first);
    if S::IS_UNSIGNED {
        for (start, excess) in lanes.starts.iter_mut().zip(step.lanes(excess)) {
            *start = start.wrapping_sub(excess);
        }
    }
    step.stage(&lanes, dense.stage)
}

/// `count` channels from `channel` on of all pixels.
#[inline(always)]
fn tiles<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize, const COLUMNS: usize>(
    step: S,
    (weights, stages): (&Transposed<S, TAPS, WORD>, &[S::Stage; COLUMNS]),
    pixels: Pixels<'_, S::Element, TAPS>,
    (dense, channel, count): (&Dense<'_>, usize, usize),
    output: &mut [i8],
) {
    let outputs = dense.bias.len();
    let words = words::<WORD>(dense);
    let weights = weights.get(..words).unwrap_or_default();
    let panels = pixels.panel.chunks(pixels.step.wrapping_mul(PIXELS).max(1));
    for (panel, output) in panels.zip(output.chunks_mut(outputs.wrapping_mul(PIXELS).max(1))) {
        // The last tile may have fewer pixels: the first stands in for the others.
        let pixel = |index: usize| {
            let at = index.wrapping_mul(pixels.step);
            let panel = panel.get(at..).filter(|rest| rest.len() >= words.div_ceil(LANES)).unwrap_or(panel);
            range(panel.as_flattened().as_chunks::<WORD>().0, 0, words)
        };
        let x = [pixel(0), pixel(1), pixel(2), pixel(3)];
        let sums = tile::<S, TAPS, WORD, COLUMNS>(step, weights, x);
        let mut left = count;
        let mut at = channel;
        for (sums, stage) in sums.into_iter().zip(stages) {
            let values = step.finish_pixels(stage, sums);
            let count = left.min(LANES);
            let mut at_pixel = at;
            for value in &values {
                let to = output.get_mut(at_pixel..at_pixel.wrapping_add(count)).unwrap_or_default();
                store(to, value);
                at_pixel = at_pixel.wrapping_add(outputs);
            }
            (left, at) = (left.wrapping_sub(count), at.wrapping_add(LANES));
        }
    }
}

/// As many values as there is room for.
#[inline(always)]
fn store(to: &mut [i8], values: &[i8; LANES]) {
    if let Some(to) = to.first_chunk_mut() {
        *to = *values;
    } else {
        for (element, value) in to.iter_mut().zip(values) {
            *element = *value;
        }
    }
}

/// The sums of four pixels, for each column of channels.
#[inline(always)]
fn tile<S: Step<TAPS, WORD>, const TAPS: usize, const WORD: usize, const COLUMNS: usize>(
    step: S,
    weights: &[[S::Vector; 2]],
    [a, b, c, d]: [&[[S::Element; WORD]]; PIXELS],
) -> [[S::Vector; PIXELS]; COLUMNS] {
    let mut sums = [[step.zero(); PIXELS]; COLUMNS];
    for (weights, ((a, b), (c, d))) in weights.iter().zip(a.iter().zip(b).zip(c.iter().zip(d))) {
        let x = [step.broadcast(a), step.broadcast(b), step.broadcast(c), step.broadcast(d)];
        for (sums, weights) in sums.iter_mut().zip(weights) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = step.add(*sum, x, *weights);
            }
        }
    }
    sums
}
