//! DepthwiseConv2D over [`DepthwisePacking::Windows3x3`](crate::packing::DepthwisePacking::Windows3x3): 3x3 windows as
//! vectors, see [`crate::packing::depthwise::windows_3x3`] for the layout of the scratch memory.
//!
//! `VST4` interleaves four columns of sixteen channels into words; a gather of four words, one below the other, is a
//! vector with the 3x3 windows of two by two outputs, and one `VMLADAV` with the channel's weights, shifted by a byte
//! or by a word, is all nine MACs of one of them. At stride 2 a vector has one window.
//!
//! Sums go to memory, four outputs of four channels at a time, and come back with outputs in the lanes: multipliers and
//! shifts are scalars then, narrowing puts the four channels of an output into a word, and one scattered store writes
//! four outputs.

use super::patch::{copy, fill};
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::packing::depthwise::windows_3x3::{self, Task, WindowKernel, Windows};

/// Arguments of the transposition.
#[repr(C)]
struct Row {
    /// The first group's first column, which may lie before the row.
    source: *const i8,
    pixel_bytes: usize,
    /// Its number; negative in the padding.
    column: usize,
    width: usize,
    target: *mut i8,
    group_bytes: usize,
    /// Not zero.
    groups: usize,
    /// 4 to 16.
    channels: usize,
    padding: i32,
}

/// Arguments of the kernels.
#[repr(C)]
struct Band {
    /// The first channel's word in the first group of the first row.
    rows: *const i8,
    row_bytes: usize,
    group_bytes: usize,
    /// Rows of outputs, or pairs of them at stride 1.
    lines: usize,
    /// Groups, or fours of them at stride 2.
    groups: usize,
    /// `[4][9]`
    weights: *const i8,
    /// `[lines][groups][4][4]`
    sums: *mut i32,
    /// Four bytes before the first output.
    output: *mut i8,
    /// Bytes from a line of outputs to the next.
    line_bytes: usize,
    /// Bytes from four outputs to the next four.
    step_bytes: usize,
    /// Four.
    bias: *const i32,
    /// Four.
    words: *const u32,
    /// Four extra shifts, or null.
    extra: *const u8,
    shift_base: i32,
    zero_point: i32,
    /// Bytes from `output` to the second, third and fourth of four outputs, 0 for those that do not exist: usually, in
    /// a line's last group; and both in the last line.
    places: [[usize; 3]; 4],
    /// The lower clamp in each byte.
    min: u32,
    /// The upper clamp in each byte.
    max: u32,
}

unsafe extern "C" {
    /// Reads `channels` bytes of each column that lies in the row, and writes 64 bytes for each group.
    fn kinglet_helium_windows_row(row: *const Row);
    /// Four channels at stride 1; extents are what the fields say.
    fn kinglet_helium_windows_s1(band: *const Band);
    /// Four channels at stride 2.
    fn kinglet_helium_windows_s2(band: *const Band);
}

assembly! {
    "windows.s",
    Row {
        T_SOURCE = source,
        T_PIXEL_BYTES = pixel_bytes,
        T_COLUMN = column,
        T_WIDTH = width,
        T_TARGET = target,
        T_GROUP_BYTES = group_bytes,
        T_GROUPS = groups,
        T_CHANNELS = channels,
        T_PADDING = padding,
    }
    Band {
        W_ROWS = rows,
        W_ROW_BYTES = row_bytes,
        W_GROUP_BYTES = group_bytes,
        W_LINES = lines,
        W_GROUPS = groups,
        W_WEIGHTS = weights,
        W_SUMS = sums,
        W_OUTPUT = output,
        W_LINE_BYTES = line_bytes,
        W_STEP_BYTES = step_bytes,
        W_BIAS = bias,
        W_WORDS = words,
        W_EXTRA = extra,
        W_BASE = shift_base,
        W_ZERO = zero_point,
        W_PLACES = places,
        W_MIN = min,
        W_MAX = max,
    }
}

/// See [`crate::depthwise::depthwise_i8`].
#[inline(never)]
pub(crate) fn depthwise_i8_windows(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    // Outputs are stored as words; a multiple of four channels keeps all of them aligned if the first one is.
    if !(io.output().as_ptr() as usize).is_multiple_of(4) {
        return io.refuse();
    }
    let [_, width, channels] = layer.geometry.output;
    let stride = layer.geometry.stride[0];
    let bytes = |value: i32| u32::from(value as u8).wrapping_mul(0x0101_0101);
    let mut band = Band {
        rows: core::ptr::null(),
        row_bytes: 0,
        group_bytes: 0,
        lines: 0,
        groups: 0,
        weights: core::ptr::null(),
        sums: core::ptr::null_mut(),
        output: core::ptr::null_mut(),
        line_bytes: 0,
        step_bytes: channels.wrapping_mul(if stride == 1 { 2 } else { 4 }),
        bias: core::ptr::null(),
        words: core::ptr::null(),
        extra: core::ptr::null(),
        shift_base: layer.requant.shift_base,
        zero_point: layer.stage.zero_point,
        places: places(width, channels, stride),
        min: bytes(layer.stage.min),
        max: bytes(layer.stage.max),
    };
    windows_3x3::depthwise_i8(layer, io, scratch, &mut Helium { band: &mut band });
}

