//! GOLDEN: test vectors that travel with the model.
//!
//! ```text
//! u32 vector count
//! per vector: every input's bytes in port order, each padded to 4; every output's bytes likewise
//! ```

/// Length of a tensor of `bytes` bytes in this section.
pub fn padded(bytes: usize) -> usize {
    bytes.saturating_add(3) & !3
}

/// Number of vectors and the bytes of the first; `None` when the section is too short for the count.
pub fn split(section: &[u8]) -> Option<(u32, &[u8])> {
    let (count, rest) = section.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*count), rest))
}
