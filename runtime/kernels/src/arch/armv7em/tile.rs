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

/// Arguments of the micro-kernel; the assembly knows the offsets.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tile {
    /// 0: `[pairs][groups][2]` words.
    pub(super) weights: *const i8,
    /// 4: a row of [`ROW_BYTES`] for each pair.
    pub(super) table: *const i8,
    /// 8: widened activations, `[groups][2][4 pixels]` words.
    pub(super) columns: *const i8,
    /// 12
    pub(super) columns_end: *const i8,
    /// 16: byte offset of the first step in the unrolled loop.
    pub(super) entry: usize,
    /// 20: not zero for a stage that needs no care of ties.
    pub(super) is_relu: usize,
    /// 24: 1 to clamp, 2 for less than four pixels, 4 for an odd number of channels.
    pub(super) flags: usize,
    /// 28: the first pixel's first channel.
    pub(super) output: *mut i8,
    /// 32: bytes from a pixel to the next.
    pub(super) stride: usize,
    /// 36: three times that.
    pub(super) stride3: usize,
    /// 40
    pub(super) table_end: *const i8,
    /// 44: pixels to store, 1 to 4.
    pub(super) pixels: usize,
    /// 48: the clamp in each byte.
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
    /// The same for windows of three runs of nine bytes.
    pub(super) fn kinglet_armv7em_gather3x3x3(
        source: *const i8,
        column: *mut i8,
        row_bytes: usize,
        pixels: usize,
        pixel_bytes: usize,
    );
    /// Copies `bytes` bytes.
    pub(super) fn kinglet_armv7em_copy(target: *mut i8, source: *const i8, bytes: usize);
    /// Widens `words` words, not zero, to twice as many.
    pub(super) fn kinglet_armv7em_widen(source: *const i8, target: *mut i8, words: usize);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("tile.s"), options(raw));
core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("gather.s"), options(raw));

/// Byte offset of the first group in a loop unrolled four times, each of `size` bytes, that ends with the check.
pub(super) fn entry(groups: usize, size: usize) -> usize {
    4usize.wrapping_sub(groups & 3).wrapping_mul(size)
}

/// Fills the table of constants. `table` has a row for each pair.
pub(super) fn fill_table(table: &mut [i8], outputs: usize, bias: &[i32], requant: &Requant, zero_point: i32) {
    let rounding = zero_point.wrapping_mul(2).wrapping_add(1);
    let mut channel = 0usize;
    for row in table.as_chunks_mut::<ROW_BYTES>().0 {
        let words = row.as_chunks_mut::<4>().0;
        let mut start = [0i32; 2];
        for (constants, start) in words.chunks_exact_mut(3).zip(&mut start) {
            if channel < outputs {
                *start = bias.get(channel).copied().unwrap_or(0);
                let factor = requant.at(channel);
                let shift = factor.shift.wrapping_neg().wrapping_sub(1);
                let values = [factor.multiplier, shift, rounding.wrapping_shl(shift as u32)];
                for (to, value) in constants.iter_mut().zip(values) {
                    *to = value.to_le_bytes().map(|byte| byte as i8);
                }
            }
            channel = channel.wrapping_add(1);
        }
        let [a, b] = start;
        for (to, value) in words.iter_mut().skip(6).zip([a, b.wrapping_shl(8).wrapping_add(a)]) {
            *to = value.to_le_bytes().map(|byte| byte as i8);
        }
    }
}
