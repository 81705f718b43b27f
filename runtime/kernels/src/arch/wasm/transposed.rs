//! Layers of many pixels: weights are transposed once for a band, pixels meet vectors of channels.

use core::arch::wasm32::*;
use core::mem::MaybeUninit;

use super::bytes::{bytes, sixteen, write_half};
use super::finish::{Constants, LANES, Output, Stage};
use super::tile::{WORD, tile};
use crate::Io;
use crate::arch::plan::{Plan, Room};
use crate::conv2d::Geometry;
use crate::dense::Dense;
use crate::io::range;

/// Pixels that are multiplied together.
const PIXELS: usize = 4;
/// Most vectors of four channels that they meet.
const COLUMNS: usize = 2;
/// Vectors of transposed weights, 40 kB of stack: those of 2560 taps and eight channels.
const WEIGHTS: usize = 2560;
/// Elements of a band, 48 kB of stack.
const BAND: usize = 24 << 10;
/// Most output pixels of a band.
const WINDOWS: usize = 2048;
/// Taps that are transposed together: those of a vector of bytes.
const RUN: usize = 16;

/// What there is room for.
pub(super) const ROOM: Room = Room { word: WORD, columns: COLUMNS, weights: WEIGHTS, band: BAND, windows: WINDOWS };

/// Transposed weights, those of all vectors of a word side by side.
type Weights = [MaybeUninit<v128>; WEIGHTS];

/// What a band is made of.
struct Work<'a> {
    dense: &'a Dense<'a>,
    constants: Constants<'a>,
    windows: &'a [u32],
    band: &'a [MaybeUninit<i16>],
    output: Output,
}

/// Channels of a layer, the first of those that are computed, and how many these are.
#[derive(Clone, Copy)]
struct Channels {
    all: usize,
    first: usize,
    count: usize,
}

impl Channels {
    /// The channel of a lane; the last one stands in for those that are missing.
    fn of_lane(&self, lane: usize) -> usize {
        self.first.wrapping_add(lane.min(self.count.wrapping_sub(1)))
    }

    /// Those of a vector.
    fn of_column(&self, column: usize) -> [usize; LANES] {
        let lane = column.wrapping_mul(LANES);
        [0, 1, 2, 3].map(|index: usize| self.of_lane(lane.wrapping_add(index)))
    }
}

impl Plan {
    /// All pixels. Input, output, weights and constants are as long as the layer needs.
    pub(super) fn run(&self, (geometry, padding): (&Geometry, i8), dense: &Dense<'_>, io: &mut Io<i8>) {
        let [height, width, outputs] = geometry.output;
        let mut band = [MaybeUninit::<i16>::uninit(); BAND + WORD];
        let mut weights = [MaybeUninit::uninit(); WEIGHTS];
        let mut windows = [0; WINDOWS];
        let constants = Constants::new(dense.bias, dense.requant, dense.stage, dense.taps);
        let mut y = 0;
        while y < height {
            let rows = height.wrapping_sub(y).min(self.bands.rows);
            // The last word of the last window may end behind the band.
            let is_copied = self.bands.copy((geometry, padding), io.input(), (y, rows), WORD, &mut band);
            let pixels = rows.wrapping_mul(width);
            let at = y.wrapping_mul(width).wrapping_mul(outputs);
            let to = io.output().get_mut(at..at.wrapping_add(pixels.wrapping_mul(outputs))).unwrap_or_default();
            let windows = windows.get_mut(..pixels).filter(|_| is_copied && !to.is_empty());
            let Some(windows) = windows else { return io.refuse() };
            self.windows(geometry, windows);
            let work = Work { windows, band: &band, constants, dense, output: Output::new(dense.stage) };
            let mut first = 0;
            while first < outputs {
                let left = outputs.wrapping_sub(first);
                let columns = self.columns.min(left.div_ceil(LANES)).min(COLUMNS);
                let channels = Channels { all: outputs, first, count: left.min(columns.wrapping_mul(LANES)) };
                if columns == COLUMNS {
                    self.block::<COLUMNS>(&work, channels, &mut weights, to);
                } else {
                    self.block::<1>(&work, channels, &mut weights, to);
                }
                first = first.wrapping_add(channels.count.max(1));
            }
            y = y.wrapping_add(rows);
        }
    }

