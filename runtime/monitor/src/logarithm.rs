//! The natural logarithm of a positive float, good to 1e-4: core has none.

/// `ln(x)` for a normal positive `x`.
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // x = mantissa * 2^exponent with the mantissa in [1, 2).
    let exponent = (bits >> 23) as i32 - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // ln(m) = 2 artanh((m - 1) / (m + 1)), whose argument is below one third.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    let series = t * (2.0 + t2 * (0.666_666_7 + t2 * (0.4 + t2 * 0.285_714_3)));
    exponent as f32 * core::f32::consts::LN_2 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    extern crate std;

    #[test]
    fn is_near_the_logarithm() {
        let mut x = 1e-6f32;
        while x < 1e6 {
            assert!((f64::from(ln(x)) - f64::from(x).ln()).abs() < 1e-4, "{x}");
            x *= 1.003;
        }
    }
}
