//! Where things are: in the repository, in its build folders, and beside it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The folder that cargo builds the host workspace into.
pub(crate) fn host_target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folder that the firmware workspace is built into, whatever the environment says: images of different
/// workspaces must not meet.
pub(crate) fn firmware_target() -> PathBuf {
    root().join("targets/target")
}

/// The folder that the C library is built into, in its many shapes.
pub(crate) fn library_target() -> PathBuf {
    host_target().join("ffi")
}

/// Models, golden vectors and baselines that are not part of the repository.
pub(crate) fn shared() -> PathBuf {
    env::var_os("KINGLET_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from)
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A cargo that builds firmware: flags that were meant for the host do not reach it.
pub(crate) fn firmware_cargo() -> Command {
    let mut command = cargo();
    command.current_dir(root().join("targets")).env("CARGO_TARGET_DIR", firmware_target());
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    command
}