    /// All pixels of a band for the channels of `N` vectors.
    #[inline(always)]
    fn block<const N: usize>(&self, work: &Work<'_>, channels: Channels, weights: &mut Weights, to: &mut [i8]) {
        self.transpose::<N>(work, channels, weights);
        // SAFETY: what windows read has been written, and so have the weights of `N` vectors; `to` has all channels of the
        // windows' pixels.
        unsafe { self.pixels::<N>(work, weights, channels, to) };
    }

    /// Writes the weights of the channels of `N` vectors as words, with zeros behind the taps of a row.
    #[inline(never)]
    fn transpose<const N: usize>(&self, work: &Work<'_>, channels: Channels, to: &mut Weights) {
        let (runs, run) = self.runs;
        let taps = runs.wrapping_mul(run);
        let (words, _) = to.as_chunks_mut::<N>();
        for column in 0..N {
            let mut words = words.chunks_mut(run.div_ceil(WORD).max(1));
            let of_column = channels.of_column(column);
            let [a, b, c, d] = of_column.map(|channel| 1_i16.wrapping_shl(work.constants.places(channel)));
            let units = i16x8(a, a, b, b, c, c, d, d);
            for index in 0..runs {
                let rows = of_column.map(|channel| {
                    let at = channel.wrapping_mul(taps).wrapping_add(index.wrapping_mul(run));
                    range(work.dense.weights, at, run).as_chunks::<RUN>()
                });
                let [(a, a_left), (b, b_left), (c, c_left), (d, d_left)] = rows;
                let mut steps = words.next().unwrap_or_default().chunks_mut(RUN / WORD);
                for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
                    let vectors = transposed([sixteen(a), sixteen(b), sixteen(c), sixteen(d)], units);
                    write(steps.next().unwrap_or_default(), column, vectors);
                }
                if !a_left.is_empty() {
                    let vectors = transposed([bytes(a_left), bytes(b_left), bytes(c_left), bytes(d_left)], units);
                    write(steps.next().unwrap_or_default(), column, vectors);
                }
            }
        }
    }

    /// All pixels of a band, whose weights have been written.
    ///
    /// # Safety
    ///
    /// What windows of `work` read has been written, and so have the weights of `N` vectors. `to` has all channels of as many
    /// pixels as there are windows.
    #[inline(never)]
    unsafe fn pixels<const N: usize>(&self, work: &Work<'_>, weights: &Weights, channels: Channels, to: &mut [i8]) {
        let (weights, band) = (weights.as_ptr().cast::<v128>(), work.band.as_ptr().cast::<i16>());
        let stage =
            |column: usize| Stage::new(&work.constants, channels.of_column(if column < N { column } else { 0 }));
        let stages = [stage(0), stage(1)];
        let mut starts = [i32x4_splat(0); N];
        for (start, stage) in starts.iter_mut().zip(stages) {
            *start = stage.starts;
        }
        let window = |window: u32| band.wrapping_add(window as usize);
        let finish = Finish { work, stages: &stages, channels };
        let mut to = to.chunks_exact_mut(channels.all.max(1));
        let (fours, rest) = work.windows.as_chunks::<PIXELS>();
        for windows in fours {
            // SAFETY: the caller knows that all that is read has been written.
            let sums = unsafe { tile::<N, PIXELS>(windows.map(window), self.extent, weights, starts) };
            finish.store(sums, &mut to);
        }
        if let [a, b, c] = rest {
            // The last one twice takes less time than each of three by itself.
            let windows = [*a, *b, *c, *c].map(window);
            // SAFETY: likewise.
            let sums = unsafe { tile::<N, PIXELS>(windows, self.extent, weights, starts) };
            finish.store(sums, &mut to);
            return;
        }
        for start in rest {
            // SAFETY: likewise.
            let [sums] = unsafe { tile::<N, 1>([window(*start)], self.extent, weights, starts) };
            finish.store([sums], &mut to);
        }
    }
}

