//! One pair plane: `[C * multiplier, KH, KW]`, for kernels that compute three outputs by two multiplications. Not for
//! dilation, strides beyond 2 along the width, or more than [`MAX_AREA`] taps.
//!
//! One input channel at a time is spread over a plane in which each word holds two elements of the padded image,
//! `stride` columns apart:
//!
//! ```text
//! word[x] = v[x] + (v[x + stride] << 11)
//! ```
//!
//! Two sums of words times weights then are three neighbouring outputs (`arch/armv6m/mod.rs` has the arithmetic).
//!
//! ```text
//! scratch: | weights of one channel, widened to words | plane: a band of rows |
//! row:     | stride words of slack | words |            behind the last row: stride words of slack
//! ```
//!
//! As in [`four_halfword_planes`](super::four_halfword_planes), rows that two bands share are moved, so each input element
//! is read exactly once and, where [`Bands::run_in_place`] says so, before anything is written over it.
//!
//! What is fast on some machine is behind [`PlaneKernel`]; the order of work is here, once.

use super::four_pair_planes::along_rows;
use super::{DepthwisePacking, Order, WriteOrder, undilated};
use crate::Io;
use crate::arch::words;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::io::range;
use crate::numerics::{self, ALL_SHIFTS, FixedPoint, NARROW_SHIFTS};
use crate::packing::Bands;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Scratch that the plane should not exceed, unless one output row needs more.
pub(crate) const BAND_BYTES: usize = 2048;

/// Most taps of a kernel.
pub(crate) const MAX_AREA: usize = 64;

/// Outputs computed together.
const OUTPUTS: usize = 3;

/// See [`numerics::NARROW_LIMIT`].
const NARROW_LIMIT: u32 = numerics::NARROW_LIMIT as u32;

/// Bits from one element of a word to the other.
const LANE: u32 = 11;

/// See the module.
pub(crate) struct OnePairPlane;

impl Order for OnePairPlane {
    packed! { "armv6m", DepthwisePacking::OnePairPlane;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::armv6m::depthwise_i8,
            emulated by crate::packing::depthwise::one_pair_plane::emulated;
    }

    /// The kernels tell by themselves which channels need the long way.
    const SHIFTS: RangeInclusive<i32> = ALL_SHIFTS;

    fn takes(geometry: &Geometry, _multiplier: usize) -> bool {
        let geometry = along_rows(geometry);
        let area = geometry.kernel[0].saturating_mul(geometry.kernel[1]);
        geometry.dilation == [1, 1] && matches!(geometry.stride[1], 1 | 2) && area <= MAX_AREA
    }

    fn nearest(geometry: &Geometry, multiplier: usize) -> (Geometry, usize) {
        let Geometry { stride: [down, across], .. } = *geometry;
        (Geometry { stride: [down, across.min(2)], ..undilated(geometry) }, multiplier)
    }

    fn write_order(geometry: &Geometry) -> WriteOrder {
        let plane = Plane::new(geometry);
        WriteOrder::Bands(Bands::along_rows(plane.geometry(), 1, plane.band_rows()))
    }

    fn scratch(geometry: &Geometry) -> usize {
        Plane::new(geometry).scratch_len()
    }
}

/// The whole layer with the inner loops of every machine.
pub(crate) fn emulated(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise_i8(layer, io, scratch, &PortableKernel);
}

/// Layout of the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    geometry: Geometry,
    row_words: usize,
    band_rows: usize,
}

