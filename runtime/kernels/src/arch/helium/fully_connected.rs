//! FullyConnected over [`Packing::Quads`](crate::conv2d::Packing::Quads) weights.

use super::vector::{Constants, LANES, vector};
use crate::Io;
use crate::fully_connected::FullyConnectedI8;

/// See [`crate::fully_connected::fully_connected_i8`].
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let shape = (outputs, taps.div_ceil(LANES));
    let Some(constants) = Constants::new(layer.weights, layer.bias, layer.requant, layer.stage, shape) else { return };
    for row in 0..layer.rows {
        let start = row.wrapping_mul(taps);
        let Some(input) = io.input().get(start..start.wrapping_add(taps)) else { return };
        let input = input.as_ptr();
        let start = row.wrapping_mul(outputs);
        if let Some(output) = io.output().get_mut(start..start.wrapping_add(outputs)) {
            // SAFETY: `input` has `taps` bytes, for which `constants` are. By the operator's contract the output does
            // not touch the row's input; if it did, numbers would differ, not extents.
            unsafe { vector(&constants, taps, input, output) };
        }
    }
}
