//! Conv2D and FullyConnected in row-major order with AVX-512 VNNI: sixteen channels are the lanes of a vector.
//!
//! `VPDPBUSD` multiplies 64 unsigned bytes by signed ones and adds the products of four neighbours to a lane. The rows of an
//! image that a band of output rows needs are copied once, with 128 added to each byte and with padding around them, so that
//! no window reaches beyond what was copied. The weights of 32 channels are transposed once for a band: a word of four taps
//! of each channel in each vector.
//!
//! ```text
//! x0 x1 x2 x3 | x0 x1 x2 x3 | ...        four neighbouring bytes of a pixel's window, in all lanes
//! a0 a1 a2 a3 | b0 b1 b2 b3 | ...        the weights of sixteen channels that they meet
//! a           | b           | ...        sums
//! ```
//!
//! Eight pixels meet 32 channels. Rows of a window that are no whole number of words end with weights of zero, which meet
//! whatever is there. What 128 in each activation adds to a sum is taken from the value that it starts with, as in
//! [`crate::dots`].
//!
//! Layers of few pixels ([`single`]) read their weights where they lie: taps are lanes, and sixteen sums are folded together.
//! There it is the weights that get 128 more, and what that adds is the same for all channels.
//!
//! All inputs of a band are read before the first of its outputs is written, as the contract of Conv2D asks.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::band::{BYTES, Bands, Chunk, bytes, mask_of_bytes};
use super::finish_avx512::{Channels, Constants, LANES, Stage, mask_of, store};
use super::found::Avx512Vnni;
use crate::Io;
use crate::arch::reach::places;
use crate::conv2d::{self, Conv2dI8, Geometry};
use crate::dense::Dense;
use crate::dots::{self, blocks::are_small};
use crate::fully_connected::{self, FullyConnectedI8};
use crate::io::range;

/// Taps of a lane.
const WORD: usize = 4;
/// Pixels that are multiplied together.
const PIXELS: usize = 8;
/// Vectors of channels that they meet.
const COLUMNS: usize = 2;
/// Vectors of transposed weights, 20 kB of stack: those of 640 taps and 32 channels.
const WEIGHTS: usize = 320;
/// Bytes of a band.
const BAND: usize = 24 << 10;
/// Most output pixels of a band.
const WINDOWS: usize = 2560;
/// Fewest pixels for which transposing pays.
const LEAST: usize = 6;
/// Longest row of one pixel.
const ROW: usize = 4096;

/// Any convolution.
pub(super) fn conv2d_i8(proof: Avx512Vnni, layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let mut dense = conv2d::portable::dense(layer);
    dense.bias = range(dense.bias, 0, geometry.output[2]);
    let is_flat = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == geometry.input[1];
    let flat = rows(geometry.pixels(), geometry.input[2], geometry.output[2]);
    let geometry = if is_flat { &flat } else { geometry };
    let few = is_flat && geometry.pixels() < LEAST && geometry.taps() <= ROW;
    let plan = if few { None } else { Plan::new(geometry) };
    if !few && plan.is_none() {
        return dots::conv2d_i8(proof, layer, io, scratch);
    }
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    match plan {
        // SAFETY: `proof` stands for the instructions, and the layer fits.
        Some(plan) => unsafe { plan.run(geometry, layer.padding_value, &dense, io) },
        // SAFETY: likewise.
        None => unsafe { singles(geometry.pixels(), &dense, io) },
    }
}

/// Any layer.
pub(super) fn fully_connected_i8(proof: Avx512Vnni, layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = rows(layer.rows, layer.taps, layer.outputs);
    let mut dense = fully_connected::portable::dense(layer);
    dense.bias = range(dense.bias, 0, layer.outputs);
    let few = layer.rows < LEAST && layer.taps <= ROW;
    let plan = if few { None } else { Plan::new(&geometry) };
    if !few && plan.is_none() {
        return dots::fully_connected_i8(proof, layer, io, scratch);
    }
    if !layer.fits(io) {
        return io.refuse();
    }
    match plan {
        // SAFETY: `proof` stands for the instructions, and the layer fits.
        Some(plan) => unsafe { plan.run(&geometry, 0, &dense, io) },
        // SAFETY: likewise.
        None => unsafe { singles(layer.rows, &dense, io) },
    }
}

