//! Conv2D over [`Packing::Lanes`] and [`Packing::WideLanes`]: six pixels at a time.

use super::window::Walk;
use crate::Io;
use crate::conv2d::lanes::{CHUNK, Layout, PIXELS, STEP_BYTES};
use crate::conv2d::{Conv2dI8, Packing};
use crate::io::range;

/// Bytes of a tap in the unrolled loop, and taps in it.
const TAP_BYTES: usize = 20;
const UNROLLED: usize = 12;
const _: () = assert!(CHUNK.is_multiple_of(UNROLLED));

/// Arguments of the assembly, which knows the offsets.
#[repr(C)]
struct Lanes {
    /// 0: `[taps][4]` words.
    words: *const u32,
    /// 4: `[outputs][taps]` bytes.
    weights: *const i8,
    /// 8: taps of the unrolled loop that the first chunk skips.
    skip: usize,
    /// 12: end of the first chunk's words.
    first_end: *const u32,
    /// 16: not zero.
    chunks: usize,
    /// 20: four words for each chunk.
    starts: *const u32,
    /// 24: bytes of the unrolled loop that the first chunk skips.
    entry: usize,
    /// 28: one before the first.
    bias: *const i32,
    /// 32
    requant: *const u32,
    /// 36: bytes from one word to the next: 4, or 0 when there is one for all channels.
    requant_stride: usize,
    /// 40: extra shifts, or null.
    extra: *const u8,
    /// 44: bytes from one to the next.
    extra_stride: usize,
    /// 48: right shift of a word whose top bits are zero, plus that of the product, less 1.
    shift: i32,
    /// 52: `2 * zero_point + 1`.
    rounding: i32,
    /// 56: half of what the product is shifted by.
    half: i32,
    /// 60: what makes halves of negative numbers round away from zero.
    negative: i32,
    /// 64
    min: i32,
    /// 68
    max: i32,
    /// 72: the last pixel's first channel.
    output: *mut i8,
    /// 76: bytes from a pixel to the one before.
    step_back: isize,
    /// 80: 1 to 6.
    pixels: usize,
    /// 84: channels, not zero.
    count: usize,
    /// 88: 1: the lower clamp is the zero point, 2: accumulators are wide.
    kind: usize,
    /// 92 and 96: of the assembly.
    private: [usize; 2],
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
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let [_, width, outputs] = geometry.output;
    let layout = Layout::new(geometry, layer.packing);
    if !fits(layer, io, scratch, &layout) {
        return;
    }
    if let Some(padding) = scratch.get_mut(layout.padding..) {
        for place in padding {
            *place = layer.padding_value;
        }
    }
    let walk = Walk::new(geometry);
    let skip = layout.first.div_ceil(UNROLLED).wrapping_mul(UNROLLED).wrapping_sub(layout.first);
    let (mut rest, mut position, mut start) = (geometry.pixels(), (0usize, 0usize), 0usize);
    while rest > 0 {
        let count = rest.min(PIXELS);
        let mut places = [position; PIXELS];
        for (index, place) in places.iter_mut().enumerate() {
            *place = position;
            // What is left of the last tile repeats its last pixel.
            if index.wrapping_add(1) < rest {
                position.1 = position.1.wrapping_add(1);
                if position.1 == width {
                    position = (position.0.wrapping_add(1), 0);
                }
            }
        }
        gather(layer, &walk, &layout, io.input(), scratch, &places);
        let end = start.wrapping_add(count.wrapping_mul(outputs));
        if let Some(output) = io.output().get_mut(start..end) {
            tile(layer, (&layout, skip), scratch, output, count);
        }
        start = end;
        rest = rest.wrapping_sub(count);
    }
}

/// Every slice is as long as the assembly will believe.
fn fits(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &[i8], layout: &Layout) -> bool {
    let [_, _, outputs] = layer.geometry.output;
    let taps = layer.geometry.taps();
    let (words, extra) = (layer.requant.words.len(), layer.requant.extra.len());
    let constants = layer.bias.len() >= outputs && (words == 1 || words >= outputs) && (extra == 0 || extra >= words);
    let weights = layer.weights.len() >= outputs.saturating_mul(taps);
    let room = (scratch.as_ptr() as usize).is_multiple_of(4) && scratch.len() >= layout.len();
    let sound = constants && weights && room && taps > 0 && outputs > 0 && layer.geometry.groups == 1;
    sound && io.output().len() >= layer.geometry.pixels().saturating_mul(outputs)
}

