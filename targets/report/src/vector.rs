//! Input tensors that every side can make for itself, so that none has to be stored or sent.

/// A formula for the elements of an input tensor, flat and row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vector {
    /// `in[i] = ((i * 37 + 11) mod 256) - 128`
    Ramp,
    /// `x = seed`; for each element `x = x * 1664525 + 1013904223 (mod 2^32)`, `in[i] = (x >> 24) - 128`
    Lcg(u32),
}

impl Vector {
    /// The vector called `ramp` or `lcg<seed>`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "ramp" {
            return Some(Self::Ramp);
        }
        name.strip_prefix("lcg")?.parse().ok().map(Self::Lcg)
    }

    /// The elements, without end.
    pub fn elements(self) -> impl Iterator<Item = i8> {
        // The ramp is the same recurrence with another step: only the eight bits on top are used.
        let (mut x, factor, step) = match self {
            Vector::Ramp => ((11 - 37i32).cast_unsigned() << 24, 1, 37 << 24),
            Vector::Lcg(seed) => (seed, 1_664_525, 1_013_904_223),
        };
        core::iter::repeat_with(move || {
            x = u32::wrapping_add(u32::wrapping_mul(x, factor), step);
            // Subtracting 128 from a byte is turning its top bit over.
            ((x >> 24) as u8 ^ 0x80).cast_signed()
        })
    }

    /// Fills an int8 tensor.
    pub fn fill_i8(self, tensor: &mut [i8]) {
        for (element, value) in tensor.iter_mut().zip(self.elements()) {
            *element = value;
        }
    }

    /// Fills an int16 tensor with the same elements times 256.
    pub fn fill_i16(self, tensor: &mut [i16]) {
        for (element, value) in tensor.iter_mut().zip(self.elements()) {
            *element = i16::from(value) << 8;
        }
    }

    /// Fills a tensor of truth values, a byte each: true where the element is odd.
    pub fn fill_bool(self, tensor: &mut [u8]) {
        for (element, value) in tensor.iter_mut().zip(self.elements()) {
            *element = value.cast_unsigned() & 1;
        }
    }

    /// Fills a float tensor with the same elements divided by 128: from -1 up to below 1.
    pub fn fill_f32(self, tensor: &mut [f32]) {
        for (element, value) in tensor.iter_mut().zip(self.elements()) {
            // Taking 7 from the exponent divides by 128 and links no floating-point division on small cores.
            let exponent_step = if value == 0 { 0 } else { 7 << 23 };
            *element = f32::from_bits(f32::from(value).to_bits() - exponent_step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_the_formulas() {
        let ramp = Vector::from_name("ramp").expect("is a name");
        for (i, element) in ramp.elements().take(1000).enumerate() {
            assert_eq!(i64::from(element), ((i as i64 * 37 + 11) % 256) - 128, "ramp[{i}]");
        }
        let mut x: u64 = 7;
        for (i, element) in Vector::from_name("lcg7").expect("is a name").elements().take(1000).enumerate() {
            x = (x * 1_664_525 + 1_013_904_223) % (1 << 32);
            assert_eq!(i64::from(element), (x >> 24) as i64 - 128, "lcg7[{i}]");
        }
    }

    #[test]
    fn float_elements_are_the_integer_ones_scaled() {
        let (mut integers, mut floats) = ([0; 300], [0.0; 300]);
        Vector::Ramp.fill_i8(&mut integers);
        Vector::Ramp.fill_f32(&mut floats);
        for (integer, float) in integers.iter().zip(&floats) {
            assert_eq!(f32::from(*integer) / 128.0, *float);
        }
        assert!(integers.contains(&0) && integers.contains(&-128));
    }

    #[test]
    fn other_types_follow_from_the_same_elements() {
        let (mut integers, mut words, mut truths) = ([0; 300], [0; 300], [2; 300]);
        Vector::Ramp.fill_i8(&mut integers);
        Vector::Ramp.fill_i16(&mut words);
        Vector::Ramp.fill_bool(&mut truths);
        for ((integer, word), truth) in integers.iter().zip(words).zip(truths) {
            assert_eq!(i16::from(*integer) * 256, word);
            assert_eq!(integer.rem_euclid(2).cast_unsigned(), truth);
        }
    }

    #[test]
    fn other_names_are_no_vectors() {
        for name in ["", "Ramp", "lcg", "lcg-1", "lcgx", "lcg4294967296"] {
            assert_eq!(Vector::from_name(name), None, "{name}");
        }
    }
}
