//! What the images of this crate share: the machine.
//!
//! The machines are QEMU's `mps2-*` and `mps3-*` boards. Nothing of their peripherals is used: an
//! image talks to the host by semihosting and is measured from outside, by counting instructions
//! between markers. What must be unsafe for that (registers, the stack, statics of the linker
//! script) is in `machine`.

#![no_std]

pub mod machine;
