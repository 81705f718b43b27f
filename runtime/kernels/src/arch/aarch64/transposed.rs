//! Layers of many pixels: weights are transposed once for a band, pixels meet vectors of channels.

use core::arch::aarch64::{int8x16_t, int32x4_t, vst1_s8, vst1q_s8};
use core::mem::MaybeUninit;

use super::bytes::{bytes, sixteen};
use super::finish::{Constants, LANES, Output, Stage};
use super::level::{Level, Pairs, Single};
use super::neon::*;
use super::tile::{WORD, tile};
use crate::Io;
use crate::arch::plan::{Plan, Room};
use crate::conv2d::Geometry;
use crate::dense::Dense;
use crate::io::range;

/// Pixels that are multiplied together.
const PIXELS: usize = 4;
/// Most vectors of four channels that they meet.
const COLUMNS: usize = 4;
/// Vectors of transposed weights, 20 kB of stack: those of 1280 taps and sixteen channels.
const WEIGHTS: usize = 1280;
/// Bytes of a band.
const BAND: usize = 32 << 10;
/// Most output pixels of a band.
const WINDOWS: usize = 2048;
/// Taps that are transposed together: those of a vector.
const RUN: usize = 16;

/// What there is room for.
pub(super) const ROOM: Room = Room { word: WORD, columns: COLUMNS, weights: WEIGHTS, band: BAND, windows: WINDOWS };

/// Transposed weights, those of all vectors of a word side by side.
type Weights = [MaybeUninit<int8x16_t>; WEIGHTS];

/// What a band is made of.
struct Work<'a> {
    dense: &'a Dense<'a>,
    windows: &'a [u32],
    band: &'a [MaybeUninit<i8>],
    output: Output,
}

/// Channels of a layer, the first that are not computed yet, and how many there are from there on.
#[derive(Clone, Copy)]
struct Channels {
    all: usize,
    first: usize,
    left: usize,
}

