//! FullyConnected, several outputs at a time.

use super::FullyConnectedI8;
use crate::Io;
use crate::dense::{Dense, Vector};

/// Any layer in [`crate::conv2d::Packing::RowMajor`]. Needs no scratch.
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for row in 0..layer.rows {
        let input = Vector::Input(row.wrapping_mul(layer.taps));
        dense(layer).row_major(io, input, 0..layer.outputs, row.wrapping_mul(layer.outputs));
    }
}

/// The weights, and what happens to their sums.
pub(crate) fn dense<'a>(layer: &FullyConnectedI8<'a>) -> Dense<'a> {
    Dense { taps: layer.taps, weights: layer.weights, bias: layer.bias, requant: layer.requant, stage: layer.stage }
}