impl Plane {
    /// The layout for a layer. A column of single pixels is treated as a row.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let geometry = along_rows(geometry);
        let [output_rows, output_width, _] = geometry.output;
        let (stride, kernel_width) = (geometry.stride[1], geometry.kernel[1]);
        // Elements under whole groups of outputs, less those that only upper lanes hold, and slack.
        let outputs = output_width.div_ceil(OUTPUTS).saturating_mul(OUTPUTS);
        let row_words = stride.saturating_mul(outputs.saturating_sub(1)).saturating_add(kernel_width);
        let rows_in_band = BAND_BYTES.checked_div(row_words.saturating_mul(4)).unwrap_or(0);
        let band_rows = rows_in_band.saturating_sub(geometry.kernel[0]).checked_div(geometry.stride[0]).unwrap_or(0);
        let band_rows = band_rows.saturating_add(1).min(output_rows).max(1);
        Plane { geometry, row_words, band_rows }
    }

    /// Output rows of a band.
    pub(crate) fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// The geometry, with a column turned into a row.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Words of a row, with its slack.
    pub(crate) fn row_words(&self) -> usize {
        self.row_words
    }

    /// Input rows under `rows` output rows.
    pub(crate) fn input_rows(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.geometry.stride[0]).saturating_add(self.geometry.kernel[0])
    }

    /// Words of widened weights.
    pub(crate) fn weight_words(&self) -> usize {
        self.geometry.kernel[0].saturating_mul(self.geometry.kernel[1])
    }

    /// Bytes of scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        let rows = self.input_rows(self.band_rows).saturating_mul(self.row_words);
        let words = rows.saturating_add(self.weight_words()).saturating_add(self.geometry.stride[1]);
        words.saturating_mul(4)
    }

    /// Index among the scratch's words of word `x` of row `row`.
    #[inline]
    pub(crate) fn word(&self, row: usize, x: usize) -> usize {
        let start = self.weight_words().wrapping_add(self.geometry.stride[1]);
        start.wrapping_add(row.wrapping_mul(self.row_words)).wrapping_add(x)
    }

    /// The word of two elements.
    #[inline]
    pub(crate) fn join(low: i8, high: i8) -> i32 {
        i32::from(low).wrapping_add(i32::from(high) << LANE)
    }

    /// The lower element of a word.
    #[inline]
    pub(crate) fn low(word: i32) -> i32 {
        word << (32 - LANE) >> (32 - LANE)
    }

    /// The upper element of a word.
    #[inline]
    pub(crate) fn high(word: i32) -> i32 {
        word.wrapping_sub(Self::low(word)) >> LANE
    }
}

/// One output channel of a band of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Output rows.
    pub(crate) rows: usize,
    /// Its bias.
    pub(crate) bias: i32,
    /// Its factor.
    pub(crate) factor: FixedPoint,
}

/// Rows of the input to spread over the plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// How many, not zero.
    pub(crate) count: usize,
    /// Elements from a pixel to the next.
    pub(crate) pixel: usize,
    /// Elements from a row to the next.
    pub(crate) row: usize,
    /// Pixels of a row, not zero.
    pub(crate) width: usize,
    /// Index among the scratch's words of the first word that holds an element.
    pub(crate) first: usize,
}

/// The inner loops of a machine.
pub(crate) trait PlaneKernel {
    /// Spreads rows of one channel; `source` starts at the first element.
    fn fill(&self, plane: &Plane, words: &mut [i32], source: &[i8], rows: &Rows, padding: i8);

    /// Computes `task`, whose sums fit, from the plane and the widened weights in `words`. `output` starts at the first
    /// output; the next ones stand [`Geometry::output`]`[2]` elements apart, row after row.
    fn convolve(&self, layer: &DepthwiseI8, plane: &Plane, task: &Task, words: &[i32], output: &mut [i8]);
}

/// The kernel of every machine, and the one that tells what the others must compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableKernel;

