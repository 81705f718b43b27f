//! The matrix and the vector micro-kernel: a line of pixels, or one pixel, by blocks of four channels.

use crate::numerics::{OutputStage, Requant};
use crate::packing::dense::four_by_sixteen::TILE_TAPS;

/// Arguments of both. A layer has one of these and changes what differs from call to
/// call, because stack is dear.
#[repr(C)]
pub(super) struct Kernel {
    /// Passes of the loop over four steps, in a row of the window.
    count: usize,
    /// Where to enter the loop, from its first instruction.
    entry: usize,
    /// Bytes from the end of a row of the window to the next row.
    skip: usize,
    /// Rows of the window.
    pub(super) rows: usize,
    /// The first pixel's window, less the lanes of its first vector that do not exist.
    input: *const i8,
    /// Bytes from a pixel's window to the next pixel's.
    pub(super) pixel_bytes: usize,
    /// The first pixel's outputs.
    output: *mut i8,
    /// Bytes from a pixel's outputs to the next pixel's.
    pub(super) output_bytes: usize,
    /// Not zero.
    pixels: usize,
    /// `[blocks][rows * vectors][4][16]`.
    pub(super) weights: *const i8,
    /// `[blocks][4]`
    pub(super) bias: *const i32,
    /// `[blocks][4]`, or `[4]` equal ones.
    pub(super) words: *const u32,
    /// 16, or 0 when there is one word for all channels.
    pub(super) word_step: usize,
    /// Extra shifts, as many as words, or null. Not with a `word_step` of 0.
    pub(super) extra: *const u8,
    shift_base: i32,
    zero_point: i32,
    /// Lanes of a row's first vector that exist.
    mask: u32,
    min: i32,
    max: i32,
    /// Not zero.
    pub(super) blocks: usize,
    /// Vectors of a row after the first.
    more: usize,
}

/// Bytes of one step in the unrolled loop.
const STEP_BYTES: usize = 56;
/// Bytes of the unrolled loop, with the two instructions that close it.
const LOOP_BYTES: usize = 4 * STEP_BYTES + 4;

unsafe extern "C" {
    /// Computes four channels by `pixels` for each block. Windows, constants and outputs have the extents that the
    /// fields say; words and outputs are 4-byte aligned; outputs are stored as whole words. Overwrites `input`,
    /// `output` and `pixels`.
    fn kinglet_helium_matrix(kernel: *mut Kernel);
    /// Computes four channels of one pixel, whose window has one row, for each block.
    fn kinglet_helium_vector(kernel: *const Kernel);
}

assembly! {
    "matrix.s",
    Kernel {
        A_COUNT = count,
        A_ENTRY = entry,
        A_SKIP = skip,
        A_ROWS = rows,
        A_INPUT = input,
        A_PIXEL_BYTES = pixel_bytes,
        A_OUTPUT = output,
        A_OUTPUT_BYTES = output_bytes,
        A_PIXELS = pixels,
        A_WEIGHTS = weights,
        A_BIAS = bias,
        A_WORDS = words,
        A_WORD_STEP = word_step,
        A_EXTRA = extra,
        A_BASE = shift_base,
        A_ZERO = zero_point,
        A_MASK = mask,
        A_MIN = min,
        A_MAX = max,
        A_BLOCKS = blocks,
    }
}
assembly! {
    "vector.s",
    Kernel {
        V_INPUT = input,
        V_OUTPUT = output,
        V_WEIGHTS = weights,
        V_BIAS = bias,
        V_WORDS = words,
        V_WORD_STEP = word_step,
        V_EXTRA = extra,
        V_BASE = shift_base,
        V_ZERO = zero_point,
        V_MASK = mask,
        V_MIN = min,
        V_MAX = max,
        V_BLOCKS = blocks,
        V_MORE = more,
    }
}

/// A layer's constants.
#[derive(Clone, Copy)]
pub(super) struct Constants<'a> {
    /// `[outputs / 4][vectors][4][16]`
    pub(super) weights: &'a [i8],
    pub(super) bias: &'a [i32],
    pub(super) requant: &'a Requant<'a>,
    pub(super) outputs: usize,
    /// Taps of a window.
    pub(super) taps: usize,
}

