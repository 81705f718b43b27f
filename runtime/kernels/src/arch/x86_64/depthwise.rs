//! DepthwiseConv2D over [`DepthwisePacking::TapPairsBy32`](crate::packing::DepthwisePacking::TapPairsBy32) with SSE2, which
//! every 64-bit x86 has; layers that AVX2 computes faster go to `depthwise_avx2.rs` where there is AVX2.
//!
//! `PMADDWD` multiplies eight 16-bit numbers by eight and adds neighbouring products in 32 bits. Activations of two taps
//! are interleaved, as their weights are in memory, and both are widened; four channels fill a vector.
//!
//! ```text
//! tap 1:  x0 x1 x2 ...      interleaved:  x0 y0 x1 y1 ...    widened:  x0 y0 x1 y1 x2 y2 x3 y3
//! tap 2:  y0 y1 y2 ...      weights:      v0 w0 v1 w1 ...              v0 w0 v1 w1 v2 w2 v3 w3
//!                                                            sums:     x0 v0 + y0 w0 | x1 v1 + y1 w1 | ...
//! ```
//!
//! Eight channels are a step. In a last block of fewer, the other lanes compute something from what lies there, or from
//! what a buffer has where a slice ends, and are not written.

use core::arch::x86_64::*;

use super::{Found, depthwise_avx2, depthwise_avx512};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::depthwise::portable::{Window, inside};
use crate::numerics::Requant;
use crate::packing::depthwise::Order;
use crate::packing::depthwise::tap_pairs_by_32::{BLOCK, STEP, TapPairsBy32};

/// Steps of a whole block.
const STEPS: usize = BLOCK / STEP;

/// True when a kernel for more than the baseline has computed the layer, which fits.
#[inline(always)]
fn runs_wide(layer: &DepthwiseI8, io: &mut Io<i8>) -> bool {
    if let Found::Avx512Vnni(proof) = layer.token.0
        && let Some(plan) = depthwise_avx512::Plan::new(layer)
    {
        depthwise_avx512::depthwise_i8(proof, layer, &plan, io);
        return true;
    }
    if let Some(proof) = layer.token.0.avx2()
        && depthwise_avx2::takes(layer)
    {
        depthwise_avx2::depthwise_i8(proof, layer, io);
        return true;
    }
    false
}

/// Any layer in row-major order.
pub(crate) fn row_major_depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if layer.fits(io) && runs_wide(layer, io) {
        return;
    }
    crate::depthwise::portable::depthwise_i8(layer, io, scratch);
}

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if !(TapPairsBy32::takes(&layer.geometry, layer.multiplier) && layer.fits(io)) {
        return io.refuse();
    }
    if runs_wide(layer, io) {
        return;
    }
    // SAFETY: SSE2 is a part of x86-64.
    unsafe { pixels(layer, io) }
}

#[target_feature(enable = "sse2")]
fn pixels(layer: &DepthwiseI8, io: &mut Io<i8>) {
    let [height, width, channels] = layer.geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        let rows = inside(&layer.geometry, 0, y);
        for x in 0..width {
            let window = Window::new(&layer.geometry, (y, x), rows.clone());
            let mut steps = Steps { block: 0, channels: 0, from: 0 };
            while steps.block < channels {
                steps.channels = channels.wrapping_sub(steps.block).min(BLOCK);
                at = at.wrapping_add(steps.run(layer, io, &window, at));
                steps.block = steps.block.wrapping_add(BLOCK);
            }
        }
    }
}

/// Steps of a block.
#[derive(Clone, Copy)]
struct Steps {
    /// The block's first channel.
    block: usize,
    /// The block's channels.
    channels: usize,
    /// The first step's first channel, counted from the block's.
    from: usize,
}

