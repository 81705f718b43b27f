//! Which operators a blob has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use kinglet_blob::{Blob, OpCode};

/// What blobs must be aligned to.
const ALIGN: usize = 16;

/// Calls `read` with the blob in the file at `path`.
pub(crate) fn with_blob<T>(path: &Path, read: impl FnOnce(&Blob<'_>) -> Result<T>) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    // A copy within a slightly larger buffer, at an address that is a multiple of 16.
    let mut room = vec![0; bytes.len() + ALIGN];
    let start = room.as_ptr().align_offset(ALIGN);
    let aligned = room.get_mut(start..start + bytes.len()).context("no aligned place in the buffer")?;
    aligned.copy_from_slice(&bytes);
    let blob = Blob::parse(aligned).map_err(|error| anyhow!("{} is not a blob: {error:?}", path.display()))?;
    read(&blob)
}

/// The operators of the blob in the order in which they run.
pub(crate) fn of_blob(path: &Path) -> Result<Vec<OpCode>> {
    with_blob(path, |blob| {
        let opcodes = blob.operators().map(|operator| {
            OpCode::from_tag(operator.opcode).with_context(|| format!("opcode {} is unknown", operator.opcode))
        });
        opcodes.collect()
    })
}

/// The engine's cargo features that link what the blob runs and nothing else, without a crate name.
pub(crate) fn features(path: &Path) -> Result<BTreeSet<&'static str>> {
    with_blob(path, |blob| Ok(blob.operators().flat_map(|operator| operator.features()).collect()))
}
