//! Elementwise addition, four elements at a time.
//!
//! [`AddI8`]'s common scale is twice the larger of the operands' scales, so one operand's factor is exactly one half:
//! `(x << 20) / 2` without rounding, which one multiplication adds to the other operand. When both are one half, the
//! other is shifted left by one bit more and rounded to the right by one bit, which is exact as well.

use crate::Io;
use crate::arch::addition::{HALF, terms};
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Operand, portable};
use crate::numerics::{FixedPoint, RIGHT_SHIFTS};

/// Arguments of the assembly, which knows the offsets.
#[repr(C)]
struct Add {
    /// 0: `2^20` or `2^21`.
    scale: i32,
    /// 4
    min: i32,
    /// 8
    max: i32,
    /// 12
    len: usize,
    /// 16: the operand with the smaller scale.
    scaled: *const i8,
    /// 20: the other one.
    half: *const i8,
    /// 24: may be one of them.
    output: *mut i8,
    /// 28: of the scaled operand.
    multiplier: i32,
    /// 32: to the left.
    shift: i32,
    /// 36: `2^19`.
    half_scale: i32,
    /// 40: `-zero_point * 2^19` of the other operand.
    half_offset: i32,
    /// 44: of the sum.
    output_multiplier: i32,
    /// 48: to the left.
    output_shift: i32,
    /// 52
    zero_point: i32,
    /// 56: `-zero_point * scale` of the scaled operand.
    offset: i32,
}

unsafe extern "C" {
    /// Reads `len` elements of both operands and writes as many, four at a time in order.
    fn kinglet_helium_add(arguments: *const Add);
}

core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), include_str!("add.s"), options(raw));

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