impl Steps {
    /// All channels of the block, written from element `at` on. Returns how many they are.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn run(mut self, layer: &DepthwiseI8, io: &mut Io<i8>, window: &Window, at: usize) -> usize {
        if self.channels == BLOCK {
            self.outputs::<STEPS>(layer, io, window, at);
            return self.channels;
        }
        while self.from < self.channels {
            // The last step starts early enough to be whole, and computes some outputs again.
            self.from = self.from.min(self.channels.saturating_sub(STEP));
            self.outputs::<1>(layer, io, window, at.wrapping_add(self.from));
            self.from = self.from.wrapping_add(STEP);
        }
        self.channels
    }

    /// The outputs of `N` steps, as far as the block has channels, written from element `at` on.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn outputs<const N: usize>(self, layer: &DepthwiseI8, io: &mut Io<i8>, window: &Window, at: usize) {
        let sums: [[__m128i; 2]; N] = if window.is_whole {
            self.sums::<N, true>(layer, io.input(), window)
        } else {
            self.sums::<N, false>(layer, io.input(), window)
        };
        let mut values = [[0; STEP]; N];
        let mut channel = self.channel();
        for (values, sums) in values.iter_mut().zip(&sums) {
            *values = finished(layer, channel, sums);
            channel = channel.wrapping_add(STEP);
        }
        let count = self.channels.wrapping_sub(self.from).min(STEP.wrapping_mul(N));
        let to = io.output().get_mut(at..at.wrapping_add(count)).unwrap_or_default();
        if let Some(to) = to.as_chunks_mut().0.first_chunk_mut() {
            *to = values;
        } else {
            for (element, value) in to.iter_mut().zip(values.as_flattened()) {
                *element = *value;
            }
        }
    }

    /// The first channel.
    fn channel(self) -> usize {
        self.block.wrapping_add(self.from)
    }

    /// The sums of products of each step's channels. No tap of a `WHOLE` window lies outside of the image.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn sums<const N: usize, const WHOLE: bool>(
        self,
        layer: &DepthwiseI8,
        input: &[i8],
        window: &Window,
    ) -> [[__m128i; 2]; N] {
        let area = layer.geometry.kernel[0].wrapping_mul(layer.geometry.kernel[1]);
        let weights = layer.weights.get(self.block.wrapping_mul(area)..).unwrap_or_default();
        let mut taps = Taps::new(&layer.geometry, window, self.channel());
        let padding = [[layer.padding_value; STEP]; N];
        let mut rest = ([[0; STEP]; N], [[0; STEP]; N], [[0; 2 * STEP]; N]);
        let zero = _mm_setzero_si128();
        let mut sums = [[zero; 2]; N];
        let mut pair = self.from.wrapping_mul(2);
        if area & 1 == 1 {
            let x = taps.next::<WHOLE>().map_or(&padding, |at| chunks(input, at, &mut rest.0));
            let w = chunks(weights, self.from, &mut rest.1);
            for ((sums, w), x) in sums.iter_mut().zip(w).zip(x) {
                let (x, w) = (_mm_unpacklo_epi8(eight(x), zero), _mm_unpacklo_epi8(eight(w), zero));
                *sums = multiply_add([zero; 2], x, w);
            }
            pair = pair.wrapping_add(self.channels);
        }
        for _ in 0..area / 2 {
            let x = taps.next::<WHOLE>().map_or(&padding, |at| chunks(input, at, &mut rest.0));
            let y = taps.next::<WHOLE>().map_or(&padding, |at| chunks(input, at, &mut rest.1));
            let w = chunks(weights, pair, &mut rest.2);
            for ((sums, w), (x, y)) in sums.iter_mut().zip(w).zip(x.iter().zip(y)) {
                *sums = multiply_add(*sums, _mm_unpacklo_epi8(eight(x), eight(y)), sixteen(w));
            }
            pair = pair.wrapping_add(self.channels.wrapping_mul(2));
        }
        sums
    }
}

/// Where the taps of a window lie in the input, one after the other.
struct Taps<'a> {
    window: &'a Window,
    /// Taps of a row.
    columns: usize,
    /// Elements from behind a row's last tap to the next row's first.
    skip: usize,
    /// The next tap: its row and column in the window, and its element, which means nothing outside of the image.
    row: usize,
    column: usize,
    at: usize,
}

impl<'a> Taps<'a> {
    /// Those of channel `channel`.
    #[inline(always)]
    fn new(geometry: &Geometry, window: &'a Window, channel: usize) -> Self {
        let columns = geometry.kernel[1];
        let before = window.rows.start.wrapping_mul(window.row_step);
        let before = before.wrapping_add(window.columns.start.wrapping_mul(window.tap_step));
        let at = window.start.wrapping_add(channel).wrapping_sub(before);
        let skip = window.row_step.wrapping_sub(columns.wrapping_mul(window.tap_step));
        Taps { window, columns, skip, row: 0, column: 0, at }
    }

