//! A small generator: xorshift32, the same on every machine.

/// Numbers that follow from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u32) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9) | 1);
        (0..4).for_each(|_| _ = random.next());
        random
    }

    /// The next 32 bits.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A number in `low..=high`.
    pub fn range(&mut self, low: i32, high: i32) -> i32 {
        low + (self.next() >> 1) as i32 % (high - low + 1)
    }

    /// A count in `low..=high`.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        self.range(low as i32, high as i32) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.next().is_multiple_of(n)
    }

    /// Fills with `i8`, one time in four with extremes only.
    pub fn fill(&mut self, values: &mut [i8]) {
        let extreme = self.one_in(4);
        for value in values {
            let bits = self.next() >> 8;
            *value = if extreme { [-128, 127][bits as usize & 1] } else { bits as i8 };
        }
    }
}
