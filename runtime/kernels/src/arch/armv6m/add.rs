//! Elementwise addition.
//!
//! The host brings the operand with the larger scale to the common one by a factor of exactly one half, so it is
//! shifted by 19 bits instead of 20 and multiplied by nothing. The other operand is a number of 9 bits times a
//! multiplier: `(x * m + 2^10) >> 11`, in two halves of `m`. The sum has 29 bits and takes four multiplications.

use crate::Io;
use crate::arch::addition::{HALF, terms};
use crate::elementwise::{AddI8, Operand, portable};

/// Arguments of the assembly, which knows their order.
#[repr(C)]
struct Add {
    /// The second operand's multiplier, lower and upper half, and its shift to the right, 1 to 20.
    b_multiplier: [i32; 2],
    b_shift: i32,
    /// The output's multiplier, lower and upper half.
    multiplier: [i32; 2],
    /// `2^14`
    half: i32,
    /// `(2 * zero_point + 1) << (shift - 1)`.
    rounding: i32,
    /// To the right, 1 to 20.
    shift: i32,
    /// Less the zero points of the operands.
    offsets: [i32; 2],
    min: i32,
    max: i32,
    /// `2^10`
    b_half: i32,
    /// `2^(b_shift - 1)`
    b_rounding: i32,
    /// Behind the last elements.
    a: *const i8,
    b: *const i8,
    output: *mut i8,
    /// The number of elements, not zero, less than zero.
    index: isize,
}

in_order! {
    Add:
    b_multiplier b_shift multiplier half rounding shift offsets min max b_half b_rounding a b output
    index
}

unsafe extern "C" {
    /// Adds `-index` elements.
    fn kinglet_armv6m_add(arguments: *const Add);
}

/// See [`crate::elementwise::add_i8`].
pub(crate) fn add_i8(layer: &AddI8, io: &mut Io<i8>, b: Operand<'_, i8>) {
    if !add_by_assembly(layer, io, &b) {
        portable::add_i8(layer, io, b);
    }
}

/// False, and nothing done, when the layer is not one that the assembly takes: a broadcast, or factors that the host does not make.
fn add_by_assembly(layer: &AddI8, io: &mut Io<i8>, b: &Operand<'_, i8>) -> bool {
    let len = io.input().len();
    let Some([first, second]) = terms(layer, io, b) else { return false };
    // Twice one half and a shift by 1 is the same as one half.
    let ([low, high], b_shift) = if second.factor == HALF {
        ([0, 1 << 15], 1)
    } else {
        (halves(second.factor.multiplier), second.factor.shift.wrapping_neg())
    };
    let shift = layer.output_factor.shift.wrapping_neg();
    let taken = first.factor == HALF && (1..=20).contains(&b_shift) && (1..=20).contains(&shift);
    if !taken || len == 0 {
        return false;
    }
    let arguments = Add {
        b_multiplier: [low, high],
        b_shift,
        multiplier: halves(layer.output_factor.multiplier),
        half: 1 << 14,
        rounding: layer.stage.zero_point.wrapping_mul(2).wrapping_add(1).wrapping_shl(shift.wrapping_sub(1) as u32),
        shift,
        offsets: [first.zero_point.wrapping_neg(), second.zero_point.wrapping_neg()],
        min: layer.stage.min,
        max: layer.stage.max,
        b_half: 1 << 10,
        b_rounding: 1i32.wrapping_shl(b_shift.wrapping_sub(1) as u32),
        a: first.start.wrapping_add(len),
        b: second.start.wrapping_add(len),
        output: io.output().as_mut_ptr().wrapping_add(len),
        index: len.wrapping_neg() as isize,
    };
    // SAFETY: both operands and the output have `len` elements. When memory is shared, each element is read before one
    // at its place or behind it is written, as the in-place contract wants.
    unsafe { kinglet_armv6m_add(&arguments) };
    true
}

/// The lower 16 and the upper 15 bits.
fn halves(multiplier: i32) -> [i32; 2] {
    [multiplier & 0xffff, multiplier >> 16]
}
