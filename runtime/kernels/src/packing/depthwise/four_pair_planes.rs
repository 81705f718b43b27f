//! Four pair planes: `[C * multiplier, KH, KW]`, for kernels that work on planes of overlapping pairs. Not for dilation,
//! and only for windows of up to [`MAX_AREA`] positions.
//!
//! For cores that multiply one number at a time. A plane is one channel of a band of rows, and its word at column `i`
//! is `x[i] + 2^11 * x[i + stride]`. A weight times that word is a product for two outputs, and a weight times the two
//! words that lie `stride` columns apart is products for three, since the value in the middle is in both words:
//!
//! ```text
//! acc1 = sum of w * word[i]           = S0 + 2^11 * S1
//! acc2 = sum of w * word[i + stride]  = S1 + 2^11 * S2
//! acc1 - 2^11 * acc2 = S0 - 2^22 * S2, whose low 22 bits are S0; S1 and S2 follow
//! ```
//!
//! in 32 bits, exactly while every sum is below `2^20` in magnitude, as [`MAX_AREA`] weights always are. Words at the
//! end of a row, which no output needs but which stand beside one that is needed, are pairs as well.
//!
//! ```text
//! scratch: | weights of one channel, a word each | plane 0 | plane 1 | plane 2 | plane 3 | stride words |
//! plane:   rows of: stride words that nobody reads, left padding, a row of the input, right padding
//! ```
//!
//! Bands, the order of work, and where the output may stand are as in [`super::four_halfword_planes`].

use super::four_halfword_planes::BLOCK;
use super::{DepthwisePacking, Order, WriteOrder, biases_can_be_doubled, undilated};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::packing::{Bands, Numbers};
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Bits from one value of a word to the other.
pub(crate) const LANE_BITS: u32 = 11;

/// The largest window for which sums of any weights and activations stay below `2^20`.
pub(crate) const MAX_AREA: usize = 63;

/// Scratch that is always granted to the planes of a block; a large layer's may take an eighth of its activations.
const BAND_BYTES: usize = 2048;

/// See the module.
pub(crate) struct FourPairPlanes;

impl Order for FourPairPlanes {
    packed! { "armv7m", DepthwisePacking::FourPairPlanes;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::armv7m::depthwise_i8,
            emulated by crate::packing::depthwise::four_pair_planes::emulated;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;

    fn takes(geometry: &Geometry, _multiplier: usize) -> bool {
        geometry.dilation == [1, 1] && geometry.taps() <= MAX_AREA
    }

    fn nearest(geometry: &Geometry, multiplier: usize) -> (Geometry, usize) {
        (undilated(geometry), multiplier)
    }

    /// The kernels double the accumulators.
    fn is_exact(numbers: &Numbers<'_>) -> bool {
        biases_can_be_doubled(numbers)
    }

    fn write_order(geometry: &Geometry) -> WriteOrder {
        let planes = Planes::new(geometry);
        WriteOrder::Bands(Bands::along_rows(planes.geometry(), BLOCK, planes.band_rows()))
    }

    fn scratch(geometry: &Geometry) -> usize {
        Planes::new(geometry).scratch_len()
    }
}

/// The whole layer with the inner loops of every machine.
pub(crate) fn emulated(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise_i8(layer, io, scratch, &PortableKernel);
}

/// Layout of the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    geometry: Geometry,
    row_words: usize,
    band_rows: usize,
    plane_words: usize,
    area: usize,
}

