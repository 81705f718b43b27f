//! DepthwiseConv2D with AVX-512 VNNI, for weights in row-major order or in tap pairs.
//!
//! Four rows under a window are interleaved, so that a lane has four taps of one channel, once for a row of outputs:
//!
//! ```text
//! row 0:  a0 b0 c0 ...      columns:  a0 a1 a2 a3 | b0 b1 b2 b3 | ...      weights of as many taps meet them
//! row 1:  a1 b1 c1 ...                                                     in one VPDPBUSD
//! row 2:  a2 b2 c2 ...
//! row 3:  a3 b3 c3 ...
//! ```
//!
//! What is interleaved for a column serves every window that the column lies in: 3x3 windows take three instructions for
//! sixteen channels. A window of three rows has weights of zero for the fourth, of five for the last three of eight. Windows
//! of a single row interleave the row with itself, moved by a pixel, and so do those of a single column.
//!
//! Inputs are read from a [band](super::band), so all of a band's are read before the first of its outputs is written. Sixteen
//! channels of a pixel are the lanes of a vector; or, where channels are few, the channels of several pixels.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::band::{BYTES, Bands, Chunk};
use super::finish_avx512::{Channels, Constants, LANES, Stage, mask_of, store};
use super::found::Avx512Vnni;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::dots::blocks::are_small;
use crate::io::{Io, range};
use crate::packing::DepthwisePacking;
use crate::packing::depthwise::tap_pairs_by_32::BLOCK as PACKED;

/// Bytes of a band: three rows of 113 pixels with 96 channels.
const BAND: usize = 33 << 10;
/// Positions of interleaved columns, 16 kB.
const POSITIONS: usize = 4096;
/// Most vectors of weights.
const WEIGHTS: usize = 128;
/// Most vectors of channels.
const STAGES: usize = 32;
/// Taps of a lane.
const WORD: usize = 4;

/// How a layer is computed.
pub(super) struct Plan {
    geometry: Geometry,
    bands: Bands,
    /// Rows that are interleaved, and bytes from one to the next.
    rows: (usize, usize),
    /// Vectors of taps in each four of these rows, and positions from one to the next.
    taps: (usize, usize),
    /// Taps of a lane, from one to the next.
    tap_step: usize,
    /// Taps from a vector to the next in its rows.
    vector_step: usize,
    /// True when a vector has the channels of several pixels.
    is_flat: bool,
    /// Pixels whose columns are interleaved together.
    pixels: usize,
    /// Rows of these.
    batch: usize,
    /// Positions of each four rows under them.
    pitch: usize,
}

impl Plan {
    /// None for layers that the kernel does not take.
    pub(super) fn new(layer: &DepthwiseI8) -> Option<Plan> {
        let packing = matches!(layer.packing, DepthwisePacking::RowMajor | DepthwisePacking::TapPairsBy32);
        let mut geometry = layer.geometry;
        let channels = geometry.input[2];
        if !packing || layer.multiplier != 1 || channels != geometry.output[2] || channels == 0 {
            return None;
        }
        if geometry.input[1] == 1 && geometry.output[1] == 1 && geometry.kernel[1] == 1 && geometry.pad[1] == 0 {
            // A column is a row.
            let Geometry { input, output, kernel, stride, dilation, pad, .. } = &mut geometry;
            input.swap(0, 1);
            output.swap(0, 1);
            kernel.swap(0, 1);
            stride.swap(0, 1);
            dilation.swap(0, 1);
            pad.swap(0, 1);
        }
        let Geometry { kernel, dilation, .. } = geometry;
        let reach = channels.checked_mul(WORD - 1)?.checked_mul(dilation[1])?;
        let bands = Bands::new(&geometry, BAND.checked_sub(reach)?.checked_sub(2 * BYTES)?)?;
        let column = dilation[1].checked_mul(channels)?;
        let (rows, taps, tap_step, vector_step) = if kernel[0] == 1 {
            ((WORD, column), (kernel[1].div_ceil(WORD), column.checked_mul(WORD)?), 1, WORD)
        } else {
            let row = dilation[0].checked_mul(bands.row)?;
            ((kernel[0].checked_next_multiple_of(WORD)?, row), (kernel[1], column), kernel[1], 1)
        };
        let fours = rows.0 / WORD;
        let step = geometry.stride[1].checked_mul(channels)?;
        let line = geometry.output[1].checked_mul(channels)?;
        let is_flat = LANES.is_multiple_of(channels) && geometry.stride[1] == 1 && line.is_multiple_of(LANES);
        // The last vector may begin sixteen positions before the end, and whole vectors are interleaved.
        let room = (POSITIONS.checked_div(fours)? & !(BYTES - 1)).checked_sub(BYTES + LANES)?;
        let last = taps.0.checked_sub(1)?.checked_mul(taps.1)?.checked_add(channels)?;
        let most = room.checked_sub(last)?.checked_div(step)?.checked_add(1)?;
        let pixels = if most < geometry.output[1] { most & !(LANES - 1) } else { geometry.output[1] };
        let pitch = pixels.checked_sub(1)?.checked_mul(step)?.checked_add(last)?.checked_add(LANES)?;
        let pitch = pitch.checked_next_multiple_of(BYTES)?;
        let batch = if most < geometry.output[1] { 1 } else { POSITIONS.checked_div(pitch.checked_mul(fours)?)? };
        let vectors = channels.div_ceil(LANES);
        let takes = vectors <= STAGES && vectors.checked_mul(fours)?.checked_mul(taps.0)? <= WEIGHTS && batch > 0;
        let plan = Plan { geometry, bands, rows, taps, tap_step, vector_step, is_flat, pixels, batch, pitch };
        takes.then_some(plan)
    }

