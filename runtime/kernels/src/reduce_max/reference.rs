//! ReduceMax as its formula.

use super::ReduceMax;
use crate::Io;
use crate::formula::{Tensor, positions};

/// The maximum that every `reduce_max_i8` kernel equals to the bit.
pub fn reduce_max_i8_reference(layer: &ReduceMax, io: &mut Io<i8>) {
    reduce_max(layer, io, i8::MIN);
}

/// The maximum that every `reduce_max_f32` kernel equals to the bit.
pub fn reduce_max_f32_reference(layer: &ReduceMax, io: &mut Io<f32>) {
    reduce_max(layer, io, f32::NEG_INFINITY);
}

fn reduce_max<T: Copy + Default + PartialOrd>(layer: &ReduceMax, io: &mut Io<T>, lowest: T) {
    for (at, [outer, inner]) in positions([layer.outer, layer.inner]).enumerate() {
        let input = Tensor::new(io.input(), [layer.outer, layer.reduced, layer.inner]);
        let elements = (0..layer.reduced).map(|r| input.at([outer, r, inner]));
        // What is not greater, such as a NaN, is passed over.
        io.set(at, elements.fold(lowest, |max, x| if x > max { x } else { max }));
    }
}
