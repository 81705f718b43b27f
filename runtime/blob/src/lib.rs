//! The blob: record types, reader and writer side by side.
//!
//! A blob is a compiled model: a header, a table of sections, and the sections. `docs/blob-format.md` is the
//! normative description; this crate is its only implementation. It knows bytes and records, not what
//! operators compute: whether a convolution's shapes make sense is the engine's question.
//!
//! ```text
//! 0            64                      table_bytes
//! | Header     | SectionEntry x count  | PORTS | OPERATORS | NAMES | WEIGHTS | MANIFEST | CERTIFICATE | GOLDEN | STATE |
//! |<------ covered by the CRC-32 ----->|<-------------------- each covered by its entry's checksum ----------------->|
//! ```
//!
//! Reading never panics and never trusts: [`Blob::parse`] checks the structure once, and what it hands out
//! afterwards are sub-slices of the caller's bytes.
//!
//! Unsafe code lives in `cast` only.
#![no_std]
#![deny(unsafe_code)]
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

#[cfg(target_endian = "big")]
compile_error!("blobs are little-endian and read in place; big-endian targets are not supported");

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod baseline;
#[allow(unsafe_code)]
pub mod cast;
pub mod checksum;
pub mod constants;
mod dtype;
mod field;
mod function;
pub mod golden;
mod header;
mod map;
mod operand;
mod operator;
mod port;
mod reader;
pub mod records;
pub mod signature;
pub mod size;
pub mod state;
mod work;
#[cfg(feature = "alloc")]
mod writer;

pub use dtype::DType;
pub use field::{Cursor, Field};
pub use function::Function;
pub use header::{FORMAT_MAJOR, FORMAT_MINOR, Header, MAGIC, PORTABLE, SECTION_ALIGN, SectionEntry, SectionKind};
pub use map::MapFunction;
#[cfg(feature = "alloc")]
pub use operand::Operands;
pub use operand::{Counts, Operand, OperandList, Signature};
pub use operator::{
    OpCode, OperatorBytes, Operators, ROW_MAJOR_FEATURE, SHORT_TABLES_FEATURE, STATE_FEATURE, STORAGE_FEATURES,
};
pub use port::PortRecord;
pub use reader::{Blob, FormatError, FormatRule};
pub use work::Work;
#[cfg(feature = "alloc")]
pub use writer::{WeightForm, Writer, operator_bytes};