    /// The next tap's element, or none outside of the image.
    #[inline(always)]
    fn next<const WHOLE: bool>(&mut self) -> Option<usize> {
        let tap = (WHOLE || self.window.contains(self.row, self.column)).then_some(self.at);
        self.at = self.at.wrapping_add(self.window.tap_step);
        self.column = self.column.wrapping_add(1);
        if self.column == self.columns {
            (self.row, self.column) = (self.row.wrapping_add(1), 0);
            self.at = self.at.wrapping_add(self.skip);
        }
        tap
    }
}

/// Elements from `start` on; where there are too few, a copy in `rest` with what that had behind the last.
#[inline(always)]
fn chunks<'a, T: Copy, const LEN: usize, const N: usize>(
    elements: &'a [T],
    start: usize,
    rest: &'a mut [[T; LEN]; N],
) -> &'a [[T; LEN]; N] {
    let elements = elements.get(start..).unwrap_or_default();
    elements.as_chunks().0.first_chunk().unwrap_or_else(|| copied(elements, rest))
}

/// See [`chunks`].
#[cold]
#[inline(never)]
fn copied<'a, T: Copy, const LEN: usize, const N: usize>(
    elements: &[T],
    rest: &'a mut [[T; LEN]; N],
) -> &'a [[T; LEN]; N] {
    for (to, from) in rest.as_flattened_mut().iter_mut().zip(elements) {
        *to = *from;
    }
    rest
}

/// What two taps add to the sums of eight channels: their activations and weights are interleaved and not yet widened.
#[inline]
#[target_feature(enable = "sse2")]
fn multiply_add([low, high]: [__m128i; 2], x: __m128i, w: __m128i) -> [__m128i; 2] {
    let ([x, y], [v, w]) = (widened(x), widened(w));
    [_mm_add_epi32(low, _mm_madd_epi16(x, v)), _mm_add_epi32(high, _mm_madd_epi16(y, w))]
}

/// Sixteen bytes as 16-bit numbers.
#[inline]
#[target_feature(enable = "sse2")]
fn widened(bytes: __m128i) -> [__m128i; 2] {
    let twice = [_mm_unpacklo_epi8(bytes, bytes), _mm_unpackhi_epi8(bytes, bytes)];
    twice.map(|twice| _mm_srai_epi16::<8>(twice))
}

/// Eight bytes in the lower half of a vector.
#[inline]
#[target_feature(enable = "sse2")]
fn eight(bytes: &[i8; STEP]) -> __m128i {
    // SAFETY: the array's eight bytes are read, which need no alignment.
    unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) }
}

/// Sixteen bytes.
#[inline]
#[target_feature(enable = "sse2")]
fn sixteen(bytes: &[i8; 2 * STEP]) -> __m128i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Four numbers.
#[inline]
#[target_feature(enable = "sse2")]
fn four(numbers: &[i32; 4]) -> __m128i {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    unsafe { _mm_loadu_si128(numbers.as_ptr().cast()) }
}

/// The outputs of eight channels from `channel` on.
// Not inlined: a block has four of these.
#[inline(never)]
#[target_feature(enable = "sse2")]
fn finished(layer: &DepthwiseI8, channel: usize, [low, high]: &[__m128i; 2]) -> [i8; STEP] {
    let mut rest = [[0; 4]; 2];
    let [a, b] = chunks(layer.bias, channel, &mut rest);
    let sums = [_mm_add_epi32(*low, four(a)), _mm_add_epi32(*high, four(b))];
    let [low, high] = scaled(&layer.requant, channel, sums);
    let zero_point = _mm_set1_epi32(layer.stage.zero_point);
    // What does not fit 16 bits is beyond either clamp.
    let values = _mm_packs_epi32(_mm_add_epi32(low, zero_point), _mm_add_epi32(high, zero_point));
    let values = _mm_max_epi16(values, _mm_set1_epi16(layer.stage.min as i16));
    let values = _mm_min_epi16(values, _mm_set1_epi16(layer.stage.max as i16));
    _mm_cvtsi128_si64(_mm_packs_epi16(values, values)).to_le_bytes().map(|byte| byte as i8)
}