/// A matrix of `pixels` rows as a column of pixels.
fn rows(pixels: usize, taps: usize, outputs: usize) -> Geometry {
    let one = [1, 1];
    let (input, output) = ([pixels, 1, taps], [pixels, 1, outputs]);
    Geometry { input, output, kernel: one, stride: one, dilation: one, pad: [0, 0], groups: 1 }
}

/// How a layer is computed.
struct Plan {
    bands: Bands,
    /// Words of a row of a window.
    words: usize,
    /// Rows of a window, as they are transposed: one where rows are whole numbers of words.
    runs: (usize, usize),
    /// Vectors of channels that are computed together.
    columns: usize,
}

impl Plan {
    /// None for layers that the kernel does not take.
    fn new(geometry: &Geometry) -> Option<Plan> {
        let Geometry { input: [_, _, channels], output, kernel, .. } = *geometry;
        let mut bands = Bands::new(geometry, BAND)?;
        bands.rows = bands.rows.min(WINDOWS.checked_div(output[1])?);
        let run = kernel[1].checked_mul(channels)?;
        let words = run.div_ceil(WORD);
        let vectors = words.checked_mul(kernel[0])?;
        let fits = geometry.groups == 1 && geometry.has_runs() && vectors <= WEIGHTS && run > 0;
        let takes = fits && bands.rows.checked_mul(output[1])? >= LEAST;
        let columns = if vectors <= WEIGHTS / COLUMNS { COLUMNS } else { 1 };
        let runs = if run.is_multiple_of(WORD) { (1, run.checked_mul(kernel[0])?) } else { (kernel[0], run) };
        takes.then_some(Plan { bands, words, runs, columns })
    }

    /// All pixels.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 F, BW, DQ, VL and VNNI; input, output, weights and constants are as long as the layer needs.
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run(&self, geometry: &Geometry, padding: i8, dense: &Dense<'_>, io: &mut Io<i8>) {
        let [height, width, outputs] = geometry.output;
        let mut band = [Chunk::UNINIT; BAND / BYTES + 2];
        let mut weights = [MaybeUninit::<__m512i>::uninit(); WEIGHTS];
        let mut windows = [0; WINDOWS];
        let Dense { bias, requant, stage: output, .. } = *dense;
        let constants = Constants { bias, requant, output, are_small: are_small(dense.taps, bias) };
        let mut y = 0;
        while y < height {
            let rows = height.wrapping_sub(y).min(self.bands.rows);
            // The last word of the last window may end behind the band.
            self.bands.copy((geometry, padding), io.input(), (y, rows), WORD, &mut band);
            let pixels = rows.wrapping_mul(width);
            let at = y.wrapping_mul(width).wrapping_mul(outputs);
            let to = io.output().get_mut(at..at.wrapping_add(pixels.wrapping_mul(outputs))).unwrap_or_default();
            let Some(windows) = windows.get_mut(..pixels).filter(|_| !to.is_empty()) else { return io.refuse() };
            self.windows(geometry, windows);
            let mut channel = 0;
            while channel < outputs {
                let columns = if outputs.wrapping_sub(channel) > LANES { self.columns } else { 1 };
                let mut stages = [None; COLUMNS];
                for (column, stage) in stages.iter_mut().enumerate().take(columns) {
                    let first = channel.wrapping_add(column.wrapping_mul(LANES));
                    let count = outputs.wrapping_sub(first).min(LANES);
                    let excess = self.transpose(dense.weights, (first, count), (column, columns), &mut weights);
                    let channels = Channels { first, count, cycle: outputs };
                    *stage = Some((Stage::new(&constants, channels, excess), first, count));
                }
                let work = Work { geometry, band: &band, weights: &weights, windows, to: &mut *to };
                let are_short = stages.iter().flatten().all(|(stage, _, _)| stage.is_short);
                match (stages, are_short) {
                    // SAFETY: rows of the band and weights of both columns have been written.
                    ([Some(a), Some(b)], true) => unsafe { self.tiles::<2, true>(work, [a, b]) },
                    // SAFETY: likewise.
                    ([Some(a), Some(b)], false) => unsafe { self.tiles::<2, false>(work, [a, b]) },
                    // SAFETY: likewise of one.
                    ([Some(a), None], true) => unsafe { self.tiles::<1, true>(work, [a]) },
                    // SAFETY: likewise.
                    ([Some(a), None], false) => unsafe { self.tiles::<1, false>(work, [a]) },
                    ([None, _], _) => return io.refuse(),
                }
                channel = channel.wrapping_add(LANES.wrapping_mul(columns));
            }
            y = y.wrapping_add(rows);
        }
    }

