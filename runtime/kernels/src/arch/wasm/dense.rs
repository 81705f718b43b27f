//! Conv2D and FullyConnected in row-major order: which layer is computed how.

use super::rows::{self, ROW};
use super::transposed::Plan;
use crate::Io;
use crate::conv2d::{self, Conv2dI8, Geometry};
use crate::dense::Dense;
use crate::fully_connected::{self, FullyConnectedI8};
use crate::io::range;

/// Fewest pixels for which transposing weights pays.
const LEAST: usize = 8;

/// Any convolution.
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let is_flat = geometry.is_pointwise() && geometry.stride == [1, 1] && geometry.output[1] == geometry.input[1];
    let flat = matrix(geometry.pixels(), geometry.input[2], geometry.output[2]);
    let geometry = if is_flat { &flat } else { geometry };
    let Some(how) = How::of(geometry, is_flat) else { return conv2d::portable::conv2d_i8(layer, io, scratch) };
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let mut dense = conv2d::portable::dense(layer);
    dense.bias = range(dense.bias, 0, geometry.output[2]);
    run(how, (geometry, layer.padding_value), &dense, io);
}

/// Any layer.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = matrix(layer.rows, layer.taps, layer.outputs);
    let Some(how) = How::of(&geometry, true) else {
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

/// How a layer is computed.
enum How {
    /// Weights where they lie, pixel by pixel.
    Rows,
    /// Weights transposed.
    Transposed(Plan),
}

impl How {
    /// None for layers that neither kernel takes.
    fn of(geometry: &Geometry, is_flat: bool) -> Option<How> {
        if is_flat && geometry.pixels() < LEAST && geometry.taps() <= ROW {
            return Some(How::Rows);
        }
        Plan::new(geometry).map(How::Transposed)
    }
}

fn run(how: How, (geometry, padding): (&Geometry, i8), dense: &Dense<'_>, io: &mut Io<i8>) {
    match how {
        How::Rows => rows::rows(geometry.pixels(), dense, io),
        How::Transposed(plan) => plan.run((geometry, padding), dense, io),
    }
}
