//! Average pooling, four channels at a time.

use crate::Io;
use crate::pool::PoolI8;

unsafe extern "C" {
    /// Adds four channels of `pixels` pixels, 1 to 255, `pixel_bytes` apart, to `sums`.
    fn kinglet_armv7em_sum4(source: *const i8, pixels: usize, pixel_bytes: usize, sums: *mut i32);
}

assembly! { "pool.s", }

/// Sums of four channels that fit 16 bits.
const PIXELS_AT_ONCE: usize = 255;

/// A position along an axis and how many follow it.
type Span = (usize, usize);

/// See [`crate::pool::average_pool_i8`].
#[inline(never)]
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    if !layer.geometry.fits(io) {
        return io.refuse();
    }
    let [height, width, channels] = layer.geometry.output;
    let mut at = 0usize;
    for y in 0..height {
        let rows = layer.geometry.clipped(0, y);
        for x in 0..width {
            let columns = layer.geometry.clipped(1, x);
            let mut channel = 0;
            while channel < channels {
                average(layer, io, (rows, columns), channel, at);
                channel = channel.wrapping_add(4);
            }
            at = at.wrapping_add(channels);
        }
    }
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
