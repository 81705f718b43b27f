//! Bytes on the heap where the engine wants them, without unsafe code.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// Where blobs and arenas start, at least.
const ALIGN: usize = 16;

/// Owned bytes at a 16-byte aligned address: a blob that was read from a file or received, or an arena.
///
/// Takes 15 bytes more than asked for, of which as many as need be are left out in front. The bytes do not move when
/// the value does.
#[derive(Debug)]
pub struct AlignedBlob {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBlob {
    /// `len` zeros, for lengths that are known to be small or to be there already.
    pub fn zeroed(len: usize) -> Self {
        Self::filled(len, 0)
    }

    /// `len` times `value`.
    pub fn filled(len: usize, value: u8) -> Self {
        let storage = alloc::vec![value; len.saturating_add(ALIGN - 1)];
        // The heap does not move when the vector does.
        let start = storage.as_ptr().addr().wrapping_neg() % ALIGN;
        AlignedBlob { storage, start, len }
    }

    /// `len` zeros, or nothing when the machine does not give that much memory.
    pub fn try_zeroed(len: usize) -> Option<Self> {
        // Asked for and given back: memory that is zeroed by the system, and touched only where it is used, cannot be
        // asked for in a way that may fail.
        let mut asked = Vec::<u8>::new();
        asked.try_reserve_exact(len.checked_add(ALIGN - 1)?).ok()?;
        drop(asked);
        Some(Self::zeroed(len))
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.copy_from_slice(bytes);
        copy
    }
}

impl Clone for AlignedBlob {
    /// A clone of the vector would start elsewhere: a copy is aligned anew.
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl Deref for AlignedBlob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.storage.get(self.start..).and_then(|bytes| bytes.get(..self.len)).unwrap_or_default()
    }
}

impl DerefMut for AlignedBlob {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start..).and_then(|bytes| bytes.get_mut(..self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_wherever_the_allocator_puts_them() {
        let kept: Vec<AlignedBlob> = (0..200).map(|len| AlignedBlob::copy_of(&alloc::vec![len as u8; len])).collect();
        for (len, bytes) in kept.iter().chain(&kept.clone()).enumerate() {
            let len = len % 200;
            assert_eq!(bytes.as_ptr() as usize % ALIGN, 0);
            assert_eq!(**bytes, alloc::vec![len as u8; len]);
        }
    }

    #[test]
    fn bytes_stay_aligned_when_they_move() {
        for len in [0, 1, 15, 16, 1000] {
            let bytes = AlignedBlob::zeroed(len);
            for bytes in &alloc::vec![bytes.clone(), bytes] {
                assert_eq!((bytes.as_ptr() as usize % ALIGN, bytes.len()), (0, len));
            }
        }
        assert_eq!(&*AlignedBlob::copy_of(&[1, 2, 3]), &[1, 2, 3]);
    }

    #[test]
    fn what_no_machine_has_is_not_promised() {
        assert!(AlignedBlob::try_zeroed(usize::MAX).is_none());
        assert!(AlignedBlob::try_zeroed(isize::MAX as usize).is_none());
        assert_eq!(AlignedBlob::try_zeroed(3).as_deref(), Some(&[0; 3][..]));
    }
}
