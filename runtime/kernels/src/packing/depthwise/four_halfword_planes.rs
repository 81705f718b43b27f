//! Four halfword planes: `[C * multiplier, KH, KW]`, for kernels that work on planes of 16-bit numbers. Not for dilation.
//!
//! Channels-last activations put a channel's neighbours far apart, where a dual multiply-accumulate finds
//! nothing to pair. Four channels at a time are therefore transposed into four planes of 16-bit values, in which
//! two neighbouring taps of a row are one word, and each plane is convolved by itself.
//!
//! ```text
//! scratch: | widened weights of one channel | plane 0 | plane 1 | plane 2 | plane 3 |
//! plane:   a band of rows, each: left padding, a row of the input, right padding, an even number in all
//! ```
//!
//! Planes hold a band of rows, as many as fit [`BAND_BYTES`]. The rows that two bands share are moved to the
//! top of the plane instead of being read again, so each input element is read exactly once and, where
//! [`Bands::run_in_place`] says so, before anything is written over it.
//!
//! Outputs are computed four at a time along a row. An image that is one band may as well lie on its side, and does
//! when that takes fewer groups of four: 25 x 5 pixels are 50 groups, 5 x 25 are 35.
//!
//! What is fast on some machine is behind [`PlaneKernel`]; the order of work is here, once.

use super::{DepthwisePacking, Order, WriteOrder, biases_can_be_doubled, undilated};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::io::range;
use crate::numerics::DUAL_MULTIPLY_SHIFTS;
use crate::packing::{Bands, Numbers};
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Channels transposed together.
pub(crate) const BLOCK: usize = 4;

/// Outputs of a row that kernels compute together. Those behind the row's end are dropped.
const GROUP: usize = 4;

/// Scratch that the planes of a block should not exceed, unless one output row needs more.
pub(crate) const BAND_BYTES: usize = 4096;

/// See the module.
pub(crate) struct FourHalfwordPlanes;

impl Order for FourHalfwordPlanes {
    packed! { "armv7em", DepthwisePacking::FourHalfwordPlanes;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::armv7em::depthwise_i8,
            emulated by crate::packing::depthwise::four_halfword_planes::emulated;
    }

    const SHIFTS: RangeInclusive<i32> = DUAL_MULTIPLY_SHIFTS;

    fn takes(geometry: &Geometry, _multiplier: usize) -> bool {
        geometry.dilation == [1, 1]
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
        let walk = |extents: [usize; 2], steps: [usize; 2]| [(extents[0], steps[0]), (extents[1], steps[1])];
        WriteOrder::Bands(Bands {
            block: BLOCK,
            rows: planes.band_rows(),
            window: planes.input_rows(1),
            stride: planes.stride()[0],
            pad: planes.padding()[0],
            input: walk(planes.input(), planes.input_steps()),
            output: walk(planes.output(), planes.output_steps()),
        })
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
pub(crate) struct Planes<'a> {
    geometry: &'a Geometry,
    is_turned: bool,
    row_len: usize,
    band_rows: usize,
    plane_bytes: usize,
    weight_bytes: usize,
}

impl<'a> Planes<'a> {
    /// The layout for a layer.
    pub(crate) fn new(geometry: &'a Geometry) -> Self {
        let mut planes =
            Planes { geometry, is_turned: true, row_len: 0, band_rows: 0, plane_bytes: 0, weight_bytes: 0 };
        planes.lay_out();
        let turned = if planes.is_single_band() { planes.cost() } else { u32::MAX };
        planes.is_turned = false;
        planes.lay_out();
        if turned < planes.cost() {
            planes.is_turned = true;
            planes.lay_out();
        }
        planes
    }

