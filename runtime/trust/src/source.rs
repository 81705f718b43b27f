//! Bytes that are read in pieces.

/// Bytes somewhere: in memory, in flash behind a driver, in a file.
pub trait Source {
    /// How many there are.
    fn bytes(&self) -> u32;

    /// Fills `out` from `offset` on; false when that is not possible.
    fn read(&mut self, offset: u32, out: &mut [u8]) -> bool;
}

impl Source for &[u8] {
    fn bytes(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn read(&mut self, offset: u32, out: &mut [u8]) -> bool {
        let start = offset as usize;
        let bytes = start.checked_add(out.len()).and_then(|end| self.get(start..end));
        bytes.is_some_and(|bytes| {
            out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            true
        })
    }
}
