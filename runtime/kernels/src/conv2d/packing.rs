//! Weights in another order: written once on the host, read by the kernels made for it.

use super::{Geometry, PIXEL_TILE, Packing};
use crate::numerics::{NARROW_LIMIT, WIDE_LIMIT};

/// Most an `i8` activation can be, in magnitude.
const ACTIVATION_MAX: i64 = 128;

/// Taps of a vector in [`Packing::Quads`].
pub const QUAD_LANES: usize = 16;

/// True when the kernels of [`Packing::Quads`] read windows inside the image where they lie: when a row of the window
/// is a whole number of vectors, or the window is one pixel.
pub fn quads_read_in_place(geometry: &Geometry) -> bool {
    let run = geometry.kernel[1].saturating_mul(geometry.input[2]);
    (geometry.dilation[1] == 1 && run.is_multiple_of(QUAD_LANES)) || geometry.kernel == [1, 1]
}

/// Bytes of scratch that a layer in [`Packing::Quads`] needs: its gathered windows, unless all are read in place.
pub fn quads_scratch(geometry: &Geometry) -> usize {
    if geometry.is_pointwise() && quads_reach_inside(geometry) {
        return 0;
    }
    geometry.taps().saturating_mul(quads_patches(geometry))
}

/// Windows that the kernels of [`Packing::Quads`] gather before they compute: those of a tile, or as many as fit a
/// kilobyte where none are read in place.
pub fn quads_patches(geometry: &Geometry) -> usize {
    if quads_read_in_place(geometry) {
        return PIXEL_TILE;
    }
    let fitting = 1024usize.checked_div(geometry.taps()).unwrap_or(0).min(geometry.pixels()) & !(PIXEL_TILE - 1);
    fitting.max(PIXEL_TILE)
}

/// True when the last pixels of a pointwise layer lie inside the image.
fn quads_reach_inside(geometry: &Geometry) -> bool {
    let inside = |output: usize, stride: usize, input: usize| output.wrapping_sub(1).saturating_mul(stride) < input;
    let Geometry { input, output, stride, .. } = geometry;
    inside(output[0], stride[0], input[0]) && inside(output[1], stride[1], input[1])
}

/// The taps of an output channel: `rows` runs of `run` taps that are neighbours in memory.
///
/// Paired packings take four taps from one word of activations. Their order is: of each run the whole words, then
/// what is left of the runs, all padded with zeros to a multiple of four. Within four taps the order is 0, 2, 1, 3,
/// which is how `SXTB16` unpacks a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// Rows of the window.
    pub rows: usize,
    /// Taps of a row.
    pub run: usize,
}

impl Taps {
    /// A single run.
    pub fn flat(run: usize) -> Self {
        Taps { rows: 1, run }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.rows.saturating_mul(self.run)
    }

    /// Place of tap `tap` before the order within four taps.
    fn place(self, tap: usize) -> usize {
        let whole = self.run & !3;
        let row = tap.checked_div(self.run).unwrap_or(0);
        let at = tap.checked_rem(self.run).unwrap_or(0);
        match at.checked_sub(whole) {
            None => row.wrapping_mul(whole).wrapping_add(at),
            Some(left) => {
                let rest = row.wrapping_mul(self.run.wrapping_sub(whole)).wrapping_add(left);
                self.rows.wrapping_mul(whole).wrapping_add(rest)
            }
        }
    }

    /// Copies one pixel's taps from `patch`, run after run, to `ordered`, in the order described above but for that
    /// within four.
    pub(crate) fn order(self, patch: &[i8], ordered: &mut [i8]) {
        for (tap, value) in patch.iter().enumerate().take(self.count()) {
            if let Some(place) = ordered.get_mut(self.place(tap)) {
                *place = *value;
            }
        }
    }
}

/// The first of the four elements that hold taps `4 * group ..` of a pair of channels, in elements.
pub(crate) fn group_at(packing: Packing, taps: usize, pair: usize, group: usize) -> usize {
    let groups = taps.div_ceil(4);
    let (block, lane, lanes) = if packing == Packing::PairedBlocks { (pair / 4, pair & 3, 4) } else { (pair, 0, 1) };
    block.wrapping_mul(groups).wrapping_add(group).wrapping_mul(lanes).wrapping_add(lane).wrapping_mul(4)
}

