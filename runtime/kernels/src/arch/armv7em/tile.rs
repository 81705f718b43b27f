//! The matrix micro-kernels: four pixels by two channels, and one pixel by four channels.

use crate::numerics::{OutputStage, Requant};

/// Arguments of both micro-kernels; the assembly knows the offsets.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tile {
    /// 0: widened activations. Four pixels: `[steps][4]` words, one pixel: `[steps]` words.
    pub(super) columns: *const u32,
    /// 4: `[pairs][steps]` words.
    pub(super) weights: *const i8,
    /// 8: taps / 2.
    pub(super) steps: usize,
    /// 12: channel pairs (four pixels) or groups of four channels (one pixel).
    pub(super) count: usize,
    /// 16: one for each channel.
    pub(super) bias: *const i32,
    /// 20: requantization words.
    pub(super) requant: *const u32,
    /// 24: extra shifts, or null.
    pub(super) extra: *const u8,
    /// 28: the first pixel's first channel.
    pub(super) output: *mut i8,
    /// 32: bytes from a pixel to the next.
    pub(super) output_stride: usize,
    /// 36: right shift of a word whose top bits are zero, less 1.
    pub(super) shift: i32,
    /// 40: `2 * zero_point + 1`.
    pub(super) rounding: i32,
    /// 44: not zero when the clamp is narrower than `i8`.
    pub(super) clamps: u32,
    /// 48: the lower clamp in each byte.
    pub(super) min: u32,
    /// 52: the upper clamp in each byte.
    pub(super) max: u32,
    /// 56: pixels to store, 1 to 4.
    pub(super) pixels: usize,
    /// 60: byte offset of the first step in the unrolled loop: `(-steps mod 4)` steps of 48 bytes.
    pub(super) entry: usize,
    /// 64: bytes from a channel pair's weights to the next pair's; 0 repeats the first (one pixel only).
    pub(super) pair_stride: usize,
    /// 68: bytes from one requantization word to the next: 4, or 0 when there is one for all channels.
    pub(super) requant_stride: usize,
}

impl Tile {
    /// The arguments that do not change from tile to tile.
    pub(super) fn new(stage: OutputStage, requant: &Requant, steps: usize) -> Self {
        let bytes = |value: i32| u32::from(value as u8).wrapping_mul(0x0101_0101);
        Tile {
            columns: core::ptr::null(),
            weights: core::ptr::null(),
            steps,
            count: 0,
            bias: core::ptr::null(),
            requant: core::ptr::null(),
            extra: core::ptr::null(),
            output: core::ptr::null_mut(),
            output_stride: 0,
            shift: requant.shift_base.wrapping_neg().wrapping_sub(1),
            rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1),
            clamps: u32::from(stage.min > -128 || stage.max < 127),
            min: bytes(stage.min),
            max: bytes(stage.max),
            pixels: 4,
            entry: (steps.wrapping_neg() & 3).wrapping_mul(48),
            pair_stride: steps.wrapping_mul(4),
            requant_stride: if requant.words.len() == 1 { 0 } else { 4 },
        }
    }
}

unsafe extern "C" {
    /// Four pixels by `count` channel pairs. Reads `columns`, `weights`, `bias`, `requant` and `extra` to the
    /// extents given there, writes `2 * count` bytes at each of `pixels` pixels of `output`, and overwrites the
    /// pointers in `tile`. `steps` is not zero, `count` is not zero.
    pub(super) fn kinglet_armv7em_tile4(tile: *mut Tile);
    /// One pixel by `count` groups of four channels; `extra` must be null.
    pub(super) fn kinglet_armv7em_tile1(tile: *mut Tile);
    /// Widens `rows` runs of `run` bytes, the first at `source`, each `row_stride` bytes after the one before, to
    /// doubled 16-bit values, two in a word, one word every `stride` bytes from `target` on. Runs follow each
    /// other without a gap; an odd half word at the end is zero. Neither count is zero.
    pub(super) fn kinglet_armv7em_gather(
        source: *const i8,
        target: *mut i8,
        rows: usize,
        run: usize,
        row_stride: usize,
        stride: usize,
    );
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("tile.s"), options(raw));
