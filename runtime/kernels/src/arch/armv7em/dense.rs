//! The vector micro-kernels: one vector by blocks of eight channels, and by a pair.

use super::tile::Stage;

/// Arguments of both micro-kernels; the assembly knows the offsets.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Dense {
    /// 0: of a block `[groups][4 pairs][2]` words, of a pair `[groups][2]`.
    pub(super) weights: *const i8,
    /// 4: groups of four taps that are widened on the way.
    pub(super) input: *const i8,
    /// 8
    pub(super) input_end: *const i8,
    /// 12: the groups that follow, not none, widened: `[groups][2]` words.
    pub(super) column: *const i8,
    /// 16
    pub(super) column_end: *const i8,
    /// 20: byte offset of the first widened group in the unrolled loop.
    pub(super) entry: usize,
    /// 24: one for each channel.
    pub(super) bias: *const i32,
    /// 28: requantization words.
    pub(super) words: *const u32,
    /// 32: bytes from one requantization word to the next: 4, or 0 when there is one for all channels.
    pub(super) word_stride: usize,
    /// 36: right shift of a word whose top bits are zero, less 1.
    pub(super) shift: i32,
    /// 40: `2 * zero_point + 1`.
    pub(super) rounding: i32,
    /// 44: not zero for a stage that needs no care of ties.
    pub(super) is_relu: usize,
    /// 48: not zero to clamp.
    pub(super) clamps: usize,
    /// 52: the clamp in each byte.
    pub(super) limits: [u32; 2],
    /// 60
    pub(super) output: *mut i8,
    /// 64: blocks.
    pub(super) blocks: usize,
}

unsafe extern "C" {
    /// `blocks` blocks, not zero, of eight channels: reads weights, input, column, biases and words to that extent,
    /// writes `8 * blocks` bytes, and moves weights, bias, words and output on.
    pub(super) fn kinglet_armv7em_dense8(dense: *mut Dense);
    /// One pair of channels: two biases, two words unless their stride is zero, two bytes of output.
    pub(super) fn kinglet_armv7em_dense2(dense: *mut Dense);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("dense.s"), options(raw));

/// Bytes of a group in the unrolled loop.
pub(super) const GROUP_CODE: usize = 116;

impl Dense {
    /// All but where things are.
    pub(super) fn new(stage: Stage, zero_point: i32, shift_base: i32, word_stride: usize) -> Self {
        Dense {
            weights: core::ptr::null(),
            input: core::ptr::null(),
            input_end: core::ptr::null(),
            column: core::ptr::null(),
            column_end: core::ptr::null(),
            entry: 0,
            bias: core::ptr::null(),
            words: core::ptr::null(),
            word_stride,
            shift: shift_base.wrapping_neg().wrapping_sub(1),
            rounding: zero_point.wrapping_mul(2).wrapping_add(1),
            is_relu: stage.is_relu.into(),
            clamps: stage.clamps.into(),
            limits: stage.limits,
            output: core::ptr::null_mut(),
            blocks: 0,
        }
    }
}