    /// Writes the weights of `count` channels from `first` on to one of so many columns, with zeros for missing channels, and
    /// returns what they make of 128 in each activation.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
    fn transpose(
        &self,
        weights: &[i8],
        (first, count): (usize, usize),
        (column, columns): (usize, usize),
        to: &mut [MaybeUninit<__m512i>; WEIGHTS],
    ) -> __m512i {
        let (runs, run) = self.runs;
        let taps = runs.wrapping_mul(run);
        let block = range(weights, first.wrapping_mul(taps), count.wrapping_mul(taps));
        let many = _mm512_set1_epi8(i8::MIN);
        let mut excess = _mm512_setzero_si512();
        let mut places = to.iter_mut().skip(column).step_by(columns);
        for row in 0..runs {
            let mut tap = 0;
            while tap < run {
                let left = run.wrapping_sub(tap).min(BYTES);
                let at = row.wrapping_mul(run).wrapping_add(tap);
                let mut vectors = [_mm512_setzero_si512(); LANES];
                for (index, vector) in vectors.iter_mut().enumerate().take(count) {
                    *vector = bytes(range(block, index.wrapping_mul(taps).wrapping_add(at), left));
                }
                let vectors = if left > BYTES / 4 { transposed(vectors) } else { transposed_quarter(vectors) };
                for vector in vectors.into_iter().take(left.div_ceil(WORD)) {
                    excess = _mm512_dpbusd_epi32(excess, many, vector);
                    if let Some(to) = places.next() {
                        to.write(vector);
                    }
                }
                tap = tap.wrapping_add(BYTES);
            }
        }
        excess
    }

    /// Where the windows of a band begin, pixel after pixel.
    fn windows(&self, geometry: &Geometry, windows: &mut [u32]) {
        let Geometry { output: [_, width, _], input: [_, _, channels], stride, .. } = *geometry;
        let steps = (stride[0].wrapping_mul(self.bands.row), stride[1].wrapping_mul(channels));
        places(windows, width, self.bands.start, steps);
    }

