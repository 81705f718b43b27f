//! Test inputs that everybody can recompute: the golden vectors' `ramp` and `lcgS`.

/// The 32-bit linear congruential generator of Numerical Recipes.
#[derive(Clone, Copy, Debug)]
pub struct Lcg(u32);

impl Lcg {
    /// Starts from a seed.
    pub fn new(seed: u32) -> Self {
        Lcg(seed)
    }

    /// The next state.
    pub fn next_u32(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    /// A number below `bound`, which must not be 0, from the state's better upper bits.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.next_u32()) * bound as u64) >> 32) as usize
    }
}

/// `((i * 37 + 11) mod 256) - 128` for each element.
pub fn ramp(len: usize) -> Vec<i8> {
    (0..len).map(|index| (index.wrapping_mul(37).wrapping_add(11) as u8 ^ 0x80) as i8).collect()
}

/// The top bytes of an [`Lcg`] from `seed`, less 128.
pub fn lcg(seed: u32, len: usize) -> Vec<i8> {
    let mut state = Lcg::new(seed);
    (0..len).map(|_| ((state.next_u32() >> 24) as u8 ^ 0x80) as i8).collect()
}
