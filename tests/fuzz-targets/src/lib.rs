//! What the fuzz targets do with the fuzzer's bytes.
//!
//! A target promises the same as the tests: an error, or a result; no panic, no access out of bounds (the
//! address sanitizer watches), no memory and no time out of proportion to the input. What can be seen from inside
//! is asserted: a verified model runs, to its end, within its arena, the same way twice.
#![forbid(unsafe_code)]

mod field;
#[cfg(feature = "importers")]
mod import;
mod layers;
mod matrix;
mod plan;
mod raw;
mod record;
mod recurrent;
mod rows;
mod structured;

pub use field::{field, flash};
#[cfg(feature = "importers")]
pub use import::{onnx, tflite};
pub use raw::raw;
pub use structured::structured;
