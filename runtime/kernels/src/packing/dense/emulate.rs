//! What runs blobs for boards on other machines: any layer in any packing, in plain Rust.

use super::{Order, Taps};
use crate::Io;
use crate::conv2d::portable::for_each_patch;
use crate::conv2d::{self, Conv2dI8};
use crate::dense::Vector;
use crate::fully_connected::{self, FullyConnectedI8};

/// Any convolution without groups. Takes as much scratch as the kernel that it stands for, and uses one patch of it.
pub(super) fn conv2d_i8<P: Order>(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if !layer.fits(io, layer.weight_len()) {
        return io.refuse();
    }
    let outputs = layer.geometry.output[2];
    for_each_patch(layer, io, scratch, |io, patch, pixel| {
        let (dense, vector) = (conv2d::portable::dense(layer), Vector::Gathered(patch));
        P::outputs(&dense, layer.geometry.runs(), io, vector, pixel.wrapping_mul(outputs));
    });
}

/// Any fully connected layer. Needs no scratch.
pub(super) fn fully_connected_i8<P: Order>(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for row in 0..layer.rows {
        let vector = Vector::Input(row.wrapping_mul(layer.taps));
        let dense = fully_connected::portable::dense(layer);
        P::outputs(&dense, Taps::flat(layer.taps), io, vector, row.wrapping_mul(layer.outputs));
    }
}
