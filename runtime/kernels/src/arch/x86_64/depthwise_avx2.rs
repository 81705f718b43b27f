//! DepthwiseConv2D with AVX2, for weights in row-major order or in tap pairs.
//!
//! `VPMADDWD` multiplies sixteen 16-bit numbers by sixteen and adds neighbouring products in 32 bits. Activations of two
//! taps are widened and interleaved, and so are their weights, once for a segment of pixels:
//!
//! ```text
//! tap 1:  x0 x1 x2 ... x15     low:   x0 y0 x1 y1 x2 y2 x3 y3 | x8 y8 ...        four channels in either half
//! tap 2:  y0 y1 y2 ... y15     high:  x4 y4 x5 y5 x6 y6 x7 y7 | x12 y12 ...      the four behind them
//! ```
//!
//! Sixteen channels are a block. A segment is as many pixels as a buffer holds outputs of: all blocks of its pixels are
//! computed before the first output is written, which is less than what the contract of DepthwiseConv2D asks for. A window
//! that reaches beyond the image, or whose last vector reaches beyond the input, is copied first.

use core::arch::x86_64::*;

use super::finish::{Stage, clamped, scaled, stage};
use super::found::Avx2;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::dots::blocks::{Lanes, Quad, are_small};
use crate::io::{Io, range};
use crate::packing::DepthwisePacking;
use crate::packing::depthwise::tap_pairs_by_32::BLOCK as PACKED;
use crate::walk::Corners;

/// Channels of a block.
const BLOCK: usize = 16;
/// Most taps of a window.
const TAPS: usize = 64;
const PAIRS: usize = TAPS / 2;
/// Outputs of a segment.
const SEGMENT: usize = 8192;

/// True when the kernel takes layers of this shape.
pub(super) fn takes(layer: &DepthwiseI8) -> bool {
    let Geometry { input, output, .. } = layer.geometry;
    let packing = matches!(layer.packing, DepthwisePacking::RowMajor | DepthwisePacking::TapPairsBy32);
    let area = layer.geometry.kernel_area();
    packing && layer.multiplier == 1 && input[2] == output[2] && (1..=SEGMENT).contains(&input[2]) && area <= TAPS
}

/// A layer that [`takes`] is true of, and whose constants and images are as long as it needs.
pub(super) fn depthwise_i8(proof: Avx2, layer: &DepthwiseI8, io: &mut Io<i8>) {
    let _ = proof;
    // SAFETY: `proof` stands for AVX2.
    unsafe { segments(layer, io) }
}

/// Where the taps of a window are, counted from its first, two by two. Where taps are odd in number the first stands alone.
#[derive(Clone, Copy)]
struct Offsets {
    pairs: [[usize; 2]; PAIRS],
    count: usize,
    /// Elements from the first tap to behind the last vector.
    reach: usize,
}

impl Offsets {
    /// `row` and `column` are what lies between neighbours.
    fn new(geometry: &Geometry, row: usize, column: usize) -> Self {
        let mut offsets = Offsets { pairs: [[0; 2]; PAIRS], count: geometry.kernel_area().div_ceil(2), reach: BLOCK };
        let single = geometry.kernel_area() & 1;
        let mut tap = single;
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                let offset = i.wrapping_mul(row).wrapping_add(j.wrapping_mul(column));
                if let Some(to) = offsets.pairs.as_flattened_mut().get_mut(tap) {
                    *to = offset;
                }
                // The last tap has the largest offset, unless the geometry is one that no memory holds.
                offsets.reach = offsets.reach.max(offset.saturating_add(BLOCK));
                tap = tap.wrapping_add(1);
            }
        }
        offsets
    }

    fn pairs(&self) -> &[[usize; 2]] {
        range(&self.pairs, 0, self.count)
    }
}

#[target_feature(enable = "avx2")]
fn segments(layer: &DepthwiseI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    let [_, width, channels] = geometry.input;
    let walk = Walk {
        layer,
        inside: Offsets::new(
            geometry,
            geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels),
            geometry.dilation[1].wrapping_mul(channels),
        ),
        copied: Offsets::new(geometry, geometry.kernel[1].wrapping_mul(BLOCK), BLOCK),
        limits: limits(geometry),
        are_small: are_small(geometry.kernel_area(), layer.bias),
    };
    let mut corners = Corners::new(geometry);
    let zero = [_mm256_setzero_si256(); 2];
    let mut buffers = Buffers { weights: [zero; PAIRS], window: [[0; BLOCK]; TAPS], outputs: [0; SEGMENT] };
    let most = SEGMENT.checked_div(channels).unwrap_or(0);
    let mut left = geometry.pixels();
    let mut at: usize = 0;
    while left > 0 {
        let pixels = left.min(most);
        let first = corners;
        let mut channel = 0;
        while channel < channels {
            corners = walk.block(io.input(), first, (channel, pixels), &mut buffers);
            channel = channel.wrapping_add(BLOCK);
        }
        let len = pixels.wrapping_mul(channels);
        let to = io.output().get_mut(at..at.saturating_add(len)).unwrap_or_default();
        for (to, value) in to.iter_mut().zip(&buffers.outputs) {
            *to = *value;
        }
        (left, at) = (left.wrapping_sub(pixels), at.wrapping_add(len));
    }
}

