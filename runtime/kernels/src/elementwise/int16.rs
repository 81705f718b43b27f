//! Add and Mul of int16 activations.
//!
//! - Operands and broadcasting as in [`super`]; zero points are 0.
//! - Add, per element, each `*` a [`FixedPoint`] multiplication that rounds twice:
//!   `s = (a << 15) * a_factor + (b << 15) * b_factor`, then `clamp(s * output_factor)`. Both factors are at most one
//!   half, so no sum leaves 32 bits. The 15 bits keep the fraction of both scaled operands.
//! - Mul: `clamp(a * b * factor)`, with one such multiplication by a factor below one.
//! - Overlapping input and output: as in [`super`].

use super::Operand;
use super::chunks::binary;
use crate::Io;
use crate::numerics::FixedPoint;

/// Bits that int16 Add shifts its operands left before scaling them.
pub const ADD_I16_LEFT_SHIFT: u32 = 15;

/// int16 addition. The host computes, in `f64`, with scales `sa`, `sb` and `sy`:
///
/// - `t = 2 * max(sa, sb)`, the maximum taken of the two `f32`;
/// - `a_factor = quantize(sa / t)`, `b_factor = quantize(sb / t)`, `output_factor = quantize(t / (2^15 * sy))`.
///
/// All three are below 1, so no shift is positive; the host refuses other scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddI16 {
    /// Brings the first operand to the common scale.
    pub a_factor: FixedPoint,
    /// Brings the second operand to the common scale.
    pub b_factor: FixedPoint,
    /// Brings the sum to the output's scale.
    pub output_factor: FixedPoint,
    /// Lower clamp of the result.
    pub min: i16,
    /// Upper clamp of the result, at least `min`.
    pub max: i16,
}

impl AddI16 {
    /// The sum of one element of each operand.
    #[inline]
    pub fn apply(&self, a: i16, b: i16) -> i16 {
        let a = i32::from(a).wrapping_shl(ADD_I16_LEFT_SHIFT);
        let b = i32::from(b).wrapping_shl(ADD_I16_LEFT_SHIFT);
        let sum = self.a_factor.apply(a).wrapping_add(self.b_factor.apply(b));
        self.output_factor.apply(sum).max(i32::from(self.min)).min(i32::from(self.max)) as i16
    }
}

/// The sum that every `add_i16` kernel equals to the bit.
pub fn add_i16_reference(layer: &AddI16, io: &mut Io<i16>, b: Operand<'_, i16>) {
    super::reference::binary(io, b, |a, b| layer.apply(a, b));
}

/// Computes the sum, chunk by chunk. No scratch.
pub fn add_i16(layer: &AddI16, io: &mut Io<i16>, b: Operand<'_, i16>) {
    binary(io, b, |a, b| layer.apply(a, b));
}

/// int16 multiplication. The host computes `factor = quantize(sa * sb / sy)` in `f64`, in that order, and refuses scales
/// for which it is not below one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MulI16 {
    /// Brings the product to the output's scale.
    pub factor: FixedPoint,
    /// Lower clamp of the result.
    pub min: i16,
    /// Upper clamp of the result, at least `min`.
    pub max: i16,
}

impl MulI16 {
    /// The product of one element of each operand.
    #[inline]
    pub fn apply(&self, a: i16, b: i16) -> i16 {
        let product = i32::from(a).wrapping_mul(i32::from(b));
        self.factor.apply(product).max(i32::from(self.min)).min(i32::from(self.max)) as i16
    }
}

/// The product that every `mul_i16` kernel equals to the bit.
pub fn mul_i16_reference(layer: &MulI16, io: &mut Io<i16>, b: Operand<'_, i16>) {
    super::reference::binary(io, b, |a, b| layer.apply(a, b));
}

/// Computes the product, chunk by chunk. No scratch.
pub fn mul_i16(layer: &MulI16, io: &mut Io<i16>, b: Operand<'_, i16>) {
    binary(io, b, |a, b| layer.apply(a, b));
}
