//! Two places for a model: received, verified, tried, confirmed or reverted, whatever the power does.
//!
//! ```text
//!           begin          last byte, finish           activate          confirm
//!  (empty) ------> receiving ------------> verified ----------> trial ----------> confirmed
//!                    |  ^ resume              |                  | |
//!                    '--'                     | abandon          | '-- reject, or no confirmation
//!                                             v                  v     within so many boots
//!                                          (empty) <--------- reverted
//! ```
//!
//! One slot holds the confirmed model, the other takes the next one; an optional third holds what the factory put there.
//! What is what stands in a journal of flash pages, and a state is one record: it is replaced by writing the next record,
//! so after a power cut the state is the old one or the new one. `docs/lifecycle.md` has every transition and every
//! failure; `tests/powercut` cuts the power at every byte of every flash operation.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Flash`] | a NOR flash driver that can also say when everything is stored |
//! | [`Slots`] | the state machine over it; the caller's memory, no buffers beyond a few words |
//! | [`Boot`] | which model to run now |
//! | [`Delta`] | an update that is said in terms of the model that is there |
//! | [`Ring`] | records that push out the oldest: an audit log, telemetry |
//! | [`Gate`] | whether a model on trial has shown enough: tests, errors, latency, drift |
//!
//! The flash is not trusted to be whole: records have a CRC, a model's header is compared at each boot, its digest and
//! signature when it is installed and when it is confirmed. It is trusted not to be written by somebody else.
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

#[cfg(feature = "alloc")]
extern crate alloc;

mod delta;
mod error;
#[macro_use]
mod fault;
mod flash;
mod gate;
mod journal;
mod layout;
mod receive;
mod ring;
mod slots;
mod state;
mod update;

#[cfg(feature = "alloc")]
pub use delta::encode as encode_delta;
pub use delta::{Blobs, DELTA_HEADER_BYTES, DELTA_MAGIC, DeltaError, DeltaHeader, Patch};
pub use embedded_storage;
pub use error::SlotError;
#[cfg(feature = "faults")]
pub use fault::Fault;
pub use flash::{Flash, WORD_BYTES_MAX};
pub use gate::{Decision, Gate, Limits};
pub use layout::{Layout, Region};
pub use ring::{RING_PAYLOAD_BYTES_MAX, Ring};
pub use slots::{Boot, Checks, Slots};
pub use state::{Installed, Phase, RECORD_BYTES, Reason, Slot, State};
pub use update::Delta;