/// The element that holds tap `tap` of a pair of channels.
fn element_at(packing: Packing, taps: Taps, pair: usize, tap: usize) -> usize {
    let place = taps.place(tap);
    // 0, 2, 1, 3.
    let within = ((place & 1) << 1) | ((place >> 1) & 1);
    group_at(packing, taps.count(), pair, place / 4).wrapping_add(within)
}

/// Writes `row_major`, `[outputs, taps]`, into `out` as `packing` orders it. `out` has
/// [`Packing::weight_len`] elements.
pub fn pack(packing: Packing, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    match packing {
        Packing::RowMajor => {
            for (to, from) in out.iter_mut().zip(row_major) {
                *to = *from;
            }
        }
        Packing::Paired | Packing::PairedBlocks => pack_pairs(packing, outputs, taps, row_major, out),
        Packing::Interleaved => {
            let chunk = longest_chunk(outputs, taps.count(), row_major) as u32;
            let Some((head, weights)) = out.split_first_chunk_mut() else { return };
            *head = chunk.to_le_bytes().map(|byte| byte as i8);
            interleave(outputs, taps.count(), row_major, weights, (4, 0));
        }
        Packing::Octets => {
            let (octets, _) = split_octets(outputs);
            let whole = octets.saturating_mul(8).saturating_mul(taps.count());
            let (whole, rest) = out.split_at_mut(whole.min(out.len()));
            interleave(outputs, taps.count(), row_major, whole, (8, 0));
            interleave(outputs, taps.count(), row_major, rest, (4, octets.wrapping_mul(8)));
            out.iter_mut().for_each(|weight| *weight = biased(*weight));
        }
        Packing::Lanes | Packing::WideLanes => {
            for (to, from) in out.iter_mut().zip(row_major) {
                *to = biased(*from);
            }
        }
        Packing::Fours => {
            interleave(outputs, taps.count(), row_major, out, (4, 0));
            out.iter_mut().for_each(|weight| *weight = biased(*weight));
        }
        Packing::Quads => pack_quads(outputs, taps.count(), row_major, out),
    }
}

fn pack_pairs(packing: Packing, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    out.fill(0);
    let rows = row_major.chunks_exact(taps.count().max(1)).take(outputs);
    let mut rows = rows.enumerate();
    let elements = out.as_chunks_mut::<2>().0;
    while let Some((o, a)) = rows.next() {
        let b = rows.next().map_or(&[][..], |(_, row)| row);
        for (tap, a) in a.iter().enumerate() {
            let b = b.get(tap).copied().unwrap_or(0);
            if let Some(bytes) = elements.get_mut(element_at(packing, taps, o / 2, tap)) {
                *bytes = encode_pair(*a, b).map(|byte| byte as i8);
            }
        }
    }
}

fn pack_quads(outputs: usize, taps: usize, row_major: &[i8], out: &mut [i8]) {
    let vectors = taps.div_ceil(QUAD_LANES).max(1);
    let missing = vectors.wrapping_mul(QUAD_LANES).wrapping_sub(taps);
    for (vector, lanes) in out.chunks_mut(QUAD_LANES).enumerate() {
        let group = (vector >> 2).checked_div(vectors).unwrap_or(0);
        let first = (vector >> 2).checked_rem(vectors).unwrap_or(0).wrapping_mul(QUAD_LANES);
        let output = group.wrapping_mul(4).wrapping_add(vector & 3);
        for (lane, weight) in lanes.iter_mut().enumerate() {
            let tap = first.wrapping_add(lane).checked_sub(missing).filter(|_| output < outputs);
            let at = tap.map(|tap| output.wrapping_mul(taps).wrapping_add(tap));
            *weight = at.and_then(|at| row_major.get(at)).copied().unwrap_or(0);
        }
    }
}