impl Constants<'_> {
    /// Every slice is as long as the assembly will believe.
    pub(super) fn is_sound(&self) -> bool {
        // Blocks of four channels for which there are weights; none when there are no taps.
        let tiles = self.weights.len() / (4 * TILE_TAPS);
        let blocks = tiles.checked_div(self.taps.div_ceil(TILE_TAPS)).unwrap_or(0);
        let constants = self.requant.suffices(self.bias, self.outputs);
        constants & (self.outputs > 0) & (blocks >= self.outputs.div_ceil(4))
    }

    /// Bytes of a block's weights.
    fn block_bytes(&self) -> usize {
        self.taps.div_ceil(TILE_TAPS).saturating_mul(4 * TILE_TAPS)
    }

    /// True when the whole layer can be computed from the constants where they are: whole blocks, each channel with a
    /// factor of its own.
    pub(super) fn is_regular(&self) -> bool {
        self.outputs.is_multiple_of(4) && self.requant.words.len() >= self.outputs
    }

    /// Calls `compute(kernel, first)` for each block of an irregular layer, with `kernel` set to this block alone and
    /// its constants copied: the block's first channel is `first`, and channels behind the last have any constants.
    #[inline(never)]
    pub(super) fn for_each_block(&self, kernel: &mut Kernel, compute: &mut dyn FnMut(&mut Kernel, usize)) {
        kernel.blocks = 1;
        let mut first = 0usize;
        while first < self.outputs {
            let (mut bias, mut words, mut extra) = ([0; 4], [0; 4], [0; 4]);
            for (offset, ((bias, word), extra)) in bias.iter_mut().zip(&mut words).zip(&mut extra).enumerate() {
                let channel = first.wrapping_add(offset);
                let index = if self.requant.words.len() == 1 { 0 } else { channel };
                *bias = self.bias.get(channel).copied().unwrap_or(0);
                *word = self.requant.words.get(index).copied().unwrap_or(0);
                *extra = self.requant.extra.get(index).copied().unwrap_or(0);
            }
            let offset = self.block_bytes().wrapping_mul(first / 4);
            kernel.weights = self.weights.get(offset..).unwrap_or_default().as_ptr();
            (kernel.bias, kernel.words) = (bias.as_ptr(), words.as_ptr());
            kernel.extra = if self.requant.extra.is_empty() { core::ptr::null() } else { extra.as_ptr() };
            compute(kernel, first);
            first = first.wrapping_add(4);
        }
    }
}

impl Kernel {
    /// For all whole blocks of channels, with `windows` still to be set.
    pub(super) fn new(constants: &Constants, stage: OutputStage) -> Self {
        let extra = constants.requant.extra;
        Kernel {
            count: 0,
            entry: 0,
            skip: 0,
            rows: 0,
            input: core::ptr::null(),
            pixel_bytes: 0,
            output: core::ptr::null_mut(),
            output_bytes: constants.outputs,
            pixels: 0,
            weights: constants.weights.as_ptr(),
            bias: constants.bias.as_ptr(),
            words: constants.requant.words.as_ptr(),
            word_step: 16,
            extra: if extra.is_empty() { core::ptr::null() } else { extra.as_ptr() },
            shift_base: constants.requant.shift_base,
            zero_point: stage.zero_point,
            mask: 0,
            min: stage.min,
            max: stage.max,
            blocks: constants.outputs / 4,
            more: 0,
        }
    }

    /// Windows of `rows` rows of `run` taps, `row_bytes` apart; windows are `pixel_bytes` apart.
    pub(super) fn windows(&mut self, (rows, run): (usize, usize), row_bytes: usize, pixel_bytes: usize) {
        let vectors = run.div_ceil(TILE_TAPS);
        let len = vectors.wrapping_mul(TILE_TAPS);
        let more = vectors.wrapping_sub(1);
        self.more = more;
        self.count = more.div_ceil(4);
        self.entry = if more == 0 { LOOP_BYTES } else { (more.wrapping_neg() & 3).wrapping_mul(STEP_BYTES) };
        self.skip = row_bytes.wrapping_sub(len);
        self.rows = rows;
        self.mask = 0xffff_u32.wrapping_shl(len.wrapping_sub(run) as u32) & 0xffff;
        self.pixel_bytes = pixel_bytes;
    }

    /// `pixels` pixels, not zero, whose first window is at `input` and whose outputs are from `output` on.
    ///
    /// # Safety
    ///
    /// All windows can be read and all outputs of the blocks written; `output` and `output_bytes` are multiples of 4.
    /// The constants are as long as the fields promise.
    pub(super) unsafe fn matrix(&mut self, pixels: usize, input: *const i8, output: *mut i8) {
        self.set(input, output);
        self.pixels = pixels;
        // SAFETY: the caller's promises are the assembly's.
        unsafe { kinglet_helium_matrix(self) }
    }

    /// One pixel, whose window has one row.
    ///
    /// # Safety
    ///
    /// As for [`Self::matrix`], but `output` may have any address.
    pub(super) unsafe fn vector(&mut self, input: *const i8, output: *mut i8) {
        self.set(input, output);
        // SAFETY: the caller's promises are the assembly's.
        unsafe { kinglet_helium_vector(self) }
    }

    fn set(&mut self, input: *const i8, output: *mut i8) {
        let missing = self.mask.trailing_zeros() as usize;
        (self.input, self.output) = (input.wrapping_sub(missing), output);
    }
}
