//! The plane kernels of [`crate::depthwise::triples`].

use super::tile::Channel;
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::depthwise::planar::BLOCK;
use crate::depthwise::triples::{self, PlaneKernel, Planes, Task, Transfer};

/// Arguments of the plane kernels; the assembly knows the offsets.
#[repr(C)]
struct Plane {
    /// 0: first word of the window of the first output.
    input: *const u32,
    /// 4: bytes of a plane's row.
    row_bytes: usize,
    /// 8: bytes from an output row's window to the next row's.
    row_step: usize,
    /// 12: output rows.
    rows: usize,
    /// 16: outputs in a row.
    width: usize,
    /// 20: `[kernel_rows][kernel_width]` words.
    weights: *const i32,
    /// 24
    kernel_rows: usize,
    /// 28
    kernel_width: usize,
    /// 32: bytes from an output's first tap to the next output's.
    stride_bytes: usize,
    /// 36
    channel: Channel,
    /// 52
    output: *mut i8,
    /// 56: bytes from an output to the next.
    pixel_bytes: usize,
    /// 60: not zero when the clamp is narrower than `i8`.
    clamps: u32,
    /// 64
    min: i32,
    /// 68
    max: i32,
}

unsafe extern "C" {
    /// 3x3, stride 1. All three read `(rows - 1) * row_step + kernel_rows * row_bytes` bytes from `input`, less the
    /// stride's, write `rows * width` outputs, and overwrite `input`, `output` and `rows`; none of their counts is zero.
    fn kinglet_armv7m_plane3x3s1(plane: *mut Plane);
    /// 3x3, stride 2.
    fn kinglet_armv7m_plane3x3s2(plane: *mut Plane);
    /// Any kernel.
    fn kinglet_armv7m_plane(plane: *mut Plane);
    /// Four channels of `pixels` pixels, not zero, into four planes: `pixels + 1` consecutive words of each.
    fn kinglet_armv7m_transpose1(
        source: *const i8,
        target: *mut [i8; 4],
        pixels: usize,
        pixel_bytes: usize,
        plane_bytes: usize,
        padding: i32,
    );
    /// The same, into every other word.
    fn kinglet_armv7m_transpose2(
        source: *const i8,
        target: *mut [i8; 4],
        pixels: usize,
        pixel_bytes: usize,
        plane_bytes: usize,
        padding: i32,
    );
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("plane.s"), options(raw));

/// See [`crate::depthwise::depthwise_i8`].
// A function of its own, so that its frame and the engine's are not one.
#[inline(never)]
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    triples::depthwise_i8(layer, io, scratch, &Single);
}

/// The assembly behind the planes.
struct Single;

impl PlaneKernel for Single {
    fn transfer(&self, planes: &Planes, words: &mut [[i8; 4]], transfer: &Transfer<'_>) -> bool {
        let stride = planes.geometry().stride[1];
        let Transfer { pixels, pixel_len, count, place: (row, left), padding } = *transfer;
        // The first word written has its first value `stride` columns before the first pixel, which is `stride`
        // words behind the row's start.
        let Some(place) = words.get_mut(planes.row(0, row).wrapping_add(left)..) else { return false };
        let room = planes.plane_words().saturating_mul(BLOCK - 1).saturating_add(count).saturating_add(stride);
        // The assembly reads a whole word, four channels, from each pixel.
        let readable = count.wrapping_sub(1).saturating_mul(pixel_len).saturating_add(BLOCK);
        if stride > 2 || count == 0 || pixels.len() < readable || place.len() < room {
            return false;
        }
        let plane_bytes = planes.plane_words().wrapping_mul(4);
        let source = pixels.as_ptr();
        let target = place.as_mut_ptr();
        let padding = i32::from(padding);
        if stride == 1 {
            // SAFETY: the last pixel's word ends within `pixels`, and the last plane's words within `place`.
            unsafe { kinglet_armv7m_transpose1(source, target, count, pixel_len, plane_bytes, padding) };
            return true;
        }
        // Even and odd columns pair among themselves.
        for phase in 0..count.min(2) {
            let source = source.wrapping_add(phase.wrapping_mul(pixel_len));
            let target = target.wrapping_add(phase);
            let count = count.wrapping_sub(phase).div_ceil(2);
            // SAFETY: these are every other pixel and every other word of those above.
            unsafe {
                kinglet_armv7m_transpose2(source, target, count, pixel_len.wrapping_mul(2), plane_bytes, padding);
            }
        }
        true
    }

    fn convolve(&self, layer: &DepthwiseI8, planes: &Planes, task: &Task, words: &[[i8; 4]], output: &mut [i8]) {
        let geometry = planes.geometry();
        let [_, width, outputs] = geometry.output;
        let [kernel_rows, kernel_width] = geometry.kernel;
        let stride = geometry.stride[1];
        let row_bytes = planes.row_words().wrapping_mul(4);
        let last = task.rows.wrapping_mul(width).wrapping_sub(1).saturating_mul(outputs);
        // The columns start behind the words before the row.
        let Some(input) = words.get(planes.row(task.lane, 0).wrapping_add(stride)..) else { return };
        let read = planes.input_rows(task.rows).saturating_mul(planes.row_words());
        if input.len() < read || output.len() <= last || task.rows == 0 {
            return;
        }
        let stage = layer.stage;
        let mut plane = Plane {
            input: input.as_ptr().cast(),
            row_bytes,
            row_step: row_bytes.wrapping_mul(geometry.stride[0]),
            rows: task.rows,
            width,
            weights: words.as_ptr().cast(),
            kernel_rows,
            kernel_width,
            stride_bytes: stride.wrapping_mul(4),
            channel: Channel::new(stage, &layer.requant, layer.bias, task.channel),
            output: output.as_mut_ptr(),
            pixel_bytes: outputs,
            clamps: u32::from(stage.min > -128 || stage.max < 127),
            min: stage.min,
            max: stage.max,
        };
        let kernel = match (geometry.kernel, stride) {
            ([3, 3], 1) => kinglet_armv7m_plane3x3s1,
            ([3, 3], 2) => kinglet_armv7m_plane3x3s2,
            _ => kinglet_armv7m_plane,
        };
        // SAFETY: the plane holds the rows that `task.rows` output rows read, whole, and scratch starts with a
        // channel's weights; the last output was checked. No count is zero: the engine refuses geometries with zeros.
        unsafe { kernel(&mut plane) }
    }
}
