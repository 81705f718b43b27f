//! Floats of 16 bits, as files keep weights in them: widened on the host, exactly.
//!
//! No kernel computes on them. A file with such weights is a float model like any other once they are read.

/// 2^-24, the smallest half-precision float above zero.
const SMALLEST: f32 = f32::from_bits(0x3380_0000);

/// The IEEE half-precision float with these bits: one sign, five bits of exponent, ten of fraction.
pub(crate) fn float16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        // Zeros and subnormal numbers: steps of 2^-24.
        0 => f32::from_bits(sign | (fraction as f32 * SMALLEST).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        // The bias is 15 there and 127 here.
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The first half of a single-precision float.
pub(crate) fn bfloat16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The little-endian half-precision floats of `bytes`; a last single byte is left out.
pub(crate) fn float16s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&raw| float16(u16::from_le_bytes(raw))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        let known = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x03ff, 6.097_555e-5),
            (0x0001, 5.960_464_5e-8),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, real) in known {
            assert_eq!(float16(bits).to_bits(), f32::to_bits(real), "{bits:#06x}");
        }
        assert!(float16(0x7e00).is_nan());
        assert_eq!(float16s(&[0x00, 0x3c, 0x00, 0xc0, 0x01]), [1.0, -2.0]);
    }

    #[test]
    fn the_other_halves_are_cut_off_floats() {
        assert_eq!([0x3f80, 0xc000, 0x7f80].map(bfloat16), [1.0, -2.0, f32::INFINITY]);
    }

    #[test]
    fn halves_grow_with_their_bits() {
        let reals: Vec<f32> = (0..0x7c00).map(float16).collect();
        assert!(reals.is_sorted_by(|a, b| a < b));
    }
}
