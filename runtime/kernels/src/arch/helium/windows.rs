//! DepthwiseConv2D over [`DepthwisePacking::Windows`](crate::depthwise::DepthwisePacking::Windows): 3x3 windows as
//! vectors, see [`crate::depthwise::windows`] for the layout of the scratch memory.
//!
//! `VST4` interleaves four columns of sixteen channels into words; a gather of four words, one below the other, is a
//! vector with the 3x3 windows of two by two outputs, and one `VMLADAV` with the channel's weights, shifted by a byte
//! or by a word, is all nine MACs of one of them. At stride 2 a vector has one window.
//!
//! Sums go to memory, four outputs of four channels at a time, and come back by `VLD4` with channels in the lanes.

use super::patch::{copy, fill};
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::depthwise::windows::{BLOCK, Windows};

/// Arguments of the transposition; the assembly knows the offsets.
#[repr(C)]
struct Row {
    /// 0: the first group's first column, which may lie before the row.
    source: *const i8,
    /// 4
    pixel_bytes: usize,
    /// 8: its number; negative in the padding.
    column: usize,
    /// 12
    width: usize,
    /// 16
    target: *mut i8,
    /// 20
    group_bytes: usize,
    /// 24: not zero.
    groups: usize,
    /// 28: 4 to 16.
    channels: usize,
    /// 32
    padding: i32,
}

/// Arguments of the kernels; the assembly knows the offsets.
#[repr(C)]
struct Band {
    /// 0: the first channel's word in the first group of the first row.
    rows: *const i8,
    /// 4
    row_bytes: usize,
    /// 8
    group_bytes: usize,
    /// 12: rows of outputs, or pairs of them at stride 1.
    lines: usize,
    /// 16: groups, or fours of them at stride 2.
    groups: usize,
    /// 20: `[4][9]`
    weights: *const i8,
    /// 24: `[lines][groups][4][4]`
    sums: *mut i32,
    /// 28: the first output.
    output: *mut i8,
    /// 32: bytes from a line of outputs to the next.
    line_bytes: usize,
    /// 36: bytes from four outputs to the next four.
    step_bytes: usize,
    /// 40: four.
    bias: *const i32,
    /// 44: four.
    words: *const u32,
    /// 48: four extra shifts, or null.
    extra: *const u8,
    /// 52
    shift_base: i32,
    /// 56
    zero_point: i32,
    /// 60: bytes from the first of four outputs to the others, 0 for those that do not exist: usually, in a line's
    /// last group; and both in the last line.
    places: [[usize; 3]; 4],
    /// 108: the lower clamp in each byte.
    min: [u32; 4],
    /// 124: the upper clamp in each byte.
    max: [u32; 4],
}

unsafe extern "C" {
    /// Reads `channels` bytes of each column that lies in the row, and writes 64 bytes for each group.
    fn kinglet_helium_windows_row(row: *const Row);
    /// Four channels at stride 1; extents are what the fields say.
    fn kinglet_helium_windows_s1(band: *const Band);
    /// Four channels at stride 2.
    fn kinglet_helium_windows_s2(band: *const Band);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("windows.s"), options(raw));

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn depthwise_i8_windows(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let len = |[height, width, channels]: [usize; 3]| height.saturating_mul(width).saturating_mul(channels);
    let channels = geometry.output[2];
    let (words, extra) = (layer.requant.words.len(), layer.requant.extra.len());
    let constants = layer.bias.len() >= channels && (words == 1 || words >= channels) && (extra == 0 || extra >= words);
    let windows = Windows::new(geometry);
    let shape = Windows::takes(geometry, layer.multiplier) && layer.weights.len() >= channels.saturating_mul(9);
    let memory = io.input().len() >= len(geometry.input) && io.output().len() >= len(geometry.output);
    let room = scratch.len() >= windows.scratch_len() && (scratch.as_ptr() as usize).is_multiple_of(4);

    if !(constants && shape && memory && room && len(geometry.output) > 0) {
        return;
    }
    let places = places(geometry.output[1], channels, geometry.stride[0]);
    let kernel = Kernel { layer, windows, places };
    let mut channel = 0usize;
    while channel < channels {
        kernel.block(io, scratch, channel, channels.wrapping_sub(channel).min(BLOCK));
        channel = channel.wrapping_add(BLOCK);
    }
}

/// See [`Band::places`], for lines whose rows all exist; the second half is for one whose second row does not.
fn places(width: usize, channels: usize, stride: usize) -> [[usize; 3]; 4] {
    let line = width.wrapping_mul(channels);
    if stride == 1 {
        let right = if width.is_multiple_of(2) { channels } else { 0 };
        let below = |right: usize| [right, line, line.wrapping_add(right)];
        [below(channels), below(right), [channels, 0, 0], [right, 0, 0]]
    } else {
        let all = [channels, channels.wrapping_mul(2), channels.wrapping_mul(3)];
        let exist = width.wrapping_sub(1) & 3;
        let mut last = all;
        last.iter_mut().skip(exist).for_each(|place| *place = 0);
        [all, last, all, last]
    }
}

struct Kernel<'a> {
    layer: &'a DepthwiseI8<'a>,
    windows: Windows,
    places: [[usize; 3]; 4],
}

