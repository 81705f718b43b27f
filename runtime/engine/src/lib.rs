//! Verifies a blob once and runs it: no heap, no panic, no hidden state.
//!
//! ```
//! # fn demo(blob: &[u8], arena: &mut [u8]) -> Result<(), kinglet::Error> {
//! let model = kinglet::Model::from_bytes(blob)?; // every byte checked, once
//! let mut session = kinglet::Session::new(&model, arena)?; // the caller's memory, nothing else
//! session.input_i8(0)?.fill(0);
//! session.run()?;
//! let scores = session.output_i8(0)?;
//! # let _ = scores;
//! # Ok(())
//! # }
//! ```
//!
//! | type | what holding it proves |
//! | --- | --- |
//! | `&[u8]` | nothing |
//! | [`Model`] | every operator of the blob reads and writes inside the arena and the constants it names |
//! | [`Session`] | the arena is large enough and aligned |
//!
//! What is *not* proved: that the numbers mean anything. A blob whose weights are noise, or whose operators
//! overwrite each other's tensors, is run to its end within its buffers and gives noise.
//!
//! This crate does not plan, allocate, log, read clocks or keep globals. Weights stay where the blob is,
//! flash for example. A firmware image links only the operators whose cargo features are on.
#![no_std]
#![forbid(unsafe_code)]
// With some operators off, what only they use is left over; with all of them on, nothing is.
#![cfg_attr(not(feature = "all-operators"), allow(dead_code))]
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

#[cfg(feature = "std")]
extern crate std;

mod arena;
mod error;
mod memory;
mod model;
mod op;
mod reals;
mod self_test;
mod session;
mod tracer;

pub use arena::{Aligned, Arena};
pub use error::{Error, LoadError, LoadRule, RunError, SelfTestError, SessionError, TensorError};
#[cfg(feature = "std")]
pub use kinglet_blob::cast::AlignedBlob;
pub use kinglet_blob::{DType, FormatError, FormatRule, OpCode, Work};
pub use kinglet_kernels::machine::KernelSet;
pub use model::{Model, Port};
pub use self_test::SelfTestReport;
pub use session::{Position, Session, Step};
pub use tracer::{NoTracer, Tracer};
