//! Conv2D and FullyConnected of int8 in row-major order, where layers of many pixels have their weights transposed: which
//! layer is computed how.

use super::plan::{Plan, Room};
use crate::Io;
use crate::conv2d::{self, Conv2dI8, Geometry};
use crate::dense::Dense;
use crate::fully_connected::{self, FullyConnectedI8};
use crate::io::range;

/// Fewest pixels for which transposing weights pays.
const LEAST: usize = 8;
/// Most taps of a pixel whose weights are read where they lie.
pub(super) const ROW: usize = 4096;

/// How a layer is computed.
pub(super) enum How {
    /// Weights where they lie, pixel by pixel.
    Rows,
    /// Weights transposed.
    Transposed(Plan),
}

impl How {
    /// None for layers that neither kernel takes.
    fn of(geometry: &Geometry, is_flat: bool, room: &Room) -> Option<How> {
        if is_flat && geometry.pixels() < LEAST && geometry.taps() <= ROW {
            return Some(How::Rows);
        }
        Plan::new(geometry, room).map(How::Transposed)
    }
}

/// Any convolution. `run` gets what is as long as the layer needs, and padding beside the geometry.
#[inline(always)]
pub(super) fn conv2d_i8(
    (layer, room): (&Conv2dI8, &Room),
    io: &mut Io<i8>,
    scratch: &mut [i8],
    run: impl FnOnce(How, (&Geometry, i8), &Dense<'_>, &mut Io<i8>),
) {
    let geometry = &layer.geometry;
    let is_flat = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == geometry.input[1];
    let flat = matrix(geometry.pixels(), geometry.input[2], geometry.output[2]);
    let geometry = if is_flat { &flat } else { geometry };
    let Some(how) = How::of(geometry, is_flat, room) else { return conv2d::portable::conv2d_i8(layer, io, scratch) };
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let mut dense = conv2d::portable::dense(layer);
    dense.bias = range(dense.bias, 0, geometry.output[2]);
    run(how, (geometry, layer.padding_value), &dense, io);
}

/// Any layer, likewise.
#[inline(always)]
pub(super) fn fully_connected_i8(
    (layer, room): (&FullyConnectedI8, &Room),
    io: &mut Io<i8>,
    scratch: &mut [i8],
    run: impl FnOnce(How, (&Geometry, i8), &Dense<'_>, &mut Io<i8>),
) {
    let geometry = matrix(layer.rows, layer.taps, layer.outputs);
    let Some(how) = How::of(&geometry, true, room) else {
        return fully_connected::portable::fully_connected_i8(layer, io, scratch);
    };
    if !layer.fits(io) {
        return io.refuse();
    }
    let mut dense = fully_connected::portable::dense(layer);
    dense.bias = range(dense.bias, 0, layer.outputs);
    run(how, (&geometry, 0), &dense, io);
}

/// A matrix of `pixels` rows as a column of pixels.
fn matrix(pixels: usize, taps: usize, outputs: usize) -> Geometry {
    let one = [1, 1];
    let (input, output) = ([pixels, 1, taps], [pixels, 1, outputs]);
    Geometry { input, output, kernel: one, stride: one, dilation: one, pad: [0, 0], groups: 1 }
}
