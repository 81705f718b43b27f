//! Files that users name: read with a limit, written whole or not at all.
//!
//! Only regular files are read: a device such as `/dev/zero` never ends, a pipe may never begin. A file is written into a
//! neighbour, `NAME.PID.part`, which is then renamed, so that at no time a part of it is found under its name. The name
//! may be a symbolic link: what it points to is replaced, not the link. What exists and is no regular file, a pipe or
//! a device, is written into as it is: a rename would put a regular file in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Symbolic links that are followed one after the other, as Linux does.
const LINKS_MAX: usize = 40;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system does not give it.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A directory, a pipe, a device.
    #[error("it is no regular file; store its content in one")]
    NotRegular,
    /// Larger than what it should be can be.
    #[error("it has {size_bytes} bytes or more; up to {size_bytes_max} are read")]
    TooLarge {
        /// Bytes that were found.
        size_bytes: u64,
        /// Bytes that are read.
        size_bytes_max: u64,
    },
}

/// Opens a regular file for reading.
pub fn open(path: &Path) -> Result<File, ReadError> {
    // Before it is opened: opening a pipe waits for somebody who writes.
    if !fs::metadata(path)?.is_file() {
        return Err(ReadError::NotRegular);
    }
    Ok(File::open(path)?)
}

/// The bytes of a regular file that has at most `size_bytes_max`.
pub fn read(path: &Path, size_bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let size_bytes = file.metadata()?.len();
    if size_bytes > size_bytes_max {
        return Err(ReadError::TooLarge { size_bytes, size_bytes_max });
    }
    let mut bytes = Vec::new();
    // Files that the system makes up as they are read have no length before.
    file.take(size_bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    let size_bytes = bytes.len() as u64;
    if size_bytes > size_bytes_max { Err(ReadError::TooLarge { size_bytes, size_bytes_max }) } else { Ok(bytes) }
}

/// Writes a file, whole or not at all; into what is there when it is no regular file.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let mut target = OpenOptions::new().write(true).open(path)?;
            target.write_all(bytes)?;
            target.flush()
        }
        Ok(_) => replace(&behind_links(path)?, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(&behind_links(path)?, bytes),
        Err(error) => Err(error),
    }
}

/// Writes a secret, whole or not at all, into a file that is not there yet and that only its owner can read: a key that is
/// replaced by mistake is lost, and what it has signed cannot be signed again.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        let message = "it exists, and secrets are not replaced; remove it first or choose another name";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    fill(Part::create_with(path, &options)?, path, bytes)
}

/// What `path` is in the end, whether it exists or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        // A relative target counts from the link's folder; an absolute one replaces it.
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("too many symbolic links"))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fill(Part::create(path)?, path, bytes)
}

fn fill(mut part: Part, path: &Path, bytes: &[u8]) -> io::Result<()> {
    part.file.write_all(bytes)?;
    part.file.sync_all()?;
    part.rename(path)
}

/// Parts that exist now.
static PARTS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A thread that panicked has left the list as it was before or after a change.
fn parts() -> MutexGuard<'static, Vec<PathBuf>> {
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the parts of files that are being written and lets nobody begin or end another one until the guard that is
/// returned is dropped. For the moment before the process ends.
pub fn discard_parts() -> MutexGuard<'static, Vec<PathBuf>> {
    let mut parts = parts();
    for part in parts.drain(..) {
        // Nothing is lost when it is not there.
        let _ = fs::remove_file(part);
    }
    parts
}

/// The neighbour of a file that is being written; removed unless it is renamed.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(of: &Path) -> io::Result<Part> {
        Part::create_with(of, File::options().write(true).create(true).truncate(true))
    }

    fn create_with(of: &Path, options: &OpenOptions) -> io::Result<Part> {
        let mut name = of.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.part", std::process::id()));
        let path = of.with_file_name(name);
        // Created and listed in one step for whoever discards parts.
        let mut parts = parts();
        let file = options.open(&path)?;
        parts.push(path.clone());
        Ok(Part { path, file })
    }

    fn rename(self, to: &Path) -> io::Result<()> {
        let mut parts = parts();
        if !parts.contains(&self.path) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fs::rename(&self.path, to)?;
        parts.retain(|part| *part != self.path);
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut parts = parts();
        if parts.contains(&self.path) {
            parts.retain(|part| *part != self.path);
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