impl Planes {
    /// The layout for a layer. A column of single pixels is treated as a row, so that its outputs are neighbours.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let geometry = along_rows(geometry);
        let [output_rows, output_width, _] = geometry.output;
        let stride = geometry.stride[1];
        // The last three outputs read words up to those of the second of them; before a row stand `stride` words.
        let last = output_width.div_ceil(3).saturating_sub(1).saturating_mul(3).saturating_mul(stride);
        let row_words = last.saturating_add(geometry.kernel[1]).saturating_add(stride.saturating_mul(2));
        // Rows are moved four words at a time.
        let row_words = row_words.saturating_add(3) & !3;
        let elements = |shape: [usize; 3]| shape.iter().fold(1usize, |product, &extent| product.saturating_mul(extent));
        let band_bytes = (elements(geometry.input).saturating_add(elements(geometry.output)) / 8).max(BAND_BYTES);
        let rows_in_band = band_bytes.checked_div(row_words.saturating_mul(4 * BLOCK)).unwrap_or(0);
        let band_rows = rows_in_band.saturating_sub(geometry.kernel[0]).checked_div(geometry.stride[0]).unwrap_or(0);
        let band_rows = band_rows.saturating_add(1).min(output_rows).max(1);
        let area = geometry.kernel[0].saturating_mul(geometry.kernel[1]);
        let mut planes = Planes { geometry, row_words, band_rows, plane_words: 0, area };
        planes.plane_words = planes.input_rows(band_rows).saturating_mul(row_words);
        planes
    }

    /// The geometry, with a column turned into a row.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Output rows of a band.
    pub(crate) fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// Words of a plane's row.
    pub(crate) fn row_words(&self) -> usize {
        self.row_words
    }

    /// Words of one plane.
    pub(crate) fn plane_words(&self) -> usize {
        self.plane_words
    }

    /// Input rows under `rows` output rows.
    pub(crate) fn input_rows(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.geometry.stride[0]).saturating_add(self.geometry.kernel[0])
    }

    /// Weights of a channel.
    pub(crate) fn area(&self) -> usize {
        self.area
    }

    /// Bytes of scratch: weights and planes.
    pub(crate) fn scratch_len(&self) -> usize {
        let planes = self.plane_words().saturating_mul(BLOCK);
        planes.saturating_add(self.area()).saturating_add(self.geometry.stride[1]).saturating_mul(4)
    }

    /// Index in scratch of the word before row `row` of plane `lane`; column 0 is `stride` words later.
    #[inline]
    pub(crate) fn row(&self, lane: usize, row: usize) -> usize {
        let rows = lane.wrapping_mul(self.plane_words()).wrapping_add(row.wrapping_mul(self.row_words));
        self.area().wrapping_add(rows)
    }

    /// Moves up the rows that the band before has `filled` and this one still needs; returns how many there are.
    fn keep(&self, kernel: &impl PlaneKernel, words: &mut [[i8; 4]], top: usize, filled: usize) -> usize {
        if top == 0 {
            return 0;
        }
        let moved = self.band_rows.wrapping_mul(self.geometry.stride[0]);
        let kept = filled.saturating_sub(moved);
        let count = kept.wrapping_mul(self.row_words);
        for lane in 0..BLOCK {
            let start = self.row(lane, 0);
            let end = start.wrapping_add(moved.wrapping_mul(self.row_words)).wrapping_add(count);
            kernel.shift(words.get_mut(start..end).unwrap_or_default(), count);
        }
        kept
    }
}

/// The word of two values.
#[inline]
pub(crate) fn pair(low: i8, high: i8) -> [i8; 4] {
    let word = i32::from(low).wrapping_add(i32::from(high).wrapping_shl(LANE_BITS));
    word.to_le_bytes().map(|byte| byte as i8)
}

/// The two values of a word.
fn values(word: [i8; 4]) -> [i32; 2] {
    let word = i32::from_le_bytes(word.map(|byte| byte as u8));
    let low = word << (32 - LANE_BITS) >> (32 - LANE_BITS);
    [low, word.wrapping_sub(low) >> LANE_BITS]
}

/// One output channel of a band of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The plane to read.
    pub(crate) lane: usize,
    /// Output rows.
    pub(crate) rows: usize,
    /// The output channel.
    pub(crate) channel: usize,
}

/// Rows of the input on their way into rows of the planes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer<'a> {
    /// From the first channel of the block in the first pixel of the first row on.
    pub(crate) pixels: &'a [i8],
    /// From a row to the next, and from a pixel to the next.
    pub(crate) lens: [usize; 2],
    /// Rows, and pixels of a row to take, of which a row of padding has none.
    pub(crate) counts: [usize; 2],
    /// First row of the planes, and the padded column of the first pixel.
    pub(crate) place: (usize, usize),
    /// What stands left and right of the pixels.
    pub(crate) padding: i8,
}

