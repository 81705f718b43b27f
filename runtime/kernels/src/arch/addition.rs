//! What the additions of all instruction sets start from.

use crate::Io;
use crate::elementwise::{AddI8, Operand};
use crate::numerics::FixedPoint;

/// The factor of the operand with the larger scale ([`AddI8`]): `(x << 20) * HALF` has no second rounding.
pub(crate) const HALF: FixedPoint = FixedPoint { multiplier: 1 << 30, shift: 0 };

/// An operand.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    /// As many elements as the [`Io`]'s input.
    pub(crate) start: *const i8,
    pub(crate) zero_point: i32,
    /// Brings the operand to the common scale.
    pub(crate) factor: FixedPoint,
}

/// Both operands, first the one whose factor is one half, if there is one. `None` when one is broadcast or too short,
/// or the output is not as long as the input.
pub(crate) fn terms(layer: &AddI8, io: &mut Io<i8>, b: &Operand<'_, i8>) -> Option<[Term; 2]> {
    let len = io.input().len();
    let start = io.input().as_ptr();
    let b_start = match b {
        Operand::Slice(b, broadcast) if broadcast.inner == 1 && broadcast.len >= len && b.len() >= len => b.as_ptr(),
        Operand::SameAsInput => start,
        Operand::Slice(..) => return None,
    };
    let a = Term { start, zero_point: layer.a_zero_point, factor: layer.a_factor };
    let b = Term { start: b_start, zero_point: layer.b_zero_point, factor: layer.b_factor };
    let terms = if a.factor == HALF { [a, b] } else { [b, a] };
    (io.output().len() == len).then_some(terms)
}