    /// All pixels of a band for the channels of `N` vectors, which all are finished the shorter way if they may be.
    ///
    /// # Safety
    ///
    /// The band's rows and the weights have been written, and `work.to` has room for the outputs of all windows.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn tiles<const N: usize, const SHORT: bool>(&self, work: Work<'_>, stages: [(Stage, usize, usize); N]) {
        let Geometry { output: [_, _, outputs], kernel, dilation, .. } = *work.geometry;
        let starts = stages.each_ref().map(|(stage, _, _)| stage.starts);
        let row_step = dilation[0].wrapping_mul(self.bands.row);
        let (weights, band) = (work.weights.as_ptr().cast(), work.band.as_ptr().cast::<u8>());
        let (last, to) = (work.windows.len().wrapping_sub(1), work.to.as_mut_ptr());
        let mut first = 0;
        while first <= last {
            // The last tile may have fewer pixels: the last one is computed several times.
            let index = |lane: usize| first.wrapping_add(lane).min(last);
            let pixels = [index(0), index(1), index(2), index(3), index(4), index(5), index(6), index(7)];
            let windows = pixels.map(|pixel| band.wrapping_add(work.windows.get(pixel).copied().unwrap_or(0) as usize));
            // SAFETY: windows lie in the band, but for the last three bytes behind its last row, which have been written;
            // there are as many vectors of weights as words of a window, `N` times.
            let sums = unsafe { tile(windows, (kernel[0], row_step, self.words), weights, starts) };
            let finish = |sums: [__m512i; N], pixel: usize| {
                let to = to.wrapping_add(pixel.wrapping_mul(outputs));
                for (sum, (stage, channel, count)) in sums.into_iter().zip(&stages) {
                    let bytes = stage.finish::<SHORT>(sum);
                    // SAFETY: the pixel has so many channels from this one on, and there is room for all pixels.
                    unsafe { store(to.wrapping_add(*channel), *count, bytes) };
                }
            };
            // In registers, as a loop would not have them.
            let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (sums, pixels);
            finish(a, i);
            finish(b, j);
            finish(c, k);
            finish(d, l);
            finish(e, m);
            finish(f, n);
            finish(g, o);
            finish(h, p);
            first = first.wrapping_add(PIXELS);
        }
    }
}

/// What a band is made of.
struct Work<'a> {
    geometry: &'a Geometry,
    band: &'a [Chunk],
    weights: &'a [MaybeUninit<__m512i>; WEIGHTS],
    /// Where the window of each output pixel begins.
    windows: &'a [u32],
    /// Their outputs.
    to: &'a mut [i8],
}

/// The sums of eight windows, for `N` vectors of channels.
///
/// # Safety
///
/// From each window on there are `rows` rows, `row_step` bytes apart, of `words` words of four bytes, and from `weights` on `N`
/// vectors for each word.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile<const N: usize>(
    mut windows: [*const u8; PIXELS],
    (rows, row_step, words): (usize, usize, usize),
    mut weights: *const __m512i,
    starts: [__m512i; N],
) -> [[__m512i; N]; PIXELS] {
    let mut sums = [starts; PIXELS];
    for _ in 0..rows {
        let mut left = words;
        let mut at = windows;
        while left >= 4 {
            // Copying a word from memory to all lanes takes a unit that multiplies, moving words within a vector does not.
            let fours = at.map(|at| {
                // SAFETY: the caller knows that four words are there, which need no alignment.
                _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(at.cast()) })
            });
            // SAFETY: and the vectors of weights.
            let vectors = unsafe { weights.cast::<[[__m512i; N]; 4]>().read() };
            sums = multiplied(sums, fours.map(|four| _mm512_shuffle_epi32::<0b00_00_00_00>(four)), vectors[0]);
            sums = multiplied(sums, fours.map(|four| _mm512_shuffle_epi32::<0b01_01_01_01>(four)), vectors[1]);
            sums = multiplied(sums, fours.map(|four| _mm512_shuffle_epi32::<0b10_10_10_10>(four)), vectors[2]);
            sums = multiplied(sums, fours.map(|four| _mm512_shuffle_epi32::<0b11_11_11_11>(four)), vectors[3]);
            at = at.map(|at| at.wrapping_add(4 * WORD));
            weights = weights.wrapping_add(N.wrapping_mul(4));
            left = left.wrapping_sub(4);
        }
        for _ in 0..left {
            // SAFETY: likewise.
            let vectors = unsafe { weights.cast::<[__m512i; N]>().read() };
            // SAFETY: likewise.
            let words = at.map(|at| _mm512_set1_epi32(unsafe { at.cast::<i32>().read_unaligned() }));
            sums = multiplied(sums, words, vectors);
            at = at.map(|at| at.wrapping_add(WORD));
            weights = weights.wrapping_add(N);
        }
        windows = windows.map(|window| window.wrapping_add(row_step));
    }
    sums
}

