//! Which version of a model a device runs while a new one is rolled out.
//!
//! ```text
//! plan, signed by the owner             step, signed by the operator
//! | model, base, next, gates, shares |  | plan, sequence, step, reason |
//!                  '------------------+------------------'
//!                                     v
//!             Rollout::decide(cohort, device) --> base | next
//! ```
//!
//! The owner signs once what may happen at all: which version replaces which, to what share of each cohort, step after
//! step, and which gates the operator has to keep. The operator, a server that reads telemetry, signs only at which of
//! these steps the rollout is; step 0 is everybody on the base. So whoever takes over the server can hurry or stop a
//! rollout that the owner wanted, and nothing else.
//!
//! A device's place within a cohort is a hash of its name: the same on every poll, different for every plan (salt), and
//! independent of every other device. Shares only grow from step to step, so going on takes nobody back, and step 0 takes
//! everybody back.
//!
//! What a device reads is one document, plan and step behind each other, at most [`DOCUMENT_BYTES_MAX`] bytes; nothing of
//! it is copied, and what was verified is what decides.
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

mod plan;
mod rollout;
mod step;

pub use plan::{EVERYBODY, Gates, PLAN_BYTES_MAX, PLAN_MAGIC, Plan, SHARE_ALL, SHARES_MAX, Share, plan_message};
pub use rollout::{DOCUMENT_BYTES_MAX, Decision, Rollout, RolloutError, Seen, name_digest};
pub use step::{Reason, STEP_BYTES, STEP_MAGIC, Step, step_message};
