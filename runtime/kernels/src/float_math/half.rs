//! The nearest floats of 16 bits, as floats of 32. Of two that are equally near it is the even one; both are exact.
//!
//! The bits of a positive float count floats from 0 up, so that adding to them rounds within an exponent and across to the
//! next one alike.

/// Bits of a float's magnitude.
const MAGNITUDE: u32 = 0x7fff_ffff;
const INFINITY: u32 = 0x7f80_0000;

/// The smallest normal number of half precision, 2^-14; below it steps are 2^-24.
const HALF_NORMAL: f32 = 6.103_515_6e-5;
/// From here to 1 floats are 2^-24 apart.
const STEPS_OF_2_24: f32 = 0.5;
/// Halfway from the largest number of half precision, 65504, to what would be the next one.
const HALF_OVERFLOW: f32 = 65520.0;

/// `x` without its lowest `COUNT` bits, rounded to the nearest, the even one of two. Beyond the largest it is infinite.
fn without_bits<const COUNT: u32>(x: f32) -> f32 {
    let (bits, sign) = (x.to_bits() & MAGNITUDE, x.to_bits() & !MAGNITUDE);
    if bits > INFINITY {
        return x;
    }
    let is_odd = bits >> COUNT & 1;
    let lost = const { (1u32 << COUNT) - 1 };
    // At most the bits of infinity and half of what goes: no overflow.
    let up = bits.wrapping_add(lost >> 1).wrapping_add(is_odd);
    f32::from_bits(sign | up & !lost)
}

/// The nearest IEEE half-precision float: one sign, five bits of exponent, ten of fraction.
pub fn float16(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < HALF_NORMAL {
        return ((magnitude + STEPS_OF_2_24) - STEPS_OF_2_24).copysign(x);
    }
    if magnitude >= HALF_OVERFLOW {
        return f32::INFINITY.copysign(x);
    }
    without_bits::<13>(x)
}

/// The nearest float whose lower half is 0: one sign, eight bits of exponent, seven of fraction.
pub fn bfloat16(x: f32) -> f32 {
    without_bits::<16>(x)
}
