//! `kinglet_edge._native`: what of the Python package is Rust.
//!
//! The compiler, the engine and the command are those of `kinglet-quantize`; this crate moves their data between Python
//! and Rust, and releases the interpreter's lock while they work. Classes that users see are in Python, in the folder
//! `package` beside this one: they have the types, the defaults and the documentation.

mod array;
mod blob;
mod compile;
mod engine;
mod error;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the `kinglet` command, the program's name first in `arguments`; returns its exit code.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| kinglet_quantize::cli::exit_code(arguments))
}

/// The module's contents.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::blob::Blob;
    #[pymodule_export]
    use super::command;
    #[pymodule_export]
    use super::compile::compile;
    #[pymodule_export]
    use super::engine::Engine;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
