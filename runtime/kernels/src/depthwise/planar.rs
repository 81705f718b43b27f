//! DepthwiseConv2D over planes: [`DepthwisePacking::Planar`](super::DepthwisePacking::Planar).
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
//! [`runs_in_place`] says so, before anything is written over it: then the output may start exactly where the
//! input does. No other overlap is allowed, because channels are the outer loop.
//!
//! What is fast on some machine is behind [`PlaneKernel`]; the order of work is here, once.

use super::DepthwiseI8;
use crate::Io;
use crate::conv2d::Geometry;
use crate::numerics::FixedPoint;

/// Channels transposed together.
pub const BLOCK: usize = 4;

/// Scratch that the planes of a block should not exceed, unless one output row needs more.
pub const BAND_BYTES: usize = 2048;

/// True when the output may start exactly where the input does.
///
/// With as many channels on both sides, a channel's outputs touch inputs of the same channel only. Output row
/// `y` ends, then, no later than input row `y`, which is in the planes by the time row `y` is written: the window
/// of row `y` reaches down to input row `y * stride + kernel - 1 - pad`.
pub fn runs_in_place(geometry: &Geometry, multiplier: usize) -> bool {
    let Geometry { input, output, kernel, pad, .. } = along_rows(geometry);
    multiplier == 1 && input[2] == output[2] && output[0] <= input[0] && output[1] <= input[1] && pad[0] < kernel[0]
}

/// Layout of the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Planes {
    geometry: Geometry,
    row_len: usize,
    band_rows: usize,
    plane_bytes: usize,
    weight_bytes: usize,
}

impl Planes {
    /// The layout for a layer. A column of single pixels is treated as a row, so that its taps are neighbours.
    pub fn new(geometry: &Geometry) -> Self {
        let geometry = along_rows(geometry);
        let [output_rows, output_width, _] = geometry.output;
        // The last output reads a whole number of words from its first tap on.
        let row_len = output_width.saturating_sub(1).saturating_mul(geometry.stride[1]);
        let row_len = row_len.saturating_add(geometry.kernel[1].div_ceil(2).saturating_mul(2));
        // Outputs may be computed two at a time, and the second of the last two dropped.
        let dropped = if output_width % 2 == 1 && geometry.kernel != [3, 3] { geometry.stride[1] } else { 0 };
        let row_len = row_len.saturating_add(dropped).saturating_add(1) & !1;
        let rows_in_band = BAND_BYTES.checked_div(row_len.saturating_mul(2 * BLOCK)).unwrap_or(0);
        let band_rows = rows_in_band.saturating_sub(geometry.kernel[0]).checked_div(geometry.stride[0]).unwrap_or(0);
        let band_rows = band_rows.saturating_add(1).min(output_rows).max(1);
        let mut planes = Planes { geometry, row_len, band_rows, plane_bytes: 0, weight_bytes: 0 };
        planes.plane_bytes = planes.input_rows(band_rows).saturating_mul(row_len).saturating_mul(2);
        planes.weight_bytes = geometry.kernel[0].saturating_mul(geometry.kernel[1].div_ceil(2)).saturating_mul(4);
        planes
    }

