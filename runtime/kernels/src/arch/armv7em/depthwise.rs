//! The plane kernels of [`crate::packing::depthwise::four_halfword_planes`].
//!
//! Four outputs of a row at a time: with a 3x3 window their sums, the inputs of a row and its three weights fill the
//! registers, and inputs shared by neighbours are loaded once. Odd pairs of inputs come by unaligned loads, which
//! cost less than shuffling. One call computes all channels of a block.

use super::tile::{Stage, kinglet_armv7em_fill};
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::packing::depthwise::four_halfword_planes::{self, BLOCK, Band, Pixels, PlaneKernel, Planes};

/// Arguments of the plane kernels.
#[repr(C)]
struct Plane {
    /// The first channel's plane.
    input: *const i8,
    /// Bytes of a plane's row.
    row_bytes: usize,
    /// Bytes from an output row's window to the next row's.
    row_step: usize,
    /// Output rows.
    rows: usize,
    /// Bytes of a row's whole groups of four outputs, in the plane.
    span: usize,
    /// Outputs of a row that are left.
    left: usize,
    weights: *const i8,
    /// Bytes from a row of weights to the next, from a weight to the next.
    weight_steps: [usize; 2],
    /// Rows and width.
    kernel: [usize; 2],
    /// Bytes from an output's first tap to the next output's.
    stride_bytes: usize,
    bias: *const i32,
    /// Requantization words.
    words: *const u32,
    /// Bytes from a word to the next: 4, or 0 when there is one for all channels.
    word_stride: usize,
    /// Null for none.
    extra: *const u8,
    /// Right shift of a word whose top bits are zero, less 1.
    shift: i32,
    /// `2 * zero_point + 1`.
    rounding: i32,
    /// Bit 0: ties of negative numbers matter; bit 1: clamp.
    care: usize,
    /// The clamp.
    limits: [i16; 2],
    /// The first channel's first output.
    output: *mut i8,
    /// Bytes from an output row to the next, from an output to the next.
    output_steps: [usize; 2],
    channels: usize,
    /// Bytes from a channel's plane to the next.
    plane_step: usize,
    /// Room for a channel's weights, widened.
    widened: *mut i8,
}

impl Plane {
    /// The arguments for a band; `None` when a slice is shorter than the assembly will believe.
    // Not inlined: what it takes to compute them must not lie in the frame that the assembly runs on.
    #[inline(never)]
    fn new(layer: &DepthwiseI8, planes: &Planes, band: &Band, scratch: &mut [i8], output: &mut [i8]) -> Option<Self> {
        let ([_, width], kernel, stride) = (planes.output(), planes.kernel(), planes.stride());
        let area = kernel[0].wrapping_mul(kernel[1]);
        let row_bytes = planes.row_len().wrapping_mul(2);
        let stride_bytes = stride[1].wrapping_mul(2);
        let output_steps = planes.output_steps();
        let last_row = band.rows.wrapping_sub(1).saturating_mul(output_steps[0]);
        let last = last_row.saturating_add(width.wrapping_sub(1).saturating_mul(output_steps[1]));
        let needed = planes.byte(0, 0, 0).saturating_add(planes.plane_bytes().saturating_mul(BLOCK));
        if scratch.len() < needed || output.len() < last.saturating_add(band.channels) {
            return None;
        }
        let stage = Stage::new(&layer.stage);
        let from = |channel: usize| if layer.requant.words.len() == 1 { 0 } else { channel };
        let start = scratch.as_mut_ptr();
        Some(Plane {
            input: start.wrapping_add(planes.byte(band.lane, 0, 0)),
            row_bytes,
            row_step: row_bytes.wrapping_mul(stride[0]),
            rows: band.rows,
            span: (width & !3).wrapping_mul(stride_bytes),
            left: width & 3,
            weights: layer.weights.as_ptr().wrapping_add(band.channel.wrapping_mul(area)),
            weight_steps: planes.weight_steps(),
            kernel,
            stride_bytes,
            bias: layer.bias.as_ptr().wrapping_add(band.channel),
            words: layer.requant.words.as_ptr().wrapping_add(from(band.channel)),
            word_stride: if layer.requant.words.len() == 1 { 0 } else { 4 },
            extra: match layer.requant.extra.is_empty() {
                true => core::ptr::null(),
                false => layer.requant.extra.as_ptr().wrapping_add(from(band.channel)),
            },
            shift: layer.requant.shift_base.wrapping_neg().wrapping_sub(1),
            rounding: layer.stage.zero_point.wrapping_mul(2).wrapping_add(1),
            care: usize::from(!stage.is_relu).wrapping_add(usize::from(stage.clamps).wrapping_mul(2)),
            limits: [layer.stage.min as i16, layer.stage.max as i16],
            output: output.as_mut_ptr(),
            output_steps,
            channels: band.channels,
            plane_step: planes.plane_bytes().wrapping_mul(band.lane_step),
            widened: start,
        })
    }
}

