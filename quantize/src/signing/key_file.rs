//! Key files: PKCS#8 and SubjectPublicKeyInfo in PEM, as RFC 8410 has them for Ed25519 and `openssl` makes them; and the
//! keys of devices, 64 hexadecimal digits, as `openssl rand -hex 32` prints them.

use std::path::{Path, PathBuf};

use ed25519_compact::{KeyPair, PublicKey, Seed};
use kinglet_trust::DeviceKey;

use crate::file::{self, ReadError};

/// Key files are short.
const FILE_SIZE_BYTES_MAX: u64 = 16 * 1024;

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The path as given.
        file: PathBuf,
        /// What is in the way.
        source: ReadError,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The path as given.
        file: PathBuf,
        /// What is in the way.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{} is not {expected}", file.display())]
    Form {
        /// The path as given.
        file: PathBuf,
        /// What was expected.
        expected: &'static str,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

fn text(path: &Path, expected: &'static str) -> Result<String, KeyFileError> {
    let bytes = file::read(path, FILE_SIZE_BYTES_MAX);
    let bytes = bytes.map_err(|source| KeyFileError::Read { file: path.into(), source })?;
    String::from_utf8(bytes).map_err(|_| KeyFileError::Form { file: path.into(), expected })
}

/// The pair of a private key file.
pub fn read_private(path: &Path) -> Result<KeyPair, KeyFileError> {
    let expected =
        "an Ed25519 private key in PKCS#8 PEM; `kinglet keygen` or `openssl genpkey -algorithm ed25519` writes one";
    let text = text(path, expected)?;
    KeyPair::from_pem(&text).map_err(|_| KeyFileError::Form { file: path.into(), expected })
}

/// The key of a public key file.
pub fn read_public(path: &Path) -> Result<[u8; 32], KeyFileError> {
    let expected = "an Ed25519 public key in PEM; `kinglet keygen` or `openssl pkey -pubout` writes one";
    let text = text(path, expected)?;
    let key = PublicKey::from_pem(&text).map_err(|_| KeyFileError::Form { file: path.into(), expected })?;
    Ok(*key)
}

/// The key of a device.
pub fn read_device_key(path: &Path) -> Result<DeviceKey, KeyFileError> {
    let expected =
        "a device key of 64 hexadecimal digits; `kinglet keygen --device` or `openssl rand -hex 32` writes one";
    let text = text(path, expected)?;
    let form = || KeyFileError::Form { file: path.into(), expected };
    let digits = text.trim_ascii();
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(form());
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        let pair = digits.get(2 * index..2 * index + 2).ok_or_else(form)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| form())?;
    }
    Ok(DeviceKey(key))
}

fn random() -> Result<[u8; 32], KeyFileError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| KeyFileError::Random(error.to_string()))?;
    Ok(bytes)
}

/// A pair that nobody has.
pub fn new_key_pair() -> Result<KeyPair, KeyFileError> {
    Ok(KeyPair::from_seed(Seed::new(random()?)))
}

/// A device key that nobody has, as the text of its file.
pub fn new_device_key() -> Result<String, KeyFileError> {
    Ok(random()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
}

/// Writes a secret into a file that is not there yet and that only its owner can read.
pub fn write_secret(path: &Path, secret: &str) -> Result<(), KeyFileError> {
    let written = file::write_secret(path, secret.as_bytes());
    written.map_err(|source| KeyFileError::Write { file: path.into(), source })
}

/// Writes the public key of a pair.
pub fn write_public(path: &Path, pair: &KeyPair) -> Result<(), KeyFileError> {
    let written = file::write(path, (pair.pk.to_pem().trim_end().to_owned() + "\n").as_bytes());
    written.map_err(|source| KeyFileError::Write { file: path.into(), source })
}
