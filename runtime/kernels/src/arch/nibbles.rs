//! Weights of four bits to bytes on Cortex-M with the DSP extension: one instruction takes from four bytes, or from two
//! pairs of them, what was added to the codes. In plain Rust it is three, to keep borrows out of the neighbors.

unsafe extern "C" {
    /// Writes two words of bytes for each of `words` words of codes, not none: the lower halves of its bytes, then the
    /// upper ones, each less the byte of `less` for its place. `from` and `to` are 4-byte aligned.
    fn kinglet_nibbles_bytes(from: *const i8, to: *mut i8, words: usize, less: u32);
    /// The same by pairs of bytes, with the borrow of the lower one.
    fn kinglet_nibbles_pairs(from: *const i8, to: *mut i8, words: usize, less: u32);
}

assembly! { "nibbles.s", }

/// Writes eight bytes for each whole word of `from`, as many as there is room for; false when something is not aligned.
/// `less` is taken off each byte or, with `are_paired`, of each pair.
pub(crate) fn widen(from: &[i8], to: &mut [i8], less: u32, are_paired: bool) -> bool {
    let words = (from.len() / 4).min(to.len() / 8);
    if !(from.as_ptr() as usize | to.as_ptr() as usize).is_multiple_of(4) {
        return false;
    }
    if words == 0 {
        return true;
    }
    let run = if are_paired { kinglet_nibbles_pairs } else { kinglet_nibbles_bytes };
    // SAFETY: so many words, twice as many, both aligned.
    unsafe { run(from.as_ptr(), to.as_mut_ptr(), words, less) };
    true
}
