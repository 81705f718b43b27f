//! Average pooling, four channels at a time.

use crate::Io;
use crate::pool::PoolI8;

unsafe extern "C" {
    /// Adds four channels of `pixels` pixels, 1 to 255, `pixel_bytes` apart, to `sums`.
    fn kinglet_armv7em_sum4(source: *const i8, pixels: usize, pixel_bytes: usize, sums: *mut i32);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("pool.s"), options(raw));

/// Sums of four channels that fit 16 bits.
const PIXELS_AT_ONCE: usize = 255;

/// See [`crate::pool::average_pool_i8`].
#[inline(never)]
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    let [height, width, channels] = geometry.output;
    let mut at = 0usize;
    for y in 0..height {
        let rows = geometry.clipped(0, y);
        for x in 0..width {
            let columns = geometry.clipped(1, x);
            let mut channel = 0;
            while channel < channels {
                let values = average(layer, io.input(), (rows, columns), channel);
                let count = channels.wrapping_sub(channel).min(4);
                let output = io.output().get_mut(at..at.saturating_add(count)).unwrap_or_default();
                output.iter_mut().zip(values).for_each(|(to, value)| *to = value);
                at = at.wrapping_add(count);
                channel = channel.wrapping_add(4);
            }
        }
    }
}

/// A position along an axis and how many follow it.
type Span = (usize, usize);

/// The averages of channels `channel .. channel + 4` of a window; those that do not exist are anything.
#[inline(never)]
fn average(layer: &PoolI8, input: &[i8], (rows, columns): (Span, Span), channel: usize) -> [i8; 4] {
    let geometry = &layer.geometry;
    let [_, width, channels] = geometry.input;
    let step = geometry.dilation[1].wrapping_mul(channels);
    // A pixel without a whole word for these channels: the word ends with the last of them.
    let shift = channel.saturating_add(4).saturating_sub(channels).min(channel);
    let mut sums = [0i32; 4];
    // Whole rows of neighbours are one long row.
    let is_whole = columns.1 == width && geometry.dilation[0] == 1;
    let (row_count, pixels) = if is_whole { (1, rows.1.wrapping_mul(columns.1)) } else { (rows.1, columns.1) };
    let mut row = rows.0;
    for _ in 0..row_count {
        let mut left = pixels;
        let mut start = row.wrapping_mul(width).wrapping_add(columns.0).wrapping_mul(channels);
        start = start.wrapping_add(channel).wrapping_sub(shift);
        while left > 0 {
            let pixels = left.min(PIXELS_AT_ONCE);
            let len = pixels.wrapping_sub(1).saturating_mul(step).saturating_add(4);
            match input.get(start..start.saturating_add(len)) {
                // SAFETY: the last pixel's word ends with the slice.
                Some(source) => unsafe { kinglet_armv7em_sum4(source.as_ptr(), pixels, step, sums.as_mut_ptr()) },
                None => narrow(input.get(start..).unwrap_or_default(), (pixels, step, channels), &mut sums),
            }
            start = start.wrapping_add(pixels.wrapping_mul(step));
            left = left.wrapping_sub(pixels);
        }
        row = row.wrapping_add(geometry.dilation[0]);
    }
    let count = rows.1.wrapping_mul(columns.1) as i32;
    // The lanes before `shift` belong to the block before; those behind the last are anything.
    let [a, b, c, d] = sums.map(|sum| layer.average(sum, count));
    match shift {
        0 => [a, b, c, d],
        1 => [b, c, d, d],
        2 => [c, d, d, d],
        _ => [d; 4],
    }
}

/// Pixels of less than four channels.
#[inline(never)]
fn narrow(source: &[i8], (pixels, step, channels): (usize, usize, usize), sums: &mut [i32; 4]) {
    for pixel in 0..pixels {
        let values = source.get(pixel.wrapping_mul(step)..).unwrap_or_default();
        for (sum, value) in sums.iter_mut().zip(values).take(channels) {
            *sum = sum.wrapping_add((*value).into());
        }
    }
}
