//! Pooling and mean, sixteen channels at a time. Layers with fewer channels are the portable kernels'.
//!
//! The last block of a pixel whose channels are no multiple of sixteen begins so that it ends with the pixel: some
//! channels are computed twice, which the operators' contract allows, since a pixel's outputs touch none of its inputs.

use crate::Io;
use crate::mean::MeanI8;
use crate::pool::{PoolI8, rounded_average};

/// Channels of a block.
const BLOCK: usize = 16;

/// Arguments of the assembly, which knows the offsets.
#[repr(C)]
struct Window<T> {
    /// 0
    input: *const i8,
    /// 4: bytes from a tap to the next in its row.
    tap_bytes: usize,
    /// 8: not zero.
    columns: usize,
    /// 12: not zero.
    rows: usize,
    /// 16: bytes from the end of a row of taps to the next.
    skip: usize,
    /// 20: sixteen results.
    results: *mut T,
}

unsafe extern "C" {
    /// Adds sixteen channels over the window.
    fn kinglet_helium_sums(window: *const Window<i32>);
    /// Their maxima.
    fn kinglet_helium_maxima(window: *const Window<i8>);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("pool.s"), options(raw));

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
    /// Arguments for the channels from `channel` on; `None` when the window is empty or leaves `input`.
    fn window<T>(&self, input: &[i8], channel: usize, results: &mut [T; BLOCK]) -> Option<Window<T>> {
        let start = self.start.wrapping_add(channel);
        let rows = self.rows.checked_sub(1)?.saturating_mul(self.row_bytes);
        let columns = self.columns.checked_sub(1)?.saturating_mul(self.tap_bytes);
        let input = input.get(start..start.saturating_add(rows).saturating_add(columns).saturating_add(BLOCK))?;
        Some(Window {
            input: input.as_ptr(),
            tap_bytes: self.tap_bytes,
            columns: self.columns,
            rows: self.rows,
            skip: self.row_bytes.wrapping_sub(self.columns.wrapping_mul(self.tap_bytes)),
            results: results.as_mut_ptr(),
        })
    }

    fn sums(&self, input: &[i8], channel: usize) -> [i32; BLOCK] {
        let mut sums = [0; BLOCK];
        if let Some(window) = self.window(input, channel, &mut sums) {
            // SAFETY: the last tap's block ends within `input`; there is at least one tap and room for the sums.
            unsafe { kinglet_helium_sums(&window) };
        }
        sums
    }

    fn maxima(&self, input: &[i8], channel: usize) -> [i8; BLOCK] {
        let mut maxima = [i8::MIN; BLOCK];
        if let Some(window) = self.window(input, channel, &mut maxima) {
            // SAFETY: as for `sums`.
            unsafe { kinglet_helium_maxima(&window) };
        }
        maxima
    }
}

/// Writes what `block` makes of each block of `channels` channels, at least [`BLOCK`], from element `at` on.
fn for_each_block(io: &mut Io<i8>, at: usize, channels: usize, mut block: impl FnMut(&[i8], usize) -> [i8; BLOCK]) {
    let mut channel = 0usize;
    while channel < channels {
        let first = channel.min(channels.wrapping_sub(BLOCK));
        let values = block(io.input(), first);
        let output = io.output().get_mut(at.wrapping_add(first)..).unwrap_or_default();
        output.iter_mut().zip(values).for_each(|(place, value)| *place = value);
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
            pixel(at, Taps {
                start: row.wrapping_mul(geometry.input[1]).wrapping_add(column).wrapping_mul(channels),
                columns,
                tap_bytes: geometry.dilation[1].wrapping_mul(channels),
                rows,
                row_bytes: geometry.dilation[0].wrapping_mul(geometry.input[1]).wrapping_mul(channels),
            });
            at = at.wrapping_add(channels);
        }
    }
}

/// See [`crate::pool::average_pool_i8`]; false, and nothing done, for fewer than sixteen channels.
pub(crate) fn average_pool_i8(layer: &PoolI8, io: &mut Io<i8>) -> bool {
    let channels = layer.geometry.output[2];
    if channels < BLOCK {
        return false;
    }
    for_each_pixel(layer, |at, taps| {
        let count = taps.rows.wrapping_mul(taps.columns) as i32;
        for_each_block(io, at, channels, |input, channel| {
            taps.sums(input, channel).map(|sum| layer.clamp(rounded_average(sum, count)))
        });
    });
    true
}

/// See [`crate::pool::max_pool_i8`]; false, and nothing done, for fewer than sixteen channels.
pub(crate) fn max_pool_i8(layer: &PoolI8, io: &mut Io<i8>) -> bool {
    let channels = layer.geometry.output[2];
    if channels < BLOCK {
        return false;
    }
    for_each_pixel(layer, |at, taps| {
        for_each_block(io, at, channels, |input, channel| {
            taps.maxima(input, channel).map(|max| layer.clamp(max.into()))
        });
    });
    true
}

/// See [`crate::mean::mean_i8`]; false, and nothing done, for fewer than sixteen channels.
pub(crate) fn mean_i8(layer: &MeanI8, io: &mut Io<i8>) -> bool {
    let channels = layer.inner;
    if channels < BLOCK {
        return false;
    }
    let offset = layer.input_zero_point.wrapping_mul(layer.reduced as i32);
    for outer in 0..layer.outer {
        let start = outer.wrapping_mul(layer.reduced).wrapping_mul(channels);
        let taps = Taps { start, columns: layer.reduced, tap_bytes: channels, rows: 1, row_bytes: 0 };
        for_each_block(io, outer.wrapping_mul(channels), channels, |input, channel| {
            taps.sums(input, channel).map(|sum| layer.stage.apply(sum.wrapping_sub(offset), layer.factor))
        });
    }
    true
}