    /// Vectors of channels.
    fn vectors(&self) -> usize {
        self.geometry.input[2].div_ceil(LANES)
    }
}

/// A layer whose constants and images are as long as it needs.
pub(super) fn depthwise_i8(proof: Avx512Vnni, layer: &DepthwiseI8, plan: &Plan, io: &mut Io<i8>) {
    let _ = proof;
    // SAFETY: `proof` stands for the instructions.
    unsafe { bands(layer, plan, io) }
}

/// What is written before it is read.
struct Buffers {
    band: [Chunk; BAND / BYTES],
    columns: [Chunk; POSITIONS / LANES],
    /// For each vector of channels those of its taps.
    weights: [MaybeUninit<__m512i>; WEIGHTS],
    stages: [MaybeUninit<Stage>; STAGES],
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn bands(layer: &DepthwiseI8, plan: &Plan, io: &mut Io<i8>) {
    let geometry = &plan.geometry;
    let [height, width, channels] = geometry.output;
    let mut buffers = Buffers {
        band: [Chunk::UNINIT; BAND / BYTES],
        columns: [Chunk::UNINIT; POSITIONS / LANES],
        weights: [MaybeUninit::uninit(); WEIGHTS],
        stages: [MaybeUninit::uninit(); STAGES],
    };
    constants(layer, plan, &mut buffers);
    let moved = if geometry.kernel[0] == 1 { (WORD - 1).wrapping_mul(plan.rows.1) } else { 0 };
    let slack = moved.wrapping_add(2 * BYTES);
    let mut y = 0;
    while y < height {
        let rows = height.wrapping_sub(y).min(plan.bands.rows);
        plan.bands.copy((geometry, layer.padding_value), io.input(), (y, rows), slack, &mut buffers.band);
        let mut row = 0;
        while row < rows {
            let batch = rows.wrapping_sub(row).min(plan.batch);
            let mut first = 0;
            while first < width {
                let pixels = width.wrapping_sub(first).min(plan.pixels);
                let column = first.wrapping_mul(geometry.stride[1]).wrapping_mul(channels);
                let from = row.wrapping_mul(geometry.stride[0]).wrapping_mul(plan.bands.row).wrapping_add(column);
                plan.interleave(&mut buffers, from.wrapping_add(plan.bands.start), (batch, pixels));
                let at = y.wrapping_add(row).wrapping_mul(width).wrapping_add(first).wrapping_mul(channels);
                let len = batch.wrapping_sub(1).wrapping_mul(width).wrapping_add(pixels).wrapping_mul(channels);
                let to = io.output().get_mut(at..at.wrapping_add(len)).unwrap_or_default();
                if to.is_empty() {
                    return io.refuse();
                }
                plan.outputs(&buffers, (batch, pixels), to);
                first = first.wrapping_add(pixels);
            }
            row = row.wrapping_add(batch);
        }
        y = y.wrapping_add(rows);
    }
}

/// Writes weights and stages.
#[inline(never)]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn constants(layer: &DepthwiseI8, plan: &Plan, buffers: &mut Buffers) {
    let channels = plan.geometry.input[2];
    let are_small = are_small(layer.geometry.kernel_area(), layer.bias);
    let constants = Constants { bias: layer.bias, requant: layer.requant, output: layer.stage, are_small };
    let many = _mm512_set1_epi8(i8::MIN);
    let mut weights = buffers.weights.iter_mut();
    for (index, stage) in buffers.stages.iter_mut().enumerate().take(plan.vectors()) {
        let first = index.wrapping_mul(LANES);
        let count = channels.wrapping_sub(first).min(LANES);
        let mut excess = _mm512_setzero_si512();
        for four in 0..plan.rows.0 / WORD {
            for vector in 0..plan.taps.0 {
                let tap = four.wrapping_mul(WORD).wrapping_mul(plan.tap_step);
                let tap = tap.wrapping_add(vector.wrapping_mul(plan.vector_step));
                let tap = |index: usize| {
                    let tap = tap.wrapping_add(index.wrapping_mul(plan.tap_step));
                    tap_of(layer, tap, (first, count), plan.is_flat)
                };
                let weight = words(tap(0), tap(1), tap(2), tap(3));
                excess = _mm512_dpbusd_epi32(excess, many, weight);
                if let Some(to) = weights.next() {
                    to.write(weight);
                }
            }
        }
        let count = if plan.is_flat { LANES } else { count };
        stage.write(Stage::new(&constants, Channels { first, count, cycle: channels }, excess));
    }
}

