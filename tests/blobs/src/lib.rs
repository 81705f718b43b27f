//! Small blobs made by hand, what they must compute, and ways to damage them.
//!
//! The tests of the engine, the hostile-bytes tests and the seeds of the fuzz targets all take their blobs from
//! here. A [`Program`] is a list of records for the blob's writer; beside each record stands what the
//! *reference* kernel makes of the same arena, with parameters that were not read back from the record. So a
//! program knows what its blob must compute without asking the engine.
//!
//! The compiler is not used on purpose: these blobs contain what it never emits, and the engine's tests must not
//! wait for it.
#![forbid(unsafe_code)]

pub mod damage;
mod guard;
mod op;
mod program;
pub mod programs;
mod tally;

pub use guard::{Ending, Guarded, exercise};
pub use kinglet_blob::cast::AlignedBlob;
pub use kinglet_equivalence::Random;
pub use op::{Factors, Form, Second, Sums, operand_arena, operand_constant, operand_same};
pub use program::Program;
pub use tally::Tally;