/// See [`Band::places`], for lines whose rows all exist.
fn places(width: usize, channels: usize, stride: usize) -> [[usize; 3]; 4] {
    let line = width.wrapping_mul(channels);
    let first = size_of::<u32>();
    let [right, below] = [channels, line].map(|bytes| bytes.wrapping_add(first));
    let (usually, last) = if stride == 1 {
        let usually = [right, below, below.wrapping_add(channels)];
        (usually, if width.is_multiple_of(2) { usually } else { [0, below, 0] })
    } else {
        let usually = [right, right.wrapping_add(channels), right.wrapping_add(channels.wrapping_mul(2))];
        let exist = width.wrapping_sub(1) & 3;
        let mut last = usually;
        last.iter_mut().skip(exist).for_each(|place| *place = 0);
        (usually, last)
    };
    [usually, last, usually, last]
}

/// The assembly behind the windows.
struct Helium<'a> {
    band: &'a mut Band,
}

impl WindowKernel for Helium<'_> {
    fn transpose(&self, layer: &DepthwiseI8, windows: &Windows, task: &Task, pixels: &[i8], target: &mut [i8]) {
        let [_, width, pixel_bytes] = layer.geometry.input;
        let left = layer.geometry.pad[1];
        let row = Row {
            source: pixels.as_ptr().wrapping_add(task.channel).wrapping_sub(left.wrapping_mul(pixel_bytes)),
            pixel_bytes,
            column: left.wrapping_neg(),
            width,
            target: target.as_mut_ptr(),
            group_bytes: windows.group_bytes(),
            groups: windows.groups(),
            channels: task.channels,
            padding: layer.padding_value.into(),
        };
        // SAFETY: columns 0 to `width` lie in `pixels`, the task's channels in each; `target` has the row's groups
        // and the reach of the last store.
        unsafe { kinglet_helium_windows_row(&row) }
    }

    fn fill(&self, target: &mut [i8], value: i8) {
        fill(target, value);
    }

    fn keep(&self, scratch: &mut [i8], from: usize, len: usize) {
        copy(scratch, from, 0, len);
    }

    #[inline(never)]
    fn outputs(&mut self, layer: &DepthwiseI8, windows: &Windows, task: &Task, scratch: &mut [i8], output: &mut [i8]) {
        let [_, width, channels] = layer.geometry.output;
        let stride = layer.geometry.stride[0];
        let together = windows.rows_together();
        let Some((input, sums)) = scratch.split_at_mut_checked(windows.rows_bytes()) else { return };
        let line = width.wrapping_mul(channels);
        if output.len() < task.rows.wrapping_mul(line) || sums.len() < windows.sums(task.rows).wrapping_mul(64) {
            return;
        }
        let band = &mut *self.band;
        // At stride 1 the last line may have no second row.
        let [usually, last, single, last_single] = &mut band.places;
        let is_whole = task.rows.is_multiple_of(together);
        (*single, *last_single) = if is_whole { (*usually, *last) } else { ([usually[0], 0, 0], [last[0], 0, 0]) };
        let first = task.channel;
        let requant = &layer.requant;
        let one_word = [requant.words.first().copied().unwrap_or(0); 4];
        let one_extra = [requant.extra.first().copied().unwrap_or(0); 4];
        let step = if requant.words.len() == 1 { 0 } else { 4 };
        let (words, extra) = if step == 0 { (&one_word[..], &one_extra[..]) } else { (requant.words, requant.extra) };
        band.words = words.as_ptr().wrapping_add(if step == 0 { 0 } else { first });
        band.extra = extra.as_ptr().wrapping_add(if step == 0 { 0 } else { first });
        if requant.extra.is_empty() {
            band.extra = core::ptr::null();
        }
        band.rows = input.as_ptr();
        (band.row_bytes, band.group_bytes) = (windows.row_bytes(), windows.group_bytes());
        band.lines = task.rows.div_ceil(together);
        band.groups = if stride == 1 { windows.groups() } else { windows.groups() / 4 };
        band.weights = layer.weights.as_ptr().wrapping_add(first.wrapping_mul(9));
        band.sums = sums.as_mut_ptr().cast();
        band.output = output.as_mut_ptr().wrapping_add(first).wrapping_sub(size_of::<u32>());
        band.line_bytes = line.wrapping_mul(together);
        band.bias = layer.bias.as_ptr().wrapping_add(first);
        let kernel = if stride == 1 { kinglet_helium_windows_s1 } else { kinglet_helium_windows_s2 };
        for _ in 0..task.channels / 4 {
            // SAFETY: `windows_3x3::depthwise_i8` has checked constants for all channels, of which these four are some;
            // rows and sums lie in scratch memory as `Windows` lays them out, 4-byte aligned; the outputs are the
            // task's rows, of which the places name no other, 4-byte aligned by the check of the whole layer.
            unsafe { kernel(band) }
            band.rows = band.rows.wrapping_add(16);
            band.output = band.output.wrapping_add(4);
            band.weights = band.weights.wrapping_add(36);
            band.bias = band.bias.wrapping_add(4);
            band.words = band.words.wrapping_add(step);
            if !band.extra.is_null() {
                band.extra = band.extra.wrapping_add(step);
            }
        }
    }
}
