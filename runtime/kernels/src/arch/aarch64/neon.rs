//! Intrinsics as safe functions.
//!
//! An intrinsic may be called without `unsafe` only in functions that list the target feature, and methods of traits cannot.
//! But NEON is a part of each target that this folder is compiled for, which the first line below asserts. Here are those that
//! compute on values; what reads or writes memory stays unsafe and stands where the memory is known.

use core::arch::aarch64 as arch;
use core::arch::aarch64::*;
use core::arch::asm;

const _: () = assert!(cfg!(target_feature = "neon"), "this target has no NEON; build with KINGLET_ISA=portable");

macro_rules! safe {
    ($($name:ident $([$constant:ident])? ($($argument:ident: $Argument:ty),*) -> $Result:ty;)*) => {
        $(#[inline(always)]
        pub(super) fn $name$(<const $constant: i32>)?($($argument: $Argument),*) -> $Result {
            // SAFETY: the target has the instruction, see the module.
            unsafe { arch::$name$(::<$constant>)?($($argument),*) }
        })*
    };
}

safe! {
    vaddq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vaddw_high_s16(sums: int32x4_t, a: int16x8_t) -> int32x4_t;
    vaddw_s16(sums: int32x4_t, a: int16x4_t) -> int32x4_t;
    vandq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vcombine_s8(a: int8x8_t, b: int8x8_t) -> int8x16_t;
    vdupq_laneq_s32[LANE](a: int32x4_t) -> int32x4_t;
    vdupq_n_s16(value: i16) -> int16x8_t;
    vdupq_n_s32(value: i32) -> int32x4_t;
    vdupq_n_s8(value: i8) -> int8x16_t;
    vget_low_s16(a: int16x8_t) -> int16x4_t;
    vget_low_s8(a: int8x16_t) -> int8x8_t;
    vmaxq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vmaxq_s8(a: int8x16_t, b: int8x16_t) -> int8x16_t;
    vmaxvq_s32(a: int32x4_t) -> i32;
    vminq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vminq_s8(a: int8x16_t, b: int8x16_t) -> int8x16_t;
    vminvq_s8(a: int8x16_t) -> i8;
    vmlal_s8(sums: int16x8_t, a: int8x8_t, b: int8x8_t) -> int16x8_t;
    vmovl_s16(a: int16x4_t) -> int32x4_t;
    vmull_s8(a: int8x8_t, b: int8x8_t) -> int16x8_t;
    vorrq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vpadalq_s16(sums: int32x4_t, a: int16x8_t) -> int32x4_t;
    vpaddq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vqaddq_s16(a: int16x8_t, b: int16x8_t) -> int16x8_t;
    vqmovn_high_s16(low: int8x8_t, a: int16x8_t) -> int8x16_t;
    vqmovn_high_s32(low: int16x4_t, a: int32x4_t) -> int16x8_t;
    vqmovn_s16(a: int16x8_t) -> int8x8_t;
    vqmovn_s32(a: int32x4_t) -> int16x4_t;
    vqrdmulhq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vreinterpretq_s32_s8(a: int8x16_t) -> int32x4_t;
    vreinterpretq_s32_u32(a: uint32x4_t) -> int32x4_t;
    vreinterpretq_s64_s32(a: int32x4_t) -> int64x2_t;
    vreinterpretq_s8_s32(a: int32x4_t) -> int8x16_t;
    vreinterpretq_s8_s64(a: int64x2_t) -> int8x16_t;
    vreinterpretq_u32_s32(a: int32x4_t) -> uint32x4_t;
    vrshlq_s32(a: int32x4_t, places: int32x4_t) -> int32x4_t;
    vshlq_s32(a: int32x4_t, places: int32x4_t) -> int32x4_t;
    vshrq_n_s32[PLACES](a: int32x4_t) -> int32x4_t;
    vshrq_n_u32[PLACES](a: uint32x4_t) -> uint32x4_t;
    vsraq_n_s32[PLACES](sums: int32x4_t, a: int32x4_t) -> int32x4_t;
    vshll_high_n_s16[PLACES](a: int16x8_t) -> int32x4_t;
    vshll_n_s16[PLACES](a: int16x4_t) -> int32x4_t;
    vshlq_n_s16[PLACES](a: int16x8_t) -> int16x8_t;
    vsubl_high_s8(a: int8x16_t, b: int8x16_t) -> int16x8_t;
    vsubl_s8(a: int8x8_t, b: int8x8_t) -> int16x8_t;
    vtrn1q_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vtrn1q_s64(a: int64x2_t, b: int64x2_t) -> int64x2_t;
    vtrn2q_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vtrn2q_s64(a: int64x2_t, b: int64x2_t) -> int64x2_t;
    vzip1q_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    vzip2q_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
}

/// Products of the upper eight bytes.
// In assembly: the compiler takes an intrinsic apart, moves the upper half of what stays the same in a loop out of it, and is left
// with an instruction more for each of the others.
#[inline(always)]
pub(super) fn vmull_high_s8(a: int8x16_t, b: int8x16_t) -> int16x8_t {
    let products: int16x8_t;
    // SAFETY: as above; no memory is touched.
    unsafe {
        asm!(
            "smull2 {products:v}.8h, {a:v}.16b, {b:v}.16b",
            products = lateout(vreg) products,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        )
    };
    products
}

/// Adds products of the upper eight bytes.
#[inline(always)]
pub(super) fn vmlal_high_s8(mut sums: int16x8_t, a: int8x16_t, b: int8x16_t) -> int16x8_t {
    // SAFETY: likewise.
    unsafe {
        asm!(
            "smlal2 {sums:v}.8h, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        )
    };
    sums
}
