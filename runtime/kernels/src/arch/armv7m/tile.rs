//! The matrix micro-kernel: three pixels by groups of four channels.

use crate::numerics::{OutputStage, Requant};

/// What the end of a channel's sum needs; the assembly loads it in one go.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// Doubled.
    pub(super) bias: i32,
    pub(super) multiplier: i32,
    /// `(2 * zero_point + 1) << (right - 1)`.
    pub(super) rounding: i32,
    /// Right shift, 1 to 20.
    pub(super) right: u32,
}

impl Channel {
    /// Channel `channel` of a layer.
    #[inline]
    pub(super) fn new(stage: OutputStage, requant: &Requant, bias: &[i32], channel: usize) -> Self {
        let factor = requant.at(channel);
        let right = factor.shift.wrapping_neg() as u32;
        Channel {
            bias: bias.get(channel).copied().unwrap_or(0).wrapping_mul(2),
            multiplier: factor.multiplier,
            rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(right.wrapping_sub(1)),
            right,
        }
    }
}

/// Arguments of the micro-kernel; the assembly knows the offsets.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tile {
    /// 0: `[channels / 4][taps][4]`.
    pub(super) weights: *const i8,
    /// 4: bytes of four channels' weights in the first chunk.
    pub(super) first: usize,
    /// 8: bytes of four channels' weights.
    pub(super) row_bytes: usize,
    /// 12: bytes of four channels' weights in every other chunk.
    pub(super) chunk: usize,
    /// 16: `[taps][2]` words.
    pub(super) columns: *const u32,
    /// 20: byte offset of the first tap in the unrolled loop: `(-first taps mod 8)` taps of 52 bytes.
    pub(super) entry: usize,
    /// 24: one for each channel.
    pub(super) table: *const Channel,
    /// 28: output channels.
    pub(super) channels: usize,
    /// 32: the first pixel's first channel.
    pub(super) output: *mut i8,
    /// 36: from the first pixel to the second and to the third; the last that exists stands for those behind it.
    pub(super) offsets: [usize; 2],
    /// 44: not zero when the clamp is narrower than `i8`.
    pub(super) clamps: u32,
    /// 48
    pub(super) min: i32,
    /// 52
    pub(super) max: i32,
}

/// Arguments of the packing of a tile's activations.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Gather {
    /// 0: the first run of each pixel.
    pub(super) sources: [*const i8; 3],
    /// 12: from the end of a run to the next, for each pixel.
    pub(super) steps: [usize; 3],
    /// 24: `[taps][2]` words.
    pub(super) target: *mut i8,
    /// 28: runs.
    pub(super) rows: usize,
    /// 32: bytes of a run.
    pub(super) run: usize,
}

unsafe extern "C" {
    /// Three pixels by `channels` channels, which are not zero. Reads `columns`, `weights` (whole groups of four) and
    /// `table` to the extents given there, writes `channels` bytes at `output` and behind both offsets, and
    /// overwrites `weights`, `table`, `channels` and `output`.
    pub(super) fn kinglet_armv7m_tile3(tile: *mut Tile);
    /// Reads `rows` runs from each source and writes `8 * rows * run` bytes, 4-byte aligned. Neither count is zero.
    pub(super) fn kinglet_armv7m_gather(gather: *const Gather);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("tile.s"), options(raw));