impl PlaneKernel for PortableKernel {
    fn fill(&self, plane: &Plane, words: &mut [i32], source: &[i8], rows: &Rows, padding: i8) {
        let stride = plane.geometry().stride[1];
        for row in 0..rows.count {
            let start = rows.first.wrapping_add(row.wrapping_mul(plane.row_words()));
            let line = source.get(row.wrapping_mul(rows.row)..).unwrap_or_default();
            let element = |x: usize| {
                let inside = x.checked_sub(stride).filter(|&x| x < rows.width);
                inside.and_then(|x| line.get(x.wrapping_mul(rows.pixel))).copied().unwrap_or(padding)
            };
            for x in 0..rows.width.wrapping_add(stride) {
                if let Some(word) = words.get_mut(start.wrapping_add(x)) {
                    *word = Plane::join(element(x), element(x.wrapping_add(stride)));
                }
            }
        }
    }

    #[inline(never)]
    fn convolve(&self, layer: &DepthwiseI8, plane: &Plane, task: &Task, words: &[i32], output: &mut [i8]) {
        let Geometry { output: [_, width, outputs], kernel: [kernel_rows, kernel_width], stride, .. } = plane.geometry;
        let mut places = output.iter_mut().step_by(outputs.max(1));
        for y in 0..task.rows {
            for x in 0..width {
                let mut sum = task.bias;
                let mut weights = words.iter();
                let mut row = plane.word(y.wrapping_mul(stride[0]), 0);
                let first = x.wrapping_mul(stride[1]);
                for _ in 0..kernel_rows {
                    for column in first..first.wrapping_add(kernel_width) {
                        // The last elements of a row are in upper lanes only.
                        let value = match column.checked_sub(stride[1]) {
                            Some(before) => words.get(row.wrapping_add(before)).map(|&word| Plane::high(word)),
                            None => words.get(row.wrapping_add(column)).map(|&word| Plane::low(word)),
                        };
                        let weight = weights.next().copied().unwrap_or(0);
                        sum = sum.wrapping_add(value.unwrap_or(0).wrapping_mul(weight));
                    }
                    row = row.wrapping_add(plane.row_words);
                }
                if let Some(place) = places.next() {
                    *place = layer.stage.apply(sum, task.factor);
                }
            }
        }
    }
}

/// The whole layer, with `kernel`'s inner loops. `scratch` is 4-byte aligned.
#[inline(never)]
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8], kernel: &impl PlaneKernel) {
    let words = words(scratch);
    let plane = Plane::new(&layer.geometry);
    let [_, _, channels] = layer.geometry.input;
    let consistent = channels.checked_mul(layer.multiplier) == Some(layer.geometry.output[2]);
    // There are no words where scratch is not aligned.
    let room = words.len() >= plane.scratch_len() / 4;
    if !(room && consistent && OnePairPlane::takes(&layer.geometry, layer.multiplier) && layer.fits(io)) {
        return io.refuse();
    }
    words.fill(Plane::join(layer.padding_value, layer.padding_value));
    for channel in 0..channels {
        Channel { layer, plane: &plane, kernel, channel }.run(io, words);
    }
}

/// An input channel.
struct Channel<'a, K> {
    layer: &'a DepthwiseI8<'a>,
    plane: &'a Plane,
    kernel: &'a K,
    channel: usize,
}

