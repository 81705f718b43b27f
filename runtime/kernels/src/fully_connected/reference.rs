//! FullyConnected as its formula. Input and output must not overlap.

use super::{FullyConnectedF32, FullyConnectedI8};
use crate::Io;

/// The layer that every `fully_connected_i8` kernel equals to the bit, in any packing.
pub fn fully_connected_i8_reference(layer: &FullyConnectedI8, io: &mut Io<i8>) {
    for row in 0..layer.rows {
        for o in 0..layer.outputs {
            let mut acc = layer.bias.get(o).copied().unwrap_or(0);
            for k in 0..layer.taps {
                let x = io.input().get(row.wrapping_mul(layer.taps).wrapping_add(k)).copied().unwrap_or(0);
                acc = acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(layer.weight_at(o, k))));
            }
            let value = layer.stage.apply(acc, layer.requant.at(o));
            io.set(row.wrapping_mul(layer.outputs).wrapping_add(o), value);
        }
    }
}

/// The layer that every `fully_connected_f32` kernel equals to the bit.
pub fn fully_connected_f32_reference(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    for row in 0..layer.rows {
        for o in 0..layer.outputs {
            let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
            for k in 0..layer.taps {
                let x = io.input().get(row.wrapping_mul(layer.taps).wrapping_add(k)).copied().unwrap_or(0.0);
                acc += x * layer.weights.get(o.wrapping_mul(layer.taps).wrapping_add(k)).copied().unwrap_or(0.0);
            }
            io.set(row.wrapping_mul(layer.outputs).wrapping_add(o), layer.clamp.apply(acc));
        }
    }
}
