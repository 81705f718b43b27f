//! Windows of 3x3: `[C, KH, KW]`, for kernels that have such windows in vectors. With stride 1 or 2 along both axes, less
//! than 3 rows and columns of padding before the image, a multiple of four channels, no dilation and no multiplier.
//!
//! Activations are channels-last, so the four columns that two neighbouring windows span are four loads of sixteen
//! channels. Stored interleaved they become, for each channel, a word of four columns; four such words, of four rows
//! one below the other, are a vector with four 3x3 windows in it:
//!
//! ```text
//! row:     group 0                          | group 1                          | ...
//! group g: channel 0, columns 2g .. 2g + 4 | channel 1, columns 2g .. 2g + 4 | ...
//! ```
//!
//! Rows are transposed once. As in [`super::four_halfword_planes`], scratch holds a band of them, the rows that two bands share are
//! moved to the top, and each input element is read before anything is written over it when the output starts exactly
//! where the input does and [`Bands::run_in_place`].

use super::{DepthwisePacking, Order, WriteOrder, undilated};
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;
use crate::numerics::RIGHT_SHIFTS;
use crate::packing::Bands;
use crate::registry::{Isa, Kernel, Operator, Row, in_build, packed};
use core::ops::RangeInclusive;

/// Channels transposed together.
pub(crate) const BLOCK: usize = 16;

/// Scratch that the rows of a block should not exceed, unless one output row needs more.
const BAND_BYTES: usize = 2048;
/// Bytes that four stores of a transposition write, whatever part of them a group is.
const STORE_BYTES: usize = 64;

/// See the module.
pub(crate) struct Windows3x3;

impl Order for Windows3x3 {
    packed! { "helium", DepthwisePacking::Windows3x3;
        run KERNELS: DepthwiseConv2D, DepthwiseI8[] = crate::arch::helium::depthwise_i8_windows,
            emulated by crate::packing::depthwise::windows_3x3::emulated;
    }

    const SHIFTS: RangeInclusive<i32> = RIGHT_SHIFTS;

    fn takes(geometry: &Geometry, multiplier: usize) -> bool {
        let Geometry { input, output, kernel, stride, dilation, pad, .. } = geometry;
        let shape = *kernel == [3, 3] && *dilation == [1, 1] && (*stride == [1, 1] || *stride == [2, 2]);
        let channels = input[2] == output[2] && input[2].is_multiple_of(4) && multiplier == 1;
        shape && channels && pad[0] < 3 && pad[1] < 3
    }

    fn nearest(geometry: &Geometry, _multiplier: usize) -> (Geometry, usize) {
        let Geometry { input: [height, width, channels], output: [rows, columns, _], .. } = *geometry;
        let channels = channels.div_ceil(4).saturating_mul(4);
        let stride = geometry.stride[0].clamp(1, 2);
        let nearest = Geometry {
            input: [height, width, channels],
            output: [rows, columns, channels],
            kernel: [3, 3],
            stride: [stride, stride],
            pad: geometry.pad.map(|pad| pad.min(2)),
            ..undilated(geometry)
        };
        (nearest, 1)
    }

    fn write_order(geometry: &Geometry) -> WriteOrder {
        WriteOrder::Bands(Bands::along_rows(geometry, BLOCK, Windows::new(geometry).band_rows()))
    }

    fn scratch(geometry: &Geometry) -> usize {
        Windows::new(geometry).scratch_len()
    }
}

/// The whole layer with the inner loops of every machine.
pub(crate) fn emulated(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    depthwise_i8(layer, io, scratch, &mut PortableKernel);
}

/// Layout of the scratch of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    stride: usize,
    groups: usize,
    group_bytes: usize,
    band_rows: usize,
}

