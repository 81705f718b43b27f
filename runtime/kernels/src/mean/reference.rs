//! Mean as its formula.

use super::{MeanF32, MeanI8};
use crate::Io;

/// The mean that every `mean_i8` kernel equals to the bit.
pub fn mean_i8_reference(layer: &MeanI8, io: &mut Io<i8>) {
    for outer in 0..layer.outer {
        for inner in 0..layer.inner {
            let mut sum = 0_i32;
            for r in 0..layer.reduced {
                let row = outer.wrapping_mul(layer.reduced).wrapping_add(r);
                let x = io.input().get(row.wrapping_mul(layer.inner).wrapping_add(inner)).copied().unwrap_or(0);
                sum = sum.wrapping_add(x.into());
            }
            let offset = layer.input_zero_point.wrapping_mul(layer.reduced as i32);
            let value = layer.stage.apply(sum.wrapping_sub(offset), layer.factor);
            io.set(outer.wrapping_mul(layer.inner).wrapping_add(inner), value);
        }
    }
}

/// The mean that every `mean_f32` kernel equals to the bit.
pub fn mean_f32_reference(layer: &MeanF32, io: &mut Io<f32>) {
    for outer in 0..layer.outer {
        for inner in 0..layer.inner {
            let mut sum = 0.0_f32;
            for r in 0..layer.reduced {
                let row = outer.wrapping_mul(layer.reduced).wrapping_add(r);
                sum += io.input().get(row.wrapping_mul(layer.inner).wrapping_add(inner)).copied().unwrap_or(0.0);
            }
            io.set(outer.wrapping_mul(layer.inner).wrapping_add(inner), sum / layer.reduced as f32);
        }
    }
}
