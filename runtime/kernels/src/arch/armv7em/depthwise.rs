//! The plane kernels of [`crate::depthwise::planar`].
//!
//! A 3x3 window takes four outputs at a time: their accumulators, six inputs of a row and its three weights fill
//! the registers, and inputs shared by neighbours are loaded once. Odd pairs of inputs come by unaligned loads,
//! which cost less than shuffling. Any other window takes two outputs at a time.

use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::depthwise::planar::{self, BLOCK, PlaneKernel, Planes, Task};

/// Arguments of the plane kernels; the assembly knows the offsets.
#[repr(C)]
struct Plane {
    /// 0: first row of the window of the first output.
    input: *const i16,
    /// 4: bytes of a plane's row.
    row_bytes: usize,
    /// 8: output rows.
    rows: usize,
    /// 12: outputs in a row.
    width: usize,
    /// 16: `[kernel_rows][pairs]` words.
    weights: *const u32,
    /// 20: rows of the kernel.
    kernel_rows: usize,
    /// 24: words of a kernel row.
    pairs: usize,
    /// 28: bytes from an output's first tap to the next output's.
    stride_bytes: usize,
    /// 32: doubled.
    bias: i32,
    /// 36
    multiplier: i32,
    /// 40: `(2 * zero_point + 1) << (right - 1)`.
    rounding: i32,
    /// 44: right shift, 1 to 20.
    right: i32,
    /// 48
    output: *mut i8,
    /// 52: bytes from an output to the next.
    pixel_bytes: usize,
    /// 56: not zero when the clamp is narrower than `i8`.
    clamps: u32,
    /// 60
    min: i32,
    /// 64
    max: i32,
    /// 68: bytes from an output row's window to the next row's.
    row_step: usize,
}

unsafe extern "C" {
    /// 3x3, stride 1. All three read `(rows - 1) * row_step + kernel_rows * row_bytes` bytes from `input`, write
    /// `rows * width` outputs, and overwrite `input`, `output` and `rows`; none of their counts is zero.
    fn kinglet_armv7em_plane3x3s1(plane: *mut Plane);
    /// 3x3, stride 2.
    fn kinglet_armv7em_plane3x3s2(plane: *mut Plane);
    /// Any kernel.
    fn kinglet_armv7em_plane(plane: *mut Plane);
    /// Four channels of `pixels` pixels, not zero, into four planes.
    fn kinglet_armv7em_planar(
        source: *const i8,
        target: *mut i8,
        pixels: usize,
        pixel_bytes: usize,
        plane_bytes: usize,
    );
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("plane.s"), options(raw));

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    planar::depthwise_i8(layer, io, scratch, &Dsp);
}

/// The assembly behind the planes.
struct Dsp;

impl PlaneKernel for Dsp {
    fn transpose(
        &self,
        planes: &Planes,
        scratch: &mut [i8],
        pixels: &[i8],
        pixel_len: usize,
        (row, left, taken): (usize, usize, usize),
    ) -> bool {
        // The assembly reads a whole word, four channels, from each pixel.
        let readable = taken.wrapping_sub(1).saturating_mul(pixel_len).saturating_add(BLOCK);
        let Some(place) = scratch.get_mut(planes.byte(0, row, left)..) else { return false };
        let room = planes.plane_bytes().saturating_mul(BLOCK - 1).saturating_add(taken.saturating_mul(2));
        if taken == 0 || pixels.len() < readable || place.len() < room {
            return false;
        }
        // SAFETY: the last pixel's word ends within `pixels`, and the last plane's elements within `place`.
        unsafe { kinglet_armv7em_planar(pixels.as_ptr(), place.as_mut_ptr(), taken, pixel_len, planes.plane_bytes()) };
        true
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, scratch: &[i8], output: &mut [i8]) {
        let geometry = planes.geometry();
        let [_, width, outputs] = geometry.output;
        let row_bytes = planes.row_len().wrapping_mul(2);
        let right = task.factor.shift.wrapping_neg();
        let last = task.rows.wrapping_mul(width).wrapping_sub(1).saturating_mul(outputs);
        let Some(input) = scratch.get(planes.byte(task.lane, 0, 0)..) else { return };
        if input.len() < planes.input_rows(task.rows).saturating_mul(row_bytes) || output.len() <= last {
            return;
        }
        let stage = layer.stage;
        let mut plane = Plane {
            input: input.as_ptr().cast(),
            row_bytes,
            rows: task.rows,
            width,
            weights: scratch.as_ptr().cast(),
            kernel_rows: geometry.kernel[0],
            pairs: geometry.kernel[1].div_ceil(2),
            stride_bytes: geometry.stride[1].wrapping_mul(2),
            bias: task.bias.wrapping_mul(2),
            multiplier: task.factor.multiplier,
            rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(right.wrapping_sub(1) as u32),
            right,
            output: output.as_mut_ptr(),
            pixel_bytes: outputs,
            clamps: u32::from(stage.min > -128 || stage.max < 127),
            min: stage.min,
            max: stage.max,
            row_step: row_bytes.wrapping_mul(geometry.stride[0]),
        };
        let kernel = match (geometry.kernel, geometry.stride[1]) {
            ([3, 3], 1) => kinglet_armv7em_plane3x3s1,
            ([3, 3], 2) => kinglet_armv7em_plane3x3s2,
            _ => kinglet_armv7em_plane,
        };
        // SAFETY: the plane holds the rows that `task.rows` output rows read, with a row's slack for the taps
        // that are read and not used; the last output was checked. No count is zero: the engine refuses
        // geometries with zeros.
        unsafe { kernel(&mut plane) }
    }
}
