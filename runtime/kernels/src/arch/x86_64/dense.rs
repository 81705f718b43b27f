//! Conv2D and FullyConnected with the instructions that the token is the proof of.

use super::{Found, dense_avx512};
use crate::conv2d::{self, Conv2dI8};
use crate::fully_connected::{self, FullyConnectedI8};
use crate::{Io, dots};

/// Any convolution in row-major order.
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    match layer.token.0 {
        Found::Plain => conv2d::portable::conv2d_i8(layer, io, scratch),
        Found::Avx2(proof) => dots::conv2d_i8(proof, layer, io, scratch),
        Found::AvxVnni(proof) => dots::conv2d_i8(proof, layer, io, scratch),
        Found::Avx512Vnni(proof) => dense_avx512::conv2d_i8(proof, layer, io, scratch),
    }
}

/// Any layer in row-major order.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    match layer.token.0 {
        Found::Plain => fully_connected::portable::fully_connected_i8(layer, io, scratch),
        Found::Avx2(proof) => dots::fully_connected_i8(proof, layer, io, scratch),
        Found::AvxVnni(proof) => dots::fully_connected_i8(proof, layer, io, scratch),
        Found::Avx512Vnni(proof) => dense_avx512::fully_connected_i8(proof, layer, io, scratch),
    }
}