impl Kernel<'_> {
    /// `count` channels from `channel` on: band after band.
    fn block(&self, io: &mut Io<i8>, scratch: &mut [i8], channel: usize, count: usize) {
        let windows = &self.windows;
        let (height, stride) = (self.layer.geometry.output[0], self.layer.geometry.stride[0]);
        let row_bytes = windows.row_bytes();
        let (mut filled, mut first) = (0usize, 0usize);
        while first < height {
            let rows = height.wrapping_sub(first).min(windows.band_rows());
            if first > 0 {
                let moved = windows.band_rows().wrapping_mul(stride);
                filled = filled.saturating_sub(moved);
                copy(scratch, moved.wrapping_mul(row_bytes), 0, filled.wrapping_mul(row_bytes));
            }
            let top = first.wrapping_mul(stride);
            while filled < windows.input_rows(rows) {
                self.fill_row(io.input(), scratch, (channel, count), (top.wrapping_add(filled), filled));
                filled = filled.wrapping_add(1);
            }
            self.outputs(io, scratch, (channel, count), (first, rows));
            first = first.wrapping_add(rows);
        }
    }

    /// Transposes padded input row `source` into row `target` of the scratch.
    fn fill_row(
        &self,
        input: &[i8],
        scratch: &mut [i8],
        (channel, channels): (usize, usize),
        (source, target): (usize, usize),
    ) {
        let geometry = &self.layer.geometry;
        let [height, width, pixel_bytes] = geometry.input;
        let row_bytes = self.windows.row_bytes();
        let start = target.wrapping_mul(row_bytes);
        // The stores of the last group may reach beyond the row; what follows is filled later.
        let Some(target) = scratch.get_mut(start..start.saturating_add(row_bytes).saturating_add(64)) else { return };
        let Some(row) = source.checked_sub(geometry.pad[0]).filter(|&row| row < height) else {
            fill(target.get_mut(..row_bytes).unwrap_or_default(), self.layer.padding_value);
            return;
        };
        let row_len = width.wrapping_mul(pixel_bytes);
        let start = row.wrapping_mul(row_len);
        let Some(pixels) = input.get(start..start.wrapping_add(row_len)) else { return };
        let left = geometry.pad[1];
        let row = Row {
            source: pixels.as_ptr().wrapping_add(channel).wrapping_sub(left.wrapping_mul(pixel_bytes)),
            pixel_bytes,
            column: left.wrapping_neg(),
            width,
            target: target.as_mut_ptr(),
            group_bytes: self.windows.group_bytes(),
            groups: self.windows.groups(),
            channels,
            padding: self.layer.padding_value.into(),
        };
        // SAFETY: columns 0 to `width` lie in `pixels`, `channels` bytes from `channel` on in each; `target` has the
        // row's groups and the reach of the last store.
        unsafe { kinglet_helium_windows_row(&row) }
    }

    /// The outputs of a band.
    fn outputs(
        &self,
        io: &mut Io<i8>,
        scratch: &mut [i8],
        (channel, count): (usize, usize),
        (first, rows): (usize, usize),
    ) {
        let (layer, windows) = (self.layer, &self.windows);
        let [_, width, channels] = layer.geometry.output;
        let is_dense = layer.geometry.stride[0] == 1;
        let Some((input, sums)) = scratch.split_at_mut_checked(windows.rows_bytes()) else { return };
        let line = width.wrapping_mul(channels);
        let start = first.wrapping_mul(line);
        let Some(output) = io.output().get_mut(start..start.wrapping_add(rows.wrapping_mul(line))) else { return };
        let [usually, last, single, last_single] = self.places;
        let is_odd = is_dense && !rows.is_multiple_of(2);
        let places = if is_odd { [usually, last, single, last_single] } else { [usually, last, usually, last] };
        let one_word = layer.requant.words.len() == 1;
        let word = [layer.requant.words.first().copied().unwrap_or(0); 4];
        let shift = [layer.requant.extra.first().copied().unwrap_or(0); 4];
        let bytes = |value: i32| [u32::from(value as u8).wrapping_mul(0x0101_0101); 4];
        let together = if is_dense { 2usize } else { 1 };
        let mut band = Band {
            rows: input.as_ptr(),
            row_bytes: windows.row_bytes(),
            group_bytes: windows.group_bytes(),
            lines: rows.div_ceil(together),
            groups: if is_dense { windows.groups() } else { windows.groups() / 4 },
            weights: core::ptr::null(),
            sums: sums.as_mut_ptr().cast(),
            output: output.as_mut_ptr(),
            line_bytes: line.wrapping_mul(together),
            step_bytes: channels.wrapping_mul(if is_dense { 2 } else { 4 }),
            bias: core::ptr::null(),
            words: word.as_ptr(),
            extra: if layer.requant.extra.is_empty() { core::ptr::null() } else { shift.as_ptr() },
            shift_base: layer.requant.shift_base,
            zero_point: layer.stage.zero_point,
            places,
            min: bytes(layer.stage.min),
            max: bytes(layer.stage.max),
        };
        let kernel = if is_dense { kinglet_helium_windows_s1 } else { kinglet_helium_windows_s2 };
        for quad in 0..count / 4 {
            let offset = quad.wrapping_mul(4);
            let at = channel.wrapping_add(offset);
            band.rows = input.as_ptr().wrapping_add(offset.wrapping_mul(4));
            band.output = output.as_mut_ptr().wrapping_add(at);
            band.weights = layer.weights.as_ptr().wrapping_add(at.wrapping_mul(9));
            band.bias = layer.bias.as_ptr().wrapping_add(at);
            if !one_word {
                band.words = layer.requant.words.as_ptr().wrapping_add(at);
                if !layer.requant.extra.is_empty() {
                    band.extra = layer.requant.extra.as_ptr().wrapping_add(at);
                }
            }
            // SAFETY: the caller has checked constants for all channels, of which `at .. at + 4` are some; rows and
            // sums lie in scratch memory as `Windows` lays them out, 4-byte aligned; the outputs are `rows` rows, of
            // which the places name no other.
            unsafe { kernel(&band) }
        }
    }
}
