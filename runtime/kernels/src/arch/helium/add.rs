//! Elementwise addition, four elements at a time.
//!
//! [`AddI8`]'s common scale is twice the larger of the operands' scales, so one operand's factor is exactly one half:
//! `(x << 20) / 2` without rounding, which one multiplication adds to the other operand. When both are one half, the
//! other is shifted left by one bit more and rounded to the right by one bit, which is exact as well.

use crate::Io;
use crate::arch::addition::{HALF, terms};
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Operand, portable};
use crate::numerics::{FixedPoint, RIGHT_SHIFTS};

/// Arguments of the assembly.
#[repr(C)]
struct Add {
    /// `2^20` or `2^21`.
    scale: i32,
    min: i32,
    max: i32,
    len: usize,
    /// The operand with the smaller scale.
    scaled: *const i8,
    /// The other one.
    half: *const i8,
    /// May be one of them.
    output: *mut i8,
    /// Of the scaled operand.
    multiplier: i32,
    /// To the left.
    shift: i32,
    /// `2^19`.
    half_scale: i32,
    /// `-zero_point * 2^19` of the other operand.
    half_offset: i32,
    /// Of the sum.
    output_multiplier: i32,
    /// To the left.
    output_shift: i32,
    zero_point: i32,
    /// `-zero_point * scale` of the scaled operand.
    offset: i32,
}

in_order! {
    Add:
    scale min max len scaled half output multiplier shift half_scale half_offset output_multiplier
    output_shift zero_point offset
}

unsafe extern "C" {
    /// Reads `len` elements of both operands and writes as many, four at a time in order.
    fn kinglet_helium_add(arguments: *const Add);
}

assembly! { "add.s", }

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    if !add_by_assembly(layer, io, &b) {
        portable::add_i8(layer, io, b);
    }
}

/// False, and nothing done, when the layer is not one that the assembly takes: a broadcast, or factors that no host writes.
fn add_by_assembly(layer: &AddI8, io: &mut Io<i8>, b: &Operand<'_, i8>) -> bool {
    let len = io.input().len();
    let Some([half, scaled]) = terms(layer, io, b) else { return false };
    let factor = scaled.factor;
    let takes = |factor: FixedPoint| RIGHT_SHIFTS.contains(&factor.shift);
    let taken = half.factor == HALF && (factor == HALF || takes(factor)) && takes(layer.output_factor);
    if !taken {
        return false;
    }
    let more = i32::from(factor == HALF);
    let scale = 1i32.wrapping_shl(ADD_LEFT_SHIFT).wrapping_shl(more as u32);
    let half_scale = 1i32.wrapping_shl(ADD_LEFT_SHIFT - 1);
    let arguments = Add {
        scale,
        min: layer.stage.min,
        max: layer.stage.max,
        len,
        scaled: scaled.start,
        half: half.start,
        output: io.output().as_mut_ptr(),
        multiplier: factor.multiplier,
        shift: factor.shift.wrapping_sub(more),
        half_scale,
        half_offset: half.zero_point.wrapping_neg().wrapping_mul(half_scale),
        output_multiplier: layer.output_factor.multiplier,
        output_shift: layer.output_factor.shift,
        zero_point: layer.stage.zero_point,
        offset: scaled.zero_point.wrapping_neg().wrapping_mul(scale),
    };
    // SAFETY: both operands and the output have `len` elements. When memory is shared, each element is read before
    // one at its place or behind it is written, as the in-place contract wants.
    unsafe { kinglet_helium_add(&arguments) };
    true
}