/// A tap's weights of `count` channels from `first` on; zeros for a tap that is not there. If they are to be repeated, all
/// sixteen lanes have some.
// Not inlined: each vector has four of these.
#[inline(never)]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
fn tap_of(layer: &DepthwiseI8, tap: usize, (first, count): (usize, usize), is_repeated: bool) -> __m128i {
    let (area, channels) = (layer.geometry.kernel_area(), layer.geometry.input[2]);
    if tap >= area {
        return _mm_setzero_si128();
    }
    let single = area & 1;
    let within = first % PACKED;
    let start = first.wrapping_sub(within);
    let packed = channels.wrapping_sub(start).min(PACKED);
    let start = start.wrapping_mul(area);
    let weights = if layer.packing == DepthwisePacking::RowMajor {
        sixteen(range(layer.weights, tap.wrapping_mul(channels).wrapping_add(first), count))
    } else if tap < single {
        sixteen(range(layer.weights, start.wrapping_add(within), count))
    } else {
        let pair = tap.wrapping_sub(single);
        let at = start
            .wrapping_add(single.wrapping_add(pair & !1).wrapping_mul(packed))
            .wrapping_add(within.wrapping_mul(2));
        let pairs = range(layer.weights, at, count.wrapping_mul(2));
        let mask = 1_u64.wrapping_shl(pairs.len() as u32).wrapping_sub(1) as u32;
        // SAFETY: the mask leaves the slice's bytes, at most 32, which need no alignment.
        let pairs = unsafe { _mm256_maskz_loadu_epi8(mask, pairs.as_ptr()) };
        _mm256_cvtepi16_epi8(if pair & 1 == 0 { pairs } else { _mm256_srli_epi16::<8>(pairs) })
    };
    if !is_repeated || count == LANES {
        return weights;
    }
    let mut lanes = [0_i8; LANES];
    // SAFETY: sixteen bytes are written to an array of as many.
    unsafe { _mm_storeu_si128(lanes.as_mut_ptr().cast(), weights) };
    let once = lanes;
    for (lane, weight) in lanes.iter_mut().zip(range(&once, 0, count).iter().cycle()) {
        *lane = *weight;
    }
    sixteen(&lanes)
}

/// At most sixteen bytes, with zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sixteen(bytes: &[i8]) -> __m128i {
    // SAFETY: the mask leaves the slice's bytes, which need no alignment.
    unsafe { _mm_maskz_loadu_epi8(mask_of(bytes.len()), bytes.as_ptr()) }
}

