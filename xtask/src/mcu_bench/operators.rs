//! Which operators a blob has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use kinglet_blob::Blob;

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

/// The operators of the blob in the order in which they run, by the names of their features.
pub(crate) fn of_blob(path: &Path) -> Result<Vec<&'static str>> {
    with_blob(path, |blob| {
        let names = blob.operators().map(|operator| {
            operator.features().next().with_context(|| format!("opcode {} is unknown", operator.opcode))
        });
        names.collect()
    })
}

/// The engine's cargo features that link what the blob runs and nothing else, without a crate name.
pub(crate) fn features(path: &Path) -> Result<BTreeSet<&'static str>> {
    with_blob(path, |blob| Ok(blob.features().collect()))
}

/// The same features as another crate that depends on the engine names them.
pub(crate) fn engine_features(path: &Path) -> Result<Vec<String>> {
    Ok(features(path)?.into_iter().map(|name| format!("kinglet/{name}")).collect())
}
