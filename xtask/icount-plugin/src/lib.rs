//! Counts what a firmware image executes, to the instruction.
//!
//! QEMU has no cycle model, but it executes every guest instruction once and in order, so a plugin
//! can count them without any disturbance: the image needs no timer, no interrupt and no symbol.
//! The image brackets what it wants measured with marker instructions that compilers never emit
//! (see `opcode`); executing one appends a line to a file:
//!
//! ```text
//! begin <instructions> <loads> <stores> <vector instructions> <taken> <moved> <flash loads> <classes ...>
//! tick  ...
//! end   ...
//! ```
//!
//! All columns run from reset. A window's instructions are `end - begin - 1` (the marker `end`
//! is in the count, `begin` is before it); loads, stores and vector instructions are plain
//! differences. Windows nest.
//!
//! - An instruction inside an IT block whose condition fails is fetched and decoded by a core, and it
//!   counts as one here.
//! - A load or store counts one per register moved: `LDM` of four registers is four loads.
//! - `taken` are the times that execution went on elsewhere than behind the last instruction: branches, calls, returns.
//! - `moved` are the registers that multiple loads and stores moved; `flash loads` those loads whose address is below the
//!   RAM of all boards, `0x2000_0000`. Then follows one column for each class of instructions, see `class`.
//! - A Helium load or store counts one per instruction: QEMU splits those into one access per lane,
//!   which says nothing about the core.
//!
//! Arguments: `out=FILE` (required; appended to), `hist=FILE` with `window=K` (executions per
//! address within the K-th outermost window, from 0; lines of `address count`, both decimal).
//!
//! With `blocks=FILE` instead, programs of any processor are counted, see `blocks`.
//!
//! Callbacks are used throughout rather than QEMU's inline counters: their signatures are the same
//! from QEMU 6 to 10, and in 7.2 the inline memory counters ignore their read/write filter.

// The test executable is linked without QEMU, so it must not refer to QEMU's symbols; that leaves the
// counter without a caller. `cargo xtask mcu-selftest` checks both on every core.
#[cfg(not(test))]
mod blocks;
mod class;
#[cfg(not(test))]
mod counter;
mod opcode;
#[cfg(not(test))]
mod qemu;
