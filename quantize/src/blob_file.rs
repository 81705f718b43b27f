//! Blob files: read with a clear word on what is wrong.

use std::path::{Path, PathBuf};

use kinglet::{LoadError, LoadRule, Model};
use kinglet_blob::FormatRule;

use crate::file::{self, ReadError};
use crate::host::AlignedBlob;

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
        /// What is in the way.
        source: ReadError,
    },
    /// It is encrypted for one device.
    #[error("{} is sealed: only the device that it is for can open it; give the blob that `kinglet seal` was given", file.display())]
    Sealed {
        /// The path as given.
        file: PathBuf,
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
pub fn read(path: &Path) -> Result<AlignedBlob, BlobFileError> {
    let contents = file::read(path, FILE_SIZE_BYTES_MAX);
    let contents = contents.map_err(|source| BlobFileError::Read { file: path.into(), source })?;
    accepted(path, &contents)
}

/// A blob out of bytes, which errors call by a name; the engine accepts what is returned.
pub fn accepted(name: impl AsRef<Path>, contents: &[u8]) -> Result<AlignedBlob, BlobFileError> {
    let file = name.as_ref();
    if contents.starts_with(&kinglet_trust::SEAL_MAGIC) {
        return Err(BlobFileError::Sealed { file: file.into() });
    }
    let bytes = AlignedBlob::copy_of(contents);
    match Model::from_bytes(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(BlobFileError::Refused { file: file.into(), error }),
    }
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
        LoadRule::Operands => "an operator's operands are not as many, or not of the types, that it takes",
        LoadRule::State => "a tensor that it keeps from run to run is malformed",
        LoadRule::Work => "it has to do more than the limit; `kinglet inspect` says what each operator does",
        _ => "an operator breaks a rule that this kinglet has no words for",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn scratch_dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("kinglet-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a temporary directory");
        dir
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
