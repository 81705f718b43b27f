//! TransposeConv2D: every input pixel adds a window to the output; a stride spreads the windows.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', O]`.
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j, c) of (input[(y + top - i) / sh, (x + left - j) / sw, c] - zero_point) * weight[o, i, j, c])`
//!   over the `i` and `j` for which both divisions leave no rest and the pixel lies inside the image: others add
//!   nothing. `C` and `O` are those of a group.
//! - weights: `[O, KH, KW, C / groups]` in the order of [`pack`], by phases.
//! - int8: accumulators are `i32` and wrap; the host proves that they do not. Nothing is folded into the bias, because
//!   the taps that an output sees depend on where it is.
//! - float: each sum starts at the bias and adds products in the order of the input: rows, columns, channels.
//! - Overlapping input and output: pixels are written in raster order, each in blocks of channels. The output of pixel
//!   `p` must not touch an input of pixel `p` or of any pixel after it. No scratch.
//!
//! # Phases
//!
//! Output rows whose `(y + top) mod sh` is the same, a *phase*, see the same rows of the window, `sh` apart: for them
//! the operator is an ordinary convolution of stride 1 with a window of every `sh`-th row, and likewise for columns.
//! Scattering each input pixel into a buffer of sums, which is how TensorFlow Lite does it, needs four bytes for every
//! output element.

mod float;
mod int16;
pub(crate) mod portable;
mod reference;

pub use float::transpose_conv_f32;
pub use int16::{TransposeConvI16, transpose_conv_i16};
pub use reference::{transpose_conv_f32_reference, transpose_conv_i8_reference, transpose_conv_i16_reference};

pub use crate::registry::transpose_conv_i8;

use crate::Io;
use crate::io::volume;
use crate::numerics::{ClampF32, OutputStage, Requant};
use crate::runs::{Runs, Span};

/// Shape of a transposed convolution on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransposeGeometry {
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height, width and channels of the output.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Distance between the windows of neighbouring input pixels along height and width, in output pixels; at least 1.
    pub stride: [usize; 2],
    /// Rows and columns of the first windows that lie above and to the left of the output.
    pub pad: [usize; 2],
    /// Channel groups; 1 for an ordinary transposed convolution.
    pub groups: usize,
}

/// Everything an int8 transposed convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct TransposeConvI8<'a> {
    /// Shapes.
    pub geometry: TransposeGeometry,
    /// Subtracted from every input.
    pub input_zero_point: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// In the order of [`pack`].
    pub weights: &'a [i8],
    /// `[O]`.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
}

/// Everything a float transposed convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct TransposeConvF32<'a> {
    /// Shapes.
    pub geometry: TransposeGeometry,
    /// Fused activation.
    pub clamp: ClampF32,
    /// In the order of [`pack`].
    pub weights: &'a [f32],
    /// `[O]`.
    pub bias: &'a [f32],
}

impl TransposeConvI8<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i8>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits(io) && self.requant.suffices(self.bias, outputs) && self.weights.len() >= weights
    }
}

impl TransposeConvF32<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<f32>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits(io) && self.bias.len() >= outputs && self.weights.len() >= weights
    }
}

impl TransposeGeometry {
    /// Weights of one output channel, in all phases together.
    pub fn taps(&self) -> usize {
        self.kernel[0].wrapping_mul(self.kernel[1]).wrapping_mul(self.group_channels())
    }

    /// True when there are a whole image to read and another to write.
    fn fits<T>(&self, io: &Io<T>) -> bool {
        io.has(volume(self.input), volume(self.output))
    }

    /// Input channels of a group.
    fn group_channels(&self) -> usize {
        self.input[2].checked_div(self.groups).unwrap_or(0)
    }

    /// The input row (axis 0) or column (axis 1) that meets tap `tap` at output position `position`, or `None` when
    /// there is none.
    #[inline]
    fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let stride = *self.stride.get(axis)?;
        let from_first = position.checked_add(*self.pad.get(axis)?)?.checked_sub(tap)?;
        let source = from_first.checked_div(stride)?;
        let meets = from_first.checked_rem(stride)? == 0;
        (meets && source < *self.input.get(axis)?).then_some(source)
    }

    /// Taps along `axis` of the positions in `phase`.
    fn phase_taps(&self, axis: usize, phase: usize) -> usize {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
        field(&self.kernel).saturating_sub(phase).div_ceil(field(&self.stride).max(1))
    }

    /// Taps along `axis` of the phases before `phase`.
    fn taps_before(&self, axis: usize, phase: usize) -> usize {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
        let (kernel, stride) = (field(&self.kernel), field(&self.stride));
        let each = kernel.checked_div(stride).unwrap_or(0);
        let rest = kernel.checked_rem(stride).unwrap_or(0);
        each.wrapping_mul(phase).wrapping_add(rest.min(phase))
    }

    /// The phase of output position `position` along `axis`, and which of its taps lie inside the image.
    fn clipped(&self, axis: usize, position: usize) -> (usize, Span) {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
        let extent = self.input.get(axis).copied().unwrap_or(0);
        let stride = field(&self.stride).max(1);
        let at = position.wrapping_add(field(&self.pad));
        let (phase, newest) = (at.checked_rem(stride).unwrap_or(0), at.checked_div(stride).unwrap_or(0));
        // The phase's last tap meets source `newest`, the one before it `newest - 1`.
        let taps = self.phase_taps(axis, phase);
        let oldest = taps.saturating_sub(1);
        let tap = oldest.saturating_sub(newest);
        let end = extent.saturating_add(oldest).saturating_sub(newest).min(taps);
        (phase, Span { source: newest.saturating_sub(oldest), tap, count: end.saturating_sub(tap) })
    }

    /// The first weight of a phase, and the weights of an output channel in it.
    fn phase_weights(&self, [rows, columns]: [usize; 2]) -> (usize, usize) {
        let channels = self.group_channels();
        let before = self.taps_before(0, rows).wrapping_mul(self.kernel[1]);
        let in_row = self.phase_taps(0, rows).wrapping_mul(self.taps_before(1, columns));
        let taps = self.phase_taps(0, rows).wrapping_mul(self.phase_taps(1, columns));
        let start = before.wrapping_add(in_row).wrapping_mul(channels).wrapping_mul(self.output[2]);
        (start, taps.wrapping_mul(channels))
    }

    /// Where weight `[output, i, j, c]` is in the order of [`pack`].
    fn weight_index(&self, output: usize, (i, j): (usize, usize), c: usize) -> usize {
        let phase = |axis: usize, tap: usize| {
            let stride = self.stride.get(axis).copied().unwrap_or(1);
            let (phase, turn) = (tap.checked_rem(stride).unwrap_or(0), tap.checked_div(stride).unwrap_or(0));
            (phase, self.phase_taps(axis, phase).wrapping_sub(1).wrapping_sub(turn))
        };
        let ((a, row), (b, column)) = (phase(0, i), phase(1, j));
        let (start, row_len) = self.phase_weights([a, b]);
        let tap = row.wrapping_mul(self.phase_taps(1, b)).wrapping_add(column);
        let within = tap.wrapping_mul(self.group_channels()).wrapping_add(c);
        start.wrapping_add(output.wrapping_mul(row_len)).wrapping_add(within)
    }
}

/// Writes `row_major`, `[O, KH, KW, C / groups]`, into `out`, as long, as the kernels read it: phase after phase, those
/// of the first phase of rows first, and in each `[O, rows, columns, C / groups]` of the phase's own rows and columns
/// in descending order, in which they meet ascending inputs.
pub fn pack<T: Copy>(geometry: &TransposeGeometry, row_major: &[T], out: &mut [T]) {
    let [kernel_height, kernel_width] = geometry.kernel;
    let mut weights = row_major.iter();
    for output in 0..geometry.output[2] {
        for i in 0..kernel_height {
            for j in 0..kernel_width {
                for c in 0..geometry.group_channels() {
                    let Some(weight) = weights.next() else { return };
                    if let Some(place) = out.get_mut(geometry.weight_index(output, (i, j), c)) {
                        *place = *weight;
                    }
                }
            }
        }
    }
}

/// What one output pixel sees of one group of channels.
pub(crate) struct Window {
    /// The inputs inside the image and the weights that meet them.
    pub(crate) runs: Runs,
    /// Weights of an output channel in the pixel's phase.
    pub(crate) row_len: usize,
    /// The first weight of the phase.
    weights: usize,
    /// The group's first output channel, and how many it has.
    pub(crate) outputs: (usize, usize),
    /// Output element of that channel.
    at: usize,
}

impl Window {
    /// The first of four rows of weights from output channel `outputs.0 + done` on; where the group has fewer, the
    /// first stands in for the others.
    #[inline]
    pub(crate) fn rows(&self, done: usize) -> [usize; 4] {
        let rest = self.outputs.1.wrapping_sub(done);
        let first = self.outputs.0.wrapping_add(done);
        [0, 1, 2, 3].map(|index| {
            let row = first.wrapping_add(if index < rest { index } else { 0 });
            self.weights.wrapping_add(row.wrapping_mul(self.row_len))
        })
    }
}

/// Calls `visit` for each output pixel in raster order and each group.
#[inline]
fn for_each_window(geometry: &TransposeGeometry, mut visit: impl FnMut(&Window)) {
    let [height, width, outputs] = geometry.output;
    let group_outputs = outputs.checked_div(geometry.groups).unwrap_or(0);
    let mut at: usize = 0;
    for y in 0..height {
        let (row_phase, rows) = geometry.clipped(0, y);
        for x in 0..width {
            let (column_phase, columns) = geometry.clipped(1, x);
            let (weights, row_len) = geometry.phase_weights([row_phase, column_phase]);
            let taps = geometry.phase_taps(1, column_phase);
            for group in 0..geometry.groups {
                let runs = Runs::of_transposed(geometry, [rows, columns], taps, group);
                let first = group.wrapping_mul(group_outputs);
                visit(&Window { runs, row_len, weights, outputs: (first, group_outputs), at: at.wrapping_add(first) });
            }
            at = at.wrapping_add(outputs);
        }
    }
}
