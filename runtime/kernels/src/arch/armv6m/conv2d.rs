//! Conv2D over [`Packing::UnsignedRows20`] and [`Packing::UnsignedRows23`]: six pixels at a time.

use crate::Io;
use crate::conv2d::Conv2dI8;
use crate::packing::Packing;
use crate::packing::dense::unsigned_rows_20::{CHUNK, Layout, PIXELS, STEP_BYTES};

/// Bytes of a tap in the unrolled loop, and taps in it.
const TAP_BYTES: usize = 20;
const UNROLLED: usize = 12;
const _: () = assert!(CHUNK.is_multiple_of(UNROLLED));

/// Arguments of the assembly.
#[repr(C)]
pub(super) struct Lanes {
    /// `[taps][4]` words.
    pub(super) words: *const u32,
    /// `[outputs][taps]` bytes.
    pub(super) weights: *const i8,
    /// Taps of the unrolled loop that the first chunk skips.
    pub(super) skip: usize,
    /// End of the first chunk's words.
    pub(super) first_end: *const u32,
    /// Not zero.
    pub(super) chunks: usize,
    /// Four words for each chunk.
    pub(super) starts: *const u32,
    /// Bytes of the unrolled loop that the first chunk skips.
    pub(super) entry: usize,
    /// One before the first.
    pub(super) bias: *const i32,
    pub(super) requant: *const u32,
    /// Bytes from one word to the next: 4, or 0 when there is one for all channels.
    pub(super) requant_stride: usize,
    /// Extra shifts, or null.
    pub(super) extra: *const u8,
    /// Bytes from one to the next.
    pub(super) extra_stride: usize,
    /// Right shift of a word whose top bits are zero, plus that of the product, less 1.
    pub(super) shift: i32,
    /// `2 * zero_point + 1`.
    pub(super) rounding: i32,
    /// Half of what the product is shifted by.
    pub(super) half: i32,
    pub(super) min: i32,
    pub(super) max: i32,
    /// The first channel of the first pixel; of the last one if `kind` is not zero.
    pub(super) output: *mut i8,
    /// Bytes from that pixel to the one that is computed after it.
    pub(super) step: isize,
    /// 1 to 6.
    pub(super) pixels: usize,
    /// Channels, not zero.
    pub(super) count: usize,
    /// Not zero when accumulators are narrow and the lower clamp is the zero point.
    pub(super) kind: usize,
    /// Of the assembly.
    pub(super) private: [usize; 2],
}

unsafe extern "C" {
    /// Six pixels by `count` channels. Reads words, weights and constants to the extents given above, writes
    /// `count` bytes at each of `pixels` pixels, and overwrites the pointers in `lanes`.
    fn kinglet_armv6m_lanes(lanes: *mut Lanes);
    /// Packs `taps` taps, not zero, of three pixels into two words each, every `STEP_BYTES` from `target` on.
    fn kinglet_armv6m_triple(sources: *const [*const i8; 3], target: *mut i8, taps: usize);
    /// Start values of chunks, four words each, from `first` taps of the first chunk and `CHUNK` of the others.
    fn kinglet_armv6m_starts(words: *const u32, starts: *mut u32, first: usize, chunks: usize);
}

/// See [`crate::conv2d::conv2d_i8`].
#[inline(never)]
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, width, outputs] = geometry.output;
    let layout = Layout::new(geometry, is_wide(layer));
    if !fits(layer, io, scratch, &layout) {
        return io.refuse();
    }
    if let Some(padding) = scratch.get_mut(layout.padding..) {
        for place in padding {
            *place = layer.padding_value;
        }
    }
    let mut lanes = arguments(layer, &layout, scratch);
    let step = |at: usize, axis: usize| {
        let stride = geometry.stride.get(axis).copied().unwrap_or(1);
        at.wrapping_mul(stride).wrapping_sub(geometry.pad.get(axis).copied().unwrap_or(0))
    };
    let (mut rest, mut x, mut start) = (geometry.pixels(), 0usize, 0usize);
    let mut corner = Corner { row: step(0, 0), column: step(0, 1) };
    while rest > 0 {
        let count = rest.min(PIXELS);
        let mut corners = [corner; PIXELS];
        for (index, place) in corners.iter_mut().enumerate() {
            *place = corner;
            // What is left of the last tile repeats its last pixel.
            if index.wrapping_add(1) < rest {
                x = x.wrapping_add(1);
                corner.column = corner.column.wrapping_add(geometry.stride[1]);
                if x == width {
                    corner = Corner { row: corner.row.wrapping_add(geometry.stride[0]), column: step(0, 1) };
                    x = 0;
                }
            }
        }
        gather(layer, &layout, io.input(), scratch, &corners);
        let end = start.wrapping_add(count.wrapping_mul(outputs));
        let Some(output) = io.output().get_mut(start..end) else { return io.refuse() };
        tile(layer, &mut lanes, output, count);
        start = end;
        rest = rest.wrapping_sub(count);
    }
}

/// True when accumulators have 23 bits, of which each sum is taken in chunks.
fn is_wide(layer: &Conv2dI8) -> bool {
    layer.packing == Packing::UnsignedRows23
}

/// Every slice is as long as the assembly will believe.
fn fits(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &[i8], layout: &Layout) -> bool {
    let [_, _, outputs] = layer.geometry.output;
    let taps = layer.geometry.taps();
    let room = (scratch.as_ptr() as usize).is_multiple_of(4) && scratch.len() >= layout.len();
    let sound = room && taps > 0 && outputs > 0 && layer.geometry.groups == 1;
    sound && layer.fits(io, outputs.saturating_mul(taps))
}

