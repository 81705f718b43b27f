//! Elementwise addition, four elements at a time.
//!
//! Both operands go through [`AddI8`]'s formula with the doubled product of `SMMULR`: `x - zero_point` shifted left
//! by 21 instead of 20 bits. A factor of one half or more has no second rounding; a mask then keeps the sign
//! correction out.

use crate::Io;
use crate::arch::addition::terms;
use crate::elementwise::{ADD_LEFT_SHIFT, AddI8, Operand, portable};
use crate::numerics::{DUAL_MULTIPLY_SHIFTS, FixedPoint};

/// An operand's way to the common scale.
#[repr(C)]
struct Factor {
    /// `-zero_point << 21`.
    offset: i32,
    multiplier: i32,
    /// `2^(shift - 1)`, or 0 when there is no shift.
    rounding: i32,
    /// To the right.
    shift: i32,
    /// All ones when there is a shift, else 0.
    mask: i32,
}

in_order! { Factor: offset multiplier rounding shift mask }

/// Arguments of the assembly.
#[repr(C)]
struct Add {
    a: *const i8,
    b: *const i8,
    /// May be `a`.
    output: *mut i8,
    /// Elements / 4, not zero.
    groups: usize,
    a_factor: Factor,
    b_factor: Factor,
    multiplier: i32,
    /// `(2 * zero_point + 1) << (shift - 1)`.
    rounding: i32,
    /// To the right.
    shift: i32,
    /// The lower clamp in each byte.
    min: u32,
    /// The upper clamp in each byte.
    max: u32,
}

in_order! { Add: a b output groups a_factor b_factor multiplier rounding shift min max }

unsafe extern "C" {
    /// Reads `4 * groups` elements at `a` and `b`, writes as many at `output`, and overwrites the pointers.
    fn kinglet_armv7em_add(arguments: *mut Add);
}

assembly! {
    "add.s",
    Add {
        ADD_A = a,
        ADD_B = b,
        ADD_OUTPUT = output,
        ADD_GROUPS = groups,
        ADD_FACTOR_A = a_factor,
        ADD_FACTOR_B = b_factor,
        ADD_FACTOR_OUTPUT = multiplier,
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
    let Some([first, second]) = terms(layer, io, b) else { return false };
    let output = layer.output_factor;
    let is_taken = |factor: FixedPoint| (-20..=0).contains(&factor.shift);
    let taken = is_taken(first.factor) && is_taken(second.factor) && DUAL_MULTIPLY_SHIFTS.contains(&output.shift);
    if !taken {
        return false;
    }
    let shift = output.shift.wrapping_neg();
    let bytes = |value: i32| u32::from(value as u8).wrapping_mul(0x0101_0101);
    let mut arguments = Add {
        a: first.start,
        b: second.start,
        output: io.output().as_mut_ptr(),
        groups: len / 4,
        a_factor: factor(first.factor, first.zero_point),
        b_factor: factor(second.factor, second.zero_point),
        multiplier: output.multiplier,
        rounding: layer.stage.zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(shift.wrapping_sub(1) as u32),
        shift,
        min: bytes(layer.stage.min),
        max: bytes(layer.stage.max),
    };
    if arguments.groups > 0 {
        // SAFETY: `a`, `b` and the output have `len` elements each. When memory is shared, each element is
        // read before one at its place or behind it is written, as the in-place contract wants.
        unsafe { kinglet_armv7em_add(&mut arguments) };
    }
    let done = len & !3;
    for index in done..len {
        let a = io.input().get(index).copied().unwrap_or(0);
        io.set(index, layer.apply(a, b.element(index, a)));
    }
    true
}

fn factor(factor: FixedPoint, zero_point: i32) -> Factor {
    let shift = factor.shift.wrapping_neg();
    Factor {
        offset: zero_point.wrapping_neg().wrapping_shl(ADD_LEFT_SHIFT + 1),
        multiplier: factor.multiplier,
        rounding: if shift == 0 { 0 } else { 1i32.wrapping_shl(shift.wrapping_sub(1) as u32) },
        shift,
        mask: if shift == 0 { 0 } else { -1 },
    }
}
