//! Bytes on the heap at a 16-byte aligned address, without unsafe code: 15 bytes more than asked for, of which as many as
//! need be are left out in front.

const ALIGNMENT: usize = 16;

/// Blobs and arenas want this alignment. The bytes do not move when the value does.
#[derive(Debug)]
pub struct AlignedBytes {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let memory = vec![0; len + ALIGNMENT - 1];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT - 1);
        AlignedBytes { memory, start, len }
    }

    /// A copy.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.as_mut_slice().copy_from_slice(bytes);
        copy
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_wherever_the_allocator_puts_them() {
        let kept: Vec<AlignedBytes> = (0..200).map(|len| AlignedBytes::copy_of(&vec![len as u8; len])).collect();
        for (len, bytes) in kept.iter().enumerate() {
            assert_eq!(bytes.as_slice().as_ptr() as usize % ALIGNMENT, 0);
            assert_eq!(bytes.as_slice(), vec![len as u8; len]);
        }
    }
}