unsafe extern "C" {
    /// 3x3, stride 1 or 2 along the row. Both read the planes under `rows` output rows, weights, biases and words
    /// of `channels` channels, write their outputs, and overwrite the struct. No count is zero.
    fn kinglet_armv7em_plane3x3(plane: *mut Plane);
    /// Any kernel; uses `widened`.
    fn kinglet_armv7em_plane(plane: *mut Plane);
    /// Four channels of `rows` rows of `width` pixels, neither zero, into four planes.
    fn kinglet_armv7em_planar(
        source: *const i8,
        target: *mut i8,
        width: usize,
        pixel_bytes: usize,
        plane_bytes: usize,
        rows: usize,
        row_bytes: usize,
        plane_row_bytes: usize,
    );
    /// `count` words from `from` to the lower address `to`.
    fn kinglet_armv7em_move(from: *const i8, to: *mut i8, count: usize);
}

assembly! {
    "plane.s",
    Plane {
        INPUT = input,
        ROW_BYTES = row_bytes,
        ROW_STEP = row_step,
        ROWS = rows,
        SPAN = span,
        LEFT = left,
        WEIGHTS = weights,
        WEIGHT_STEPS = weight_steps,
        KERNEL_ROWS = kernel,
        STRIDE_BYTES = stride_bytes,
        BIAS = bias,
        WORDS = words,
        WORD_STRIDE = word_stride,
        EXTRA = extra,
        SHIFT = shift,
        ROUNDING = rounding,
        CARE = care,
        PLANE_MIN = limits,
        OUTPUT = output,
        OUTPUT_STEPS = output_steps,
        CHANNELS = channels,
        PLANE_STEP = plane_step,
        WIDENED = widened,
    }
}
assembly! { "planar.s", }

/// See [`crate::depthwise::depthwise_i8`].
#[inline(never)]
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    four_halfword_planes::depthwise_i8(layer, io, scratch, &Dsp);
}

/// The assembly behind the planes.
struct Dsp;

impl PlaneKernel for Dsp {
    fn transpose(
        &self,
        planes: &Planes,
        scratch: &mut [i8],
        source: &[i8],
        pixels: &Pixels,
        (row, left): (usize, usize),
    ) -> bool {
        let Pixels { rows, width, steps: [row_step, step] } = *pixels;
        let last = |rows_step: usize, step: usize| {
            let rows = rows.wrapping_sub(1).saturating_mul(rows_step);
            rows.saturating_add(width.wrapping_sub(1).saturating_mul(step))
        };
        let Some(place) = scratch.get_mut(planes.byte(0, row, left)..) else { return false };
        let row_bytes = planes.row_len().wrapping_mul(2);
        let room = planes.plane_bytes().saturating_mul(BLOCK - 1).saturating_add(last(row_bytes, 2));
        // The assembly reads a whole word, four channels, from each pixel.
        if source.len() < last(row_step, step).saturating_add(BLOCK) || place.len() < room.saturating_add(2) {
            return false;
        }
        // SAFETY: the last pixel's word ends within `source`, and the last plane's elements within `place`. The
        // caller passes no zeros.
        unsafe {
            kinglet_armv7em_planar(
                source.as_ptr(),
                place.as_mut_ptr(),
                width,
                step,
                planes.plane_bytes(),
                rows,
                row_step,
                row_bytes,
            );
        }
        true
    }

    fn fill_words(&self, scratch: &mut [i8], from: usize, count: usize, value: u32) {
        let bytes = from.wrapping_mul(4)..from.saturating_add(count).saturating_mul(4);
        if let Some(words) = scratch.get_mut(bytes) {
            // SAFETY: the words are `count`, and aligned because scratch is.
            unsafe { kinglet_armv7em_fill(words.as_mut_ptr(), value, count) };
        }
    }

    fn move_words(&self, scratch: &mut [i8], from: usize, to: usize, count: usize) {
        let end = from.saturating_add(count).saturating_mul(4);
        if end > scratch.len() || to > from {
            return;
        }
        let start = scratch.as_mut_ptr();
        // SAFETY: the words end within `scratch`, and the target is at or before the source.
        unsafe {
            kinglet_armv7em_move(
                start.wrapping_add(from.wrapping_mul(4)),
                start.wrapping_add(to.wrapping_mul(4)),
                count,
            )
        };
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, band: &Band, scratch: &mut [i8], output: &mut [i8]) {
        // Used where it is: moving it would take its size in stack once more.
        let mut made = Plane::new(layer, planes, band, scratch, output);
        let Some(plane) = &mut made else { return };
        let run = match (plane.kernel, plane.stride_bytes) {
            ([3, 3], 2 | 4) => kinglet_armv7em_plane3x3,
            _ => kinglet_armv7em_plane,
        };
        // SAFETY: the planes hold the rows under `band.rows` output rows, each as long as groups of four outputs
        // read; the last output was checked, weights and constants of all channels before. No count is zero: the
        // engine refuses geometries with zeros.
        unsafe { run(plane) }
    }
}