impl Windows {
    /// The layout for a layer.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let [height, width, _] = geometry.output;
        let stride = geometry.stride[0].clamp(1, 2);
        // At stride 1 a group holds two windows of a row, at stride 2 one; outputs are computed four at a time.
        let groups = if stride == 1 { width.div_ceil(2) } else { width.div_ceil(4).saturating_mul(4) };
        let group_bytes = geometry.input[2].clamp(4, BLOCK).saturating_mul(4);
        let mut windows = Windows { stride, groups, group_bytes, band_rows: 1 };
        let rows = BAND_BYTES.checked_div(windows.row_bytes()).unwrap_or(0);
        let fitting = if stride == 1 { rows.saturating_sub(2) & !1 } else { rows.saturating_sub(1) / 2 };
        let least = if stride == 1 { 2 } else { 1 };
        windows.band_rows = fitting.min(height.next_multiple_of(least)).max(least);
        windows
    }

    /// Groups of a row.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Bytes of a group.
    pub(crate) fn group_bytes(&self) -> usize {
        self.group_bytes
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.groups.saturating_mul(self.group_bytes)
    }

    /// Output rows of a band.
    pub(crate) fn band_rows(&self) -> usize {
        self.band_rows
    }

    /// Output rows that are computed together: two at stride 1.
    pub(crate) fn rows_together(&self) -> usize {
        if self.stride == 1 { 2 } else { 1 }
    }

    /// Input rows under `rows` output rows.
    pub(crate) fn input_rows(&self, rows: usize) -> usize {
        if self.stride == 1 {
            rows.next_multiple_of(2).saturating_add(2)
        } else {
            rows.saturating_mul(2).saturating_add(1)
        }
    }

    /// Bytes before the sums: the rows of a band.
    pub(crate) fn rows_bytes(&self) -> usize {
        let rows = self.input_rows(self.band_rows);
        rows.saturating_mul(self.row_bytes()).saturating_add(STORE_BYTES)
    }

    /// Four outputs of four channels each.
    pub(crate) fn sums(&self, rows: usize) -> usize {
        if self.stride == 1 {
            rows.div_ceil(self.rows_together()).saturating_mul(self.groups)
        } else {
            rows.saturating_mul(self.groups / 4)
        }
    }

    /// Bytes of scratch: rows and sums.
    pub(crate) fn scratch_len(&self) -> usize {
        self.rows_bytes().saturating_add(self.sums(self.band_rows).saturating_mul(64))
    }
}

/// Rows and channels of one call: channels `channel .. channel + channels`, output rows `first .. first + rows`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// First channel.
    pub(crate) channel: usize,
    /// At most [`BLOCK`].
    pub(crate) channels: usize,
    /// First output row.
    pub(crate) first: usize,
    /// Output rows.
    pub(crate) rows: usize,
}

/// The inner loops of a machine.
pub(crate) trait WindowKernel {
    /// Transposes the columns of `pixels`, a row of the image, into `target`: groups of columns from `-pad` on. Where
    /// there is no pixel stands the padding value.
    fn transpose(&self, layer: &DepthwiseI8, windows: &Windows, task: &Task, pixels: &[i8], target: &mut [i8]);

    /// Fills a row.
    fn fill(&self, target: &mut [i8], value: i8);

    /// Moves `len` bytes of `scratch` from `from` to the front.
    fn keep(&self, scratch: &mut [i8], from: usize, len: usize);

    /// Computes `task` from the rows in `scratch`. `output` has the task's rows, with all channels.
    fn outputs(&mut self, layer: &DepthwiseI8, windows: &Windows, task: &Task, scratch: &mut [i8], output: &mut [i8]);
}

/// The whole layer, with `kernel`'s inner loops. `scratch` is 4-byte aligned and has [`Windows::scratch_len`] bytes.
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8], kernel: &mut impl WindowKernel) {
    let windows = Windows::new(&layer.geometry);
    let channels = layer.geometry.output[2];
    let room = scratch.len() >= windows.scratch_len() && (scratch.as_ptr() as usize).is_multiple_of(4);
    if !(room && Windows3x3::takes(&layer.geometry, layer.multiplier) && layer.fits(io)) {
        return io.refuse();
    }
    let mut channel = 0usize;
    while channel < channels {
        let count = channels.wrapping_sub(channel).min(BLOCK);
        let task = Task { channel, channels: count, first: 0, rows: 0 };
        block(layer, &windows, task, (io, scratch), kernel);
        channel = channel.wrapping_add(BLOCK);
    }
}

/// The channels of `task`: band after band.
fn block(
    layer: &DepthwiseI8,
    windows: &Windows,
    mut task: Task,
    (io, scratch): (&mut Io<i8>, &mut [i8]),
    kernel: &mut impl WindowKernel,
) {
    let [height, width, channels] = layer.geometry.output;
    let mut filled = 0usize;
    while task.first < height {
        task.rows = height.wrapping_sub(task.first).min(windows.band_rows());
        filled = fill_rows(layer, windows, &task, (io, scratch, filled), kernel);
        let line = width.wrapping_mul(channels);
        let start = task.first.wrapping_mul(line);
        let output = io.output().get_mut(start..start.wrapping_add(task.rows.wrapping_mul(line)));
        kernel.outputs(layer, windows, &task, scratch, output.unwrap_or_default());
        task.first = task.first.wrapping_add(task.rows);
    }
}

