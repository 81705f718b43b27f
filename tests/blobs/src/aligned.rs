//! Bytes on the heap at a 16-byte aligned address, without unsafe code.

use core::ops::{Deref, DerefMut};

/// What blobs and arenas must start at a multiple of.
const ALIGN: usize = 16;

/// Bytes at a 16-byte aligned address: a slice of a somewhat longer vector.
#[derive(Debug)]
pub struct AlignedBytes {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// `len` times `value`.
    pub fn filled(len: usize, value: u8) -> Self {
        let storage = vec![value; len + ALIGN];
        let start = storage.as_ptr().align_offset(ALIGN);
        AlignedBytes { storage, start, len }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::filled(bytes.len(), 0);
        copy.copy_from_slice(bytes);
        copy
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

impl Clone for AlignedBytes {
    /// A copy has an address of its own and is aligned anew.
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}
