//! The vector micro-kernel, one pixel by blocks of four channels, and what it shares with the matrix kernel.

use crate::conv2d::packing::QUAD_LANES;
use crate::numerics::{OutputStage, Requant};

/// Taps of a vector.
pub(super) const LANES: usize = QUAD_LANES;

/// How the taps of a pixel lie in memory.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Rows.
    pub(super) rows: usize,
    /// From a row to the next.
    pub(super) row_bytes: usize,
    /// Vectors of a row.
    pub(super) vectors: usize,
    /// Lanes of a row's first vector that do not exist: the lowest ones.
    pub(super) missing: usize,
}

impl Window {
    /// `rows` rows of `run` taps.
    pub(super) fn new(rows: usize, run: usize, row_bytes: usize) -> Self {
        let vectors = run.div_ceil(LANES);
        Window { rows, row_bytes, vectors, missing: vectors.wrapping_mul(LANES).wrapping_sub(run) }
    }

    /// The lanes of a row's first vector that exist.
    pub(super) fn mask(&self) -> u32 {
        0xffff_u32.wrapping_shl(self.missing as u32) & 0xffff
    }
}

/// Constants of whole blocks of four channels.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub(super) blocks: usize,
    /// `[blocks][vectors of a window][4][16]`.
    pub(super) weights: *const i8,
    /// `[blocks][4]`.
    pub(super) bias: *const i32,
    /// `[blocks][4]`, or `[4]` equal ones.
    pub(super) words: *const u32,
    /// True when `words` are for all blocks.
    pub(super) one_word: bool,
    /// As `words`, or null.
    pub(super) extra: *const u8,
    pub(super) shift_base: i32,
    pub(super) stage: OutputStage,
}

impl Channels {
    /// Bytes from a block's words to the next block's.
    pub(super) fn word_step(&self) -> usize {
        if self.one_word { 0 } else { 16 }
    }
}

/// Constants of a layer: whole blocks where they lie, and the last one to three channels copied into a block.
pub(super) struct Constants<'a> {
    weights: &'a [i8],
    bias: &'a [i32],
    requant: Requant<'a>,
    stage: OutputStage,
    outputs: usize,
    /// Bytes of a block's weights.
    block_bytes: usize,
    /// The only word, four times; or the words of the last channels.
    words: [u32; 4],
    last_bias: [i32; 4],
    last_extra: [u8; 4],
}

impl<'a> Constants<'a> {
    /// `None` when a slice is too short for `outputs` channels of `vectors` vectors each.
    pub(super) fn new(
        weights: &'a [i8],
        bias: &'a [i32],
        requant: Requant<'a>,
        stage: OutputStage,
        (outputs, vectors): (usize, usize),
    ) -> Option<Self> {
        let (words, extra) = (requant.words.len(), requant.extra.len());
        let enough = bias.len() >= outputs && (words == 1 || words >= outputs) && (extra == 0 || extra >= words);
        let block_bytes = vectors.saturating_mul(4 * LANES);
        if !enough || outputs == 0 || vectors == 0 || weights.len() < block_bytes.saturating_mul(outputs.div_ceil(4)) {
            return None;
        }
        let done = outputs & !3;
        let mut constants = Constants {
            weights,
            bias,
            requant,
            stage,
            outputs,
            block_bytes,
            words: [requant.words.first().copied().unwrap_or(0); 4],
            last_bias: [0; 4],
            last_extra: [requant.extra.first().copied().unwrap_or(0); 4],
        };
        constants.last_bias.iter_mut().zip(bias.iter().skip(done)).for_each(|(to, from)| *to = *from);
        if words > 1 {
            constants.words.iter_mut().zip(requant.words.iter().skip(done)).for_each(|(to, from)| *to = *from);
            constants.last_extra.iter_mut().zip(requant.extra.iter().skip(done)).for_each(|(to, from)| *to = *from);
        }
        Some(constants)
    }

    /// The whole blocks, if there are any.
    pub(super) fn whole(&self) -> Option<Channels> {
        let one_word = self.requant.words.len() == 1;
        let words = if one_word { self.words.as_ptr() } else { self.requant.words.as_ptr() };
        let extra = if one_word { self.last_extra.as_ptr() } else { self.requant.extra.as_ptr() };
        let channels = self.channels(self.outputs / 4, 0, (self.bias.as_ptr(), words, extra));
        (channels.blocks > 0).then_some(Channels { one_word, ..channels })
    }

