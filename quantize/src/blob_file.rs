//! Blob files: read with a clear word on what is wrong, written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use kinglet::{LoadError, LoadRule, Model};
use kinglet_blob::FormatRule;

use crate::host::AlignedBytes;

/// The largest blob file that is read.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 30;

/// Why a blob file is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobFileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The path as given.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is larger than any blob.
    #[error("{} has {size_bytes} bytes; blobs up to {FILE_SIZE_BYTES_MAX} are read", file.display())]
    TooLarge {
        /// The path as given.
        file: PathBuf,
        /// Its size.
        size_bytes: u64,
    },
    /// The engine refuses the bytes.
    #[error("{} is not a blob that this kinglet runs: {} (rule {}, byte {})", file.display(), explain(error), error.code(), error.offset())]
    Refused {
        /// The path as given.
        file: PathBuf,
        /// The engine's reason.
        error: LoadError,
    },
}

/// Reads a blob; the engine accepts what is returned.
pub fn read(path: &Path) -> Result<AlignedBytes, BlobFileError> {
    let failed = |source| BlobFileError::Read { file: path.into(), source };
    let size_bytes = fs::metadata(path).map_err(failed)?.len();
    if size_bytes > FILE_SIZE_BYTES_MAX {
        return Err(BlobFileError::TooLarge { file: path.into(), size_bytes });
    }
    let bytes = AlignedBytes::copy_of(&fs::read(path).map_err(failed)?);
    match Model::from_bytes(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(BlobFileError::Refused { file: path.into(), error }),
    }
}

/// Writes a file so that at no time a part of it is found under its name: into a neighbour first, which is
/// then renamed.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&part, path));
    if renamed.is_err() {
        // Nothing is lost when it was never there.
        let _ = fs::remove_file(&part);
    }
    renamed
}

/// A load error in words, with what to do.
pub fn explain(error: &LoadError) -> &'static str {
    match error {
        LoadError::Format(error) => explain_format(error.rule),
        LoadError::Record { rule, .. } => explain_rule(*rule),
        _ => "an unknown rule is broken",
    }
}

fn explain_format(rule: FormatRule) -> &'static str {
    match rule {
        FormatRule::BlobAlignment => "its bytes do not start at a 16-byte aligned address",
        FormatRule::Truncated => "it is too short for a header and its section table",
        FormatRule::Magic => "it does not start with KGLT; give a file that `kinglet compile` wrote",
        FormatRule::Version => "its format has another major version; compile the model again with this kinglet",
        FormatRule::TotalLength => "its length is not the one in its header: it was cut off or extended",
        FormatRule::TableLength => "its tables reach beyond its end",
        FormatRule::Crc => "its tables are damaged: the CRC does not match",
        FormatRule::SectionBounds => "a section lies outside the file, overlaps another or is misaligned",
        FormatRule::SectionTwice => "a section occurs twice",
        FormatRule::SectionUnknown => "it has a required section of an unknown kind; use a newer kinglet",
        FormatRule::SectionMissing => "a required section is missing",
        FormatRule::Checksum => "a section is damaged: its checksum does not match",
        FormatRule::PortCount => "it does not have as many inputs and outputs as its header counts",
        FormatRule::Reserved => "bytes that must be zero are not",
        _ => "its structure breaks a rule that this kinglet has no words for",
    }
}

fn explain_rule(rule: LoadRule) -> &'static str {
    match rule {
        LoadRule::UnknownOperator => "it has an operator that is unknown; use a newer kinglet",
        LoadRule::OperatorNotLinked => {
            "an operator it needs is not in this build; turn on the features `kinglet ops` prints"
        }
        LoadRule::PackingNotRunnable => "its weights are packed for another machine; compile it for this one",
        LoadRule::RecordLength => "an operator record has the wrong length",
        LoadRule::OperatorCount => "it does not have as many operators as its header counts",
        LoadRule::ArenaRange => "an operator works outside the arena",
        LoadRule::ArenaAlignment => "an operator's tensor is misaligned",
        LoadRule::ArenaOverlap => "an operator's tensors overlap in a way that its kernel cannot work with",
        LoadRule::ConstantRange => "an operator's constants lie outside the weights, or are misaligned",
        LoadRule::Shape => "an operator's shape is empty, too large, or does not fit its others",
        LoadRule::Parameter => "an operator's parameter is out of range",
        LoadRule::Port => "an input or output is malformed",
        LoadRule::ArenaSize => "its arena is larger than this machine can address",
        LoadRule::Golden => "its test vectors are cut off",
        _ => "an operator breaks a rule that this kinglet has no words for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch_dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a temporary directory");
        dir
    }

    #[test]
    fn files_are_replaced_whole_and_leave_nothing_behind() {
        let dir = scratch_dir("write");
        let path = dir.join("a.kgl");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("replaced");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert!(write(&dir.join("missing").join("b.kgl"), b"x").is_err());
        assert_eq!(fs::read_dir(&dir).expect("there").count(), 1);
        fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn what_is_not_a_blob_is_named() {
        let dir = scratch_dir("read");
        let path = dir.join("a.kgl");
        fs::write(&path, [7; 200]).expect("written");
        let message = read(&path).expect_err("no blob").to_string();
        assert!(message.contains("a.kgl is not a blob") && message.contains("KGLT"), "{message}");
        assert!(matches!(read(&dir.join("b.kgl")), Err(BlobFileError::Read { .. })));
        fs::remove_dir_all(&dir).expect("removed");
    }
}