/// Fills the rows under `task`, of which `filled` were there for the band before, and returns how many there are.
// Not inlined: what it needs shall not lie on the stack while outputs are computed.
#[inline(never)]
fn fill_rows(
    layer: &DepthwiseI8,
    windows: &Windows,
    task: &Task,
    (io, scratch, filled): (&Io<i8>, &mut [i8], usize),
    kernel: &impl WindowKernel,
) -> usize {
    let Geometry { input: [height, width, channels], stride, pad, .. } = layer.geometry;
    let (row_bytes, row_len) = (windows.row_bytes(), width.wrapping_mul(channels));
    let mut filled = filled;
    if task.first > 0 {
        let moved = windows.band_rows().wrapping_mul(stride[0]);
        filled = filled.saturating_sub(moved);
        kernel.keep(scratch, moved.wrapping_mul(row_bytes), filled.wrapping_mul(row_bytes));
    }
    while filled < windows.input_rows(task.rows) {
        let start = filled.wrapping_mul(row_bytes);
        // The stores of the last group may reach beyond the row; what follows is filled later.
        let Some(target) = scratch.get_mut(start..start.saturating_add(row_bytes).saturating_add(STORE_BYTES)) else {
            break;
        };
        let source = task.first.wrapping_mul(stride[0]).wrapping_add(filled);
        let row = source.checked_sub(pad[0]).filter(|&row| row < height);
        let start = row.map(|row| row.wrapping_mul(row_len));
        if let Some(pixels) = start.and_then(|start| io.input().get(start..start.wrapping_add(row_len))) {
            kernel.transpose(layer, windows, task, pixels, target);
        } else {
            kernel.fill(target.get_mut(..row_bytes).unwrap_or_default(), layer.padding_value);
        }
        filled = filled.wrapping_add(1);
    }
    filled
}

/// The kernel of every machine, and the one that tells what the others must compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableKernel;

impl WindowKernel for PortableKernel {
    fn transpose(&self, layer: &DepthwiseI8, windows: &Windows, task: &Task, pixels: &[i8], target: &mut [i8]) {
        let channels = layer.geometry.output[2].max(1);
        for (group, words) in target.chunks_mut(windows.group_bytes().max(1)).take(windows.groups()).enumerate() {
            for (at, place) in words.iter_mut().enumerate() {
                let column = group.wrapping_mul(2).wrapping_add(at & 3).checked_sub(layer.geometry.pad[1]);
                let pixel = column.and_then(|column| pixels.chunks(channels).nth(column));
                let value = pixel.and_then(|pixel| pixel.get(task.channel.wrapping_add(at >> 2)));
                *place = value.copied().unwrap_or(layer.padding_value);
            }
        }
    }

    fn fill(&self, target: &mut [i8], value: i8) {
        target.fill(value);
    }

    fn keep(&self, scratch: &mut [i8], from: usize, len: usize) {
        for at in 0..len {
            let byte = scratch.get(from.wrapping_add(at)).copied().unwrap_or(0);
            if let Some(place) = scratch.get_mut(at) {
                *place = byte;
            }
        }
    }

    fn outputs(&mut self, layer: &DepthwiseI8, windows: &Windows, task: &Task, scratch: &mut [i8], output: &mut [i8]) {
        let Geometry { output: [_, width, channels], stride, .. } = layer.geometry;
        // At stride 1 the odd columns are the second window of their group.
        let (shift, mask) = if stride[0] == 1 { (1, 1) } else { (0, 0) };
        let tap = |row: usize, column: usize, channel: usize, j: usize| {
            let group = row
                .wrapping_mul(windows.row_bytes())
                .wrapping_add((column >> shift).wrapping_mul(windows.group_bytes()));
            let at = group.wrapping_add(channel.wrapping_mul(4)).wrapping_add(column & mask).wrapping_add(j);
            i32::from(scratch.get(at).copied().unwrap_or(0))
        };
        for (pixel, places) in output.chunks_mut(channels.max(1)).enumerate() {
            let y = pixel.checked_div(width).unwrap_or(0).wrapping_mul(stride[0]);
            let x = pixel.checked_rem(width).unwrap_or(0);
            for (channel, place) in places.iter_mut().skip(task.channel).take(task.channels).enumerate() {
                let at = task.channel.wrapping_add(channel);
                let mut sum = layer.bias.get(at).copied().unwrap_or(0);
                for (k, weight) in crate::io::range(layer.weights, at.wrapping_mul(9), 9).iter().enumerate() {
                    let value = tap(y.wrapping_add(k / 3), x, channel, k % 3);
                    sum = sum.wrapping_add(value.wrapping_mul(i32::from(*weight)));
                }
                *place = layer.stage.apply(sum, layer.requant.at(at));
            }
        }
    }
}