/// Windows whose corners are below both lie inside the image.
fn limits(geometry: &Geometry) -> [usize; 2] {
    let Geometry { input, kernel, dilation, .. } = *geometry;
    let limit = |extent: usize, kernel: usize, dilation: usize| {
        extent.saturating_sub(kernel.wrapping_sub(1).saturating_mul(dilation))
    };
    [limit(input[0], kernel[0], dilation[0]), limit(input[1], kernel[1], dilation[1])]
}

/// What is the same for all pixels.
struct Walk<'a> {
    layer: &'a DepthwiseI8<'a>,
    /// Taps of windows in the input.
    inside: Offsets,
    /// Taps of windows that have been copied.
    copied: Offsets,
    limits: [usize; 2],
    are_small: bool,
}

/// What is written before it is read.
struct Buffers {
    /// The block's weights of each pair of taps.
    weights: [[__m256i; 2]; PAIRS],
    /// A window that has been copied.
    window: [[i8; BLOCK]; TAPS],
    /// The outputs of a segment.
    outputs: [i8; SEGMENT],
}

impl Walk<'_> {
    /// The block of channels from `channel` on, for `pixels` pixels from `corners` on. Returns where the next ones are.
    #[target_feature(enable = "avx2")]
    fn block<'c>(
        &self,
        input: &[i8],
        mut corners: Corners<'c>,
        (channel, pixels): (usize, usize),
        buffers: &mut Buffers,
    ) -> Corners<'c> {
        let [_, width, channels] = self.layer.geometry.input;
        let count = channels.wrapping_sub(channel).min(BLOCK);
        let stages = self.constants(channel, count, &mut buffers.weights);
        let mut at = channel;
        for _ in 0..pixels {
            let [row, column] = corners.corner();
            corners.advance(1);
            let start = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels).wrapping_add(channel);
            let is_inside = row < self.limits[0] && column < self.limits[1];
            let window = if is_inside { input.get(start..start.saturating_add(self.inside.reach)) } else { None };
            let sums = match window {
                // SAFETY: the window reaches sixteen bytes behind each tap.
                Some(window) => unsafe { multiply(window, self.inside.pairs(), &buffers.weights) },
                None => {
                    self.copy(input, [row, column], (channel, count), &mut buffers.window);
                    let window = buffers.window.as_flattened();
                    // SAFETY: the window has sixteen bytes for each of at most `TAPS` taps.
                    unsafe { multiply(window, self.copied.pairs(), &buffers.weights) }
                }
            };
            let values = finish(&stages, sums);
            let to = buffers.outputs.get_mut(at..at.saturating_add(count)).unwrap_or_default();
            if let Some(to) = to.first_chunk_mut::<BLOCK>() {
                *to = values;
            } else {
                for (to, value) in to.iter_mut().zip(values) {
                    *to = value;
                }
            }
            at = at.wrapping_add(channels);
        }
        corners
    }

    /// The window at a corner, tap after tap.
    fn copy(
        &self,
        input: &[i8],
        [row, column]: [usize; 2],
        (channel, count): (usize, usize),
        window: &mut [[i8; BLOCK]; TAPS],
    ) {
        let Geometry { input: [height, width, channels], kernel, dilation, .. } = self.layer.geometry;
        let mut places = window.iter_mut();
        for i in 0..kernel[0] {
            let row = row.wrapping_add(i.wrapping_mul(dilation[0]));
            let mut column = column;
            let mut at = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels).wrapping_add(channel);
            for _ in 0..kernel[1] {
                let Some(place) = places.next() else { return };
                if row < height && column < width {
                    let from = input.get(at..).unwrap_or_default();
                    if let Some(from) = from.first_chunk() {
                        *place = *from;
                    } else {
                        for (to, x) in place.iter_mut().zip(from.iter().take(count)) {
                            *to = *x;
                        }
                    }
                } else {
                    *place = [self.layer.padding_value; BLOCK];
                }
                column = column.wrapping_add(dilation[1]);
                at = at.wrapping_add(dilation[1].wrapping_mul(channels));
            }
        }
    }

    /// Writes the weights of `count` channels from `channel` on, and returns the constants of both vectors of sums.
    #[target_feature(enable = "avx2")]
    fn constants(&self, channel: usize, count: usize, weights: &mut [[__m256i; 2]; PAIRS]) -> [Stage; 2] {
        let layer = self.layer;
        for (pair, to) in weights.iter_mut().take(self.inside.count).enumerate() {
            let [a, b] = pair_of(layer, pair, channel, count);
            *to = interleaved(widened(&a), widened(&b));
        }
        let quad = |index: usize| Quad::new(layer.bias, &layer.requant, channel.wrapping_add(index));
        let both = |a, b| stage(&Lanes::new(self.are_small, [quad(a), quad(b)]), layer.stage);
        [both(0, 8), both(4, 12)]
    }
}