    /// Sizes for the orientation.
    #[inline(never)]
    fn lay_out(&mut self) {
        let [output_rows, output_width] = self.output();
        let [kernel_rows, kernel_width] = self.kernel();
        let [row_stride, stride] = self.stride();
        // The last output of a group reads a whole number of words from its first tap on.
        let computed = output_width.div_ceil(GROUP).saturating_mul(GROUP);
        let row_len = computed.saturating_sub(1).saturating_mul(stride);
        let row_len = row_len.saturating_add(kernel_width.div_ceil(2).saturating_mul(2)).saturating_add(1) & !1;
        let rows_in_band = BAND_BYTES.checked_div(row_len.saturating_mul(2 * BLOCK)).unwrap_or(0);
        let band_rows = rows_in_band.saturating_sub(kernel_rows).checked_div(row_stride).unwrap_or(0);
        self.row_len = row_len;
        self.band_rows = band_rows.saturating_add(1).min(output_rows).max(1);
        self.plane_bytes = self.input_rows(self.band_rows).saturating_mul(row_len).saturating_mul(2);
        self.weight_bytes = kernel_rows.saturating_mul(kernel_width.div_ceil(2)).saturating_mul(4);
    }

    /// Roughly the instructions for one channel: what a group, a row of outputs and a row of inputs cost beside their
    /// multiplications. May wrap for windows of thousands of taps, where either orientation will do.
    fn cost(&self) -> u32 {
        let [rows, width] = self.output();
        let [kernel_rows, kernel_width] = self.kernel();
        let group = kernel_rows.wrapping_mul(kernel_width.div_ceil(2).wrapping_mul(8).wrapping_add(6));
        let row = width.div_ceil(GROUP).wrapping_mul(group.wrapping_add(30)).wrapping_add(25);
        rows.wrapping_mul(row).wrapping_add(self.input_rows(rows).wrapping_mul(8)) as u32
    }

    /// True when the planes hold the whole image.
    pub(crate) fn is_single_band(&self) -> bool {
        self.band_rows == self.output()[0]
    }

    /// Along the rows and along a row of the planes.
    #[inline]
    fn turn(&self, [rows, columns]: [usize; 2]) -> [usize; 2] {
        if self.is_turned { [columns, rows] } else { [rows, columns] }
    }

    /// Height and width of the input.
    pub(crate) fn input(&self) -> [usize; 2] {
        let [height, width, _] = self.geometry.input;
        self.turn([height, width])
    }

    /// Height and width of the output.
    pub(crate) fn output(&self) -> [usize; 2] {
        let [height, width, _] = self.geometry.output;
        self.turn([height, width])
    }

    /// Height and width of the window.
    pub(crate) fn kernel(&self) -> [usize; 2] {
        self.turn(self.geometry.kernel)
    }

    /// Steps along both.
    pub(crate) fn stride(&self) -> [usize; 2] {
        self.turn(self.geometry.stride)
    }

    /// Padding before both.
    pub(crate) fn padding(&self) -> [usize; 2] {
        self.turn(self.geometry.pad)
    }

    /// Elements from a row to the next and from a pixel to the next, in the input.
    pub(crate) fn input_steps(&self) -> [usize; 2] {
        let [_, width, channels] = self.geometry.input;
        self.turn([width.wrapping_mul(channels), channels])
    }

    /// The same in the output.
    pub(crate) fn output_steps(&self) -> [usize; 2] {
        let [_, width, channels] = self.geometry.output;
        self.turn([width.wrapping_mul(channels), channels])
    }

    /// The same in the weights of a channel.
    pub(crate) fn weight_steps(&self) -> [usize; 2] {
        self.turn([self.geometry.kernel[1], 1])
    }

    /// Elements of a plane's row.
    pub(crate) fn row_len(&self) -> usize {
        self.row_len
    }

    /// Output rows of a band.
    pub(crate) fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// Input rows under `rows` output rows.
    pub(crate) fn input_rows(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.stride()[0]).saturating_add(self.kernel()[0])
    }

    /// Bytes of one plane.
    pub(crate) fn plane_bytes(&self) -> usize {
        self.plane_bytes
    }

    /// Bytes of scratch: weights and planes.
    pub(crate) fn scratch_len(&self) -> usize {
        self.plane_bytes().saturating_mul(BLOCK).saturating_add(self.weight_bytes)
    }

