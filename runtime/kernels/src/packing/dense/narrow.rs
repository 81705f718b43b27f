//! Row-major weights of fewer than eight bits, unpacked one at a time where they are multiplied: for every machine.

use super::Storage;
use crate::Io;
use crate::conv2d::portable::for_each_patch;
use crate::conv2d::{self, Conv2dI8};
use crate::dense::{Dense, Vector, multiply_add};
use crate::fully_connected::{self, FullyConnectedI8};
use core::ops::Range;

/// As [`crate::conv2d::portable::conv2d_i8`].
pub(crate) fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let geometry = &layer.geometry;
    let taps = geometry.taps();
    let group_outputs = geometry.output[2].checked_div(geometry.groups).unwrap_or(0);
    for_each_patch(layer, io, scratch, |io, patch, pixel| {
        for group in 0..geometry.groups {
            let first = group.wrapping_mul(group_outputs);
            let vector = Vector::Gathered(crate::io::range(patch, group.wrapping_mul(taps), taps));
            let at = pixel.wrapping_mul(geometry.output[2]).wrapping_add(first);
            let dense = conv2d::portable::dense(layer);
            outputs(&dense, layer.storage, io, vector, (first..first.wrapping_add(group_outputs), at));
        }
    });
}

/// As [`crate::fully_connected::portable::fully_connected_i8`].
pub(crate) fn fully_connected_i8(layer: &FullyConnectedI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    for row in 0..layer.rows {
        let vector = Vector::Input(row.wrapping_mul(layer.taps));
        let at = row.wrapping_mul(layer.outputs);
        outputs(&fully_connected::portable::dense(layer), layer.storage, io, vector, (0..layer.outputs, at));
    }
}

/// Computes some outputs of one vector and writes them from element `at` on.
fn outputs(
    dense: &Dense<'_>,
    storage: Storage,
    io: &mut Io<i8>,
    vector: Vector<'_>,
    (outputs, at): (Range<usize>, usize),
) {
    for (index, output) in outputs.enumerate() {
        let first = output.wrapping_mul(dense.taps);
        let weight = |tap: usize| storage.read(dense.weights, first.wrapping_add(tap)).unwrap_or(0);
        let inputs = dense.vector(io, vector).iter().enumerate();
        let sum = inputs.fold(0, |sum, (tap, x)| multiply_add(sum, *x, weight(tap)));
        io.set(at.wrapping_add(index), dense.finish(output, sum));
    }
}