/// The weights of both taps of a pair. A tap that stands alone is the second, and the weights of the first are zero.
fn pair_of(layer: &DepthwiseI8, pair: usize, channel: usize, count: usize) -> [[i8; BLOCK]; 2] {
    let (area, channels) = (layer.geometry.kernel_area(), layer.geometry.input[2]);
    let single = area & 1;
    let second = pair.wrapping_mul(2).wrapping_add(1).wrapping_sub(single);
    let is_alone = pair == 0 && single == 1;
    let mut weights = [[0; BLOCK]; 2];
    if layer.packing == DepthwisePacking::RowMajor {
        weights[1] = block(layer.weights, second.wrapping_mul(channels).wrapping_add(channel), count);
        if !is_alone {
            let first = second.wrapping_sub(1);
            weights[0] = block(layer.weights, first.wrapping_mul(channels).wrapping_add(channel), count);
        }
        return weights;
    }
    let within = channel % PACKED;
    let start = channel.wrapping_sub(within);
    let packed = channels.wrapping_sub(start).min(PACKED);
    let start = start.wrapping_mul(area);
    if is_alone {
        weights[1] = block(layer.weights, start.wrapping_add(within), count);
        return weights;
    }
    let at = start.wrapping_add(second.wrapping_sub(1).wrapping_mul(packed)).wrapping_add(within.wrapping_mul(2));
    let [mut first, mut last] = [[0; BLOCK]; 2];
    let pairs = layer.weights.get(at..).unwrap_or_default().as_chunks::<2>().0;
    for ((a, b), [v, w]) in first.iter_mut().zip(&mut last).zip(pairs.iter().take(count)) {
        (*a, *b) = (*v, *w);
    }
    [first, last]
}

/// `count` weights from `start` on, and zeros behind them.
fn block(weights: &[i8], start: usize, count: usize) -> [i8; BLOCK] {
    let weights = range(weights, start, count);
    if let Some(block) = weights.first_chunk() {
        return *block;
    }
    let mut block = [0; BLOCK];
    for (to, weight) in block.iter_mut().zip(weights) {
        *to = *weight;
    }
    block
}

/// Sixteen bytes as 16-bit numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn widened(bytes: &[i8; BLOCK]) -> __m256i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(a: __m256i, b: __m256i) -> [__m256i; 2] {
    [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
}

/// The sums of products.
///
/// # Safety
///
/// `window` has sixteen bytes from each of the offsets on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn multiply(window: &[i8], pairs: &[[usize; 2]], weights: &[[__m256i; 2]; PAIRS]) -> [__m256i; 2] {
    let mut sums = [_mm256_setzero_si256(); 2];
    for ([first, second], [v, w]) in pairs.iter().zip(weights) {
        // SAFETY: the caller knows that the offset lies inside the window.
        let first = unsafe { window.as_ptr().add(*first) };
        // SAFETY: likewise.
        let second = unsafe { window.as_ptr().add(*second) };
        // SAFETY: and sixteen bytes from there on, which need no alignment.
        let x = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(first.cast()) });
        // SAFETY: likewise.
        let y = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(second.cast()) });
        let [x, y] = interleaved(x, y);
        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, *v));
        sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(y, *w));
    }
    sums
}

/// Outputs of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn finish([a, b]: &[Stage; 2], [low, high]: [__m256i; 2]) -> [i8; BLOCK] {
    let words = _mm256_packs_epi32(scaled(a, low), scaled(b, high));
    let bytes = _mm256_permute4x64_epi64::<0b00_00_10_00>(clamped(a, words));
    let mut values = [0; BLOCK];
    let bytes = _mm256_castsi256_si128(bytes);
    // SAFETY: sixteen bytes are written to an array of as many, which need no alignment.
    unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), bytes) };
    values
}
