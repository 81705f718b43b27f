//! Sums of products of int8 that lie as they were computed: no operand is a constant whose order could be chosen.
//!
//! `SXTAB16` makes of four bytes of the vector two pairs of 16 bits and subtracts the zero point; `SXTB16` the same of a
//! row; `SMLAD` multiplies both pairs. 26 instructions make sixteen products of four rows, 38 of four columns, whose
//! pairs have to be put together first.

unsafe extern "C" {
    fn kinglet_armv7em_dots_along(
        x: *const i8,
        y: *const i8,
        stride: usize,
        len: usize,
        zero: u32,
        sums: *mut [i32; 4],
    );
    fn kinglet_armv7em_dots_across(
        x: *const i8,
        y: *const i8,
        stride: usize,
        len: usize,
        zero: u32,
        sums: *mut [i32; 4],
    );
}

assembly! { "dots.s", }

/// Adds to `sums[r]` the products of `x[k] - zero_point` and `y[r * stride + k]`. Nothing happens when `y` is too short.
pub(super) fn along(x: &[i8], y: &[i8], stride: usize, zero_point: i8, sums: &mut [i32; 4]) {
    if !x.is_empty() && stride.saturating_mul(3).saturating_add(x.len()) <= y.len() {
        // SAFETY: four rows of as many elements as `x` has lie within `y`.
        unsafe { kinglet_armv7em_dots_along(x.as_ptr(), y.as_ptr(), stride, x.len(), pair(zero_point), sums) };
    }
}

/// Adds to `sums[c]` the products of `x[k] - zero_point` and `y[k * stride + c]`. Nothing happens when `y` is too short.
pub(super) fn across(x: &[i8], y: &[i8], stride: usize, zero_point: i8, sums: &mut [i32; 4]) {
    let before_last = x.len().wrapping_sub(1).saturating_mul(stride);
    if !x.is_empty() && before_last.saturating_add(4) <= y.len() {
        // SAFETY: as many rows of four elements as `x` has lie within `y`.
        unsafe { kinglet_armv7em_dots_across(x.as_ptr(), y.as_ptr(), stride, x.len(), pair(zero_point), sums) };
    }
}

/// The negated zero point in both halves.
fn pair(zero_point: i8) -> u32 {
    u32::from(i16::from(zero_point).wrapping_neg().cast_unsigned()).wrapping_mul(0x1_0001)
}