    /// The geometry, with a column turned into a row.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Elements of a plane's row.
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// Output rows of a band.
    pub fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// Input rows under `rows` output rows.
    pub fn input_rows(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.geometry.stride[0]).saturating_add(self.geometry.kernel[0])
    }

    /// Bytes of one plane.
    pub fn plane_bytes(&self) -> usize {
        self.plane_bytes
    }

    /// Bytes of scratch: weights and planes.
    pub fn scratch_len(&self) -> usize {
        self.plane_bytes.saturating_mul(BLOCK).saturating_add(self.weight_bytes)
    }

    /// Byte offset of element `x` of row `row` of plane `lane`.
    #[inline]
    pub fn byte(&self, lane: usize, row: usize, x: usize) -> usize {
        let element = row.wrapping_mul(self.row_len).wrapping_add(x).wrapping_mul(2);
        self.weight_bytes.wrapping_add(lane.wrapping_mul(self.plane_bytes)).wrapping_add(element)
    }

    /// Puts one element.
    pub fn set(&self, scratch: &mut [i8], lane: usize, row: usize, x: usize, value: i8) {
        let at = self.byte(lane, row, x);
        let [low, high] = i16::from(value).to_le_bytes();
        if let Some([a, b]) = scratch.get_mut(at..at.saturating_add(2)) {
            (*a, *b) = (low as i8, high as i8);
        }
    }

    /// Fills all planes with the padding value.
    pub fn pad_all(&self, scratch: &mut [i8], value: i8) {
        fill(scratch, self.weight_bytes, self.plane_bytes.saturating_mul(BLOCK), value);
    }

    /// Fills a row of a plane with the padding value.
    pub fn pad_row(&self, scratch: &mut [i8], lane: usize, row: usize, value: i8) {
        fill(scratch, self.byte(lane, row, 0), self.row_len.saturating_mul(2), value);
    }

    /// Prepares the planes for a band whose window starts at padded input row `top`: moves up the rows that
    /// the band before has `filled` and this one still needs, and returns how many there are.
    pub fn keep(&self, scratch: &mut [i8], top: usize, filled: usize) -> usize {
        if top == 0 {
            return 0;
        }
        let moved = self.band_rows.wrapping_mul(self.geometry.stride[0]);
        let kept = filled.saturating_sub(moved);
        // Word by word; `copy_within` would link a general `memmove` for this alone.
        let words = scratch.as_chunks_mut::<4>().0;
        let distance = moved.wrapping_mul(self.row_len) / 2;
        for lane in 0..BLOCK {
            let start = self.byte(lane, 0, 0) / 4;
            for at in start..start.wrapping_add(kept.wrapping_mul(self.row_len) / 2) {
                let Some(&word) = words.get(at.wrapping_add(distance)) else { break };
                if let Some(place) = words.get_mut(at) {
                    *place = word;
                }
            }
        }
        kept
    }

    /// Widens the weights of output channel `channel` to doubled pairs at the start of scratch.
    pub fn widen_weights(&self, scratch: &mut [i8], weights: &[i8], channel: usize) {
        let [kernel_rows, kernel_width] = self.geometry.kernel;
        let area = kernel_rows.wrapping_mul(kernel_width);
        let weights = weights.get(channel.wrapping_mul(area)..).unwrap_or_default();
        let row_slots = kernel_width.div_ceil(2).wrapping_mul(2);
        let rows = weights.chunks(kernel_width.max(1)).take(kernel_rows);
        for (row, slots) in rows.zip(scratch.chunks_mut(row_slots.wrapping_mul(2).max(1))) {
            for (j, slot) in slots.chunks_exact_mut(2).enumerate() {
                let value = row.get(j).copied().unwrap_or(0);
                let [low, high] = i16::from(value).wrapping_mul(2).to_le_bytes();
                if let [a, b] = slot {
                    (*a, *b) = (low as i8, high as i8);
                }
            }
        }
    }
}

/// Fills `len` bytes, a multiple of 4, with 16-bit elements of one value.
fn fill(scratch: &mut [i8], start: usize, len: usize, value: i8) {
    let [low, high] = i16::from(value).to_le_bytes().map(|byte| byte as i8);
    let range = scratch.get_mut(start..start.saturating_add(len)).unwrap_or_default();
    range.as_chunks_mut::<4>().0.fill([low, high, low, high]);
}

/// One output channel of a band of rows.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// The plane to read.
    pub lane: usize,
    /// Output rows.
    pub rows: usize,
    /// The output channel.
    pub channel: usize,
    /// Its bias.
    pub bias: i32,
    /// Its factor.
    pub factor: FixedPoint,
}

/// The inner loops of a machine.
pub trait PlaneKernel {
    /// Transposes [`BLOCK`] channels of `taken` pixels into the planes, at row `row` from element `left` on.
    /// `pixels` starts at the first channel; pixels are `pixel_len` apart. False when it did nothing.
    fn transpose(
        &self,
        planes: &Planes,
        scratch: &mut [i8],
        pixels: &[i8],
        pixel_len: usize,
        place: (usize, usize, usize),
    ) -> bool;

    /// Computes `task` from the planes and the widened weights in `scratch`. `output` starts at the first
    /// output; the next ones stand [`Geometry::output`]`[2]` elements apart, row after row.
    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, scratch: &[i8], output: &mut [i8]);
}

/// The kernel of every machine, and the one that tells what the others must compute.
#[derive(Clone, Copy, Debug)]
pub struct PortableKernel;

impl PlaneKernel for PortableKernel {
    fn transpose(&self, _: &Planes, _: &mut [i8], _: &[i8], _: usize, _: (usize, usize, usize)) -> bool {
        false
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, scratch: &[i8], output: &mut [i8]) {
        let geometry = planes.geometry();
        let [kernel_rows, kernel_width] = geometry.kernel;
        let mut places = output.iter_mut().step_by(geometry.output[2].max(1));
        for y in 0..task.rows {
            for x in 0..geometry.output[1] {
                // Weights are doubled, so the sum is; it is even.
                let mut sum = 0i32;
                for i in 0..kernel_rows {
                    let row = y.wrapping_mul(geometry.stride[0]).wrapping_add(i);
                    for j in 0..kernel_width {
                        let column = x.wrapping_mul(geometry.stride[1]).wrapping_add(j);
                        let value = element(scratch, planes.byte(task.lane, row, column));
                        let slot = i.wrapping_mul(kernel_width.div_ceil(2)).wrapping_mul(2).wrapping_add(j);
                        sum = sum.wrapping_add(value.wrapping_mul(element(scratch, slot.wrapping_mul(2))));
                    }
                }
                if let Some(place) = places.next() {
                    *place = layer.stage.apply((sum >> 1).wrapping_add(task.bias), task.factor);
                }
            }
        }
    }
}