/// How sums become outputs.
struct Finish<'a> {
    work: &'a Work<'a>,
    stages: &'a [Stage; COLUMNS],
    channels: Channels,
}

impl Finish<'_> {
    /// Writes the outputs of `P` pixels, of which `to` has all channels.
    #[inline(always)]
    fn store<'t, const N: usize, const P: usize>(
        &self,
        sums: [[v128; N]; P],
        to: &mut impl Iterator<Item = &'t mut [i8]>,
    ) {
        let Channels { first, count, .. } = self.channels;
        let mut next = || to.next().and_then(|to| to.get_mut(first..first.wrapping_add(count))).unwrap_or_default();
        let [p, q] = self.stages;
        // By patterns: what an index is asked for would stay in memory, with every step of the sums.
        match *sums.as_flattened() {
            [a, b, c, d, e, f, g, h] => {
                let bytes = self.finished([p, q, p, q], [0, 1, 0, 1], [a, b, c, d]);
                write_half::<0>(next(), bytes);
                write_half::<1>(next(), bytes);
                let bytes = self.finished([p, q, p, q], [0, 1, 0, 1], [e, f, g, h]);
                write_half::<0>(next(), bytes);
                write_half::<1>(next(), bytes);
            }
            [a, b, c, d] => {
                let bytes = self.finished([p; 4], [0; 4], [a, b, c, d]);
                write_word::<0>(next(), bytes);
                write_word::<1>(next(), bytes);
                write_word::<2>(next(), bytes);
                write_word::<3>(next(), bytes);
            }
            [a, b] => write_half::<0>(next(), self.finished([p, q, p, q], [0, 1, 0, 1], [a, b, a, b])),
            [a] => write_word::<0>(next(), self.finished([p; 4], [0; 4], [a; 4])),
            _ => {}
        }
    }

    #[inline(always)]
    fn finished(&self, stages: [&Stage; 4], columns: [usize; 4], sums: [v128; 4]) -> v128 {
        if self.work.constants.are_long() {
            let channels = columns.map(|column| self.channels.of_column(column));
            return self.work.output.one_by_one(&self.work.constants.requant, channels, sums);
        }
        self.work.output.sixteen(stages, sums)
    }
}

/// Writes one word of a vector, or as much of it as there is room for.
#[inline(always)]
fn write_word<const LANE: usize>(to: &mut [i8], bytes: v128) {
    let word = i32x4_extract_lane::<LANE>(bytes).to_le_bytes();
    for (to, byte) in to.iter_mut().zip(word) {
        *to = byte.cast_signed();
    }
}

/// Writes one vector of each word, of as many words as there are.
#[inline(always)]
fn write<const N: usize>(words: &mut [[MaybeUninit<v128>; N]], column: usize, vectors: [v128; RUN / WORD]) {
    for (word, vector) in words.iter_mut().zip(vectors) {
        if let Some(to) = word.get_mut(column) {
            to.write(vector);
        }
    }
}

/// Vector `i` of the result has word `i` of every vector, widened and multiplied.
#[inline(always)]
fn transposed([a, b, c, d]: [v128; LANES], units: v128) -> [v128; RUN / WORD] {
    // Words of two bytes, of two channels side by side, then of all four.
    let (ab, cd) = (i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b), i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(c, d));
    let (ef, gh) =
        (i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b), i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(c, d));
    let [p, q] = [i32x4_shuffle::<0, 4, 1, 5>(ab, cd), i32x4_shuffle::<2, 6, 3, 7>(ab, cd)];
    let [r, s] = [i32x4_shuffle::<0, 4, 1, 5>(ef, gh), i32x4_shuffle::<2, 6, 3, 7>(ef, gh)];
    let low = |x: v128| i16x8_mul(i16x8_extend_low_i8x16(x), units);
    let high = |x: v128| i16x8_mul(i16x8_extend_high_i8x16(x), units);
    [low(p), high(p), low(q), high(q), low(r), high(r), low(s), high(s)]
}
