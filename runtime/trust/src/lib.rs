//! Who vouches for a blob: signatures, keys, what a device accepts, and sealed blobs.
//!
//! ```text
//! blob --- verify(key ring) ---> Signed --- Policy::check ---> this device may run it
//!   ^
//!   '---- Opener <--- sealed blob
//! ```
//!
//! | type | what holding it proves |
//! | --- | --- |
//! | [`Source`] | nothing: bytes somewhere, in flash for example, read in pieces |
//! | [`Signed`] | an unrevoked key of the ring has signed exactly these bytes, whatever they mean |
//!
//! A signature says who, not what: the engine still verifies a blob before it runs it, and [`Policy`] says which model,
//! versions, kernel sets and security counters this device takes. `docs/security-model.md` has what is defended against
//! whom.
//!
//! Arithmetic that keeps secrets or checks signatures is not ours: it sits behind [`Crypto`] and [`Cipher`], so that an
//! accelerator or a secure element can serve. With the features `software` and `seal` crates that others maintain do.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

mod crypto;
mod error;
mod key;
mod policy;
mod seal;
#[cfg(any(feature = "software", feature = "seal"))]
mod software;
mod source;
mod verify;

pub use crypto::{Cipher, Crypto, Hash, Stream};
pub use error::TrustError;
pub use key::{DeviceKey, KEYS_MAX, KeyRing, PublicKey};
pub use policy::{Policy, Version};
pub use seal::{Opener, SEAL_HEADER_BYTES, SEAL_MAGIC, SEAL_TAG_BYTES, SealHeader};
#[cfg(feature = "seal")]
pub use software::Message;
#[cfg(any(feature = "software", feature = "seal"))]
pub use software::Software;
pub use source::Source;
pub use verify::{DOMAIN, Signed, signed_message, verify};
