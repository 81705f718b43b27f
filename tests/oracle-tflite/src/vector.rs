//! Inputs that both sides can make for themselves: the golden vectors' `ramp` and `lcg<seed>`.

/// A formula for the elements of an input, flat and row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// `((i * 37 + 11) mod 256) - 128`
    Ramp,
    /// The top bytes of `x = x * 1664525 + 1013904223 (mod 2^32)` from this seed, less 128.
    Lcg(u32),
}

impl Vector {
    /// The ones that every model is run on.
    pub const ALL: [Vector; 3] = [Vector::Ramp, Vector::Lcg(1), Vector::Lcg(2)];

    /// The first `len` elements.
    pub fn elements(self, len: usize) -> Vec<i8> {
        let mut state = if let Vector::Lcg(seed) = self { seed } else { 0 };
        let mut byte = |index: usize| match self {
            Vector::Ramp => index.wrapping_mul(37).wrapping_add(11) as u8,
            Vector::Lcg(_) => {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }
        };
        // Subtracting 128 from a byte is turning its top bit over.
        (0..len).map(|index| (byte(index) ^ 0x80).cast_signed()).collect()
    }

    /// The same elements as reals, multiplied by `scale`.
    pub fn reals(self, len: usize, scale: f32) -> Vec<f32> {
        self.elements(len).into_iter().map(|element| f32::from(element) * scale).collect()
    }
}

impl core::fmt::Display for Vector {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Vector::Ramp => formatter.write_str("ramp"),
            Vector::Lcg(seed) => write!(formatter, "lcg{seed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_the_formulas() {
        assert_eq!(Vector::Ramp.elements(9), [-117, -80, -43, -6, 31, 68, 105, -114, -77]);
        // 1 * 1664525 + 1013904223 = 0x3C88596C, and the state after it is 0x5E8885DB.
        assert_eq!(Vector::Lcg(1).elements(2), [-68, -34]);
        assert_eq!(Vector::Ramp.reals(2, 1.0 / 128.0), [-117.0 / 128.0, -0.625]);
    }
}
