//! The vector micro-kernel: one vector by blocks of eight channels.

use super::tile::Stage;
use crate::numerics::{OutputStage, Requant};

/// Arguments of the micro-kernel.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Dense {
    /// Of each block `[groups][4 pairs][2]` words; of four bits, `[groups][2 quads][2]`.
    pub(super) weights: *const i8,
    /// Groups of four taps that are widened on the way, an even number.
    pub(super) input: *const i8,
    pub(super) input_end: *const i8,
    /// The groups that follow, not none, widened: `[groups][2]` words.
    pub(super) column: *const i8,
    pub(super) column_end: *const i8,
    /// Byte offset of the first widened group in the unrolled loop.
    pub(super) entry: usize,
    /// One for each channel.
    pub(super) bias: *const i32,
    /// Requantization words.
    pub(super) words: *const u32,
    /// Bytes from one requantization word to the next: 4, or 0 when there is one for all channels.
    pub(super) word_stride: usize,
    /// Right shift of a word whose top bits are zero, less 1.
    pub(super) shift: i32,
    /// `2 * zero_point + 1`.
    pub(super) rounding: i32,
    /// Not zero to clamp.
    pub(super) clamps: usize,
    /// The clamp in each byte.
    pub(super) limits: [u32; 2],
    pub(super) output: *mut i8,
    /// Blocks.
    pub(super) blocks: usize,
    /// The factor when there is one for all channels: rounding constant, right shift less 1, not
    /// zero for a stage that needs no care of ties, multiplier.
    pub(super) factor: [i32; 4],
    /// Where the sums of weights of four bits start: less eight times the sum of the vector.
    pub(super) start: i32,
}

unsafe extern "C" {
    /// `blocks` blocks, not zero, of eight channels: reads weights, input, column, biases and words to that extent,
    /// writes `8 * blocks` bytes, and moves weights, bias, words and output on.
    pub(super) fn kinglet_armv7em_dense8(dense: *mut Dense);

    /// The same for weights of four bits.
    pub(super) fn kinglet_armv7em_nibbles8(dense: *mut Dense);

    /// The sum of `words` words of bytes, not none, each plus 128.
    pub(super) fn kinglet_armv7em_sum(bytes: *const i8, words: usize) -> i32;
}

assembly! {
    "dense.s",
    Dense {
        DENSE_WEIGHTS = weights,
        DENSE_INPUT = input,
        DENSE_INPUT_END = input_end,
        DENSE_COLUMN = column,
        DENSE_COLUMN_END = column_end,
        DENSE_ENTRY = entry,
        DENSE_BIAS = bias,
        DENSE_WORDS = words,
        DENSE_WORD_STRIDE = word_stride,
        DENSE_SHIFT = shift,
        DENSE_ROUNDING = rounding,
        DENSE_FLAGS = clamps,
        DENSE_MIN = limits,
        DENSE_OUTPUT = output,
        DENSE_BLOCKS = blocks,
        DENSE_FACTOR = factor,
        DENSE_START = start,
    }
}

/// A micro-kernel, and what its caller must know of it.
pub(super) struct Micro {
    pub(super) run: unsafe extern "C" fn(*mut Dense),
    /// Bytes of weights of a group of taps, for a block.
    pub(super) group_bytes: usize,
    /// Bytes of a group in the unrolled loop.
    pub(super) group_code: usize,
}

/// For weights of a byte.
pub(super) const BYTES: Micro = Micro { run: kinglet_armv7em_dense8, group_bytes: 32, group_code: 116 };

/// For weights of four bits.
pub(super) const NIBBLES: Micro = Micro { run: kinglet_armv7em_nibbles8, group_bytes: 16, group_code: 124 };

impl Dense {
    /// All but where things are.
    pub(super) fn new(stage: &OutputStage, requant: &Requant) -> Self {
        let rounding = stage.zero_point.wrapping_mul(2).wrapping_add(1);
        let first = requant.at(0);
        let shift = first.shift.wrapping_neg().wrapping_sub(1);

        let word_stride = if requant.words.len() == 1 { 0 } else { 4 };
        let Stage { is_relu, clamps, limits } = Stage::new(stage);
        let factor = [rounding.wrapping_shl(shift as u32), shift, is_relu.into(), first.multiplier];
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
            shift: requant.shift_base.wrapping_neg().wrapping_sub(1),
            rounding,
            clamps: clamps.into(),
            limits,
            output: core::ptr::null_mut(),
            blocks: 0,
            factor,
            start: 0,
        }
    }
}
