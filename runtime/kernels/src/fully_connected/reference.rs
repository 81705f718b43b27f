//! FullyConnected as its formula. Input and output must not overlap.

use super::{FullyConnectedF32, FullyConnectedI8, FullyConnectedI16};
use crate::Io;
use crate::formula::{Tensor, Wrapping, long_product, positions, product};

/// The layer that every `fully_connected_i8` kernel equals to the bit, in any packing.
pub fn fully_connected_i8_reference(layer: &FullyConnectedI8, io: &mut Io<i8>) {
    for (at, [row, o]) in positions([layer.rows, layer.outputs]).enumerate() {
        let input = Tensor::new(io.input(), [layer.rows, layer.taps]);
        let mut acc = Wrapping(layer.bias.get(o).copied().unwrap_or(0));
        for k in 0..layer.taps {
            acc += product(input.at([row, k]), layer.weight_at(o, k));
        }
        io.set(at, layer.stage.apply(acc.0, layer.requant.at(o)));
    }
}

/// The layer that every `fully_connected_i16` kernel equals to the bit.
pub fn fully_connected_i16_reference(layer: &FullyConnectedI16, io: &mut Io<i16>) {
    let weights = Tensor::new(layer.weights, [layer.outputs, layer.taps]);
    for (at, [row, o]) in positions([layer.rows, layer.outputs]).enumerate() {
        let input = Tensor::new(io.input(), [layer.rows, layer.taps]);
        let mut sum = Wrapping(0);
        for k in 0..layer.taps {
            sum += long_product(input.at([row, k]), weights.at([o, k]));
        }
        io.set(at, layer.stage.apply(o, sum.0));
    }
}

/// The layer that every `fully_connected_f32` kernel equals to the bit.
pub fn fully_connected_f32_reference(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    let weights = Tensor::new(layer.weights, [layer.outputs, layer.taps]);
    for (at, [row, o]) in positions([layer.rows, layer.outputs]).enumerate() {
        let input = Tensor::new(io.input(), [layer.rows, layer.taps]);
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for k in 0..layer.taps {
            acc += input.at([row, k]) * weights.at([o, k]);
        }
        io.set(at, layer.clamp.apply(acc));
    }
}
