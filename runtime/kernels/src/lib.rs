//! Arithmetic on slices: the reference kernels and their fast variants.
//!
//! This crate knows neither blobs nor graphs. Each operator has a module whose head is its contract (layout,
//! ranges, rounding, scratch), a parameter struct, a *reference* kernel that is the formula written as loops,
//! and the kernels that are fast on some machine. Every fast kernel equals the reference: to the bit for
//! integers, and for floats as well, because all of them add in the reference's order.
//!
//! Kernels take sizes that the engine has verified. Should a size be wrong all the same they compute
//! something else or nothing, but they never read or write outside their slices and never panic: a device
//! build links only when no panic is reachable.
//!
//! Unsafe code lives in `arch/` only.
#![no_std]
#![deny(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)]

pub mod along;
#[allow(unsafe_code)]
mod arch;
pub mod boxes;
pub mod cast;
pub mod combine;
pub mod conv2d;
pub mod copy;
mod dense;
pub mod depthwise;
#[cfg(any(kinglet_isa = "x86_64", feature = "emulation"))]
mod dots;
pub mod elementwise;
pub mod fixed_math;
pub mod float_math;
mod formula;
pub mod fully_connected;
pub mod gather;
pub mod grid;
pub mod int16;
pub mod io;
pub mod lookup;
pub mod machine;
pub mod map;
pub mod mat_mul;
pub mod mean;
pub mod numerics;
pub mod packing;
pub mod pad;
mod patch;
pub mod pool;
pub mod quantize;
pub mod rank;
pub mod rearrange;
pub mod recurrent;
pub mod reduce;
pub mod reduce_max;
pub mod registry;
pub mod resample;
pub mod resize_bilinear;
mod runs;
pub mod select;
pub mod softmax;
pub mod spectrum;
mod strided;
pub mod take;
pub mod token;
pub mod transpose_conv;
pub mod trees;
pub mod unary_f32;
mod walk;

pub use io::Io;
pub use token::Token;
