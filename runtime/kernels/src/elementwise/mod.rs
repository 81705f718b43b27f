//! Add and Mul of two tensors, one of which may be broadcast.
//!
//! - The operand `a` is the [`crate::Io`]'s input and has the output's shape; `b` is an [`Operand`].
//! - int8 Add, per element, each `*` a [`FixedPoint`] multiplication that rounds twice:
//!   `s = ((a - a_zero_point) << 20) * a_factor + ((b - b_zero_point) << 20) * b_factor`, then
//!   `stage(s * output_factor)`. The 20 bits keep the fraction of both scaled operands.
//! - int8 Mul: `stage((a - a_zero_point) * (b - b_zero_point) * factor)`.
//! - float: one addition or multiplication, then the clamp.
//! - Overlapping input and output: the output may start at `a`'s first element or before it; in place is fine.

mod chunks;
mod compact;
pub(crate) mod float;
mod int16;
pub(crate) mod portable;
mod reference;

pub use float::mul_f32;
pub use int16::{ADD_I16_LEFT_SHIFT, AddI16, MulI16, add_i16, add_i16_reference, mul_i16, mul_i16_reference};
pub use portable::mul_i8;
pub use reference::{add_f32_reference, add_i8_reference, mul_f32_reference, mul_i8_reference};

pub use crate::registry::{add_f32, add_i8};

use crate::Token;
use crate::numerics::{ClampF32, FixedPoint, OutputStage};

/// Bits that int8 Add shifts its operands left before scaling them.
pub const ADD_LEFT_SHIFT: u32 = 20;

/// Which element of `b` meets element `i` of `a`: `b[(i / inner) % len]`.
///
/// `inner = 1` and `len` = all is no broadcast; `inner = 1` and `len = C` is one value per channel; `len = 1`
/// is a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Consecutive elements of `a` that meet the same element of `b`.
    pub inner: usize,
    /// Elements of `b`, used in turn.
    pub len: usize,
}

impl Broadcast {
    /// The index into `b` for element `index` of `a`.
    pub fn index(self, index: usize) -> usize {
        index.checked_div(self.inner).unwrap_or(0).checked_rem(self.len).unwrap_or(0)
    }
}

/// The second operand.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a, T> {
    /// Elements elsewhere.
    Slice(&'a [T], Broadcast),
    /// The very elements of the first operand (`x + x`, `x * x`), which may be in place.
    SameAsInput,
}

impl<T: Copy + Default> Operand<'_, T> {
    /// What meets element `index` of the first operand, which is `a`.
    #[inline]
    pub(crate) fn element(&self, index: usize, a: T) -> T {
        match self {
            Operand::Slice(elements, broadcast) => elements.get(broadcast.index(index)).copied().unwrap_or_default(),
            Operand::SameAsInput => a,
        }
    }
}

/// int8 addition. The host computes, in `f64`, with scales `sa`, `sb` and `sy`:
///
/// - `t = 2 * max(sa, sb)`, the maximum taken of the two `f32`;
/// - `a_factor = quantize(sa / t)`, `b_factor = quantize(sb / t)`, `output_factor = quantize(t / (2^20 * sy))`.
///
/// All three are below 1, so no shift is positive; the host refuses other scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddI8 {
    /// Zero point of the first operand.
    pub a_zero_point: i32,
    /// Zero point of the second operand.
    pub b_zero_point: i32,
    /// Brings the first operand to the common scale.
    pub a_factor: FixedPoint,
    /// Brings the second operand to the common scale.
    pub b_factor: FixedPoint,
    /// Brings the sum to the output's scale.
    pub output_factor: FixedPoint,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// What the processor can do.
    pub token: Token,
}

impl AddI8 {
    /// The sum of one element of each operand.
    #[inline]
    pub fn apply(&self, a: i8, b: i8) -> i8 {
        let a = i32::from(a).wrapping_sub(self.a_zero_point).wrapping_shl(ADD_LEFT_SHIFT);
        let b = i32::from(b).wrapping_sub(self.b_zero_point).wrapping_shl(ADD_LEFT_SHIFT);
        let sum = self.a_factor.apply(a).wrapping_add(self.b_factor.apply(b));
        self.stage.apply(sum, self.output_factor)
    }
}

/// int8 multiplication. The host computes `factor = quantize(sa * sb / sy)` in `f64`, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MulI8 {
    /// Zero point of the first operand.
    pub a_zero_point: i32,
    /// Zero point of the second operand.
    pub b_zero_point: i32,
    /// Brings the product to the output's scale.
    pub factor: FixedPoint,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
}

impl MulI8 {
    /// The product of one element of each operand.
    #[inline]
    pub fn apply(&self, a: i8, b: i8) -> i8 {
        let a = i32::from(a).wrapping_sub(self.a_zero_point);
        let b = i32::from(b).wrapping_sub(self.b_zero_point);
        self.stage.apply(a.wrapping_mul(b), self.factor)
    }
}

/// float addition or multiplication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElementwiseF32 {
    /// Fused activation.
    pub clamp: ClampF32,
    /// What the processor can do.
    pub token: Token,
}
