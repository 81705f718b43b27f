//! Sealed blobs: encrypted for one device, opened once, while they are received.
//!
//! ```text
//! 0        32                              total_bytes - 16
//! | header | the signed blob, encrypted    | tag |
//! ```
//!
//! ChaCha20-Poly1305 with the device's key, the header's nonce and the whole header as associated data. What is signed is
//! the blob inside: a seal keeps it from readers of the transport and of the flash chip's bus, a signature says who made
//! it. A nonce is drawn for each seal and never chosen ([`kinglet seal`](../../../docs/cli.md)).
//!
//! An [`Opener`] takes pieces of any size and knows no buffer. What it decrypts is not trusted before
//! [`Opener::finish`]: it is meant to go into a slot that nothing reads until then.

use kinglet_blob::Cursor;

use crate::crypto::{Cipher, Crypto, Stream};
use crate::error::TrustError;
use crate::key::DeviceKey;

/// The first four bytes.
pub const SEAL_MAGIC: [u8; 4] = *b"KGLS";
/// Bytes before the encrypted blob.
pub const SEAL_HEADER_BYTES: usize = 32;
/// Bytes behind it.
pub const SEAL_TAG_BYTES: usize = 16;
/// Bytes around it.
const AROUND_BYTES: u32 = 48;
const _: () = assert!(AROUND_BYTES as usize == SEAL_HEADER_BYTES + SEAL_TAG_BYTES);
/// The version of the container.
const VERSION: u16 = 1;

/// What stands before a sealed blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealHeader {
    /// Length of the whole container.
    pub total_bytes: u32,
    /// Which device can open it, see [`DeviceKey::id`].
    pub key_id: u32,
    /// Used once.
    pub nonce: [u8; 12],
}

impl SealHeader {
    /// Its bytes.
    pub fn bytes(&self) -> [u8; SEAL_HEADER_BYTES] {
        let mut bytes = [0; SEAL_HEADER_BYTES];
        let fields = SEAL_MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain([0; 2]);
        let fields = fields.chain(self.total_bytes.to_le_bytes()).chain(self.key_id.to_le_bytes()).chain(self.nonce);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads them.
    pub fn read(bytes: &[u8; SEAL_HEADER_BYTES]) -> Result<Self, TrustError> {
        let mut cursor = Cursor::new(bytes);
        let parsed = (|| {
            let magic: [u8; 4] = cursor.take()?;
            let version: u16 = cursor.take()?;
            let reserved: u16 = cursor.take()?;
            let header = SealHeader { total_bytes: cursor.take()?, key_id: cursor.take()?, nonce: cursor.take()? };
            let end: u32 = cursor.take()?;
            let is_known = magic == SEAL_MAGIC && version == VERSION && reserved == 0 && end == 0;
            (is_known && header.blob_bytes() > 0).then_some(header)
        })();
        parsed.ok_or(TrustError::SealForm)
    }

    /// Length of the blob inside.
    pub fn blob_bytes(&self) -> u32 {
        self.total_bytes.saturating_sub(AROUND_BYTES)
    }
}

/// A sealed blob that is being opened.
#[derive(Debug)]
pub struct Opener<S> {
    stream: S,
    /// Bytes of the blob that are still to come.
    left: u32,
}

impl<S: Stream> Opener<S> {
    /// Starts with the container's first bytes.
    pub fn new(
        header: &[u8; SEAL_HEADER_BYTES],
        key: &DeviceKey,
        crypto: &mut impl Crypto,
        cipher: &mut impl Cipher<Stream = S>,
    ) -> Result<Self, TrustError> {
        let parsed = SealHeader::read(header)?;
        if parsed.key_id != key.id(crypto) {
            return Err(TrustError::SealKey);
        }
        Ok(Opener { stream: cipher.open(&key.0, &parsed.nonce, header), left: parsed.blob_bytes() })
    }

    /// Bytes of the blob that are still to come.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Decrypts the next bytes in place; refuses more than there are.
    pub fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), TrustError> {
        self.count(bytes)?;
        self.stream.decrypt(bytes);
        Ok(())
    }

    /// Goes over bytes that were decrypted before a power cut, which are read back from the slot. Leaves them encrypted.
    pub fn resume(&mut self, bytes: &mut [u8]) -> Result<(), TrustError> {
        self.count(bytes)?;
        self.stream.encrypt(bytes);
        Ok(())
    }

    /// Checks the tag, behind the last byte.
    pub fn finish(self, tag: &[u8; SEAL_TAG_BYTES]) -> Result<(), TrustError> {
        if self.left > 0 {
            return Err(TrustError::SealForm);
        }
        if self.stream.finish(tag) { Ok(()) } else { Err(TrustError::SealTag) }
    }

    fn count(&mut self, bytes: &[u8]) -> Result<(), TrustError> {
        let len = u32::try_from(bytes.len()).map_err(|_| TrustError::SealForm)?;
        self.left = self.left.checked_sub(len).ok_or(TrustError::SealForm)?;
        Ok(())
    }
}
