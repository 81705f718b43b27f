//! Weights in another order: written once on the host, read by the kernels made for it.

use super::{Geometry, PIXEL_TILE, Packing};

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

/// Writes `row_major`, `[outputs, taps]`, into `out` as `packing` orders it. `out` has
/// [`Packing::weight_len`] elements.
pub fn pack(packing: Packing, outputs: usize, taps: usize, row_major: &[i8], out: &mut [i8]) {
    match packing {
        Packing::RowMajor => {
            for (to, from) in out.iter_mut().zip(row_major) {
                *to = *from;
            }
        }
        Packing::Paired => {
            let weight = |output: usize, tap: usize| match tap < taps && output < outputs {
                true => row_major.get(output.wrapping_mul(taps).wrapping_add(tap)).copied().unwrap_or(0),
                false => 0,
            };
            let row_len = taps.wrapping_add(taps & 1).max(2);
            for (element, bytes) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let pair = element.checked_div(row_len).unwrap_or(0).wrapping_mul(2);
                let tap = element.checked_rem(row_len).unwrap_or(0);
                let (a, b) = (weight(pair, tap), weight(pair.wrapping_add(1), tap));
                *bytes = encode_pair(a, b).map(|byte| byte as i8);
            }
        }
        Packing::Quads => {
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
    }
}

/// Weight `tap` of output channel `output` of a layer with `taps` taps; 0 outside the layer.
pub fn weight_at(packing: Packing, taps: usize, weights: &[i8], output: usize, tap: usize) -> i8 {
    match packing {
        Packing::RowMajor => weights.get(output.wrapping_mul(taps).wrapping_add(tap)).copied().unwrap_or(0),
        Packing::Paired => {
            let row_len = taps.wrapping_add(taps & 1);
            let element = (output >> 1).wrapping_mul(row_len).wrapping_add(tap);
            let at = element.wrapping_mul(2);
            let bytes = weights.get(at..at.saturating_add(2)).and_then(<[i8]>::first_chunk);
            let [a, b] = bytes.copied().map_or([0, 0], decode_pair);
            if output & 1 == 0 { a } else { b }
        }
        Packing::Quads => {
            let vectors = taps.div_ceil(QUAD_LANES);
            let place = tap.wrapping_add(vectors.wrapping_mul(QUAD_LANES).wrapping_sub(taps));
            let vector = (output >> 2).wrapping_mul(vectors).wrapping_add(place / QUAD_LANES);
            let vector = vector.wrapping_mul(4).wrapping_add(output & 3);
            let at = vector.wrapping_mul(QUAD_LANES).wrapping_add(place % QUAD_LANES);
            weights.get(at).copied().unwrap_or(0)
        }
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
