//! Cryptography in software, by crates that others maintain.

/// Ed25519 by `ed25519-compact`, SHA-256 by `sha2`, ChaCha20-Poly1305 by `chacha20` and `poly1305`. Why these:
/// `docs/decisions/0031-trust.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Software;

#[cfg(feature = "software")]
mod signatures {
    use sha2::{Digest, Sha256};

    use super::Software;
    use crate::crypto::{Crypto, Hash};

    impl Hash for Sha256 {
        fn update(&mut self, bytes: &[u8]) {
            Digest::update(self, bytes);
        }

        fn finish(self) -> [u8; 32] {
            self.finalize().into()
        }
    }

    impl Crypto for Software {
        type Hash = Sha256;

        fn hash(&mut self) -> Sha256 {
            Sha256::new()
        }

        fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
            let signature = ed25519_compact::Signature::new(*signature);
            ed25519_compact::PublicKey::new(*key).verify(message, &signature).is_ok()
        }
    }
}

#[cfg(feature = "seal")]
pub use seals::Message;

#[cfg(feature = "seal")]
mod seals {
    use chacha20::ChaCha20;
    use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
    use poly1305::Poly1305;
    use poly1305::universal_hash::{KeyInit, UniversalHash};

    use super::Software;
    use crate::crypto::{Cipher, Stream};

    /// Bytes that Poly1305 takes at a time.
    const BLOCK: usize = 16;
    /// The message's keystream begins behind the block that the tag's key is taken from.
    const MESSAGE_START: u64 = 64;

    /// A message that is being opened.
    pub struct Message {
        cipher: ChaCha20,
        tag: Poly1305,
        /// The ciphertext's bytes of a block that is not whole yet.
        block: [u8; BLOCK],
        block_len: usize,
        header_bytes: u64,
        message_bytes: u64,
    }

    impl Message {
        fn absorb(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                if let Some(slot) = self.block.get_mut(self.block_len) {
                    *slot = byte;
                }
                self.block_len = self.block_len.wrapping_add(1);
                if self.block_len == BLOCK {
                    self.pad();
                }
            }
        }

        /// Fills the open block, if there is one, with zeros.
        fn pad(&mut self) {
            if self.block_len > 0 {
                self.tag.update(&[self.block.into()]);
                (self.block, self.block_len) = ([0; BLOCK], 0);
            }
        }
    }

    impl Cipher for Software {
        type Stream = Message;

        fn open(&mut self, key: &[u8; 32], nonce: &[u8; 12], header: &[u8]) -> Message {
            let mut cipher = ChaCha20::new(key.into(), nonce.into());
            let mut tag_key = [0; 32];
            cipher.apply_keystream(&mut tag_key);
            // The position is within the first of 2^32 blocks.
            let _ = cipher.try_seek(MESSAGE_START);
            let tag = Poly1305::new(&tag_key.into());
            let header_bytes = header.len() as u64;
            let mut message = Message { cipher, tag, block: [0; BLOCK], block_len: 0, header_bytes, message_bytes: 0 };
            message.absorb(header);
            message.pad();
            message
        }
    }

    impl Stream for Message {
        fn decrypt(&mut self, bytes: &mut [u8]) {
            self.message_bytes = self.message_bytes.wrapping_add(bytes.len() as u64);
            self.absorb(bytes);
            self.cipher.apply_keystream(bytes);
        }

        fn encrypt(&mut self, bytes: &mut [u8]) {
            self.message_bytes = self.message_bytes.wrapping_add(bytes.len() as u64);
            self.cipher.apply_keystream(bytes);
            self.absorb(bytes);
        }

        fn finish(mut self, tag: &[u8; 16]) -> bool {
            self.pad();
            self.absorb(&self.header_bytes.to_le_bytes());
            self.absorb(&self.message_bytes.to_le_bytes());
            let computed: [u8; 16] = self.tag.finalize().into();
            // Every byte is looked at: time tells nothing of where they differ.
            computed.iter().zip(tag).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
        }
    }
}