/// Adds the products of a word of each pixel and the weights of `N` vectors of channels.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiplied<const N: usize>(
    mut sums: [[__m512i; N]; PIXELS],
    words: [__m512i; PIXELS],
    vectors: [__m512i; N],
) -> [[__m512i; N]; PIXELS] {
    for (sums, word) in sums.iter_mut().zip(words) {
        for (sum, vector) in sums.iter_mut().zip(vectors) {
            *sum = _mm512_dpbusd_epi32(*sum, word, vector);
        }
    }
    sums
}

/// Vector `i` of the result has word `i` of every vector.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rows;
    let (first, second) = (four([a, b, c, d]), four([e, f, g, h]));
    let (third, last) = (four([i, j, k, l]), four([m, n, o, p]));
    let mut columns = [[_mm512_setzero_si512(); 4]; 4];
    // Quarter `q` of vector `r` of each has word `4 q + r` of its four rows.
    let [c0, c1, c2, c3] = &mut columns;
    let places = c0.iter_mut().zip(c1).zip(c2.iter_mut().zip(c3));
    for (((a, b), (c, d)), ((x, y), (z, w))) in
        first.into_iter().zip(second).zip(third.into_iter().zip(last)).zip(places)
    {
        let (ab, cd) = (_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d));
        let (ef, gh) = (_mm512_shuffle_i32x4::<0b11_01_11_01>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d));
        *x = _mm512_shuffle_i32x4::<0b10_00_10_00>(ab, cd);
        *y = _mm512_shuffle_i32x4::<0b10_00_10_00>(ef, gh);
        *z = _mm512_shuffle_i32x4::<0b11_01_11_01>(ab, cd);
        *w = _mm512_shuffle_i32x4::<0b11_01_11_01>(ef, gh);
    }
    let [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]] = columns;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// [`transposed`] for rows of which the first four words count.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed_quarter(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rows;
    let quarters = |a, b, c, d| {
        let ab = _mm512_inserti32x4::<1>(a, _mm512_castsi512_si128(b));
        let cd = _mm256_inserti128_si256::<1>(_mm512_castsi512_si256(c), _mm512_castsi512_si128(d));
        _mm512_inserti64x4::<1>(ab, cd)
    };
    let words = [quarters(a, e, i, m), quarters(b, f, j, n), quarters(c, g, k, o), quarters(d, h, l, p)];
    let [a, b, c, d] = four(words);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// In each quarter, word `i` of every vector in vector `i`.
#[inline]
#[target_feature(enable = "avx512f")]
fn four([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ef, gh),
        _mm512_unpackhi_epi64(ef, gh),
    ]
}

/// The outputs of `count` pixels, one after the other.
///
/// # Safety
///
/// The processor has AVX-512 F, BW, DQ, VL and VNNI; input, output, weights and constants are as long as the layer needs.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn singles(count: usize, dense: &Dense<'_>, io: &mut Io<i8>) {
    let outputs = dense.bias.len();
    let Dense { bias, requant, stage: output, .. } = *dense;
    let constants = Constants { bias, requant, output, are_small: are_small(dense.taps, bias) };
    // The output may lie over the input.
    let mut pixel = [Chunk::UNINIT; ROW / BYTES];
    for index in 0..count {
        let from = range(io.input(), index.wrapping_mul(dense.taps), dense.taps);
        for (to, from) in pixel.iter_mut().zip(from.chunks(BYTES)) {
            to.write(bytes(from));
        }
        let at = index.wrapping_mul(outputs);
        let to = io.output().get_mut(at..at.wrapping_add(outputs)).unwrap_or_default();
        // SAFETY: whole vectors have been written.
        unsafe { single(dense, &constants, pixel.as_ptr().cast(), to) };
    }
}

