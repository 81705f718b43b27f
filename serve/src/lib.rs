//! Serves blobs over HTTP and gRPC, from a folder of versions.
//!
//! ```text
//! connection --> web::{rest, grpc} --> traffic --> model::Served --> kinglet::Session
//!                     |                   |
//!                   auth            repository::Catalog (never changed, replaced as a whole)
//! ```
//!
//! The protocol is the Open Inference Protocol v2, which KServe and Triton speak too. What runs is the engine of the devices,
//! so an answer is what a board computes, to the bit. Nothing here reaches a device crate.
#![forbid(unsafe_code)]
// Of the host: there is an allocator.
#![allow(clippy::std_instead_of_core, clippy::alloc_instead_of_core)]

pub mod audit;
pub mod auth;
pub mod failure;
pub mod memory;
pub mod metrics;
pub mod model;
pub mod protocol;
pub mod repository;
pub mod server;
pub mod traffic;
pub mod web;

use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// What a thread that panicked has left is whole: no lock here is held over anything that is half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The start of the digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 8] {
    let mut start = [0; 8];
    start.iter_mut().zip(Sha256::digest(bytes)).for_each(|(to, from)| *to = from);
    start
}
