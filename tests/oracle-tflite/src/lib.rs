//! Kinglet against TensorFlow Lite itself.
//!
//! The golden data of the repository pins the arithmetic of one oracle, TensorFlow Lite *Micro*'s reference kernels,
//! to the bit. That oracle could be wrong with us. This package runs whole models in the TensorFlow Lite that phones
//! run, whose optimised kernels were written apart from those, and in the `kinglet` program, on the same inputs.
//! Bits cannot agree there, so each model has a tolerance (`subject`), and the README has what was measured.
//!
//! This library has no dependency: what is compared, on what inputs, and how. `tests/agreement.rs` does it, behind the
//! feature `tflite-oracle`. Kinglet is a program here, not a library, so that its ONNX front end is not built twice.

#![forbid(unsafe_code)]

mod difference;
mod program;
mod subject;
mod vector;

pub use difference::{FloatDifference, QuantaDifference, top};
pub use program::{Failure, Kinglet};
pub use subject::{Subject, Tolerance, subjects};
pub use vector::Vector;
