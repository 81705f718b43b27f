//! DepthwiseConv2D over [`DepthwisePacking::RowMajorSymmetric`](crate::packing::DepthwisePacking::RowMajorSymmetric): any window, sixteen
//! channels at a time.
//!
//! `VMULLB` and `VMULLT` give 16-bit products of the even and of the odd channels. Two taps' products add up within 16
//! bits, because the host takes no layer with a weight of -128; then they are widened, four channels to a vector.
//! Windows that reach into the padding are gathered first.

use super::patch::gather_edge;
use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::packing::depthwise::row_major_symmetric::VECTOR;
use crate::walk::Walk;

/// Arguments of the assembly.
#[repr(C)]
struct ChannelVectors {
    /// The first pixel's window.
    input: *const i8,
    /// Rows of the window.
    rows: usize,
    /// Columns of the window.
    columns: usize,
    /// Bytes from a tap to the next in its row.
    tap_bytes: usize,
    /// At least sixteen.
    channels: usize,
    /// Bytes from the end of a row of taps to the next.
    skip: usize,
    /// Not zero.
    pixels: usize,
    /// Bytes from a pixel's window to the next pixel's.
    pixel_bytes: usize,
    output: *mut i8,
    /// `[rows][columns][channels]`.
    weights: *const i8,
    bias: *const i32,
    /// As many as channels, or sixteen equal ones.
    words: *const u32,
    /// What of a channel's index counts among the words: all of it or nothing.
    word_mask: usize,
    /// Extra shifts, as many as words, or null.
    extra: *const u8,
    shift_base: i32,
    zero_point: i32,
    min: i32,
    max: i32,
}

unsafe extern "C" {
    /// Computes all channels of `pixels` pixels; the extents are what the fields say. No count is zero.
    fn kinglet_helium_channel_vectors(call: *const ChannelVectors);
}

assembly! {
    "channel_vectors.s",
    ChannelVectors {
        L_INPUT = input,
        L_ROWS = rows,
        L_COLUMNS = columns,
        L_TAP_BYTES = tap_bytes,
        L_CHANNELS = channels,
        L_SKIP = skip,
        L_PIXELS = pixels,
        L_PIXEL_BYTES = pixel_bytes,
        L_OUTPUT = output,
        L_WEIGHTS = weights,
        L_BIAS = bias,
        L_WORDS = words,
        L_WORD_MASK = word_mask,
        L_EXTRA = extra,
        L_BASE = shift_base,
        L_ZERO = zero_point,
        L_MIN = min,
        L_MAX = max,
    }
}

/// See [`crate::depthwise::depthwise_i8`].
#[inline(never)]
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let channels = geometry.output[2];
    let [kernel_rows, kernel_columns] = geometry.kernel;
    let taps = kernel_rows.saturating_mul(kernel_columns).saturating_mul(channels);
    let (words, extra) = (layer.requant.words.len(), layer.requant.extra.len());
    let shape = layer.multiplier == 1 && geometry.input[2] == channels && channels >= VECTOR && taps > 0;
    if !(shape && scratch.len() >= taps && layer.fits(io)) {
        return io.refuse();
    }
    let mut walk = Walk::new(geometry);
    let one_word = [layer.requant.words.first().copied().unwrap_or(0); VECTOR];
    let one_extra = [layer.requant.extra.first().copied().unwrap_or(0); VECTOR];
    let mut call = ChannelVectors {
        input: core::ptr::null(),
        rows: 0,
        columns: 0,
        tap_bytes: 0,
        channels,
        skip: 0,
        pixels: 1,
        pixel_bytes: walk.pixel_step(),
        output: core::ptr::null_mut(),
        weights: layer.weights.as_ptr(),
        bias: layer.bias.as_ptr(),
        words: if words == 1 { one_word.as_ptr() } else { layer.requant.words.as_ptr() },
        word_mask: if words == 1 { 0 } else { usize::MAX },
        extra: match (extra, words) {
            (0, _) => core::ptr::null(),
            (_, 1) => one_extra.as_ptr(),
            _ => layer.requant.extra.as_ptr(),
        },
        shift_base: layer.requant.shift_base,
        zero_point: layer.stage.zero_point,
        min: layer.stage.min,
        max: layer.stage.max,
    };
    let (mut at, mut left) = (0usize, geometry.pixels());
    while left > 0 {
        let inside = walk.inside();
        call.pixels = inside.max(1);
        if inside > 0 {
            let Some(input) = walk.elements(io.input(), inside) else { return io.refuse() };
            call.input = input.as_ptr();
            call.window([kernel_rows, kernel_columns], walk.row_step(), geometry.dilation[1].wrapping_mul(channels));
        } else {
            gather_edge(geometry, layer.padding_value, io.input(), walk.corner(), scratch);
            call.input = scratch.as_ptr();
            call.window([kernel_rows, kernel_columns], kernel_columns.wrapping_mul(channels), channels);
        }
        let len = call.pixels.wrapping_mul(channels);
        let Some(output) = io.output().get_mut(at..at.saturating_add(len)) else { return io.refuse() };
        call.output = output.as_mut_ptr();
        // SAFETY: the windows lie in the input, or in the patch of `taps` bytes; `output` holds all pixels' channels;
        // the lengths of the constants were checked above.
        unsafe { kinglet_helium_channel_vectors(&call) };
        walk.advance(call.pixels);
        (at, left) = (at.wrapping_add(len), left.wrapping_sub(call.pixels));
    }
}

impl ChannelVectors {
    /// Taps `tap_bytes` apart in rows `row_bytes` apart. A single column is treated as a row.
    fn window(&mut self, [rows, columns]: [usize; 2], row_bytes: usize, tap_bytes: usize) {
        if columns == 1 {
            (self.rows, self.columns, self.tap_bytes, self.skip) = (1, rows, row_bytes, 0);
        } else {
            let skip = row_bytes.wrapping_sub(columns.wrapping_mul(tap_bytes));
            (self.rows, self.columns, self.tap_bytes, self.skip) = (rows, columns, tap_bytes, skip);
        }
    }
}
