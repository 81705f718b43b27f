//! What is asked of cryptography: four operations, so that a chip's accelerator or a secure element can serve.

/// SHA-256 and Ed25519.
pub trait Crypto {
    /// A SHA-256 that is being computed.
    type Hash: Hash;

    /// Starts a SHA-256.
    fn hash(&mut self) -> Self::Hash;

    /// True when `signature` is the signature of `key` on `message` by Ed25519 (RFC 8032). Must refuse what is malleable:
    /// scalars that are not reduced, points that are not encoded canonically, keys of small order.
    fn verify(&mut self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}

/// A digest that is being computed.
pub trait Hash {
    /// Takes the next bytes.
    fn update(&mut self, bytes: &[u8]);

    /// The digest of all of them.
    fn finish(self) -> [u8; 32];
}

/// ChaCha20-Poly1305 (RFC 8439), in pieces.
pub trait Cipher {
    /// A message that is being opened.
    type Stream: Stream;

    /// Starts a message, whose associated data are `header`.
    fn open(&mut self, key: &[u8; 32], nonce: &[u8; 12], header: &[u8]) -> Self::Stream;
}

/// A message that is being opened, piece after piece. Nothing that was opened may be used before [`Stream::finish`].
pub trait Stream {
    /// Decrypts the next bytes in place.
    fn decrypt(&mut self, bytes: &mut [u8]);

    /// Takes the next bytes when they are decrypted already, as after a power cut: encrypts them in place, as they have
    /// come.
    fn encrypt(&mut self, bytes: &mut [u8]);

    /// True when `tag` is the tag of all that was taken. Takes the same time wherever they differ.
    fn finish(self, tag: &[u8; 16]) -> bool;
}