impl Transfer<'_> {
    /// Fills `lanes` planes.
    fn run(&self, planes: &Planes, words: &mut [[i8; 4]], lanes: usize) {
        let stride = planes.geometry.stride[1];
        for lane in 0..lanes {
            for row in 0..self.counts[0] {
                let target = words.get_mut(planes.row(lane, self.place.0.wrapping_add(row))..).unwrap_or_default();
                if self.counts[1] == 0 {
                    let word = pair(self.padding, self.padding);
                    target.iter_mut().take(planes.row_words()).for_each(|place| *place = word);
                    continue;
                }
                for (column, word) in target.iter_mut().take(planes.row_words()).skip(stride).enumerate() {
                    let second = column.wrapping_add(stride);
                    *word = pair(self.value(lane, row, column), self.value(lane, row, second));
                }
            }
        }
    }

    /// The value of channel `lane` at padded column `column`.
    // Two copies of it would be most of the code here.
    #[inline(never)]
    fn value(&self, lane: usize, row: usize, column: usize) -> i8 {
        let pixel = column.checked_sub(self.place.1).filter(|&pixel| pixel < self.counts[1]);
        let value = pixel.and_then(|pixel| {
            let start = row.wrapping_mul(self.lens[0]).wrapping_add(pixel.wrapping_mul(self.lens[1]));
            self.pixels.get(start.wrapping_add(lane))
        });
        value.copied().unwrap_or(self.padding)
    }
}

/// The inner loops of a machine.
pub(crate) trait PlaneKernel {
    /// Moves the last `count` words, a multiple of four, to the front.
    fn shift(&self, words: &mut [[i8; 4]], count: usize);

    /// Transfers [`BLOCK`] channels, in words from those whose second value is the first pixel to those whose second
    /// value is behind the last. False when it did nothing.
    fn transfer(&self, planes: &Planes, words: &mut [[i8; 4]], transfer: &Transfer<'_>) -> bool;

    /// Computes `task` from the weights and planes in `words`. `output` starts at the first output; the next ones
    /// stand [`Geometry::output`]`[2]` elements apart, row after row.
    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, words: &[[i8; 4]], output: &mut [i8]);
}

/// The kernel of every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableKernel;

impl PlaneKernel for PortableKernel {
    fn shift(&self, words: &mut [[i8; 4]], count: usize) {
        let start = words.len().wrapping_sub(count);
        words.copy_within(start.min(words.len()).., 0);
    }

    fn transfer(&self, _: &Planes, _: &mut [[i8; 4]], _: &Transfer<'_>) -> bool {
        false
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, words: &[[i8; 4]], output: &mut [i8]) {
        let geometry = planes.geometry();
        let [kernel_rows, kernel_width] = geometry.kernel;
        let mut places = output.iter_mut().step_by(geometry.output[2].max(1));
        let bias = layer.bias.get(task.channel).copied().unwrap_or(0);
        for y in 0..task.rows {
            for x in 0..geometry.output[1] {
                let mut sum = bias;
                for i in 0..kernel_rows {
                    let row = planes.row(task.lane, y.wrapping_mul(geometry.stride[0]).wrapping_add(i));
                    for j in 0..kernel_width {
                        // The columns start behind the `stride` words before the row. The last of three outputs has
                        // its inputs in the words of the one before: there is no further word at the end of a row.
                        let is_third = x.checked_rem(3) == Some(2);
                        let place = if is_third { x } else { x.wrapping_add(1) };
                        let column = place.wrapping_mul(geometry.stride[1]).wrapping_add(j);
                        let [low, high] = words.get(row.wrapping_add(column)).copied().map_or([0; 2], values);
                        let weight = words.get(i.wrapping_mul(kernel_width).wrapping_add(j)).copied();
                        let [weight, _] = weight.map_or([0; 2], values);
                        sum = sum.wrapping_add((if is_third { high } else { low }).wrapping_mul(weight));
                    }
                }
                if let Some(place) = places.next() {
                    *place = layer.stage.apply(sum, layer.requant.at(task.channel));
                }
            }
        }
    }
}

/// The whole layer, with `kernel`'s inner loops. `scratch` is 4-byte aligned.
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8], kernel: &impl PlaneKernel) {
    let planes = Planes::new(&layer.geometry);
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let consistent = layer.geometry.input[2].checked_mul(layer.multiplier) == Some(layer.geometry.output[2]);
    if !(aligned && consistent && scratch.len() >= planes.scratch_len() && layer.fits(io)) {
        return io.refuse();
    }
    let [_, _, channels] = layer.geometry.input;
    let words = scratch.as_chunks_mut::<4>().0;
    words.fill(pair(layer.padding_value, layer.padding_value));
    let mut channel = 0usize;
    while channel < channels {
        // The last block reaches back, so that it has four channels, and computes those only that are left.
        let start = channel.min(channels.saturating_sub(BLOCK));
        let end = start.wrapping_add(BLOCK).min(channels);
        Block { layer, planes: &planes, kernel, start, lanes: (channel.wrapping_sub(start), end.wrapping_sub(start)) }
            .run(io, words);
        channel = end;
    }
}

