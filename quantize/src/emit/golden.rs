//! GOLDEN: inputs with the outputs that the engine computed from them when the blob was compiled.

use kinglet_blob::golden::padded;

use crate::host::{self, AlignedBlob, HostError};

/// The section for `vectors`, each the bytes of every input: runs `blob`, which needs no such section yet.
pub(super) fn section(blob: &AlignedBlob, vectors: &[Vec<Vec<u8>>]) -> Result<Vec<u8>, HostError> {
    let mut section = (vectors.len() as u32).to_le_bytes().to_vec();
    host::with_session(blob, |session| {
        for inputs in vectors {
            let outputs = host::infer(session, inputs)?;
            for tensor in inputs.iter().chain(&outputs) {
                section.extend_from_slice(tensor);
                section.resize(section.len() + padded(tensor.len()) - tensor.len(), 0);
            }
        }
        Ok(())
    })?;
    Ok(section)
}
