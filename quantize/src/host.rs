//! Running blobs on the host, with the engine that devices run.

use core::ops::{Deref, DerefMut};

use kinglet::{Error, LoadError, Model, NoTracer, Session, Tracer};

/// Where blobs and arenas start.
const ALIGN: usize = 16;

/// Why a blob is not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The engine refuses, or stops.
    #[error("{0}")]
    Engine(#[from] Error),
    /// A blob may ask for any arena up to 2 GiB, however short it is.
    #[error("it asks for an arena of {bytes} bytes, which this machine does not have")]
    Arena {
        /// What it asks for.
        bytes: usize,
    },
}

impl From<LoadError> for HostError {
    fn from(error: LoadError) -> Self {
        HostError::Engine(error.into())
    }
}

/// Bytes at a 16-byte aligned address, as the engine wants blobs and arenas.
#[derive(Debug)]
pub struct AlignedBytes {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros, or nothing when the machine does not give that much memory.
    pub fn try_zeroed(len: usize) -> Option<Self> {
        // Asked for and given back: memory that is zeroed by the system, and touched only where it is used, cannot be
        // asked for in a way that may fail.
        let mut asked = Vec::<u8>::new();
        asked.try_reserve_exact(len.checked_add(ALIGN - 1)?).ok()?;
        drop(asked);
        Some(AlignedBytes::zeroed(len))
    }

    /// `len` zeros, for lengths that are known to be small or to be there already.
    pub fn zeroed(len: usize) -> Self {
        let storage = vec![0; len + ALIGN - 1];
        // The heap does not move when the vector does.
        let start = (storage.as_ptr() as usize).wrapping_neg() % ALIGN;
        AlignedBytes { storage, start, len }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut aligned = AlignedBytes::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        // A clone of the vector would start elsewhere.
        AlignedBytes::copy_of(self)
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

/// Runs `work` with a session of `blob`, an arena of its own included.
pub fn with_session<R>(
    blob: &AlignedBytes,
    work: impl FnOnce(&mut Session<'_, '_>) -> Result<R, Error>,
) -> Result<R, HostError> {
    let model = Model::from_bytes(blob)?;
    let bytes = model.arena_bytes();
    let mut arena = AlignedBytes::try_zeroed(bytes).ok_or(HostError::Arena { bytes })?;
    let mut session = Session::new(&model, &mut arena).map_err(Error::from)?;
    Ok(work(&mut session)?)
}

/// One inference: the bytes of every input in port order, and back the bytes of every output.
pub fn infer(session: &mut Session<'_, '_>, inputs: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    infer_traced(session, inputs, &mut NoTracer)
}

/// [`infer`], a tracer being told of each operator.
pub fn infer_traced(
    session: &mut Session<'_, '_>,
    inputs: &[Vec<u8>],
    tracer: &mut impl Tracer,
) -> Result<Vec<Vec<u8>>, Error> {
    for (index, bytes) in inputs.iter().enumerate() {
        let input = session.input_raw(index)?;
        let len = input.len().min(bytes.len());
        input[..len].copy_from_slice(&bytes[..len]);
    }
    session.run_traced(tracer)?;
    let count = session.model().output_count();
    (0..count).map(|index| Ok(session.output_raw(index)?.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_an_answer() {
        assert!(AlignedBytes::try_zeroed(usize::MAX).is_none());
        assert!(AlignedBytes::try_zeroed(isize::MAX as usize).is_none());
        assert_eq!(AlignedBytes::try_zeroed(5).as_deref(), Some(&[0; 5][..]));
    }

    #[test]
    fn bytes_are_aligned_wherever_they_go() {
        for len in [0, 1, 15, 16, 1000] {
            let bytes = AlignedBytes::zeroed(len);
            let moved = vec![bytes.clone(), bytes];
            for bytes in &moved {
                assert_eq!((bytes.as_ptr() as usize % ALIGN, bytes.len()), (0, len));
            }
        }
        assert_eq!(&*AlignedBytes::copy_of(&[1, 2, 3]), &[1, 2, 3]);
    }
}