impl Plan {
    /// All pixels. Input, output, weights and constants are as long as the layer needs. With `dot` weights are multiplied by
    /// it, else by the baseline.
    pub(super) fn run(
        &self,
        dot: Option<impl Level>,
        (geometry, padding): (&Geometry, i8),
        dense: &Dense<'_>,
        io: &mut Io<i8>,
    ) {
        let [height, width, outputs] = geometry.output;
        let mut band = [MaybeUninit::uninit(); BAND + WORD];
        let mut weights = [MaybeUninit::uninit(); WEIGHTS];
        let mut windows = [0; WINDOWS];
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
            let work = Work { windows, band: &band, dense, output: Output::new(dense.stage) };
            let mut first = 0;
            while first < outputs {
                let channels = Channels { all: outputs, first, left: outputs.wrapping_sub(first) };
                first = first.wrapping_add(match dot {
                    Some(dot) => self.block(dot, &work, channels, &mut weights, to),
                    None => self.block_of_bytes(&work, channels, &mut weights, to),
                });
            }
            y = y.wrapping_add(rows);
        }
    }

    /// All pixels of a band for as many channels from the first of `channels` on as are computed together; returns how many
    /// these are.
    fn block(
        &self,
        dot: impl Level,
        work: &Work<'_>,
        channels: Channels,
        weights: &mut Weights,
        to: &mut [i8],
    ) -> usize {
        match (self.columns.min(COLUMNS), channels.left.div_ceil(LANES)) {
            // Three vectors of channels are computed as four.
            (COLUMNS, 3..) => {
                let (count, _) = self.transpose::<COLUMNS, false>(work.dense, channels, weights);
                self.finish::<_, COLUMNS>(dot, work, (channels, count), weights, to)
            }
            (2.., 2..) => {
                let (count, _) = self.transpose::<2, false>(work.dense, channels, weights);
                self.finish::<_, 2>(dot, work, (channels, count), weights, to)
            }
            _ => {
                let (count, _) = self.transpose::<1, false>(work.dense, channels, weights);
                self.finish::<_, 1>(dot, work, (channels, count), weights, to)
            }
        }
    }

    /// The same with the baseline: sums of four channels take twice the registers.
    fn block_of_bytes(&self, work: &Work<'_>, channels: Channels, weights: &mut Weights, to: &mut [i8]) -> usize {
        if self.columns >= 2 && channels.left > LANES {
            let (count, least) = self.transpose::<2, true>(work.dense, channels, weights);
            if least > i8::MIN {
                return self.finish::<_, 2>(Pairs, work, (channels, count), weights, to);
            }
            return self.finish::<_, 2>(Single, work, (channels, count), weights, to);
        }
        let (count, least) = self.transpose::<1, true>(work.dense, channels, weights);
        if least > i8::MIN {
            return self.finish::<_, 1>(Pairs, work, (channels, count), weights, to);
        }
        self.finish::<_, 1>(Single, work, (channels, count), weights, to)
    }

    /// Writes the weights of the channels of `N` vectors from the first on as words, with zeros behind the taps of a row. Returns
    /// how many channels these are and, if that is asked for, the least weight. The last channel stands in for missing ones.
    #[inline(never)]
    fn transpose<const N: usize, const LEAST: bool>(
        &self,
        dense: &Dense<'_>,
        Channels { first, left, .. }: Channels,
        to: &mut Weights,
    ) -> (usize, i8) {
        let (runs, run) = self.runs;
        let taps = runs.wrapping_mul(run);
        let count = left.min(LANES.wrapping_mul(N));
        let mut least = vdupq_n_s8(i8::MAX);
        let (words, _) = to.as_chunks_mut::<N>();
        for column in 0..N {
            let mut words = words.chunks_mut(run.div_ceil(WORD).max(1));
            let channel = |lane: usize| column.wrapping_mul(LANES).wrapping_add(lane).min(count.wrapping_sub(1));
            let channels = [channel(0), channel(1), channel(2), channel(3)];
            for index in 0..runs {
                let row = |channel: usize| {
                    let at = first.wrapping_add(channel).wrapping_mul(taps).wrapping_add(index.wrapping_mul(run));
                    range(dense.weights, at, run).as_chunks()
                };
                let [(a, a_left), (b, b_left), (c, c_left), (d, d_left)] = channels.map(row);
                let (fours, rest) = words.next().unwrap_or_default().as_chunks_mut::<{ RUN / WORD }>();
                for ((((a, b), c), d), to) in a.iter().zip(b).zip(c).zip(d).zip(&mut *fours) {
                    let vectors = [sixteen(a), sixteen(b), sixteen(c), sixteen(d)];
                    if LEAST {
                        least = least_of(least, vectors);
                    }
                    let [a, b, c, d] = transposed(vectors);
                    let [w, x, y, z] = to;
                    write(w, column, a);
                    write(x, column, b);
                    write(y, column, c);
                    write(z, column, d);
                }
                if !a_left.is_empty() {
                    let vectors = [bytes(a_left), bytes(b_left), bytes(c_left), bytes(d_left)];
                    least = least_of(least, vectors);
                    // As many as four words where the taps are not a whole number of them.
                    let places = if rest.is_empty() { fours.as_flattened_mut() } else { rest };
                    let skipped = places.len().wrapping_sub(a_left.len().div_ceil(WORD));
                    for (vector, to) in transposed(vectors).into_iter().zip(places.iter_mut().skip(skipped)) {
                        write(to, column, vector);
                    }
                }
            }
        }
        (count, vminvq_s8(least))
    }

    /// All pixels of a band for channels whose weights have been written; returns how many these are.
    #[inline(always)]
    fn finish<L: Level, const N: usize>(
        &self,
        level: L,
        work: &Work<'_>,
        (channels, count): (Channels, usize),
        weights: &Weights,
        to: &mut [i8],
    ) -> usize {
        let constants = Constants { bias: work.dense.bias, requant: work.dense.requant };
        let stage = |column: usize| {
            // Missing ones are not looked at.
            let column = if column < N { column } else { 0 };
            Stage::new(&constants, channels.first.wrapping_add(column.wrapping_mul(LANES)))
        };
        let [a, b, c, d] = [stage(0), stage(1), stage(2), stage(3)];
        let (stages, place) = ([a.0, b.0, c.0, d.0], (channels.all, channels.first, count));
        if a.1 && b.1 && c.1 && d.1 {
            // SAFETY: rows, windows and weights of `N` columns have been written, and the output has room for all.
            unsafe { self.pixels::<L, N, true>(level, (work, weights), &stages, place, to) };
        } else {
            // SAFETY: likewise.
            unsafe { self.pixels::<L, N, false>(level, (work, weights), &stages, place, to) };
        }
        count
    }

    /// The same, all channels being finished the shorter way if they may be. `place` has the channels from a pixel to the next,
    /// the first of these and how many they are.
    ///
    /// # Safety
    ///
    /// What windows of `work` read has been written, and so have the weights of `N` vectors. `to` has all channels of as many
    /// pixels as there are windows.
    #[inline(never)]
    unsafe fn pixels<L: Level, const N: usize, const SHORT: bool>(
        &self,
        level: L,
        (work, weights): (&Work<'_>, &Weights),
        stages: &[Stage; COLUMNS],
        (outputs, first, count): (usize, usize, usize),
        to: &mut [i8],
    ) {
        let (weights, band) = (weights.as_ptr().cast(), work.band.as_ptr().cast::<i8>());
        let mut starts = [vdupq_n_s32(0); N];
        for (start, stage) in starts.iter_mut().zip(stages) {
            *start = stage.starts;
        }
        let window = |window: u32| band.wrapping_add(window as usize);
        let mut to = to.as_mut_ptr().wrapping_add(first);
        let mut finish = |sums: [int32x4_t; N]| {
            // SAFETY: the caller knows that there is room.
            unsafe { store::<N, SHORT>(&work.output, stages, sums, (to, count)) };
            to = to.wrapping_add(outputs);
        };
        let (fours, rest) = work.windows.as_chunks::<PIXELS>();
        for windows in fours {
            // SAFETY: the caller knows that all that is read has been written.
            let [a, b, c, d] = unsafe { tile(level, windows.map(window), self.extent, weights, starts) };
            // In registers, as a loop would not have them.
            finish(a);
            finish(b);
            finish(c);
            finish(d);
        }
        for start in rest {
            // SAFETY: likewise.
            let [sums] = unsafe { tile(level, [window(*start)], self.extent, weights, starts) };
            finish(sums);
        }
    }
}

