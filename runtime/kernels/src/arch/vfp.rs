//! Square roots by the floating-point unit of Arm cores that have one: rounded as IEEE 754 asks, like
//! [`crate::float_math::sqrt`]'s own steps. In a file of its own, because the compiler knows no register class of the unit.

unsafe extern "C" {
    safe fn kinglet_vfp_sqrt(x: f32) -> f32;
}

core::arch::global_asm!(include_str!("vfp.s"), options(raw));

/// The square root of a number that is not NaN.
#[inline]
pub(crate) fn sqrt(x: f32) -> f32 {
    kinglet_vfp_sqrt(x)
}
