//! The matrix micro-kernel: a line of pixels by blocks of four channels.

use super::vector::{Channels, LANES, Window};

/// Arguments of the assembly, which knows the offsets.
#[repr(C)]
struct Matrix {
    /// 0: passes of the loop over four steps, in a row of the window.
    count: usize,
    /// 4: where to enter the loop, from its first instruction.
    entry: usize,
    /// 8: bytes from the end of a row of the window to the next row.
    skip: usize,
    /// 12: rows of the window.
    rows: usize,
    /// 16: pixels of a tile, set by the assembly.
    x: [usize; 4],
    /// 32: 16, or 0 when there is one word for all channels.
    word_step: usize,
    /// 36: next words, set by the assembly.
    word_at: usize,
    /// 40
    shift_base: i32,
    /// 44
    zero_point: i32,
    /// 48 to 56: set by the assembly.
    at: [usize; 3],
    /// 60: behind the last bias.
    bias_end: *const i32,
    /// 64: the first window, less the lanes of its first vector that do not exist.
    input: *const i8,
    /// 68: bytes from a pixel's window to the next pixel's.
    pixel_bytes: usize,
    /// 72
    output: *mut i8,
    /// 76: bytes from a pixel's outputs to the next pixel's.
    output_bytes: usize,
    /// 80: not zero.
    pixels: usize,
    /// 84: `[blocks][rows * vectors][4][16]`.
    weights: *const i8,
    /// 88
    bias: *const i32,
    /// 92
    words: *const u32,
    /// 96: extra shifts, or null.
    extra: *const u8,
    /// 100: lanes of a row's first vector that exist.
    mask: u32,
    /// 104
    min: i32,
    /// 108
    max: i32,
}

/// Bytes of one step in the unrolled loop.
const STEP_BYTES: usize = 56;
/// Bytes of the unrolled loop, with the two instructions that close it.
const LOOP_BYTES: usize = 4 * STEP_BYTES + 4;

unsafe extern "C" {
    /// Computes four channels by `pixels` for each block. Windows, constants and outputs have the extents that the
    /// fields say; words and outputs are 4-byte aligned; outputs are stored as whole words.
    fn kinglet_helium_matrix(matrix: *const Matrix);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("matrix.s"), options(raw));

/// Pixels in a line: their windows and outputs are equally far apart.
pub(super) struct Line {
    /// From a pixel's window to the next pixel's.
    pub(super) pixel_bytes: usize,
    /// From a pixel's outputs to the next pixel's.
    pub(super) output_bytes: usize,
    /// How many.
    pub(super) pixels: usize,
}

/// `channels` of the line's pixels, whose first window is at `input` and whose outputs are from `output` on.
///
/// # Safety
///
/// All windows can be read, and all outputs written, `channels` being whole blocks; `output` and `output_bytes` are
/// multiples of 4. `channels` has the lengths that it promises. No count is zero.
pub(super) unsafe fn matrix(window: &Window, channels: &Channels, line: &Line, input: *const i8, output: *mut i8) {
    let more = window.vectors.wrapping_sub(1);
    let entry = if more == 0 { LOOP_BYTES } else { (more.wrapping_neg() & 3).wrapping_mul(STEP_BYTES) };
    let matrix = Matrix {
        count: more.div_ceil(4),
        entry,
        skip: window.row_bytes.wrapping_sub(window.vectors.wrapping_mul(LANES)),
        rows: window.rows,
        x: [0; 4],
        word_step: channels.word_step(),
        word_at: 0,
        shift_base: channels.shift_base,
        zero_point: channels.stage.zero_point,
        at: [0; 3],
        bias_end: channels.bias.wrapping_add(channels.blocks.wrapping_mul(4)),
        input: input.wrapping_sub(window.missing),
        pixel_bytes: line.pixel_bytes,
        output,
        output_bytes: line.output_bytes,
        pixels: line.pixels,
        weights: channels.weights,
        bias: channels.bias,
        words: channels.words,
        extra: channels.extra,
        mask: window.mask(),
        min: channels.stage.min,
        max: channels.stage.max,
    };
    // SAFETY: the caller's promises are the assembly's.
    unsafe { kinglet_helium_matrix(&matrix) }
}
