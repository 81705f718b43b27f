//! The plane kernels of [`crate::packing::depthwise::four_pair_planes`].

use super::tile::Channel;
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::packing::depthwise::four_halfword_planes::BLOCK;
use crate::packing::depthwise::four_pair_planes::{self, PlaneKernel, Planes, Task, Transfer};

/// Arguments of the plane kernels.
#[repr(C)]
struct Plane {
    /// First word of the window of the first output.
    input: *const u32,
    /// Bytes of a plane's row.
    row_bytes: usize,
    /// Bytes from an output row's window to the next row's.
    row_step: usize,
    /// Output rows.
    rows: usize,
    /// Outputs in a row.
    width: usize,
    /// `[kernel_rows][kernel_width]` words.
    weights: *const i32,
    kernel_rows: usize,
    kernel_width: usize,
    /// Bytes from an output's first tap to the next output's.
    stride_bytes: usize,
    channel: Channel,
    output: *mut i8,
    /// Bytes from an output to the next.
    pixel_bytes: usize,
    /// Not zero when the clamp is narrower than `i8`.
    clamps: u32,
    min: i32,
    max: i32,
}

/// Arguments of the transposition.
#[repr(C)]
struct Transpose {
    source: *const i8,
    target: *mut [i8; 4],
    pixels: usize,
    pixel_bytes: usize,
    padding: i32,
    plane_bytes: usize,
    source_row_bytes: usize,
    target_row_bytes: usize,
    rows: usize,
}

unsafe extern "C" {
    /// 3x3, stride 1. All three read `(rows - 1) * row_step + kernel_rows * row_bytes` bytes from `input`, less the
    /// stride's, write `rows * width` outputs, and overwrite `input`, `output` and `rows`; none of their counts is zero.
    fn kinglet_armv7m_plane3x3s1(plane: *mut Plane);
    /// 3x3, stride 2.
    fn kinglet_armv7m_plane3x3s2(plane: *mut Plane);
    /// Any kernel.
    fn kinglet_armv7m_plane(plane: *mut Plane);
    /// Moves four words `count` times, which may be zero, from the first on.
    fn kinglet_armv7m_shift(target: *mut [i8; 4], source: *const [i8; 4], count: usize);
    /// Four channels of `pixels` pixels into four planes: `pixels + 1` consecutive words of each, for `rows` rows.
    /// Neither count is zero; overwrites `source`, `target` and `rows`.
    fn kinglet_armv7m_transpose1(transpose: *mut Transpose);
    /// The same, into every other word.
    fn kinglet_armv7m_transpose2(transpose: *mut Transpose);
}

assembly! {
    "plane.s",
    Plane {
        INPUT = input,
        ROW_BYTES = row_bytes,
        ROW_STEP = row_step,
        ROWS = rows,
        WIDTH = width,
        WEIGHTS = weights,
        KERNEL_ROWS = kernel_rows,
        KERNEL_WIDTH = kernel_width,
        STRIDE_BYTES = stride_bytes,
        CHANNEL = channel,
        OUTPUT = output,
        CLAMPS = clamps,
        PLANE_MIN = min,
    }
    Transpose {
        TRANSPOSE_PADDING = padding,
        TRANSPOSE_STEPS = source_row_bytes,
        TRANSPOSE_ROWS = rows,
    }
}

/// See [`crate::depthwise::depthwise_i8`].
// A function of its own, so that its frame and the engine's are not one.
#[inline(never)]
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    four_pair_planes::depthwise_i8(layer, io, scratch, &Single);
}

/// The assembly behind the planes.
struct Single;

impl PlaneKernel for Single {
    fn shift(&self, words: &mut [[i8; 4]], count: usize) {
        let Some(start) = words.len().checked_sub(count) else { return };
        let place = words.as_mut_ptr();
        // SAFETY: both ranges lie in `words`, and the target is not behind the source.
        unsafe { kinglet_armv7m_shift(place, place.wrapping_add(start), count / 4) };
    }

    fn transfer(&self, planes: &Planes, words: &mut [[i8; 4]], transfer: &Transfer<'_>) -> bool {
        let stride = planes.geometry().stride[1];
        let Transfer { pixels, lens: [row_len, pixel_len], counts: [rows, count], place: (row, left), padding } =
            *transfer;
        // The first word written has its first value `stride` columns before the first pixel, which is `stride`
        // words behind the row's start.
        let Some(place) = words.get_mut(planes.row(0, row).wrapping_add(left)..) else { return false };
        let last_row = rows.wrapping_sub(1);
        let room = planes.plane_words().saturating_mul(BLOCK - 1).saturating_add(count).saturating_add(stride);
        let room = room.saturating_add(last_row.saturating_mul(planes.row_words()));
        // The assembly reads a whole word, four channels, from each pixel.
        let readable = count.wrapping_sub(1).saturating_mul(pixel_len).saturating_add(BLOCK);
        let readable = readable.saturating_add(last_row.saturating_mul(row_len));
        if stride > 2 || count == 0 || rows == 0 || pixels.len() < readable || place.len() < room {
            return false;
        }
        // Even and odd columns pair among themselves.
        for phase in 0..count.min(stride) {
            let mut transpose = Transpose {
                source: pixels.as_ptr().wrapping_add(phase.wrapping_mul(pixel_len)),
                target: place.as_mut_ptr().wrapping_add(phase),
                pixels: if stride == 1 { count } else { count.wrapping_sub(phase).div_ceil(2) },
                pixel_bytes: pixel_len.wrapping_mul(stride),
                padding: i32::from(padding),
                plane_bytes: planes.plane_words().wrapping_mul(4),
                source_row_bytes: row_len,
                target_row_bytes: planes.row_words().wrapping_mul(4),
                rows,
            };
            let kernel = if stride == 1 { kinglet_armv7m_transpose1 } else { kinglet_armv7m_transpose2 };
            // SAFETY: the last row's last pixel ends within `pixels`, and the last plane's words within `place`; with a
            // stride of two it is every other pixel and every other word of those.
            unsafe { kernel(&mut transpose) };
        }
        true
    }

    #[inline(never)]
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