    /// Byte offset of element `x` of row `row` of plane `lane`.
    #[inline]
    pub(crate) fn byte(&self, lane: usize, row: usize, x: usize) -> usize {
        let element = row.wrapping_mul(self.row_len).wrapping_add(x).wrapping_mul(2);
        self.weight_bytes.wrapping_add(lane.wrapping_mul(self.plane_bytes)).wrapping_add(element)
    }

    /// Fills `rows` rows of all planes, from row `row` on, with the padding value.
    fn pad(&self, scratch: &mut [i8], (row, rows): (usize, usize), value: i8, kernel: &impl PlaneKernel) {
        let value = u32::from(i16::from(value) as u16).wrapping_mul(0x0001_0001);
        let words = rows.wrapping_mul(self.row_len) / 2;
        for lane in 0..BLOCK {
            kernel.fill_words(scratch, self.byte(lane, row, 0) / 4, words, value);
        }
    }

    /// Prepares the planes for a band whose window starts at padded input row `top`: moves up the rows that
    /// the band before has `filled` and this one still needs, and returns how many there are.
    fn keep(&self, scratch: &mut [i8], top: usize, filled: usize, kernel: &impl PlaneKernel) -> usize {
        if top == 0 {
            return 0;
        }
        let moved = self.band_rows.wrapping_mul(self.stride()[0]);
        let kept = filled.saturating_sub(moved);
        let words = kept.wrapping_mul(self.row_len) / 2;
        for lane in 0..BLOCK {
            kernel.move_words(scratch, self.byte(lane, moved, 0) / 4, self.byte(lane, 0, 0) / 4, words);
        }
        kept
    }
}

/// Pixels to transpose: `rows` rows of `width` pixels from the start of a slice on, at these steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixels {
    /// Rows.
    pub(crate) rows: usize,
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Elements from a row to the next, and from a pixel to the next.
    pub(crate) steps: [usize; 2],
}

/// Some output channels of a band of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    /// The plane of the first channel.
    pub(crate) lane: usize,
    /// Planes from a channel to the next: 1, or 0 when the channels have one input.
    pub(crate) lane_step: usize,
    /// The first output channel, and how many there are.
    pub(crate) channel: usize,
    /// How many there are.
    pub(crate) channels: usize,
    /// Output rows.
    pub(crate) rows: usize,
}

/// The inner loops of a machine.
pub(crate) trait PlaneKernel {
    /// Transposes [`BLOCK`] channels of `pixels` into the planes, at row `place.0` from element `place.1` on. False
    /// when it did nothing.
    fn transpose(
        &self,
        planes: &Planes,
        scratch: &mut [i8],
        source: &[i8],
        pixels: &Pixels,
        place: (usize, usize),
    ) -> bool;

    /// Fills `count` words of `scratch` from word `from` on.
    fn fill_words(&self, scratch: &mut [i8], from: usize, count: usize, value: u32) {
        let words = scratch.as_chunks_mut::<4>().0.iter_mut().skip(from).take(count);
        words.for_each(|word| *word = value.to_le_bytes().map(|byte| byte as i8));
    }

    /// Moves `count` words of `scratch` from word `from` up to word `to`.
    fn move_words(&self, scratch: &mut [i8], from: usize, to: usize, count: usize) {
        let words = scratch.as_chunks_mut::<4>().0;
        for index in 0..count {
            let Some(&word) = words.get(from.wrapping_add(index)) else { break };
            if let Some(place) = words.get_mut(to.wrapping_add(index)) {
                *place = word;
            }
        }
    }

    /// Computes `band` from the planes in `scratch`. `output` starts at the first output of the first channel.
    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, band: &Band, scratch: &mut [i8], output: &mut [i8]);
}

/// The kernel of every machine, and the one that tells what the others must compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableKernel;

