//! The model that this image was built around, and the arena that it asked for.
//!
//! With the feature `loaded` the image has no model: the emulator puts one behind the arena before the start.

use core::cell::UnsafeCell;

use kinglet::Arena;
use kinglet_report::Vector;

include!(concat!(env!("OUT_DIR"), "/model.rs"));

#[cfg(not(feature = "loaded"))]
#[unsafe(link_section = ".model")]
static BLOB: kinglet::Aligned<[u8; BLOB_BYTES]> = kinglet::Aligned(blob!());

/// The compiled model, as the linker placed it.
#[cfg(not(feature = "loaded"))]
pub(crate) fn blob() -> &'static [u8] {
    &BLOB.0
}

/// The compiled model, as the emulator put it behind the arena.
#[cfg(feature = "loaded")]
pub(crate) fn blob() -> &'static [u8] {
    kinglet_emulator::machine::loaded()
}

/// Memory that is handed out once.
struct ArenaCell(UnsafeCell<Arena<ARENA_BYTES>>);

// SAFETY: one core, no interrupts, and `arena` is called once: no two references exist.
unsafe impl Sync for ArenaCell {}

/// Not in `.bss`: it is counted apart, and nothing clears it at start-up.
#[unsafe(link_section = ".arena")]
static ARENA: ArenaCell = ArenaCell(UnsafeCell::new(Arena::new()));

/// The arena. Called once, at the start of `measure`.
pub(crate) fn arena() -> &'static mut [u8] {
    // SAFETY: the only call is at the start of `measure`, which `main` calls once.
    let arena = unsafe { &mut *ARENA.0.get() };
    arena.as_mut_slice()
}