/// Up to four input channels from `start` on.
struct Block<'a, K> {
    layer: &'a DepthwiseI8<'a>,
    planes: &'a Planes,
    kernel: &'a K,
    start: usize,
    /// The first channel to compute, and the one behind the last.
    lanes: (usize, usize),
}

impl<K: PlaneKernel> Block<'_, K> {
    /// Band after band.
    fn run(&self, io: &mut Io<i8>, words: &mut [[i8; 4]]) {
        let planes = self.planes;
        let [output_rows, width, outputs] = planes.geometry().output;
        let (mut filled, mut first) = (0usize, 0usize);
        while first < output_rows {
            let rows = output_rows.wrapping_sub(first).min(planes.band_rows);
            let top = first.wrapping_mul(planes.geometry().stride[0]);
            filled = planes.keep(self.kernel, words, top, filled);
            while filled < planes.input_rows(rows) {
                let missing = planes.input_rows(rows).wrapping_sub(filled);
                filled = filled.wrapping_add(self.fill(io.input(), words, (top.wrapping_add(filled), filled), missing));
            }
            for lane in self.lanes.0..self.lanes.1 {
                for copy in 0..self.layer.multiplier {
                    let channel = self.start.wrapping_add(lane).wrapping_mul(self.layer.multiplier).wrapping_add(copy);
                    self.widen_weights(words, channel);
                    let start = first.wrapping_mul(width).wrapping_mul(outputs).wrapping_add(channel);
                    if let Some(output) = io.output().get_mut(start..) {
                        self.kernel.convolve(self.layer, planes, &Task { lane, rows, channel }, words, output);
                    }
                }
            }
            first = first.wrapping_add(rows);
        }
    }

    /// Puts the weights of an output channel, a word each, at the start of scratch.
    fn widen_weights(&self, words: &mut [[i8; 4]], channel: usize) {
        let area = self.planes.area();
        let weights = self.layer.weights.get(channel.wrapping_mul(area)..).unwrap_or_default();
        for (word, weight) in words.iter_mut().zip(weights).take(area) {
            *word = pair(*weight, 0);
        }
    }

    /// Fills up to `rows` rows of the planes, from row `target` on, with padded input rows from `source` on. Returns how
    /// many, at least one.
    #[inline(never)]
    fn fill(&self, input: &[i8], words: &mut [[i8; 4]], (source, target): (usize, usize), rows: usize) -> usize {
        let (planes, padding) = (self.planes, self.layer.padding_value);
        let Geometry { input: [height, width, channels], pad: [above, left], .. } = *planes.geometry();
        let row_len = width.wrapping_mul(channels);
        let row = source.checked_sub(above).filter(|&row| row < height);
        let start = row.map(|row| row.wrapping_mul(row_len).wrapping_add(self.start));
        let pixels = start.and_then(|start| input.get(start..)).unwrap_or_default();
        let rows = row.map_or(1, |row| rows.min(height.wrapping_sub(row)));
        // What is left and right of the pixels still holds the padding that the planes started with.
        let count = if row.is_some() { width.min(planes.row_words().saturating_sub(left)) } else { 0 };
        let transfer =
            Transfer { pixels, lens: [row_len, channels], counts: [rows, count], place: (target, left), padding };
        if !(count > 0 && self.lanes.1 == BLOCK && self.kernel.transfer(planes, words, &transfer)) {
            transfer.run(planes, words, self.lanes.1);
        }
        rows
    }
}

/// `[H, 1, C]` under a `[KH, 1]` kernel is the same memory and the same sums as `[1, H, C]` under `[1, KH]`.
pub(crate) fn along_rows(geometry: &Geometry) -> Geometry {
    let column = geometry.input[1] == 1 && geometry.output[1] == 1 && geometry.kernel[1] == 1 && geometry.pad[1] == 0;
    if !column {
        return *geometry;
    }
    let turn = |[rows, columns, channels]: [usize; 3]| [columns, rows, channels];
    let swap = |[rows, columns]: [usize; 2]| [columns, rows];
    Geometry {
        input: turn(geometry.input),
        output: turn(geometry.output),
        kernel: swap(geometry.kernel),
        stride: swap(geometry.stride),
        dilation: swap(geometry.dilation),
        pad: swap(geometry.pad),
        groups: geometry.groups,
    }
}
