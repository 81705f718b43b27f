//! Add and Mul of floats, chunk by chunk.

use super::chunks::binary_short;
use super::{ElementwiseF32, Operand};
use crate::Io;

/// Computes the sum. No scratch.
pub(crate) fn add_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    binary_short(io, b, |a, b| a + b);
    layer.clamp.apply_all(io.output());
}

/// Computes the product. No scratch.
pub fn mul_f32(layer: &ElementwiseF32, io: &mut Io<f32>, b: Operand<'_, f32>) {
    binary_short(io, b, |a, b| a * b);
    layer.clamp.apply_all(io.output());
}
