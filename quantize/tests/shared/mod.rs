//! The folder of real models and data beside the repository, where there is one.

use std::io::Write;
use std::path::PathBuf;

/// `path` within the shared folder: `$KINGLET_SHARED`, or `../shared` from the repository's root. Without
/// the folder the test says that it was skipped.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let folder = std::env::var_os("KINGLET_SHARED").map_or_else(beside, PathBuf::from);
    let path = folder.join(path);
    if path.exists() {
        return Some(path);
    }
    // Not `println!`, whose text the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {} does not exist (set KINGLET_SHARED)", path.display());
    None
}