    /// The block of the last one to three channels, if there are any; missing channels have any constants.
    pub(super) fn last(&self) -> Option<Channels> {
        let offset = self.block_bytes.wrapping_mul(self.outputs / 4);
        let constants = (self.last_bias.as_ptr(), self.words.as_ptr(), self.last_extra.as_ptr());
        (self.outputs % 4 > 0).then(|| self.channels(1, offset, constants))
    }

    fn channels(
        &self,
        blocks: usize,
        offset: usize,
        (bias, words, extra): (*const i32, *const u32, *const u8),
    ) -> Channels {
        let Requant { shift_base, extra: extras, .. } = self.requant;
        let weights = self.weights.get(offset..).unwrap_or_default().as_ptr();
        let extra = if extras.is_empty() { core::ptr::null() } else { extra };
        Channels { blocks, weights, bias, words, one_word: false, extra, shift_base, stage: self.stage }
    }
}

/// Arguments of the assembly, which knows the offsets.
#[repr(C)]
struct Vector {
    /// 0: the taps, less the lanes of the first vector that do not exist.
    input: *const i8,
    /// 4: vectors after the first.
    more: usize,
    /// 8
    blocks: usize,
    /// 12: lanes of the first vector that exist.
    mask: u32,
    /// 16
    weights: *const i8,
    /// 20
    bias: *const i32,
    /// 24
    words: *const u32,
    /// 28: 16 or 0.
    word_step: usize,
    /// 32: extra shifts, or null.
    extra: *const u8,
    /// 36
    shift_base: i32,
    /// 40
    zero_point: i32,
    /// 44
    min: i32,
    /// 48
    max: i32,
    /// 52
    output: *mut i8,
}

unsafe extern "C" {
    /// Computes four channels for each block, from a window of one row. Constants and output have the extents that
    /// the fields say. Overwrites `extra`.
    fn kinglet_helium_vector(vector: *mut Vector);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("vector.s"), options(raw));

/// All channels of one vector of taps, `taps` bytes at `input`. Nothing happens when `output` is shorter than the
/// layer has channels.
///
/// # Safety
///
/// `taps` bytes from `input` on can be read, and `constants` are for windows of so many taps.
pub(super) unsafe fn vector(constants: &Constants, taps: usize, input: *const i8, output: &mut [i8]) {
    let window = Window::new(1, taps, 0);
    let done = constants.outputs & !3;
    if let (Some(channels), Some(place)) = (constants.whole(), output.get_mut(..done)) {
        // SAFETY: the input by the caller's promise; constants and output are whole blocks.
        unsafe { blocks(&window, &channels, input, place.as_mut_ptr()) };
    }
    if let Some(channels) = constants.last() {
        let mut last = [0i8; 4];
        // SAFETY: one block: four biases and words in buffers, four bytes of output.
        unsafe { blocks(&window, &channels, input, last.as_mut_ptr()) };
        let rest = output.get_mut(done..constants.outputs).unwrap_or_default();
        rest.iter_mut().zip(last).for_each(|(to, from)| *to = from);
    }
}

/// # Safety
///
/// The window can be read from `input` on and the outputs of all blocks written from `output` on; `channels` has the
/// lengths that it promises, and at least one block.
unsafe fn blocks(window: &Window, channels: &Channels, input: *const i8, output: *mut i8) {
    let mut vector = Vector {
        input: input.wrapping_sub(window.missing),
        more: window.vectors.wrapping_sub(1),
        blocks: channels.blocks,
        mask: window.mask(),
        weights: channels.weights,
        bias: channels.bias,
        words: channels.words,
        word_step: channels.word_step(),
        extra: channels.extra,
        shift_base: channels.shift_base,
        zero_point: channels.stage.zero_point,
        min: channels.stage.min,
        max: channels.stage.max,
        output,
    };
    // SAFETY: the caller's promises are the assembly's.
    unsafe { kinglet_helium_vector(&mut vector) }
}