/// Writes `[outputs / width, taps, width]`, from output channel `first` on, until `out` is full.
fn interleave(outputs: usize, taps: usize, row_major: &[i8], out: &mut [i8], (width, first): (usize, usize)) {
    let groups = out.chunks_exact_mut(width.saturating_mul(taps).max(1));
    for (group, weights) in groups.enumerate() {
        for (tap, places) in weights.chunks_exact_mut(width.max(1)).enumerate() {
            for (lane, place) in places.iter_mut().enumerate() {
                let output = group.wrapping_mul(width).wrapping_add(lane).wrapping_add(first);
                let weight = row_major.get(output.wrapping_mul(taps).wrapping_add(tap));
                *place = weight.copied().filter(|_| output < outputs).unwrap_or(0);
            }
        }
    }
}

/// [`Packing::Octets`]: groups of eight output channels, and whether a group of four follows.
#[inline]
pub fn split_octets(outputs: usize) -> (usize, bool) {
    let quads = outputs.div_ceil(4);
    (quads >> 1, quads & 1 == 1)
}

/// [`Packing::Interleaved`]: the chunk length, and the weights behind it.
///
/// The kernel multiplies three pixels by one weight with two multiplications, and the sums of the three can be told
/// apart while their magnitudes are below `2^20`. The taps of a channel are therefore summed in chunks: the host finds
/// the longest, a multiple of eight, that keeps below that bound for any activations. Chunks are counted from the
/// last tap backwards, so that only the first may be shorter.
#[inline]
pub fn chunk_of(weights: &[i8]) -> Option<(usize, &[i8])> {
    let (head, weights) = weights.split_first_chunk::<4>()?;
    let chunk = u32::from_le_bytes(head.map(|byte| byte as u8)) as usize;
    (chunk > 0 && chunk.is_multiple_of(8)).then_some((chunk, weights))
}

/// The longest chunk for which every chunk of every channel has `128 * sum(|w|) < 2^20`.
fn longest_chunk(outputs: usize, taps: usize, row_major: &[i8]) -> usize {
    const LIMIT: u32 = (1 << 20) / ACTIVATION_MAX as u32;
    let row = |output: usize| row_major.get(output.wrapping_mul(taps)..)?.get(..taps);
    let is_exact = |chunk: usize| {
        let magnitude = |weights: &[i8]| weights.iter().map(|weight| u32::from(weight.unsigned_abs())).sum::<u32>();
        (0..outputs).filter_map(row).all(|row| row.rchunks(chunk).all(|weights| magnitude(weights) < LIMIT))
    };
    let length = |chunks: usize| taps.div_ceil(chunks).next_multiple_of(8).max(8);
    // Eight weights of the greatest magnitude are far below the limit.
    (1..=taps.max(1)).map(length).find(|&chunk| is_exact(chunk)).unwrap_or(8)
}

/// Weight `tap` of output channel `output`; 0 outside the layer.
pub fn weight_at(packing: Packing, taps: Taps, weights: &[i8], output: usize, tap: usize) -> i8 {
    match packing {
        Packing::RowMajor => weights.get(output.wrapping_mul(taps.count()).wrapping_add(tap)).copied().unwrap_or(0),
        Packing::Lanes | Packing::WideLanes => {
            biased(weights.get(output.wrapping_mul(taps.count()).wrapping_add(tap)).copied().unwrap_or(0))
        }
        Packing::Fours => weights.get(interleaved(4, taps.count(), output, tap)).copied().map_or(0, biased),
        Packing::Paired | Packing::PairedBlocks => {
            let at = element_at(packing, taps, output >> 1, tap).wrapping_mul(2);
            let bytes = weights.get(at..at.saturating_add(2)).and_then(<[i8]>::first_chunk);
            let [a, b] = bytes.copied().map_or([0, 0], decode_pair);
            if output & 1 == 0 { a } else { b }
        }
        Packing::Interleaved => {
            let weights = chunk_of(weights).map_or(&[][..], |(_, weights)| weights);
            weights.get(interleaved(4, taps.count(), output, tap)).copied().unwrap_or(0)
        }
        Packing::Octets => {
            // Where no eight channels are left, four follow: their start is the same.
            let width = if output >> 3 < (weights.len() >> 3).checked_div(taps.count()).unwrap_or(0) { 8 } else { 4 };
            weights.get(interleaved(width, taps.count(), output, tap)).map_or(0, |weight| weight ^ i8::MIN)
        }
        Packing::Quads => {
            let vectors = taps.count().div_ceil(QUAD_LANES);
            let place = tap.wrapping_add(vectors.wrapping_mul(QUAD_LANES).wrapping_sub(taps.count()));
            let vector = (output >> 2).wrapping_mul(vectors).wrapping_add(place / QUAD_LANES);
            let vector = vector.wrapping_mul(4).wrapping_add(output & 3);
            let at = vector.wrapping_mul(QUAD_LANES).wrapping_add(place % QUAD_LANES);
            weights.get(at).copied().unwrap_or(0)
        }
    }
}

