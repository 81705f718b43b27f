//! Add and Mul of int8, chunk by chunk.

use super::chunks::{binary, binary_short};
use super::compact;
use super::{AddI8, MulI8, Operand};
use crate::Io;
use crate::numerics::ShortStage;

/// Computes the sum. No scratch.
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    compact::binary(io, b, |a, b| layer.apply(a, b));
}

/// Computes the product. No scratch.
pub fn mul_i8(layer: &MulI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    let are_codes = [layer.a_zero_point, layer.b_zero_point].iter().all(|zero_point| i8::try_from(*zero_point).is_ok());
    let Some(stage) = ShortStage::new(layer.factor, layer.stage).filter(|_| are_codes) else {
        return binary(io, b, |a, b| layer.apply(a, b));
    };
    let (a_zero_point, b_zero_point) = (layer.a_zero_point, layer.b_zero_point);
    binary_short(io, b, |a, b| {
        let (a, b) = (i32::from(a).wrapping_sub(a_zero_point), i32::from(b).wrapping_sub(b_zero_point));
        stage.apply(a.wrapping_mul(b))
    });
}
