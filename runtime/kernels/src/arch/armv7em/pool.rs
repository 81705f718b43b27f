//! Pooling, four channels at a time: a window of all channels of a pixel is one call.

use crate::Io;
use crate::conv2d::Geometry;
use crate::pool::{PoolI8, portable};

/// Arguments of the assembly.
#[repr(C)]
struct Window {
    /// First channel of the first pixel.
    source: *const i8,
    columns: usize,
    /// Bytes from a column to the next.
    column_step: usize,
    rows: usize,
    /// Bytes from a row to the next.
    row_step: usize,
    /// Channels / 4, not zero.
    groups: usize,
    output: *mut i8,
    /// Pixels of the window.
    count: usize,
    /// Clamp of averages.
    min: i32,
    max: i32,
    /// The same in each byte, of maxima.
    least: u32,
    greatest: u32,
}

in_order! { Window: source columns column_step rows row_step groups output count min max least greatest }

unsafe extern "C" {
    /// Adds four channels of `pixels` pixels, 1 to 255, `pixel_bytes` apart, to `sums`.
    fn kinglet_armv7em_sum4(source: *const i8, pixels: usize, pixel_bytes: usize, sums: *mut i32);
    /// Averages of a window of 1 to 255 pixels, `4 * groups` channels of it.
    fn kinglet_armv7em_pool_average(window: *const Window);
    /// Maxima of a window that is not empty, likewise.
    fn kinglet_armv7em_pool_max(window: *const Window);
}

assembly! {
    "pool.s",
    Window {
        WINDOW_COUNT = count,
        WINDOW_LEAST = least,
        WINDOW_GREATEST = greatest,
    }
}

/// Sums of four channels that fit 16 bits.
const PIXELS_AT_ONCE: usize = 255;

/// A position along an axis and how many follow it.
type Span = (usize, usize);

/// See [`crate::pool::average_pool_i8`].
#[inline(never)]
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    for_each_window(layer, io, |layer, io, spans, at| {
        let count = spans.0.1.wrapping_mul(spans.1.1);
        let channels = layer.geometry.output[2];
        // SAFETY: the window has so many pixels.
        let run = |window: &Window| unsafe { kinglet_armv7em_pool_average(window) };
        if !(1..=PIXELS_AT_ONCE).contains(&count) || !all_channels(layer, io, spans, at, run) {
            (0..channels).step_by(4).for_each(|channel| average(layer, io, spans, channel, at));
        }
    });
}

/// See [`crate::pool::max_pool_i8`].
pub(crate) fn max_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    if layer.geometry.output[2] < 4 {
        return portable::max_pool_i8(layer, io);
    }
    for_each_window(layer, io, |layer, io, spans, at| {
        // SAFETY: there are pixels where this is called.
        let run = |window: &Window| unsafe { kinglet_armv7em_pool_max(window) };
        let is_empty = spans.0.1 == 0 || spans.1.1 == 0;
        if is_empty || !all_channels(layer, io, spans, at, run) {
            io.output_range(at, layer.geometry.output[2]).fill(layer.clamp(i8::MIN.into()));
        }
    });
}

/// Calls `pixel` for each output pixel: rows and columns of its window, and its first output element.
#[inline]
fn for_each_window(layer: &PoolI8, io: &mut Io<i8>, mut pixel: impl FnMut(&PoolI8, &mut Io<i8>, (Span, Span), usize)) {
    if !layer.geometry.fits(io) {
        return io.refuse();
    }
    let [height, width, channels] = layer.geometry.output;
    let mut at = 0usize;
    for y in 0..height {
        let rows = layer.geometry.clipped(0, y);
        for x in 0..width {
            pixel(layer, io, (rows, layer.geometry.clipped(1, x)), at);
            at = at.wrapping_add(channels);
        }
    }
}