#[inline]
fn interleaved(width: usize, taps: usize, output: usize, tap: usize) -> usize {
    let (group, lane) = (output.checked_div(width).unwrap_or(0), output.checked_rem(width).unwrap_or(0));
    group.wrapping_mul(taps).wrapping_add(tap).wrapping_mul(width).wrapping_add(lane)
}

/// A weight plus 128 as an unsigned byte, and back.
#[inline]
pub fn biased(weight: i8) -> i8 {
    weight ^ i8::MIN
}

/// True when an output channel's accumulator and all its partial sums, whatever the activations, stay below `limit`:
/// [`NARROW_LIMIT`] for [`Packing::Lanes`], [`WIDE_LIMIT`] for [`Packing::WideLanes`] and [`Packing::Fours`].
pub fn lanes_are_exact(row: impl IntoIterator<Item = i8>, bias: i32, limit: i64) -> bool {
    let magnitude = row.into_iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
    magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs()) < limit
}

/// The limit for [`lanes_are_exact`] of a packing that needs one.
pub fn limit(packing: Packing) -> Option<i64> {
    match packing {
        Packing::Lanes => Some(NARROW_LIMIT),
        Packing::WideLanes | Packing::Fours => Some(WIDE_LIMIT),
        _ => None,
    }
}

/// The 16-bit element `256 * b + a`, little-endian. Wraps where `paired_is_exact` would say no.
#[inline]
pub fn encode_pair(a: i8, b: i8) -> [u8; 2] {
    i16::from(b).wrapping_mul(256).wrapping_add(i16::from(a)).to_le_bytes()
}

/// The two weights of one element: `a` is its low byte as a signed number, `b` what is left of it.
#[inline]
pub fn decode_pair(bytes: [i8; 2]) -> [i8; 2] {
    let [low, high] = bytes;
    // A negative `a` has borrowed one from the high byte.
    [low, high.wrapping_add(i8::from(low < 0))]
}

/// True when the pair of output channels `a`, `b` can be computed from sums of `x * (256 * b + a)` in 32 bits.
///
/// - Elements fit 16 bits: weights lie in `-127..=127`.
/// - The sum of `b` can be read from the upper 24 bits: `128 * sum(|b|) + |bias_b| < 2^22, twice that being accumulated`.
/// - Both accumulators stay below `2^30` in magnitude, so that no order of additions overflows.
///
/// A pair without its second channel has an empty second row.
pub fn paired_is_exact(weights: [&[i8]; 2], bias: [i32; 2]) -> bool {
    let in_range = weights.iter().all(|row| row.iter().all(|weight| *weight != i8::MIN));
    let bound = |row: &[i8], bias: i32| {
        let magnitude = row.iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
        magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs())
    };
    let [a, b] = weights;
    let [bias_a, bias_b] = bias;
    in_range && bound(a, bias_a) < 1 << 30 && bound(b, bias_b) < 1 << 22
}

/// True when four output channels can be computed from sums of products with words of four weights, see
/// [`Packing::Octets`]: `128 * sum(|w|) < 2^22` for each, and no accumulator with its bias reaches `2^29`.
pub fn octets_are_exact(row: &[i8], bias: i32) -> bool {
    let magnitude = row.iter().map(|weight| i64::from(weight.unsigned_abs())).sum::<i64>();
    magnitude.saturating_mul(ACTIVATION_MAX) < 1 << 22 && accumulator_is_narrow(row, bias)
}

/// True when an accumulator with its bias stays below `2^29` in magnitude, so that it can be doubled.
pub fn accumulator_is_narrow(row: &[i8], bias: i32) -> bool {
    let magnitude = row.iter().map(|weight| i64::from(weight.unsigned_abs())).sum::<i64>();
    magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs()) < 1 << 29
}
