//! The walk all pooling kernels share: pixel by pixel, in blocks of channels.

use crate::conv2d::Geometry;
use crate::io::{Io, range};

/// Channels of a block: a vector of `i8` where there are vectors, else what the registers hold.
pub(super) const BLOCK: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// The part of a pixel's window that lies inside the image, and the first channel of a block.
#[derive(Clone, Copy)]
pub(super) struct Place {
    rows: (usize, usize),
    columns: (usize, usize),
    channel: usize,
}

/// Writes what `block` makes of `BLOCK` channels, and `tail` of each channel that is left, unless the contract is broken.
#[inline]
pub(super) fn for_each_block<T>(
    geometry: &Geometry,
    io: &mut Io<T>,
    block: impl Fn(&[T], Place) -> [T; BLOCK],
    tail: impl Fn(&[T], Place) -> [T; 1],
) {
    if !geometry.fits(io) {
        return io.refuse();
    }
    let [height, width, channels] = geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        let rows = geometry.clipped(0, y);
        for x in 0..width {
            let columns = geometry.clipped(1, x);
            let mut channel = 0;
            while channels.wrapping_sub(channel) >= BLOCK {
                let values = block(io.input(), Place { rows, columns, channel });
                for (element, value) in io.output().get_mut(at..).unwrap_or_default().iter_mut().zip(values) {
                    *element = value;
                }
                channel = channel.wrapping_add(BLOCK);
                at = at.wrapping_add(BLOCK);
            }
            while channel < channels {
                let [value] = tail(io.input(), Place { rows, columns, channel });
                io.set(at, value);
                channel = channel.wrapping_add(1);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// Calls `visit` with the block's inputs at each position of the window inside the image.
#[inline]
pub(super) fn for_each_tap<T: Copy + Default, const N: usize>(
    geometry: &Geometry,
    input: &[T],
    place: Place,
    mut visit: impl FnMut([T; N]),
) {
    let [_, width, channels] = geometry.input;
    let (mut row, rows) = place.rows;
    let (column, columns) = place.columns;
    let step = geometry.dilation[1].wrapping_mul(channels);
    for _ in 0..rows {
        let pixel = row.wrapping_mul(width).wrapping_add(column);
        let mut start = pixel.wrapping_mul(channels).wrapping_add(place.channel);
        for _ in 0..columns {
            visit(range(input, start, N).first_chunk().copied().unwrap_or([T::default(); N]));
            start = start.wrapping_add(step);
        }
        row = row.wrapping_add(geometry.dilation[0]);
    }
}