/// Calls `run` with all channels of a window that is not empty; those that make no group of four once more with some before
/// them. False when there are fewer than four.
#[inline]
fn all_channels(layer: &PoolI8, io: &mut Io<i8>, spans: (Span, Span), at: usize, run: impl Fn(&Window)) -> bool {
    let Geometry { input: [_, width, channels], dilation, .. } = layer.geometry;
    let ((row, rows), (column, columns)) = spans;
    let start = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
    let row_step = dilation[0].wrapping_mul(width).wrapping_mul(channels);
    let column_step = dilation[1].wrapping_mul(channels);
    let last =
        rows.wrapping_sub(1).wrapping_mul(row_step).wrapping_add(columns.wrapping_sub(1).wrapping_mul(column_step));
    let source = io.input_from(start).get(..last.saturating_add(channels)).unwrap_or_default().as_ptr_range();
    let output = io.output_range(at, channels);
    if channels < 4 || source.start == source.end || output.len() != channels {
        return false;
    }
    let bytes = |value: i32| u32::from(value as u8).wrapping_mul(0x0101_0101);
    let mut window = Window {
        source: source.start,
        columns,
        column_step,
        rows,
        row_step,
        groups: channels / 4,
        output: output.as_mut_ptr(),
        count: rows.wrapping_mul(columns),
        min: layer.min,
        max: layer.max,
        least: bytes(layer.min),
        greatest: bytes(layer.max),
    };
    run(&window);
    if !channels.is_multiple_of(4) {
        let before = channels.wrapping_sub(4);
        window.source = window.source.wrapping_add(before);
        window.output = window.output.wrapping_add(before);
        window.groups = 1;
        run(&window);
    }
    true
}
/// Channels `channel .. channel + 4` of a window, as far as they exist; the pixel is written from element `at` on.
#[inline(never)]
fn average(layer: &PoolI8, io: &mut Io<i8>, (rows, columns): (Span, Span), channel: usize, at: usize) {
    let geometry = &layer.geometry;
    let [_, width, channels] = geometry.input;
    let step = geometry.dilation[1].wrapping_mul(channels);
    // The last block overlaps the one before it, so that a word is there to read.
    let first = channel.min(channels.saturating_sub(4));
    // Whole rows of neighbours are one long row; a row of one pixel is whole whatever the step to the next would be.
    let is_whole = columns.1 == width && geometry.dilation == [1, 1];
    let (row_count, pixels) = if is_whole { (1, rows.1.wrapping_mul(columns.1)) } else { (rows.1, columns.1) };
    let mut sums = [0i32; 4];
    let mut row = rows.0;
    let input = io.input_from(0);
    for _ in 0..row_count {
        let mut left = pixels;
        let mut start = row.wrapping_mul(width).wrapping_add(columns.0).wrapping_mul(channels).wrapping_add(first);
        while left > 0 {
            let pixels = if channels < 4 { 1 } else { left.min(PIXELS_AT_ONCE) };
            let len = pixels.wrapping_sub(1).saturating_mul(step).saturating_add(channels.min(4));
            let source = input.get(start..start.saturating_add(len)).unwrap_or_default();
            if channels >= 4 && !source.is_empty() {
                // SAFETY: the last pixel's word ends with the slice.
                unsafe { kinglet_armv7em_sum4(source.as_ptr(), pixels, step, sums.as_mut_ptr()) };
            } else {
                sums.iter_mut().zip(source).for_each(|(sum, value)| *sum = sum.wrapping_add((*value).into()));
            }
            start = start.wrapping_add(pixels.wrapping_mul(step));
            left = left.wrapping_sub(pixels);
        }
        row = row.wrapping_add(geometry.dilation[0]);
    }
    let count = rows.1.wrapping_mul(columns.1) as i32;
    let mut lane = first;
    let output = io.output_range(at, channels);
    for sum in sums {
        if let Some(place) = output.get_mut(lane).filter(|_| lane >= channel) {
            *place = layer.average(sum, count);
        }
        lane = lane.wrapping_add(1);
    }
}