impl PlaneKernel for PortableKernel {
    fn transpose(&self, _: &Planes, _: &mut [i8], _: &[i8], _: &Pixels, _: (usize, usize)) -> bool {
        false
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, band: &Band, scratch: &mut [i8], output: &mut [i8]) {
        let [_, width] = planes.output();
        let [row_step, pixel_step] = planes.output_steps();
        for index in 0..band.channels {
            let channel = band.channel.wrapping_add(index);
            let lane = band.lane.wrapping_add(index.wrapping_mul(band.lane_step));
            let bias = layer.bias.get(channel).copied().unwrap_or(0);
            for y in 0..band.rows {
                for x in 0..width {
                    let sum = window(layer, planes, scratch, (lane, channel), (y, x));
                    let at = y.wrapping_mul(row_step).wrapping_add(x.wrapping_mul(pixel_step)).wrapping_add(index);
                    if let Some(place) = output.get_mut(at) {
                        *place = layer.stage.apply(sum.wrapping_add(bias), layer.requant.at(channel));
                    }
                }
            }
        }
    }
}

/// The sum of products under one window of a plane.
fn window(
    layer: &DepthwiseI8,
    planes: &Planes,
    scratch: &[i8],
    (lane, channel): (usize, usize),
    (y, x): (usize, usize),
) -> i32 {
    let ([kernel_rows, kernel_width], stride) = (planes.kernel(), planes.stride());
    let area = kernel_rows.wrapping_mul(kernel_width);
    let weights = range(layer.weights, channel.wrapping_mul(area), area);
    let [row_step, tap_step] = planes.weight_steps();
    let mut sum = 0i32;
    for i in 0..kernel_rows {
        for j in 0..kernel_width {
            let (row, column) = (y.wrapping_mul(stride[0]).wrapping_add(i), x.wrapping_mul(stride[1]).wrapping_add(j));
            let value = element(scratch, planes.byte(lane, row, column));
            let weight = weights.get(i.wrapping_mul(row_step).wrapping_add(j.wrapping_mul(tap_step)));
            sum = sum.wrapping_add(value.wrapping_mul(weight.copied().unwrap_or(0).into()));
        }
    }
    sum
}

/// The 16-bit element at byte `at`.
fn element(scratch: &[i8], at: usize) -> i32 {
    let bytes = scratch.get(at..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
    i32::from(i16::from_le_bytes(bytes.map(|byte| byte as u8)))
}

/// The whole layer, with `kernel`'s inner loops. `scratch` is 4-byte aligned.
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8], kernel: &impl PlaneKernel) {
    let planes = Planes::new(&layer.geometry);
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let [_, _, channels] = layer.geometry.input;
    let consistent = channels.checked_mul(layer.multiplier) == Some(layer.geometry.output[2]);
    if !(aligned && consistent && scratch.len() >= planes.scratch_len() && layer.fits(io)) {
        return io.refuse();
    }
    // What is left and right of the pixels holds the padding value from here on.
    planes.pad(scratch, (0, planes.input_rows(planes.band_rows)), layer.padding_value, kernel);
    let mut channel = 0usize;
    while channel < channels {
        // The last block overlaps the one before it; only its new lanes are computed.
        let first = channel.min(channels.saturating_sub(BLOCK));
        let lanes = (channel.wrapping_sub(first), BLOCK.min(channels));
        Block { layer, planes: &planes, kernel, channel: first, lanes }.run(io, scratch);
        channel = channel.wrapping_add(BLOCK);
    }
}

/// Up to four input channels from `channel` on.
struct Block<'a, K> {
    layer: &'a DepthwiseI8<'a>,
    planes: &'a Planes<'a>,
    kernel: &'a K,
    channel: usize,
    /// Lanes to compute, from the first to behind the last.
    lanes: (usize, usize),
}

