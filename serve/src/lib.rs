//! Serves blobs over HTTP and gRPC, from a folder of versions.
//!
//! ```text
//! connection --> web::{rest, grpc} --> traffic --> model::Served --> kinglet::Session
//!                     |                   |
//!                   auth            repository::Catalog (never changed, replaced as a whole)
//!
//! devices    --> web::fleet, mqtt --> fleet --> rollout (which step, by what devices tell) --> devices
//! registries --> registry (push, pull)
//! ```
//!
//! The protocol is the Open Inference Protocol v2, which KServe and Triton speak too. What runs is the engine of the devices,
//! so an answer is what a board computes, to the bit. Nothing here reaches a device crate.
#![forbid(unsafe_code)]

pub mod audit;
pub mod auth;
pub mod automatic;
pub mod failure;
pub mod fleet;
pub mod metrics;
pub mod model;
pub mod mqtt;
pub mod protocol;
pub mod registry;
pub mod repository;
pub mod rollout;
pub mod server;
pub mod traces;
pub mod traffic;
pub mod web;

use std::sync::{Mutex, MutexGuard, PoisonError};

use kinglet_blob::signature;
use sha2::{Digest, Sha256};

/// What a thread that panicked has left is whole: no lock here is held over anything that is half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The start of a blob's digest, which is how devices name the model in their records: of what is signed, or of all of a blob
/// that is not.
pub(crate) fn digest(blob: &kinglet_blob::Blob<'_>, bytes: &[u8]) -> [u8; 8] {
    let is_signed = !blob.section_beside(signature::KIND).is_empty();
    let end = if is_signed { signature::signed_bytes(blob.header().total_bytes) as usize } else { bytes.len() };
    let mut start = [0; 8];
    start.iter_mut().zip(Sha256::digest(bytes.get(..end).unwrap_or(bytes))).for_each(|(to, from)| *to = from);
    start
}
