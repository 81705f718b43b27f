//! Micro-kernels for particular instruction sets: the only unsafe code of this crate.
//!
//! An instruction-set module exports operators' inner kernels with the signature of the portable ones, and the
//! operators' `mod.rs` choose at compile time; on application cores a [`Token`](crate::token::Token) chooses at run
//! time. `cfg` stands on these `mod` lines and in those dispatch
//! functions, nowhere else.

#[cfg(kinglet_isa = "aarch64")]
pub(crate) mod aarch64;
#[cfg(any(kinglet_isa = "armv6m", kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium"))]
#[macro_use]
mod assembly;
#[cfg(any(kinglet_isa = "armv6m", kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium"))]
mod addition;
#[cfg(kinglet_isa = "armv6m")]
pub(crate) mod armv6m;
#[cfg(kinglet_isa = "armv7em")]
pub(crate) mod armv7em;
#[cfg(kinglet_isa = "armv7m")]
pub(crate) mod armv7m;
#[cfg(any(kinglet_isa = "aarch64", kinglet_isa = "wasm"))]
mod band;
#[cfg(any(kinglet_isa = "aarch64", kinglet_isa = "wasm"))]
mod dense;
#[cfg(any(kinglet_isa = "wasm", kinglet_isa = "x86_64"))]
mod float;
#[cfg(kinglet_isa = "helium")]
pub(crate) mod helium;
#[cfg(any(kinglet_isa = "armv7em", kinglet_isa = "helium"))]
mod nibbles;
#[cfg(any(kinglet_isa = "aarch64", kinglet_isa = "wasm"))]
mod plan;
#[cfg(any(kinglet_isa = "aarch64", kinglet_isa = "wasm", kinglet_isa = "x86_64"))]
mod reach;
#[cfg(any(kinglet_isa = "armv7m", kinglet_isa = "armv7em", kinglet_isa = "helium"))]
pub(crate) mod strided;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
pub(crate) mod vfp;
#[cfg(kinglet_isa = "wasm")]
pub(crate) mod wasm;
mod words;
#[cfg(kinglet_isa = "x86_64")]
pub(crate) mod x86_64;

pub(crate) use words::words;

/// Widens weights of four bits where the instruction set helps: see the module. False when nothing was done.
#[inline(always)]
pub(crate) fn widen_nibbles(from: &[i8], to: &mut [i8], less: u32, are_paired: bool) -> bool {
    #[cfg(any(kinglet_isa = "armv7em", kinglet_isa = "helium"))]
    {
        nibbles::widen(from, to, less, are_paired)
    }
    #[cfg(not(any(kinglet_isa = "armv7em", kinglet_isa = "helium")))]
    {
        let _ = (from, to, less, are_paired);
        false
    }
}
