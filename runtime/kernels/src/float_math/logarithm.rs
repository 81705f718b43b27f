//! Natural logarithms.

use core::f32::consts::LN_2;

/// `ln x`.
pub fn log(x: f32) -> f32 {
    /// ln 2 in two parts; the first is 355/512, so its product with any exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// The bits of the square root of one half.
    const ROOT_HALF: u32 = 0x3f35_04f3;
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x < 0.0 {
        return f32::NAN;
    }
    if x == f32::INFINITY || x.is_nan() {
        return x;
    }
    let (bits, denormal) = if x < f32::MIN_POSITIVE { ((x * 8_388_608.0).to_bits(), -23) } else { (x.to_bits(), 0) };
    // x = 2^exponent * (1 + z), from the root of one half to that of two.
    let exponent = (bits.wrapping_sub(ROOT_HALF) as i32) >> 23;
    let z = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23)) - 1.0;
    let exponent = exponent.wrapping_add(denormal) as f32;
    let (tail, square) = tail_near_one(z);
    tail + exponent * LN_2_LOW - 0.5 * square + z + exponent * LN_2_HIGH
}

/// `ln(1 + u)` for `u >= 0`, of which small arguments keep their digits.
pub fn log_1p(u: f32) -> f32 {
    /// One less than the root of two.
    const NEAR: f32 = 0.414_213_57;
    if u < NEAR {
        let (tail, square) = tail_near_one(u);
        return tail - 0.5 * square + u;
    }
    if u <= 1.0 {
        // 1 + u = 2 * (1 + z), where 1 + u itself would lose its last bit.
        let z = (u - 1.0) * 0.5;
        let (tail, square) = tail_near_one(z);
        return tail - 0.5 * square + z + LN_2;
    }
    log(1.0 + u)
}

/// `ln(1 + z) - z + z^2 / 2`, and `z^2`: a fit from the root of one half less one to that of two less one.
#[inline]
fn tail_near_one(z: f32) -> (f32, f32) {
    let square = z * z;
    let coefficients = [
        -7.634_43e-2,
        1.276_155e-1,
        -1.316_019_4e-1,
        1.420_176_2e-1,
        -1.662_335_7e-1,
        2.000_122_7e-1,
        -2.500_082_3e-1,
        3.333_333e-1,
    ];
    (super::polynomial(coefficients, z) * (z * square), square)
}
