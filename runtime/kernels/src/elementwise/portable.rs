//! Add and Mul of int8, chunk by chunk.

use super::chunks::binary;
use super::{AddI8, MulI8, Operand};
use crate::Io;

/// Computes the sum. No scratch.
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    binary(io, b, |a, b| layer.apply(a, b));
}

/// Computes the product. No scratch.
pub fn mul_i8(layer: &MulI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    binary(io, b, |a, b| layer.apply(a, b));
}