/// The outputs of one pixel.
///
/// # Safety
///
/// `x` has `dense.taps` activations, with zeros behind them to whole vectors; there are weights for all outputs.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn single(dense: &Dense<'_>, constants: &Constants<'_>, x: *const __m512i, output: &mut [i8]) {
    let outputs = output.len();
    let vectors = dense.taps.div_ceil(BYTES);
    let mut sums = _mm512_setzero_si512();
    for index in 0..vectors {
        // SAFETY: the vector is there.
        let x = unsafe { x.wrapping_add(index).read() };
        sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(i8::MIN), x);
    }
    let excess = _mm512_set1_epi32(_mm512_reduce_add_epi32(sums));
    for (index, to) in output.chunks_mut(LANES).enumerate() {
        let first = index.wrapping_mul(LANES);
        let count = to.len();
        let block = range(dense.weights, first.wrapping_mul(dense.taps), count.wrapping_mul(dense.taps));
        // SAFETY: the block has the rows of `count` channels.
        let sums = unsafe { products(block.as_ptr(), dense.taps, count, x) };
        let stage = Stage::new(constants, Channels { first, count, cycle: outputs }, excess);
        let sums = _mm512_add_epi32(stage.starts, totals(sums));
        let bytes = if stage.is_short { stage.finish::<true>(sums) } else { stage.finish::<false>(sums) };
        // SAFETY: the mask leaves the chunk's bytes.
        unsafe { _mm_mask_storeu_epi8(to.as_mut_ptr(), mask_of(count), bytes) };
    }
}

/// The products of `x` and `count` rows of weights, each of which has 128 added. The last row stands in for missing ones.
///
/// # Safety
///
/// There are so many rows of `taps` weights, and `taps` activations with zeros behind them to whole vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn products(weights: *const i8, taps: usize, count: usize, x: *const __m512i) -> [__m512i; LANES] {
    let mut rows = [weights; LANES];
    let (mut row, mut left) = (weights, count);
    for to in &mut rows {
        *to = row;
        left = left.saturating_sub(1);
        row = row.wrapping_add(if left > 0 { taps } else { 0 });
    }
    let many = _mm512_set1_epi8(i8::MIN);
    let mut sums = [_mm512_setzero_si512(); LANES];
    let whole = taps / BYTES;
    for index in 0..whole {
        // SAFETY: the caller knows that the activations are there.
        let x = unsafe { x.wrapping_add(index).read() };
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: and the weights, which need no alignment.
            let w = unsafe { row.cast::<__m512i>().wrapping_add(index).read_unaligned() };
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(w, many), x);
        }
    }
    let left = taps % BYTES;
    if left > 0 {
        // SAFETY: likewise.
        let x = unsafe { x.wrapping_add(whole).read() };
        for (sum, row) in sums.iter_mut().zip(rows) {
            let row = row.wrapping_add(whole.wrapping_mul(BYTES));
            // SAFETY: the mask leaves the rest of the row.
            let w = unsafe { _mm512_maskz_loadu_epi8(mask_of_bytes(left), row) };
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(w, many), x);
        }
    }
    sums
}

/// The sum of each vector's lanes: pairs, then fours, then quarters.
#[inline]
#[target_feature(enable = "avx512f")]
fn totals(sums: [__m512i; LANES]) -> __m512i {
    let pair = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let four = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let quarters = |a, b| {
        let even = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        _mm512_add_epi32(even, _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b))
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = sums;
    let (abcd, efgh) = (four(pair(a, b), pair(c, d)), four(pair(e, f), pair(g, h)));
    let (ijkl, mnop) = (four(pair(i, j), pair(k, l)), four(pair(m, n), pair(o, p)));
    quarters(quarters(abcd, efgh), quarters(ijkl, mnop))
}
