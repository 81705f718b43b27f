//! Add and Mul, one element after the other.

use super::{AddI8, ElementwiseF32, MulI8, Operand};
use crate::Io;

/// The sum that every `add_i8` kernel equals to the bit.
pub fn add_i8_reference(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    binary(io, b, |a, b| layer.apply(a, b));
}

/// The product that every `mul_i8` kernel equals to the bit.
pub fn mul_i8_reference(layer: &MulI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    binary(io, b, |a, b| layer.apply(a, b));
}

/// The sum that every `add_f32` kernel equals to the bit.
pub fn add_f32_reference(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    binary(io, b, |a, b| layer.clamp.apply(a + b));
}

/// The product that every `mul_f32` kernel equals to the bit.
pub fn mul_f32_reference(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    binary(io, b, |a, b| layer.clamp.apply(a * b));
}

pub(super) fn binary<T: Copy + Default>(io: &mut Io<T>, b: Operand<'_, T>, apply: impl Fn(T, T) -> T) {
    for index in 0..io.input().len() {
        let a = io.input().get(index).copied().unwrap_or_default();
        io.set(index, apply(a, b.element(index, a)));
    }
}
