//! FullyConnected, several outputs at a time.

use super::FullyConnectedI8;
use crate::Io;
use crate::dense::{Dense, Vector};

/// Any layer in [`crate::conv2d::Packing::RowMajor`]. Needs no scratch.
pub fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    for row in 0..layer.rows {
        let input = Vector::Input(row.wrapping_mul(layer.taps));
        dense(layer).row_major(io, input, 0..layer.outputs, row.wrapping_mul(layer.outputs));
    }
}

/// Any layer in [`crate::conv2d::Packing::PairedBlocks`]. Needs no scratch.
pub fn fully_connected_i8_paired(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    for row in 0..layer.rows {
        let input = Vector::Input(row.wrapping_mul(layer.taps));
        dense(layer).paired(io, layer.packing, input, layer.outputs, row.wrapping_mul(layer.outputs));
    }
}

/// Any layer in [`crate::conv2d::Packing::Quads`]. Needs no scratch.
pub fn fully_connected_i8_quads(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    for row in 0..layer.rows {
        let input = Vector::Input(row.wrapping_mul(layer.taps));
        dense(layer).quads(io, input, row.wrapping_mul(layer.outputs), layer.outputs);
    }
}

/// Any layer in any packing, weight by weight: what runs a Cortex-M0 blob on other machines. Needs no scratch.
pub fn fully_connected_i8_packed(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    for row in 0..layer.rows {
        let input = Vector::Input(row.wrapping_mul(layer.taps));
        dense(layer).packed(layer.packing, io, input, row.wrapping_mul(layer.outputs));
    }
}

fn dense<'a>(layer: &FullyConnectedI8<'a>) -> Dense<'a> {
    Dense { taps: layer.taps, weights: layer.weights, bias: layer.bias, requant: layer.requant, stage: layer.stage }
}
