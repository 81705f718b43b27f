//! The square root.

/// The square root, rounded to the nearest as IEEE 754 asks: equal to any machine's own instruction, which is used where
/// there is one. A NaN stays the same.
#[inline]
pub fn sqrt(x: f32) -> f32 {
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    {
        if x.is_nan() { x } else { crate::arch::vfp::sqrt(x) }
    }
    #[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
    {
        by_digits(x)
    }
}

/// Digit by digit, on integers of 32 bits: 25 steps, the last of which decides how to round.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
fn by_digits(x: f32) -> f32 {
    if x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 || x == f32::INFINITY || x.is_nan() {
        return x;
    }
    let (bits, denormal) = if x < f32::MIN_POSITIVE { ((x * 16_777_216.0).to_bits(), 12) } else { (x.to_bits(), 0) };
    let exponent = ((bits >> 23) as i32).wrapping_sub(127);
    let significand = bits & 0x7f_ffff | 0x80_0000;
    // An even exponent, which is halved; the significand has up to 25 bits, and two of them make a digit of the root.
    let mut rest = significand << 7 << (exponent & 1);
    let (mut root, mut remainder) = (0u32, 0u32);
    for _ in 0..25 {
        remainder = remainder << 2 | rest >> 30;
        rest <<= 2;
        let trial = root << 2 | 1;
        root <<= 1;
        if remainder >= trial {
            remainder = remainder.wrapping_sub(trial);
            root |= 1;
        }
    }
    // No root lies halfway between two floats. The leading one adds to the exponent.
    let rounded = root.wrapping_add(1) >> 1;
    let exponent = (exponent >> 1).wrapping_sub(denormal).wrapping_add(126);
    f32::from_bits(((exponent as u32) << 23).wrapping_add(rounded))
}
