//! The model that this image was built around, and the arena that it asked for.

use core::cell::UnsafeCell;

use kinglet::{Aligned, Arena};
use kinglet_report::Vector;

include!(concat!(env!("OUT_DIR"), "/model.rs"));

#[unsafe(link_section = ".model")]
static BLOB: Aligned<[u8; BLOB_BYTES]> = Aligned(blob!());

/// The compiled model, as the linker placed it.
pub(crate) fn blob() -> &'static [u8] {
    &BLOB.0
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
