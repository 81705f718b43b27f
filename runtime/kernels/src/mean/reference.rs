//! Mean as its formula.

use super::{MeanF32, MeanI8};
use crate::Io;
use crate::formula::{Tensor, Wrapping, positions};

/// The mean that every `mean_i8` kernel equals to the bit.
pub fn mean_i8_reference(layer: &MeanI8, io: &mut Io<i8>) {
    for (at, [outer, inner]) in positions([layer.outer, layer.inner]).enumerate() {
        let input = Tensor::new(io.input(), [layer.outer, layer.reduced, layer.inner]);
        let mut sum = Wrapping(0_i32);
        for r in 0..layer.reduced {
            sum += Wrapping(i32::from(input.at([outer, r, inner]))) - Wrapping(layer.input_zero_point);
        }
        io.set(at, layer.stage.apply(sum.0, layer.factor));
    }
}

/// The mean that every `mean_f32` kernel equals to the bit.
pub fn mean_f32_reference(layer: &MeanF32, io: &mut Io<f32>) {
    for (at, [outer, inner]) in positions([layer.outer, layer.inner]).enumerate() {
        let input = Tensor::new(io.input(), [layer.outer, layer.reduced, layer.inner]);
        let sum = (0..layer.reduced).fold(0.0, |sum, r| sum + input.at([outer, r, inner]));
        io.set(at, sum / layer.reduced as f32);
    }
}
