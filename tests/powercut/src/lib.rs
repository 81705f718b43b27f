//! The power-cut proof of the slots: a flash that dies at any byte, and what must hold after it.
//!
//! A life ([`life`]) is a list of updates, good and bad ones, that a device goes through. It runs on a simulated flash
//! ([`chip`]) whose power goes at a chosen step: before, inside or after an operation, leaving old bytes, new bytes or
//! garbage. Then the device starts again, without help, and must come to the end of its life; at every start the
//! invariants of [`life::Device`] are checked. [`proof`] does this for every step, every way of dying and many
//! geometries, and for pairs of cuts. [`ring`] does it for rings of records. A failure is a line that replays it.
//!
//! Seeded bugs of the slots (`kinglet_slots::Fault`) show that the proof can fail: each must be caught.
#![forbid(unsafe_code)]

pub mod chip;
pub mod crypto;
pub mod geometry;
pub mod hostile;
pub mod life;
pub mod proof;
mod random;
pub mod ring;

pub use random::Random;
