//! Conv2D and FullyConnected in row-major order: by which instructions.

use super::Found;
use super::found::Dotprod;
use super::level::Single;
use super::rows;
use super::transposed::ROOM;
use crate::Io;
use crate::arch::dense::{self, How};
use crate::conv2d::{Conv2dI8, Geometry};
use crate::dense::Dense;
use crate::fully_connected::FullyConnectedI8;

/// Any convolution.
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    dense::conv2d_i8((layer, &ROOM), io, scratch, |how, place, dense, io| {
        run(layer.token.0, how, place, dense, io);
    });
}

/// Any layer.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    dense::fully_connected_i8((layer, &ROOM), io, scratch, |how, place, dense, io| {
        run(layer.token.0, how, place, dense, io);
    });
}

fn run(found: Found, how: How, (geometry, padding): (&Geometry, i8), dense: &Dense<'_>, io: &mut Io<i8>) {
    match (how, found) {
        (How::Rows, Found::Plain) => rows::rows(Single, geometry.pixels(), dense, io),
        (How::Rows, Found::Dotprod(proof)) => rows::rows(proof, geometry.pixels(), dense, io),
        (How::Transposed(plan), Found::Plain) => plan.run(None::<Dotprod>, (geometry, padding), dense, io),
        (How::Transposed(plan), Found::Dotprod(proof)) => plan.run(Some(proof), (geometry, padding), dense, io),
    }
}
