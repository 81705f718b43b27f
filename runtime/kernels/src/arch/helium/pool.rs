//! Pooling and mean, sixteen channels at a time and then what is left of them.

use crate::Io;
use crate::io::volume;
use crate::mean::MeanI8;
use crate::pool::{PoolI8, rounded_average};

/// Channels of a block.
const BLOCK: usize = 16;

/// Arguments of the assembly.
#[repr(C)]
struct Window<T> {
    input: *const i8,
    /// Bytes from a tap to the next in its row.
    tap_bytes: usize,
    /// Not zero.
    columns: usize,
    /// Not zero.
    rows: usize,
    /// Bytes from the end of a row of taps to the next.
    skip: usize,
    /// Sixteen results, of which the first `channels` count.
    results: *mut T,
    /// 1 to 16.
    channels: usize,
}

in_order! {
    Window<u8>:
    input tap_bytes columns rows skip results channels
}

unsafe extern "C" {
    /// Adds sixteen channels over the window.
    fn kinglet_helium_sums(window: *const Window<i32>);
    /// Their maxima.
    fn kinglet_helium_maxima(window: *const Window<i8>);
}

assembly! { "pool.s", }

/// Taps of a window: the first, their distances, and how many.
#[derive(Clone, Copy)]
struct Taps {
    start: usize,
    columns: usize,
    tap_bytes: usize,
    rows: usize,
    row_bytes: usize,
}

impl Taps {
    /// Arguments for `channels` channels from `channel` on; `None` when the window is empty or leaves `input`.
    fn window<T>(
        &self,
        input: &[i8],
        (channel, channels): (usize, usize),
        results: &mut [T; BLOCK],
    ) -> Option<Window<T>> {
        let start = self.start.wrapping_add(channel);
        let rows = self.rows.checked_sub(1)?.saturating_mul(self.row_bytes);
        let columns = self.columns.checked_sub(1)?.saturating_mul(self.tap_bytes);
        let input = input.get(start..start.saturating_add(rows).saturating_add(columns).saturating_add(channels))?;
        Some(Window {
            input: input.as_ptr(),
            tap_bytes: self.tap_bytes,
            columns: self.columns,
            rows: self.rows,
            skip: self.row_bytes.wrapping_sub(self.columns.wrapping_mul(self.tap_bytes)),
            results: results.as_mut_ptr(),
            channels,
        })
    }
}

/// Writes `channels` outputs from element `at` on, the sums of the channels' taps as `finish` makes them of it.
#[inline(never)]
fn sums(io: &mut Io<i8>, at: usize, channels: usize, taps: &Taps, finish: &dyn Fn(i32) -> i8) {
    let mut channel = 0usize;
    while channel < channels {
        let count = channels.wrapping_sub(channel).min(BLOCK);
        let mut results = [0; BLOCK];
        if let Some(window) = taps.window(io.input(), (channel, count), &mut results) {
            // SAFETY: the last tap's channels end within the input; there is at least one tap and one channel.
            unsafe { kinglet_helium_sums(&window) };
        }
        let output = io.output().get_mut(at.wrapping_add(channel)..).unwrap_or_default();
        output.iter_mut().zip(results).take(count).for_each(|(place, sum)| *place = finish(sum));
        channel = channel.wrapping_add(BLOCK);
    }
}

/// Calls `pixel` for each output pixel with its first element and its taps.
fn for_each_pixel(layer: &PoolI8, mut pixel: impl FnMut(usize, Taps)) {
    let geometry = &layer.geometry;
    let [height, width, channels] = geometry.output;
    let mut at = 0usize;
    for y in 0..height {
        let (row, rows) = geometry.clipped(0, y);
        for x in 0..width {
            let (column, columns) = geometry.clipped(1, x);
            let start = row.wrapping_mul(geometry.input[1]).wrapping_add(column).wrapping_mul(channels);
            let tap_bytes = geometry.dilation[1].wrapping_mul(channels);
            let row_bytes = geometry.dilation[0].wrapping_mul(geometry.input[1]).wrapping_mul(channels);
            pixel(at, Taps { start, columns, tap_bytes, rows, row_bytes });
            at = at.wrapping_add(channels);
        }
    }
}

/// See [`crate::pool::average_pool_i8`].
#[inline(never)]
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    if !layer.geometry.fits(io) {
        return io.refuse();
    }
    for_each_pixel(layer, |at, taps| {
        let count = taps.rows.wrapping_mul(taps.columns) as i32;
        let finish = |sum| layer.clamp(rounded_average(sum, count));
        sums(io, at, layer.geometry.output[2], &taps, &finish);
    });
}

/// See [`crate::pool::max_pool_i8`].
#[inline(never)]
pub(crate) fn max_pool_i8(layer: &PoolI8, io: &mut Io<i8>) {
    if layer.geometry.fits(io) { maxima(layer, io) } else { io.refuse() }
}

/// The same, of an input and an output that fit. A function of its own: with both in one the registers of its loop go to
/// what comes before it.
#[inline(never)]
fn maxima(layer: &PoolI8, io: &mut Io<i8>) {
    let channels = layer.geometry.output[2];
    for_each_pixel(layer, |at, taps| {
        let mut channel = 0usize;
        while channel < channels {
            let count = channels.wrapping_sub(channel).min(BLOCK);
            let mut results = [i8::MIN; BLOCK];
            if let Some(window) = taps.window(io.input(), (channel, count), &mut results) {
                // SAFETY: as for the sums.
                unsafe { kinglet_helium_maxima(&window) };
            }
            let output = io.output().get_mut(at.wrapping_add(channel)..).unwrap_or_default();
            let values = results.iter().take(count);
            output.iter_mut().zip(values).for_each(|(place, &max)| *place = layer.clamp(max.into()));
            channel = channel.wrapping_add(BLOCK);
        }
    });
}

/// See [`crate::mean::mean_i8`].
#[inline(never)]
pub(crate) fn mean_i8(layer: &MeanI8, io: &mut Io<i8>) {
    let channels = layer.inner;
    if !io.has(volume([layer.outer, layer.reduced, channels]), layer.outer.wrapping_mul(channels)) {
        return io.refuse();
    }
    let offset = layer.input_zero_point.wrapping_mul(layer.reduced as i32);
    let finish = |sum: i32| layer.stage.apply(sum.wrapping_sub(offset), layer.factor);
    for outer in 0..layer.outer {
        let start = outer.wrapping_mul(layer.reduced).wrapping_mul(channels);
        let taps = Taps { start, columns: layer.reduced, tap_bytes: channels, rows: 1, row_bytes: 0 };
        sums(io, outer.wrapping_mul(channels), channels, &taps, &finish);
    }
}
