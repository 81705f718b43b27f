//! Runs the random cases of `kinglet-equivalence` on the emulated core: its assembly against the reference.
//!
//! Built and run by `cargo xtask kernel-check`. Prints a line for each family and for the first differences;
//! exits with an error when there is one.

#![no_std]
#![no_main]

use core::cell::UnsafeCell;

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use kinglet_emulator::machine;
use kinglet_equivalence::{Buffers, families};

/// Seeds tried for each family.
const SEEDS: u32 = 600;
/// Differences printed for each family.
const PRINTED: u32 = 3;

/// Buffers outside the stack. The image has one thread, and `main` is the only user.
struct Shared(UnsafeCell<Buffers>);

// SAFETY: there is one thread and no interrupt handler that touches it.
unsafe impl Sync for Shared {}

static BUFFERS: Shared = Shared(UnsafeCell::new(Buffers::new()));

#[entry]
fn main() -> ! {
    machine::prepare();
    // SAFETY: `main` runs once, so this is the only reference.
    let buffers = unsafe { &mut *BUFFERS.0.get() };
    let mut clean = true;
    for family in families() {
        let (operator, packing) = family.name();
        if !family.is_in_this_build() {
            hprintln!("{:?} {}: not in this build", operator, packing);
            continue;
        }
        let (mut checked, mut differences) = (0, 0);
        for seed in 0..SEEDS {
            match family.check(seed, buffers) {
                Ok(ran) => checked += u32::from(ran),
                Err(difference) => {
                    differences += 1;
                    if differences <= PRINTED {
                        hprintln!("{:?} {}: {:?}", operator, packing, difference);
                    }
                }
            }
        }
        hprintln!("{:?} {}: {} cases, {} differences", operator, packing, checked, differences);
        clean &= differences == 0 && checked > 0;
    }
    machine::exit(clean)
}