/// The 16-bit element at byte `at`.
fn element(scratch: &[i8], at: usize) -> i32 {
    let bytes = scratch.get(at..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
    i32::from(i16::from_le_bytes(bytes.map(|byte| byte as u8)))
}

/// The whole layer, with `kernel`'s inner loops. `scratch` is 4-byte aligned.
pub fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8], kernel: &impl PlaneKernel) {
    let planes = Planes::new(&layer.geometry);
    let len = |shape: [usize; 3]| shape.iter().fold(1usize, |product, &extent| product.saturating_mul(extent));
    let whole = io.input().len() >= len(layer.geometry.input) && io.output().len() >= len(layer.geometry.output);
    let aligned = (scratch.as_ptr() as usize).is_multiple_of(4);
    let [_, _, channels] = layer.geometry.input;
    let consistent = channels.checked_mul(layer.multiplier) == Some(layer.geometry.output[2]);
    if !(aligned && whole && consistent && scratch.len() >= planes.scratch_len()) {
        return;
    }
    planes.pad_all(scratch, layer.padding_value);
    let mut channel = 0usize;
    while channel < channels {
        let count = channels.wrapping_sub(channel).min(BLOCK);
        Block { layer, planes: &planes, kernel, channel, count }.run(io, scratch);
        channel = channel.wrapping_add(BLOCK);
    }
}

/// Up to four input channels from `channel` on.
struct Block<'a, K> {
    layer: &'a DepthwiseI8<'a>,
    planes: &'a Planes,
    kernel: &'a K,
    channel: usize,
    count: usize,
}

impl<K: PlaneKernel> Block<'_, K> {
    /// Band after band.
    fn run(&self, io: &mut Io<i8>, scratch: &mut [i8]) {
        let planes = self.planes;
        let output_rows = planes.geometry().output[0];
        let (mut filled, mut first) = (0usize, 0usize);
        while first < output_rows {
            let rows = output_rows.wrapping_sub(first).min(planes.band_rows());
            let top = first.wrapping_mul(planes.geometry().stride[0]);
            filled = planes.keep(scratch, top, filled);
            while filled < planes.input_rows(rows) {
                self.fill_row(io.input(), scratch, top.wrapping_add(filled), filled);
                filled = filled.wrapping_add(1);
            }
            for lane in 0..self.count {
                for copy in 0..self.layer.multiplier {
                    let channel = self.channel.wrapping_add(lane).wrapping_mul(self.layer.multiplier);
                    self.convolve(io, scratch, (lane, channel.wrapping_add(copy)), (first, rows));
                }
            }
            first = first.wrapping_add(rows);
        }
    }

    /// Transposes padded input row `source` into row `target` of the planes.
    fn fill_row(&self, input: &[i8], scratch: &mut [i8], source: usize, target: usize) {
        let (planes, padding) = (self.planes, self.layer.padding_value);
        let geometry = planes.geometry();
        let [height, width, channels] = geometry.input;
        let row = source.checked_sub(geometry.pad[0]).filter(|&row| row < height);
        let row_len = width.wrapping_mul(channels);
        let start = row.map(|row| row.wrapping_mul(row_len).wrapping_add(self.channel));
        let len = row_len.wrapping_sub(self.channel);
        let Some(pixels) = start.and_then(|start| input.get(start..start.checked_add(len)?)) else {
            (0..self.count).for_each(|lane| planes.pad_row(scratch, lane, target, padding));
            return;
        };
        let left = geometry.pad[1].min(planes.row_len());
        let right = left.wrapping_add(width).min(planes.row_len());
        // What is left and right of the pixels still holds the padding that the planes started with.
        let place = (target, left, right.wrapping_sub(left));
        if self.count == BLOCK && self.kernel.transpose(planes, scratch, pixels, channels, place) {
            return;
        }
        for lane in 0..self.count {
            for (x, value) in
                pixels.iter().skip(lane).step_by(channels.max(1)).take(right.wrapping_sub(left)).enumerate()
            {
                planes.set(scratch, lane, target, left.wrapping_add(x), *value);
            }
        }
    }

    /// One output channel of a band.
    fn convolve(
        &self,
        io: &mut Io<i8>,
        scratch: &mut [i8],
        (lane, channel): (usize, usize),
        (first, rows): (usize, usize),
    ) {
        let (layer, planes) = (self.layer, self.planes);
        planes.widen_weights(scratch, layer.weights, channel);
        let [_, width, outputs] = planes.geometry().output;
        let start = first.wrapping_mul(width).wrapping_mul(outputs).wrapping_add(channel);
        let bias = layer.bias.get(channel).copied().unwrap_or(0);
        let task = Task { lane, rows, channel, bias, factor: layer.requant.at(channel) };
        if let Some(output) = io.output().get_mut(start..) {
            self.kernel.convolve(layer, planes, &task, scratch, output);
        }
    }
}

/// `[H, 1, C]` under a `[KH, 1]` kernel is the same memory and the same sums as `[1, H, C]` under `[1, KH]`.
pub(super) fn along_rows(geometry: &Geometry) -> Geometry {
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
