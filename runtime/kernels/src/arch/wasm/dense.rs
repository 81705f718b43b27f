//! Conv2D and FullyConnected in row-major order.

use super::rows;
use super::transposed::ROOM;
use crate::Io;
use crate::arch::dense::{self, How};
use crate::conv2d::{Conv2dI8, Geometry};
use crate::dense::Dense;
use crate::fully_connected::FullyConnectedI8;

/// Any convolution.
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    dense::conv2d_i8((layer, &ROOM), io, scratch, run);
}

/// Any layer.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    dense::fully_connected_i8((layer, &ROOM), io, scratch, run);
}

fn run(how: How, (geometry, padding): (&Geometry, i8), dense: &Dense<'_>, io: &mut Io<i8>) {
    match how {
        How::Rows => rows::rows(geometry.pixels(), dense, io),
        How::Transposed(plan) => plan.run((geometry, padding), dense, io),
    }
}
