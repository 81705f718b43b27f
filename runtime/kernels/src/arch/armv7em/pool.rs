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
            for channel in 0..channels {
                let value = average(layer, io.input_from(0), spans, channel);
                io.set(at.wrapping_add(channel), value);
            }
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
/// The average of one channel of a window: for windows of more pixels, and pixels of fewer channels, than the assembly takes.
#[inline(never)]
fn average(layer: &PoolI8, input: &[i8], (rows, columns): (Span, Span), channel: usize) -> i8 {
    let Geometry { input: [_, width, channels], dilation, .. } = layer.geometry;
    let mut sum = 0_i32;
    let mut row = rows.0;
    for _ in 0..rows.1 {
        let mut column = columns.0;
        for _ in 0..columns.1 {
            let at = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels).wrapping_add(channel);
            sum = sum.wrapping_add(input.get(at).copied().unwrap_or(0).into());
            column = column.wrapping_add(dilation[1]);
        }
        row = row.wrapping_add(dilation[0]);
    }
    layer.average(sum, rows.1.wrapping_mul(columns.1) as i32)
}
