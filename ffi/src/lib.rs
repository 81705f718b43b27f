//! The C interface: `libkinglet.a` and `libkinglet.so` behind `include/kinglet.h`.
//!
//! The header is the documentation; it is written by hand, and `cargo xtask c-test` compares its numbers with the
//! engine's. Each function here does three things: it checks the pointers, it calls the engine, and it turns the
//! result into a [`Status`].
//!
//! ```text
//! C program            model.rs, session.rs          engine
//! kinglet_model   ---> handle.rs: checked    --->    Model
//! kinglet_session ---> place of a session    --->    Session, made anew for each call
//! ```
//!
//! No panic crosses into C. A release build for bare metal has a panic handler that calls a function which does not
//! exist, so a program links only if no panic is reachable (`cargo xtask panic-proof`).
//!
//! The alternative, a `staticlib` crate type on the engine itself, was rejected: it would need this panic handler,
//! and every firmware in Rust that depends on the engine has its own.
#![no_std]

pub mod handle;
#[cfg(feature = "jni")]
pub mod jni;
#[cfg(feature = "lifecycle-proof")]
pub mod lifecycle;
pub mod model;
// Tests have the standard library's panic handler.
#[cfg(not(test))]
mod panic;
mod pointer;
pub mod session;
pub mod status;
#[cfg(test)]
mod tests;
#[cfg(feature = "view")]
pub mod view;

use status::Status;

/// The version of the library: major, minor and patch as `0x00MMmmpp`.
#[unsafe(no_mangle)]
pub extern "C" fn kinglet_version() -> u32 {
    const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
    const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
    const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));
    const { MAJOR << 16 | MINOR << 8 | PATCH }
}

/// Evaluated when compiling; a version that is not a number below 256 does not compile.
#[allow(clippy::panic, reason = "when compiling")]
const fn number(text: &str) -> u32 {
    match u8::from_str_radix(text, 10) {
        Ok(number) => number as u32,
        Err(_) => panic!("a version has three numbers below 256"),
    }
}

/// Panics when `index` is out of range: with this function in it no program may link.
///
/// # Safety
///
/// `bytes` points to `len` bytes.
#[cfg(feature = "panic-proof-negative-control")]
#[unsafe(no_mangle)]
#[allow(clippy::indexing_slicing, reason = "the panic is what this function is for")]
pub unsafe extern "C" fn kinglet_negative_control(bytes: *const u8, len: usize, index: usize) -> u8 {
    // SAFETY: the caller promises it.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, len) };
    bytes[index]
}
