//! Reductions as their formula.

use super::{Extents, Kind, Number, ReduceF32, ReduceInt, counts};
use crate::Io;
use crate::formula::{Tensor, positions};

/// The reduction that every `reduce_f32` kernel equals to the bit.
pub fn reduce_f32_reference(layer: &ReduceF32, io: &mut Io<f32>) {
    let count = counts(&layer.extents)[1] as f32;
    let is_mean = layer.kind == Kind::Mean;
    reduce(layer.kind, &layer.extents, io, |sum: f32| if is_mean { sum / count } else { sum });
}

/// The reduction that every `reduce_i8` kernel equals to the bit.
pub fn reduce_i8_reference(layer: &ReduceInt, io: &mut Io<i8>) {
    let count = counts(&layer.extents)[1];
    reduce(layer.kind, &layer.extents, io, |sum: i32| layer.finish(sum, count, [-128, 127]) as i8);
}

/// The reduction that every `reduce_i16` kernel equals to the bit.
pub fn reduce_i16_reference(layer: &ReduceInt, io: &mut Io<i16>) {
    let count = counts(&layer.extents)[1];
    reduce(layer.kind, &layer.extents, io, |sum: i32| layer.finish(sum, count, [-32768, 32767]) as i16);
}

fn reduce<T: Copy + Default + Into<S>, S: Number>(
    kind: Kind,
    extents: &Extents,
    io: &mut Io<T>,
    finish: impl Fn(S) -> T,
) {
    let [k0, r0, k1, r1, k2, r2, k3] = *extents;
    for (at, [a, b, c, d]) in positions([k0, k1, k2, k3]).enumerate() {
        let input = Tensor::new(io.input(), *extents);
        let inputs = positions([r0, r1, r2]).map(|[i, j, k]| input.at([a, i, b, j, c, k, d]));
        let sum = inputs.fold(kind.start(), |sum, x| kind.step(sum, x.into()));
        io.set(at, finish(sum));
    }
}