/// Sixteen words of a byte of each.
#[inline]
#[target_feature(enable = "avx2,avx512f")]
fn words(a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m512i {
    let (ab, cd) = (_mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d));
    let (ef, gh) = (_mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d));
    let both = |low, high| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
    let low = both(_mm_unpacklo_epi16(ab, cd), _mm_unpackhi_epi16(ab, cd));
    let high = both(_mm_unpacklo_epi16(ef, gh), _mm_unpackhi_epi16(ef, gh));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

impl Plan {
    /// Interleaves the columns of `pixels` windows of each of `batch` rows, the first of which begins at `from` in the band.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn interleave(&self, buffers: &mut Buffers, from: usize, (batch, pixels): (usize, usize)) {
        let Geometry { input: [_, _, channels], kernel, stride, .. } = self.geometry;
        let last = pixels.wrapping_sub(1).wrapping_mul(stride[1]).wrapping_mul(channels);
        let last = last.wrapping_add(self.taps.0.wrapping_sub(1).wrapping_mul(self.taps.1)).wrapping_add(channels);
        let vectors = last.wrapping_add(LANES).div_ceil(BYTES);
        let (fours, mut first) = (self.rows.0 / WORD, from);
        let mut chunks = buffers.columns.chunks_mut((self.pitch / LANES).max(1));
        for _ in 0..batch {
            for four in 0..fours {
                let row = |index: usize| {
                    let row = four.wrapping_mul(WORD).wrapping_add(index);
                    // Rows that are not there meet weights of zero.
                    let row = if kernel[0] > 1 { row.min(kernel[0].wrapping_sub(1)) } else { row };
                    first.wrapping_add(row.wrapping_mul(self.rows.1))
                };
                let Some(to) = chunks.next() else { return };
                let to = to.as_chunks_mut::<4>().0;
                // SAFETY: the band has been written to 128 bytes behind what any window needs.
                unsafe {
                    interleave(
                        &buffers.band,
                        [row(0), row(1), row(2), row(3)],
                        to.get_mut(..vectors).unwrap_or_default(),
                    )
                };
            }
            first = first.wrapping_add(stride[0].wrapping_mul(self.bands.row));
        }
    }

    /// The outputs of the windows whose columns have been interleaved.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn outputs(&self, buffers: &Buffers, (batch, pixels): (usize, usize), to: &mut [i8]) {
        let Geometry { input: [_, _, channels], output: [_, width, _], stride, .. } = self.geometry;
        let step = if self.is_flat { LANES } else { stride[1].wrapping_mul(channels) };
        let fours = self.rows.0 / WORD;
        let taps = self.taps.0.wrapping_mul(fours);
        for index in 0..self.vectors() {
            let first = index.wrapping_mul(LANES);
            let Some(stage) = buffers.stages.get(index) else { return };
            let lines = Lines {
                columns: buffers.columns.as_ptr().cast::<u32>().wrapping_add(first),
                weights: buffers.weights.as_ptr().wrapping_add(index.wrapping_mul(taps)).cast(),
                // SAFETY: the stages of all vectors of channels have been written.
                stage: unsafe { stage.assume_init_ref() },
                taps: (fours, self.pitch, self.taps.0, self.taps.1),
                from: (self.pitch.wrapping_mul(fours), step),
                to: (width.wrapping_mul(channels), if self.is_flat { LANES } else { channels }),
                count: if self.is_flat { LANES } else { channels.wrapping_sub(first).min(LANES) },
                rows: batch,
                vectors: if self.is_flat { pixels.wrapping_mul(channels) / LANES } else { pixels },
            };
            let to = to.as_mut_ptr().wrapping_add(first);
            match (taps, fours, lines.stage.is_short) {
                // SAFETY: the weights of all vectors of channels have been written, and the columns of all windows; there is
                // room for all outputs.
                (3, 1, true) => unsafe { lines.run_three(to) },
                // SAFETY: likewise.
                (_, _, true) => unsafe { lines.run::<true>(to) },
                // SAFETY: likewise.
                (_, _, false) => unsafe { lines.run::<false>(to) },
            }
        }
    }
}