/// The sums of eight channels from `channel` on times their factors, none of which is one or more: what
/// [`FixedPoint::apply`](crate::numerics::FixedPoint::apply) gives.
#[inline]
#[target_feature(enable = "sse2")]
fn scaled(requant: &Requant<'_>, channel: usize, [low, high]: [__m128i; 2]) -> [__m128i; 2] {
    let mut rest = ([[0; 4]; 2], [[0; STEP]; 1]);
    let [v, w] = per_channel(requant.words, channel, &mut rest.0);
    let [v, w] = [four(&v.map(|word| word as i32)), four(&w.map(|word| word as i32))];
    let mut base = [_mm_set1_epi32(requant.shift_base); 2];
    if !requant.extra.is_empty() {
        let [extra] = per_channel(requant.extra, channel, &mut rest.1);
        let zero = _mm_setzero_si128();
        let extra = _mm_unpacklo_epi8(eight(&extra.map(|byte| byte as i8)), zero);
        let extra = [_mm_unpacklo_epi16(extra, zero), _mm_unpackhi_epi16(extra, zero)];
        base = extra.map(|extra| _mm_add_epi32(extra, _mm_set1_epi32(requant.shift_base)));
    }
    let four = |sums, words, base| {
        let multiplier = _mm_or_si128(_mm_and_si128(words, _mm_set1_epi32(0x3fff_ffff)), _mm_set1_epi32(0x4000_0000));
        let shift = _mm_add_epi32(_mm_srli_epi32::<30>(words), base);
        shifted(doubling_high_mul(sums, multiplier), shift)
    };
    [four(low, v, base[0]), four(high, w, base[1])]
}

/// What channels from `channel` on have, or all have.
#[inline(always)]
fn per_channel<'a, T: Copy, const LEN: usize, const N: usize>(
    numbers: &'a [T],
    channel: usize,
    rest: &'a mut [[T; LEN]; N],
) -> &'a [[T; LEN]; N] {
    if let [one] = numbers {
        rest.as_flattened_mut().fill(*one);
        return rest;
    }
    chunks(numbers, channel, rest)
}

/// [`crate::numerics::doubling_high_mul`], lane by lane, for `b` that are not negative.
///
/// `PMULUDQ` takes factors as unsigned. Where `a` is negative it is `2^32` too much then, the product `2^32 * b`, and
/// its bits from the 31st on `2 * b`.
#[inline]
#[target_feature(enable = "sse2")]
fn doubling_high_mul(a: __m128i, b: __m128i) -> __m128i {
    let high = |a, b| _mm_srli_epi64::<31>(_mm_add_epi64(_mm_mul_epu32(a, b), _mm_set1_epi64x(1 << 30)));
    let even = _mm_and_si128(high(a, b), _mm_set1_epi64x(0xffff_ffff));
    let odd = _mm_slli_epi64::<32>(high(_mm_srli_epi64::<32>(a), _mm_srli_epi64::<32>(b)));
    let excess = _mm_and_si128(_mm_srai_epi32::<31>(a), _mm_add_epi32(b, b));
    _mm_sub_epi32(_mm_or_si128(even, odd), excess)
}

/// [`crate::numerics::rounding_shift_right`] by `-shift`, lane by lane; `shift` in `-31..=0`.
///
/// SSE2 cannot shift each lane by an amount of its own, but it can multiply doubles by a power of two: a double holds the
/// 32 bits of a number and 31 behind the point, so nothing is rounded before the conversion cuts off.
#[inline]
#[target_feature(enable = "sse2")]
fn shifted(x: __m128i, shift: __m128i) -> __m128i {
    // A double's upper half without a bit below its exponent.
    let power = _mm_slli_epi32::<20>(_mm_add_epi32(shift, _mm_set1_epi32(1023)));
    let zero = _mm_setzero_si128();
    let powers = [_mm_unpacklo_epi32(zero, power), _mm_unpackhi_epi32(zero, power)];
    let two = |x, power| {
        let quotient = _mm_mul_pd(_mm_cvtepi32_pd(x), _mm_castsi128_pd(power));
        let half = _mm_or_pd(_mm_and_pd(quotient, _mm_set1_pd(-0.0)), _mm_set1_pd(0.5));
        _mm_cvttpd_epi32(_mm_add_pd(quotient, half))
    };
    _mm_unpacklo_epi64(two(x, powers[0]), two(_mm_shuffle_epi32::<0b1110>(x), powers[1]))
}
