//! The matrix micro-kernel: four pixels by pairs of channels.

use crate::numerics::{OutputStage, Requant};

/// Bytes of a pair's row in the table of constants: of each channel the multiplier, the right shift less 1 and the
/// rounding constant; then the bias of the first, and both biases as an accumulator `256 * B + A` starts.
pub(super) const ROW_BYTES: usize = 32;

/// What the stage of a layer asks of the assembly.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    /// True when results below the zero point are clamped to it: then ties of negative numbers need no care.
    pub(super) is_relu: bool,
    /// True when the clamp is narrower than `i8`.
    pub(super) clamps: bool,
    /// The clamp in each byte.
    pub(super) limits: [u32; 2],
}

impl Stage {
    pub(super) fn new(stage: &OutputStage) -> Self {
        let bytes = |value: i32| u32::from(value as u8).wrapping_mul(0x0101_0101);
        Stage {
            is_relu: stage.min >= stage.zero_point,
            clamps: stage.min > -128 || stage.max < 127,
            limits: [bytes(stage.min), bytes(stage.max)],
        }
    }
}

/// Arguments of the micro-kernel.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tile {
    /// `[pairs][groups][2]` words.
    pub(super) weights: *const i8,
    /// A row of [`ROW_BYTES`] for each pair.
    pub(super) table: *const i8,
    /// Widened activations, `[groups][2][4 pixels]` words.
    pub(super) columns: *const i8,
    pub(super) columns_end: *const i8,
    /// Byte offset of the first step in the unrolled loop.
    pub(super) entry: usize,
    /// Not zero for a stage that needs no care of ties.
    pub(super) is_relu: usize,
    /// 1 to clamp, 2 for less than four pixels, 4 for an odd number of channels.
    pub(super) flags: usize,
    /// The first pixel's first channel.
    pub(super) output: *mut i8,
    /// Bytes from a pixel to the next.
    pub(super) stride: usize,
    /// Three times that.
    pub(super) stride3: usize,
    pub(super) table_end: *const i8,
    /// Pixels to store, 1 to 4.
    pub(super) pixels: usize,
    /// The clamp in each byte.
    pub(super) limits: [u32; 2],
}

unsafe extern "C" {
    /// Four pixels by the pairs between `table` and `table_end`, which are not the same. Reads weights, table and
    /// columns to the extents given there, writes all channels of `pixels` pixels.
    pub(super) fn kinglet_armv7em_tile4(tile: *const Tile);
    /// Widens the windows of `pixels` pixels, `pixel_bytes` apart, into neighbouring columns of a tile: of `rows`
    /// runs, `row_bytes` apart, `words` words each, then the `left` bytes that follow them, padded with zeros to a
    /// multiple of four. Neither `pixels` nor `rows` is zero.
    pub(super) fn kinglet_armv7em_gather(
        source: *const i8,
        column: *mut i8,
        rows: usize,
        words: usize,
        row_bytes: usize,
        left: usize,
        pixels: usize,
        pixel_bytes: usize,
    );
    /// The same for windows of one run of `words` words, not zero.
    pub(super) fn kinglet_armv7em_gather1(
        source: *const i8,
        column: *mut i8,
        words: usize,
        pixels: usize,
        pixel_bytes: usize,
    );
    /// The same for windows of three runs of nine bytes.
    pub(super) fn kinglet_armv7em_gather3x3x3(
        source: *const i8,
        column: *mut i8,
        row_bytes: usize,
        pixels: usize,
        pixel_bytes: usize,
    );
    /// Fills `count` words.
    pub(super) fn kinglet_armv7em_fill(target: *mut i8, value: u32, count: usize);
    /// Copies `bytes` bytes.
    pub(super) fn kinglet_armv7em_copy(target: *mut i8, source: *const i8, bytes: usize);
    /// Decodes the constants of `outputs` channels, not zero, into the rows of `table`.
    fn kinglet_armv7em_table(
        table: *mut i8,
        outputs: usize,
        bias: *const i32,
        words: *const u32,
        word_stride: usize,
        extra: *const u8,
        shift: i32,
        rounding: i32,
    );
    /// Widens `words` words, not zero, to twice as many.
    pub(super) fn kinglet_armv7em_widen(source: *const i8, target: *mut i8, words: usize);
}

assembly! {
    "tile.s",
    Tile {
        TILE_WEIGHTS = weights,
        TILE_TABLE = table,
        TILE_COLUMNS = columns,
        TILE_COLUMNS_END = columns_end,
        TILE_ENTRY = entry,
        TILE_STAGE = is_relu,
        TILE_FLAGS = flags,
        TILE_OUTPUT = output,
        TILE_STRIDE = stride,
        TILE_TABLE_END = table_end,
        PIXELS = pixels,
        TILE_MIN = limits,
    }
}
assembly! { "gather.s", }
assembly! { "table.s", }

/// Byte offset of the first group in a loop unrolled four times, each of `size` bytes, that ends with the check.
pub(super) fn entry(groups: usize, size: usize) -> usize {
    4usize.wrapping_sub(groups & 3).wrapping_mul(size)
}

/// Fills the table of constants. It has a row for each pair of `outputs` channels, of which there is one at least, and
/// `requant` suffices for them, as the caller has checked.
pub(super) fn fill_table(table: &mut [i8], outputs: usize, bias: &[i32], requant: &Requant, zero_point: i32) {
    let one = requant.words.len() == 1;
    // SAFETY: the table has a row for each pair, and there are biases, words and, if any, extra shifts for all
    // channels, or one word and shift that the stride of zero repeats. Scratch is 4-byte aligned.
    unsafe {
        kinglet_armv7em_table(
            table.as_mut_ptr(),
            outputs,
            bias.as_ptr(),
            requant.words.as_ptr(),
            if one { 0 } else { 4 },
            if requant.extra.is_empty() { core::ptr::null() } else { requant.extra.as_ptr() },
            requant.shift_base.wrapping_neg().wrapping_sub(1),
            zero_point.wrapping_mul(2).wrapping_add(1),
        );
    }
}