/// Where the first tap of a window stands in the image; outside of it the numbers have wrapped, or are too large.
#[derive(Clone, Copy)]
struct Corner {
    row: usize,
    column: usize,
}

/// Packs the windows of six pixels.
#[inline(never)]
fn gather(layer: &Conv2dI8, layout: &Layout, input: &[i8], scratch: &mut [i8], corners: &[Corner; PIXELS]) {
    let geometry = &layer.geometry;
    let [height, width, channels] = geometry.input;
    let columns = geometry.kernel[1];
    let (words, rest) = scratch.split_at_mut(layout.starts.min(scratch.len()));
    let (chunks, padding) = rest.split_at_mut(layout.chunks.wrapping_mul(STEP_BYTES).min(rest.len()));
    // A row of taps that lies within all windows' rows is one run of bytes.
    let last = columns.wrapping_sub(1);
    let is_inside = |corner: &Corner| corner.column < width && corner.column.wrapping_add(last) < width;
    let whole = geometry.dilation[1] == 1 && corners.iter().all(is_inside);
    let (run, runs) = if whole { (columns.wrapping_mul(channels), 1) } else { (channels, columns) };
    let (mut at, mut down) = (0usize, 0usize);
    for _ in 0..geometry.kernel[0] {
        let mut right = 0usize;
        for _ in 0..runs {
            let mut sources = [padding.as_ptr(); PIXELS];
            for (source, corner) in sources.iter_mut().zip(corners) {
                let (row, column) = (corner.row.wrapping_add(down), corner.column.wrapping_add(right));
                let start = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
                if row < height && column < width {
                    let Some(elements) = input.get(start..start.wrapping_add(run)) else { return };
                    *source = elements.as_ptr();
                }
            }
            let place = words.get_mut(at.wrapping_mul(STEP_BYTES)..).unwrap_or_default();
            if run == 0 || padding.len() < run || place.len() < run.saturating_mul(STEP_BYTES) {
                return;
            }
            for (half, sources) in sources.as_chunks::<3>().0.iter().enumerate() {
                let target = place.as_mut_ptr().wrapping_add(half.wrapping_mul(STEP_BYTES / 2));
                // SAFETY: each source has `run` elements, in the input or in the padding; the last word is in the
                // last step, which is in `place`.
                unsafe { kinglet_armv6m_triple(sources, target, run) };
            }
            at = at.wrapping_add(run);
            right = right.wrapping_add(geometry.dilation[1]);
        }
        down = down.wrapping_add(geometry.dilation[0]);
    }
    // SAFETY: `fits` has checked that the scratch holds the words of all taps and, behind them, four words for each
    // chunk, and that it is aligned; neither count is zero.
    unsafe { kinglet_armv6m_starts(words.as_ptr().cast(), chunks.as_mut_ptr().cast(), layout.first, layout.chunks) };
}

/// The arguments that do not change from tile to tile.
fn arguments(layer: &Conv2dI8, layout: &Layout, scratch: &[i8]) -> Lanes {
    let [_, _, outputs] = layer.geometry.output;
    let (stage, requant) = (layer.stage, &layer.requant);
    let skip = layout.first.div_ceil(UNROLLED).wrapping_mul(UNROLLED).wrapping_sub(layout.first);
    let stride = if requant.words.len() == 1 { 0 } else { 4 };
    let kind = usize::from(stage.min == stage.zero_point && !is_wide(layer));
    let (product, half) = if kind > 0 { (10, 1 << 9) } else { (7, 1 << 6) };
    Lanes {
        words: scratch.as_ptr().cast(),
        weights: core::ptr::null(),
        skip,
        first_end: scratch.as_ptr().wrapping_add(layout.first.wrapping_mul(STEP_BYTES)).cast(),
        chunks: layout.chunks,
        starts: scratch.as_ptr().wrapping_add(layout.starts).cast(),
        entry: skip.wrapping_mul(TAP_BYTES),
        bias: core::ptr::null(),
        requant: core::ptr::null(),
        requant_stride: stride,
        extra: core::ptr::null(),
        extra_stride: stride / 4,
        shift: requant.shift_base.wrapping_neg().wrapping_add(product).wrapping_sub(1),
        rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1),
        half,
        min: stage.min,
        max: stage.max,
        output: core::ptr::null_mut(),
        step: if kind > 0 { outputs.wrapping_neg() as isize } else { outputs as isize },
        pixels: 0,
        count: 0,
        kind,
        private: [0; 2],
    }
}

/// All channels of a tile of `count` pixels.
#[inline]
fn tile(layer: &Conv2dI8, lanes: &mut Lanes, output: &mut [i8], count: usize) {
    let [_, _, outputs] = layer.geometry.output;
    let requant = &layer.requant;
    lanes.weights = layer.weights.as_ptr();
    lanes.bias = layer.bias.as_ptr().wrapping_sub(1);
    lanes.requant = requant.words.as_ptr();
    lanes.extra = if requant.extra.is_empty() { core::ptr::null() } else { requant.extra.as_ptr() };
    let last = if lanes.kind > 0 { count.wrapping_sub(1).wrapping_mul(outputs) } else { 0 };
    lanes.output = output.as_mut_ptr().wrapping_add(last);
    (lanes.pixels, lanes.count) = (count, outputs);
    // SAFETY: `fits` has checked constants, weights and scratch for all channels and chunks; `output` holds `count`
    // pixels of `outputs` channels.
    unsafe { kinglet_armv6m_lanes(lanes) };
}