/// Interleaves what lies in a band from each of four places on, 64 bytes of each at a time.
///
/// # Safety
///
/// The band has been written from there on, to 64 bytes for each of `to`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn interleave(band: &[Chunk], rows: [usize; 4], to: &mut [[Chunk; 4]]) {
    // Quarters as the unpacking wants them: four words of each of the four vectors that come out.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let mut rows = rows.map(|row| band.as_ptr().cast::<u8>().wrapping_add(row));
    for to in to {
        let load = |row: *const u8| {
            // SAFETY: the caller knows that the bytes are there; they need no alignment.
            let bytes = unsafe { _mm512_loadu_si512(row.cast()) };
            _mm512_permutexvar_epi32(order, bytes)
        };
        let [a, b, c, d] = rows.map(load);
        let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
        let (ef, gh) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
        to[0].write(_mm512_unpacklo_epi16(ab, cd));
        to[1].write(_mm512_unpackhi_epi16(ab, cd));
        to[2].write(_mm512_unpacklo_epi16(ef, gh));
        to[3].write(_mm512_unpackhi_epi16(ef, gh));
        rows = rows.map(|row| row.wrapping_add(BYTES));
    }
}

/// Sixteen channels of some rows of outputs, or all.
struct Lines<'a> {
    /// Those of the first.
    columns: *const u32,
    weights: *const __m512i,
    stage: &'a Stage,
    /// Fours of rows, and positions from one to the next; vectors of taps of each, and positions from one to the next.
    taps: (usize, usize, usize, usize),
    /// Positions from a row to the next, and from a vector to the next.
    from: (usize, usize),
    /// The same of outputs.
    to: (usize, usize),
    /// Outputs of a vector.
    count: usize,
    rows: usize,
    vectors: usize,
}

impl Lines<'_> {
    /// Windows of at most four rows and three columns, the shorter way.
    ///
    /// # Safety
    ///
    /// Weights and columns have been written, and there is room for all outputs.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run_three(&self, mut to: *mut i8) {
        // SAFETY: the caller knows that it has been written.
        let weights = unsafe { self.weights.cast::<[__m512i; 3]>().read() };
        let (stage, mut columns) = (*self.stage, self.columns);
        let step = self.taps.3;
        for _ in 0..self.rows {
            let (mut x, mut at) = (columns, to);
            for _ in 0..self.vectors {
                let mut sums = stage.starts;
                for (index, weight) in weights.into_iter().enumerate() {
                    // SAFETY: likewise.
                    let x = unsafe { _mm512_loadu_si512(x.wrapping_add(index.wrapping_mul(step)).cast()) };
                    sums = _mm512_dpbusd_epi32(sums, x, weight);
                }
                let bytes = stage.finish::<true>(sums);
                // SAFETY: there is room for the outputs.
                unsafe { store(at, self.count, bytes) };
                (x, at) = (x.wrapping_add(self.from.1), at.wrapping_add(self.to.1));
            }
            (columns, to) = (columns.wrapping_add(self.from.0), to.wrapping_add(self.to.0));
        }
    }

    /// Any windows.
    ///
    /// # Safety
    ///
    /// Weights and columns have been written, and there is room for all outputs.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run<const SHORT: bool>(&self, mut to: *mut i8) {
        let mut columns = self.columns;
        let (fours, pitch, taps, step) = self.taps;
        for _ in 0..self.rows {
            let (mut x, mut at) = (columns, to);
            for _ in 0..self.vectors {
                let mut sums = self.stage.starts;
                let (mut four, mut weight) = (x, self.weights);
                for _ in 0..fours {
                    let mut tap = four;
                    for _ in 0..taps {
                        // SAFETY: the caller knows that the columns have been written.
                        let x = unsafe { _mm512_loadu_si512(tap.cast()) };
                        // SAFETY: and the weights.
                        let w = unsafe { weight.read() };
                        sums = _mm512_dpbusd_epi32(sums, x, w);
                        (tap, weight) = (tap.wrapping_add(step), weight.wrapping_add(1));
                    }
                    four = four.wrapping_add(pitch);
                }
                let bytes = self.stage.finish::<SHORT>(sums);
                // SAFETY: there is room for the outputs.
                unsafe { store(at, self.count, bytes) };
                (x, at) = (x.wrapping_add(self.from.1), at.wrapping_add(self.to.1));
            }
            (columns, to) = (columns.wrapping_add(self.from.0), to.wrapping_add(self.to.0));
        }
    }
}
