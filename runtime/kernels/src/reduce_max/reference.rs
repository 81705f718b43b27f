//! ReduceMax as its formula.

use super::ReduceMax;
use crate::Io;

fn reduce_max<T: Copy + PartialOrd>(layer: &ReduceMax, io: &mut Io<T>, lowest: T) {
    for outer in 0..layer.outer {
        for inner in 0..layer.inner {
            let mut max = lowest;
            for r in 0..layer.reduced {
                let row = outer.wrapping_mul(layer.reduced).wrapping_add(r);
                let x = io.input().get(row.wrapping_mul(layer.inner).wrapping_add(inner)).copied().unwrap_or(lowest);
                if x > max {
                    max = x;
                }
            }
            io.set(outer.wrapping_mul(layer.inner).wrapping_add(inner), max);
        }
    }
}

/// The maximum that every `reduce_max_i8` kernel equals to the bit.
pub fn reduce_max_i8_reference(layer: &ReduceMax, io: &mut Io<i8>) {
    reduce_max(layer, io, i8::MIN);
}

/// The maximum that every `reduce_max_f32` kernel equals to the bit.
pub fn reduce_max_f32_reference(layer: &ReduceMax, io: &mut Io<f32>) {
    reduce_max(layer, io, f32::NEG_INFINITY);
}