impl<K: PlaneKernel> Block<'_, K> {
    /// Band after band.
    fn run(&self, io: &mut Io<i8>, scratch: &mut [i8]) {
        let planes = self.planes;
        let [output_rows, _] = planes.output();
        let (mut filled, mut first) = (0usize, 0usize);
        while first < output_rows {
            let rows = output_rows.wrapping_sub(first).min(planes.band_rows);
            let top = first.wrapping_mul(planes.stride()[0]);
            filled = planes.keep(scratch, top, filled, self.kernel);
            let needed = planes.input_rows(rows);
            self.fill(io.input_from(self.channel), scratch, top, (filled, needed));
            filled = needed;
            self.convolve(io, scratch, (first, rows));
            first = first.wrapping_add(rows);
        }
    }

    /// Fills rows `from .. to` of the planes, whose first row is padded input row `top`. `input` starts at the first
    /// channel of the first pixel.
    fn fill(&self, input: &[i8], scratch: &mut [i8], top: usize, (from, to): (usize, usize)) {
        let (planes, padding) = (self.planes, self.layer.padding_value);
        let ([height, width], pad) = (planes.input(), planes.padding());
        // Rows of the planes that lie in the image.
        let start = pad[0].saturating_sub(top).max(from).min(to);
        let end = pad[0].wrapping_add(height).saturating_sub(top).min(to).max(start);
        if !planes.is_single_band() {
            planes.pad(scratch, (from, start.wrapping_sub(from)), padding, self.kernel);
            planes.pad(scratch, (end, to.wrapping_sub(end)), padding, self.kernel);
        }
        let left = pad[1].min(planes.row_len());
        let width = width.min(planes.row_len().wrapping_sub(left));
        let steps = planes.input_steps();
        let row = top.wrapping_add(start).wrapping_sub(pad[0]);
        let source = input.get(row.wrapping_mul(steps[0])..).unwrap_or_default();
        let pixels = Pixels { rows: end.wrapping_sub(start), width, steps };
        if pixels.rows == 0 || pixels.width == 0 {
            return;
        }
        let is_whole = self.lanes.1 == BLOCK;
        if !(is_whole && self.kernel.transpose(planes, scratch, source, &pixels, (start, left))) {
            self.transpose(scratch, source, &pixels, (start, left));
        }
    }

    /// Element by element.
    #[inline(never)]
    fn transpose(&self, scratch: &mut [i8], source: &[i8], pixels: &Pixels, (row, left): (usize, usize)) {
        for lane in self.lanes.0..self.lanes.1 {
            for y in 0..pixels.rows {
                for x in 0..pixels.width {
                    let [row_step, step] = pixels.steps;
                    let from = y.wrapping_mul(row_step).wrapping_add(x.wrapping_mul(step)).wrapping_add(lane);
                    let value = source.get(from).copied().unwrap_or(0);
                    let at = self.planes.byte(lane, row.wrapping_add(y), left.wrapping_add(x));
                    let [low, high] = i16::from(value).to_le_bytes();
                    if let Some([a, b]) = scratch.get_mut(at..at.saturating_add(2)) {
                        (*a, *b) = (low as i8, high as i8);
                    }
                }
            }
        }
    }

    /// All output channels of a band: with one for each input all at once, else input by input.
    fn convolve(&self, io: &mut Io<i8>, scratch: &mut [i8], (first, rows): (usize, usize)) {
        let (layer, planes) = (self.layer, self.planes);
        let start = first.wrapping_mul(planes.output_steps()[0]);
        let mut lane = self.lanes.0;
        while lane < self.lanes.1 {
            let channel = self.channel.wrapping_add(lane).wrapping_mul(layer.multiplier);
            let lanes = if layer.multiplier == 1 { self.lanes.1.wrapping_sub(lane) } else { 1 };
            let channels = lanes.wrapping_mul(layer.multiplier);
            let band = Band { lane, lane_step: usize::from(layer.multiplier == 1), channel, channels, rows };
            let at = start.wrapping_add(channel);
            let output = io.output_from(at);
            self.kernel.convolve(layer, planes, &band, scratch, output);
            lane = lane.wrapping_add(lanes);
        }
    }
}