/// Packs the windows of six pixels.
fn gather(
    layer: &Conv2dI8,
    walk: &Walk<'_>,
    layout: &Layout,
    input: &[i8],
    scratch: &mut [i8],
    places: &[(usize, usize); PIXELS],
) {
    let geometry = &layer.geometry;
    let [_, _, channels] = geometry.input;
    let [rows, columns] = geometry.kernel;
    let mut starts = [0usize; PIXELS];
    let mut inside = true;
    for (start, place) in starts.iter_mut().zip(places) {
        match walk.start(*place) {
            Some(first) => *start = first,
            None => inside = false,
        }
    }
    let (words, rest) = scratch.split_at_mut(layout.starts.min(scratch.len()));
    let (chunks, padding) = rest.split_at_mut(layout.chunks.wrapping_mul(STEP_BYTES).min(rest.len()));
    let mut at = 0usize;
    if inside {
        for _ in 0..rows {
            let sources = starts.map(|start| range(input, start, walk.run));
            pack(words, &sources, at, walk.run);
            at = at.wrapping_add(walk.run);
            starts = starts.map(|start| start.wrapping_add(walk.row_stride));
        }
    } else {
        let padding = range(padding, 0, channels);
        for i in 0..rows {
            for j in 0..columns {
                let sources = places.map(|place| {
                    let pixel = geometry.source_pixel(place, (i, j)).map(|pixel| pixel.wrapping_mul(channels));
                    pixel.map_or(padding, |start| range(input, start, channels))
                });
                pack(words, &sources, at, channels);
                at = at.wrapping_add(channels);
            }
        }
    }
    // SAFETY: `fits` has checked that the scratch holds the words of all taps and, behind them, four words for each
    // chunk, and that it is aligned; neither count is zero.
    unsafe { kinglet_armv6m_starts(words.as_ptr().cast(), chunks.as_mut_ptr().cast(), layout.first, layout.chunks) };
}

/// Packs `taps` taps of six pixels as the taps from `at` on.
#[inline]
fn pack(words: &mut [i8], sources: &[&[i8]; PIXELS], at: usize, taps: usize) {
    let place = words.get_mut(at.wrapping_mul(STEP_BYTES)..).unwrap_or_default();
    let whole = sources.iter().all(|source| source.len() >= taps);
    if taps == 0 || !whole || place.len() < taps.saturating_mul(STEP_BYTES) {
        return;
    }
    let sources = sources.map(<[i8]>::as_ptr);
    for (half, sources) in sources.as_chunks::<3>().0.iter().enumerate() {
        let target = place.as_mut_ptr().wrapping_add(half.wrapping_mul(STEP_BYTES / 2));
        // SAFETY: each source has `taps` elements; the last word is in the last step, which is in `place`.
        unsafe { kinglet_armv6m_triple(sources, target, taps) };
    }
}

/// All channels of a tile of `count` pixels.
fn tile(layer: &Conv2dI8, (layout, skip): (&Layout, usize), scratch: &[i8], output: &mut [i8], count: usize) {
    let [_, _, outputs] = layer.geometry.output;
    let (stage, requant) = (layer.stage, &layer.requant);
    let wide = layer.packing == Packing::WideLanes;
    let stride = if requant.words.len() == 1 { 0 } else { 4 };
    let product = if wide { 7 } else { 10 };
    let last = count.wrapping_sub(1).wrapping_mul(outputs);
    let relu = stage.min == stage.zero_point;
    let mut lanes = Lanes {
        words: scratch.as_ptr().cast(),
        weights: layer.weights.as_ptr(),
        skip,
        first_end: scratch.as_ptr().wrapping_add(layout.first.wrapping_mul(STEP_BYTES)).cast(),
        chunks: layout.chunks,
        starts: scratch.as_ptr().wrapping_add(layout.starts).cast(),
        entry: skip.wrapping_mul(TAP_BYTES),
        bias: layer.bias.as_ptr().wrapping_sub(1),
        requant: requant.words.as_ptr(),
        requant_stride: stride,
        extra: if requant.extra.is_empty() { core::ptr::null() } else { requant.extra.as_ptr() },
        extra_stride: stride / 4,
        shift: requant.shift_base.wrapping_neg().wrapping_add(product - 1),
        rounding: stage.zero_point.wrapping_mul(2).wrapping_add(1),
        half: 1 << (product - 1),
        negative: -1 << product,
        min: stage.min,
        max: stage.max,
        output: output.as_mut_ptr().wrapping_add(last),
        step_back: outputs.wrapping_neg() as isize,
        pixels: count,
        count: outputs,
        kind: usize::from(relu) | usize::from(wide) << 1,
        private: [0; 2],
    };
    // SAFETY: `fits` has checked constants, weights and scratch for all channels and chunks; `output` holds
    // `count` pixels of `outputs` channels.
    unsafe { kinglet_armv6m_lanes(&mut lanes) };
}