impl<K: PlaneKernel> Channel<'_, K> {
    /// Band after band.
    fn run(&self, io: &mut Io<i8>, words: &mut [i32]) {
        let plane = self.plane;
        let [output_rows, width, outputs] = plane.geometry().output;
        let (mut filled, mut first) = (0usize, 0usize);
        while first < output_rows {
            let rows = output_rows.wrapping_sub(first).min(plane.band_rows);
            let top = first.wrapping_mul(plane.geometry().stride[0]);
            let kept = if top == 0 { 0 } else { self.keep(words, filled) };
            filled = plane.input_rows(rows);
            self.fill(io.input(), words, top, kept..filled);
            for copy in 0..self.layer.multiplier {
                let channel = self.channel.wrapping_mul(self.layer.multiplier).wrapping_add(copy);
                let magnitude = self.widen_weights(words, channel);
                let start = first.wrapping_mul(width).wrapping_mul(outputs).wrapping_add(channel);
                if let Some(output) = io.output().get_mut(start..) {
                    let bias = self.layer.bias.get(channel).copied().unwrap_or(0);
                    let task = Task { rows, bias, factor: self.layer.requant.at(channel) };
                    if is_narrow(&task, magnitude) {
                        self.kernel.convolve(self.layer, plane, &task, words, output);
                    } else {
                        PortableKernel.convolve(self.layer, plane, &task, words, output);
                    }
                }
            }
            first = first.wrapping_add(rows);
        }
    }

    /// Moves up the rows that the band before has `filled` and this one still needs; returns how many.
    fn keep(&self, words: &mut [i32], filled: usize) -> usize {
        let plane = self.plane;
        let moved = plane.band_rows.wrapping_mul(plane.geometry().stride[0]);
        let kept = filled.saturating_sub(moved);
        let (to, distance) = (plane.word(0, 0), moved.wrapping_mul(plane.row_words()));
        for at in to..to.wrapping_add(kept.wrapping_mul(plane.row_words())) {
            let Some(&word) = words.get(at.wrapping_add(distance)) else { break };
            if let Some(place) = words.get_mut(at) {
                *place = word;
            }
        }
        kept
    }

    /// Fills rows of the plane; its row 0 is row `top` of the padded input.
    #[inline(never)]
    fn fill(&self, input: &[i8], words: &mut [i32], top: usize, rows: core::ops::Range<usize>) {
        let (plane, padding) = (self.plane, self.layer.padding_value);
        let Geometry { input: [height, width, channels], pad, stride, .. } = *plane.geometry();
        let limit = plane.row_words().saturating_sub(pad[1]);
        let inside = |row: usize| top.wrapping_add(row).checked_sub(pad[0]).filter(|&row| row < height);
        let mut row = rows.start;
        while row < rows.end {
            let count = match inside(row).filter(|_| limit > 0) {
                None => {
                    let start = plane.word(row, 0);
                    let end = start.wrapping_add(plane.row_words()).wrapping_sub(stride[1]);
                    if let Some(line) = words.get_mut(start..end) {
                        line.fill(Plane::join(padding, padding));
                    }
                    1
                }
                Some(source) => {
                    let count = rows.end.wrapping_sub(row).min(height.wrapping_sub(source));
                    let row_len = width.wrapping_mul(channels);
                    let elements = input.get(source.wrapping_mul(row_len).wrapping_add(self.channel)..);
                    let rows = Rows {
                        count,
                        pixel: channels,
                        row: row_len,
                        width: width.min(limit),
                        first: plane.word(row, pad[1]).wrapping_sub(stride[1]),
                    };
                    self.kernel.fill(plane, words, elements.unwrap_or_default(), &rows, padding);
                    count
                }
            };
            row = row.wrapping_add(count.max(1));
        }
    }

    /// Widens the weights of output channel `channel` to words, and returns the sum of their magnitudes.
    fn widen_weights(&self, words: &mut [i32], channel: usize) -> u32 {
        let area = self.plane.weight_words();
        let weights = range(self.layer.weights, channel.wrapping_mul(area), area);
        let mut magnitude = 0u32;
        for (word, weight) in words.iter_mut().zip(weights) {
            *word = i32::from(*weight);
            magnitude = magnitude.wrapping_add(word.unsigned_abs());
        }
        magnitude
    }
}

/// True when the accumulator of a channel whose weights have this magnitude fits the kernels' lanes and output stage,
/// whatever the activations. Channels that hardly depend on their input may have large biases.
fn is_narrow(task: &Task, magnitude: u32) -> bool {
    let bias = task.bias.unsigned_abs();
    // An activation's magnitude is 128 at most.
    let sum = (magnitude << 7).wrapping_add(bias);
    NARROW_SHIFTS.contains(&task.factor.shift) && bias < NARROW_LIMIT && sum < NARROW_LIMIT
}
