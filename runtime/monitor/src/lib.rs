//! Whether a model in the field sees what it was made for.
//!
//! ```text
//! inputs  ---> Histogram ---.
//! outputs ---> Histogram ---+--- population stability against the baseline ---.
//! top score -> Histogram ---'                                                 +--> Alarm
//!         '--> Cusum, PageHinkley ------------------------------------------- +
//! ticks   ---> Latency -------------------------------------------------------'
//! ```
//!
//! Everything is counted in sketches of fixed size, less than 512 bytes a model, which are the caller's memory; no input
//! is kept. What is normal, the host says ([`Baseline`]): shares of what the model saw when it was calibrated.
//!
//! | type | finds | forgets |
//! | --- | --- | --- |
//! | [`Histogram`] with [`Histogram::instability`] | other shares than the baseline's, whatever their mean | when it is cleared, window by window |
//! | [`Cusum`] | a mean that has moved, in either direction, soon | what lies below its slack |
//! | [`PageHinkley`] | a mean that moves away from its own past | its past, slowly |
//! | [`Latency`] | runs that take longer than allowed | nothing: it counts |
//! | [`Hmac`] | records of telemetry that are not from the device | - |
//! | [`audit::Chain`] | records of the audit log that were changed, moved or cut out | - |
//!
//! No detector knows whether an answer was right: nobody tells it.
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
// Sums of floats have no side effect; those of integers are written with what they do at their end.
#![allow(clippy::arithmetic_side_effects, reason = "floats; integers here are saturating")]

pub mod audit;
mod baseline;
mod cusum;
mod facts;
mod histogram;
mod latency;
mod logarithm;
mod monitor;
mod page_hinkley;
mod record;
mod response;
mod seal;

pub use baseline::{Baseline, Shares};
pub use cusum::Cusum;
pub use facts::{FACTS, FACTS_BYTES, Facts};
pub use histogram::{BINS, Histogram, bin_of_code, bin_of_score};
pub use latency::Latency;
pub use monitor::{Alarm, Limits, Monitor, entropy};
pub use page_hinkley::PageHinkley;
pub use record::{RECORD_BYTES_MAX, Record};
pub use response::Response;
pub use seal::{Authenticator, Hmac, TAG_BYTES};
