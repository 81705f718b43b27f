//! Who has to have signed a blob.

use std::fs;
use std::path::{Path, PathBuf};

use kinglet_trust::{KeyRing, Software, verify};

/// The keys of which one must have signed; none where unsigned blobs are taken too.
#[derive(Clone, Debug, Default)]
pub struct SignaturePolicy {
    keys: Vec<[u8; 32]>,
    /// Blobs with a lower security counter are refused.
    counter: u32,
}

impl SignaturePolicy {
    /// Reads public keys in PEM, as `kinglet keygen` and `openssl pkey -pubout` write them.
    pub fn read(files: &[PathBuf], counter: u32) -> Result<Self, String> {
        let keys = files.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?;
        if !keys.is_empty() && KeyRing::new(&keys, 0).is_none() {
            return Err(format!("{} keys are given, {} are the most", keys.len(), kinglet_trust::KEYS_MAX));
        }
        if keys.is_empty() && counter > 0 {
            return Err("a security counter means nothing without keys: give --key too".into());
        }
        Ok(SignaturePolicy { keys, counter })
    }

    /// Blobs that one of these keys, at most four, has signed.
    pub fn of_keys(keys: &[[u8; 32]]) -> Self {
        SignaturePolicy { keys: keys.to_vec(), counter: 0 }
    }

    /// The keys.
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// Refuses what no key has signed.
    pub fn check(&self, blob: &[u8]) -> Result<(), String> {
        let Some(ring) = KeyRing::new(&self.keys, 0) else { return Ok(()) };
        let signed = verify(&mut { blob }, &ring, &mut Software)
            .map_err(|error| format!("the signature is not accepted: {error:?}"))?;
        let (has, wants) = (signed.claims.security_counter, self.counter);
        if has < wants { Err(format!("the security counter is {has}, at least {wants} is wanted")) } else { Ok(()) }
    }
}

/// A public key in PEM.
pub fn public_key(file: &Path) -> Result<[u8; 32], String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let key = ed25519_compact::PublicKey::from_pem(&text);
    key.map(|key| *key).map_err(|_| format!("{shown} is no Ed25519 public key in PEM; `kinglet keygen` writes one"))
}
