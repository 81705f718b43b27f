//! Elementwise addition, four elements at a time.
//!
//! The operand with the larger scale has the factor one half ([`AddI8`]), and half of `x << 20` is a shift without a
//! rounding: only the other operand is multiplied. Should both have that factor, the second is multiplied by
//! `2^31 - 1` instead, which gives the same for the 511 values that it can have.

use crate::Io;
use crate::arch::addition::{HALF, terms};
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Operand, portable};
use crate::numerics::{DUAL_MULTIPLY_SHIFTS, FixedPoint};

/// A multiplication and what is added before it.
#[repr(C)]
struct Factor {
    offset: i32,
    multiplier: i32,
    rounding: i32,
    /// To the right.
    shift: i32,
}

in_order! { Factor: offset multiplier rounding shift }

/// Arguments of the assembly.
#[repr(C)]
struct Add {
    /// The other operand's, to twice the common scale.
    scaled: Factor,
    /// The sum's; the offset is that of the operand with the common scale.
    sum: Factor,
    /// The operand with the common scale.
    exact: *const i8,
    /// The other.
    other: *const i8,
    /// May be either operand, or before it.
    output: *mut i8,
    /// Behind the last output.
    end: *const i8,
    /// Not zero when the clamp is narrower than `i8`.
    clamps: u32,
    min: i32,
    max: i32,
}

in_order! { Add: scaled sum exact other output end clamps min max }

unsafe extern "C" {
    /// Reads as many elements of both operands as lie between `output` and `end`, a multiple of four and not zero, and
    /// writes them there.
    fn kinglet_armv7m_add(arguments: *const Add);
}

assembly! {
    "add.s",
    Add {
        ADD_SUM = sum,
        ADD_A = exact,
        ADD_END = end,
        ADD_CLAMPS = clamps,
        ADD_MIN = min,
    }
}

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    if !add_by_assembly(layer, io, &b) {
        portable::add_i8(layer, io, b);
    }
}

/// False, and nothing done, when the layer is not one that the assembly takes: a broadcast, or factors outside its range.
fn add_by_assembly(layer: &AddI8, io: &mut Io<i8>, b: &Operand<'_, i8>) -> bool {
    let len = io.input().len();
    let Some([exact, other]) = terms(layer, io, b) else { return false };
    let factor = if other.factor == HALF { FixedPoint { multiplier: i32::MAX, shift: -1 } } else { other.factor };
    let takes = |factor: FixedPoint| DUAL_MULTIPLY_SHIFTS.contains(&factor.shift);
    if exact.factor != HALF || !takes(factor) || !takes(layer.output_factor) {
        return false;
    }
    let done = len & !3;
    let output = io.output().as_mut_ptr();
    let arguments = Add {
        scaled: scaled(factor, other.zero_point.wrapping_neg().wrapping_shl(ADD_LEFT_SHIFT + 1), 0),
        sum: scaled(
            layer.output_factor,
            exact.zero_point.wrapping_neg().wrapping_shl(ADD_LEFT_SHIFT),
            layer.stage.zero_point,
        ),
        exact: exact.start,
        other: other.start,
        output,
        end: output.wrapping_add(done),
        clamps: u32::from(layer.stage.min > -128 || layer.stage.max < 127),
        min: layer.stage.min,
        max: layer.stage.max,
    };
    if done > 0 {
        // SAFETY: both operands and the output have `len` elements. When memory is shared, four elements are read
        // before one at their places or behind them is written, as the contract of overlaps wants.
        unsafe { kinglet_armv7m_add(&arguments) };
    }
    for index in done..len {
        let a = io.input().get(index).copied().unwrap_or(0);
        io.set(index, layer.apply(a, b.element(index, a)));
    }
    true
}

/// `factor` behind `offset`, rounding to a value around `zero_point`.
fn scaled(factor: FixedPoint, offset: i32, zero_point: i32) -> Factor {
    let shift = factor.shift.wrapping_neg();
    let rounding = zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(shift.wrapping_sub(1) as u32);
    Factor { offset, multiplier: factor.multiplier, rounding, shift }
}