/// Writes one vector of a word.
#[inline(always)]
fn write<const N: usize>(word: &mut [MaybeUninit<int8x16_t>; N], column: usize, vector: int8x16_t) {
    if let Some(to) = word.get_mut(column) {
        to.write(vector);
    }
}

#[inline(always)]
fn least_of(least: int8x16_t, [a, b, c, d]: [int8x16_t; LANES]) -> int8x16_t {
    vminq_s8(least, vminq_s8(vminq_s8(a, b), vminq_s8(c, d)))
}

/// Writes the outputs of `count` channels of a pixel.
///
/// # Safety
///
/// There is room for them.
#[inline(always)]
unsafe fn store<const N: usize, const SHORT: bool>(
    output: &Output,
    stages: &[Stage; COLUMNS],
    sums: [int32x4_t; N],
    (to, count): (*mut i8, usize),
) {
    let [a, b, c, d] = stages;
    let bytes = match sums.as_slice() {
        [w, x, y, z] => output.sixteen::<SHORT>([a, b, c, d], [*w, *x, *y, *z]),
        [w, x] => output.eight::<SHORT>([a, b], [*w, *x]),
        [w] => output.eight::<SHORT>([a, a], [*w, *w]),
        _ => return,
    };
    if count == LANES.wrapping_mul(N) && N == COLUMNS {
        // SAFETY: the caller knows that there is room for sixteen bytes, which need no alignment.
        unsafe { vst1q_s8(to, bytes) };
    } else if count == LANES.wrapping_mul(N) && N == 2 {
        // SAFETY: likewise for eight.
        unsafe { vst1_s8(to, vget_low_s8(bytes)) };
    } else {
        // SAFETY: likewise for `count`.
        unsafe { store_some(bytes, to, count) };
    }
}

/// Writes the first `count` bytes.
///
/// # Safety
///
/// There is room for them.
#[inline(never)]
unsafe fn store_some(bytes: int8x16_t, to: *mut i8, count: usize) {
    let mut lanes = [0_i8; 16];
    // SAFETY: sixteen bytes are written to an array of as many.
    unsafe { vst1q_s8(lanes.as_mut_ptr(), bytes) };
    for (index, lane) in lanes.into_iter().enumerate().take(count) {
        // SAFETY: the caller knows that there is room for `count` bytes.
        unsafe { to.wrapping_add(index).write(lane) };
    }
}

/// Vector `i` of the result has word `i` of every vector.
#[inline(always)]
fn transposed(rows: [int8x16_t; LANES]) -> [int8x16_t; LANES] {
    let [a, b, c, d] = rows;
    let word = |x: int8x16_t| vreinterpretq_s32_s8(x);
    let (a, b, c, d) = (word(a), word(b), word(c), word(d));
    let wide = |x: int32x4_t| vreinterpretq_s64_s32(x);
    let (ab, cd) = (wide(vtrn1q_s32(a, b)), wide(vtrn1q_s32(c, d)));
    let (ef, gh) = (wide(vtrn2q_s32(a, b)), wide(vtrn2q_s32(c, d)));
    [
        vreinterpretq_s8_s64(vtrn1q_s64(ab, cd)),
        vreinterpretq_s8_s64(vtrn1q_s64(ef, gh)),
        vreinterpretq_s8_s64(vtrn2q_s64(ab, cd)),
        vreinterpretq_s8_s64(vtrn2q_s64(ef, gh)),
    ]
}
