//! An estimate of cycles from exact counts of instructions.
//!
//! QEMU executes, it does not time. What a core needs is estimated from how many instructions of which class were
//! executed and from what the core's Technical Reference Manual says of each class. It is an **estimate**: it knows no
//! stalls from a load to its use in an address, no folding of `IT`, no bus contention. It is here so that a kernel
//! that trades many cheap instructions for a few dear ones is not mistaken for a gain.
//!
//! Sources: Cortex-M4 TRM r0p1, table 3-1; Cortex-M3 TRM r2p0, table 18-1; Cortex-M0+ TRM r0p1, table 3-1 (with the
//! single-cycle multiplier). Where a manual gives a range the number here is named with it. Cortex-M7 issues two
//! instructions at once, and for M33 and M55 no table is published: there is no estimate for them.
//!
//! Flash wait states are a parameter `W`: sequential fetches are taken to be hidden by the prefetch buffer that boards
//! with slow flash have, but each taken branch and each load of a constant from flash waits `W` cycles.

use crate::counts::{CLASS_COUNT, Mix};

/// What a core needs for an instruction of each class.
pub(crate) struct Costs {
    /// In the order of the plugin's classes; multiple accesses without their registers.
    classes: [u64; CLASS_COUNT],
    /// A register moved by a multiple access.
    moved: u64,
    /// Refilling the pipeline after a taken branch.
    refill: u64,
}

/// The costs of a core, where a table is published.
pub(crate) fn costs(core: &str) -> Option<Costs> {
    match core {
        // Plain, multiply, multiply-add, long multiply, long multiply-add, divide (2-12), single access, one behind
        // another, multiple access, branch, IT; refill 1-3.
        "cortex-m4" => Some(Costs { classes: [1, 1, 1, 1, 1, 7, 2, 1, 1, 1, 1], moved: 1, refill: 2 }),
        // Long multiply 3-5, long multiply-add 4-7.
        "cortex-m3" => Some(Costs { classes: [1, 1, 2, 4, 6, 7, 2, 1, 1, 1, 1], moved: 1, refill: 2 }),
        // No accesses are overlapped. What an Armv6-M core does not have is not in an image for it.
        "cortex-m0" => Some(Costs { classes: [1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1], moved: 1, refill: 1 }),
        _ => None,
    }
}

impl Costs {
    /// Cycles with `wait_states` of flash.
    pub(crate) fn cycles(&self, mix: &Mix, wait_states: u64) -> u64 {
        let by_class: u64 = self.classes.iter().zip(&mix.classes).map(|(cost, count)| cost * count).sum();
        let waiting = (mix.taken + mix.flash_loads) * wait_states;
        by_class + mix.moved * self.moved + mix.taken * self.refill + waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_mix_counts() {
        let mut mix = Mix { taken: 10, moved: 100, flash_loads: 1000, classes: [0; CLASS_COUNT] };
        mix.classes[2] = 7;
        let cycles = |core, wait_states| costs(core).map(|costs| costs.cycles(&mix, wait_states));
        assert_eq!(cycles("cortex-m4", 0), Some(7 + 100 + 20));
        assert_eq!(cycles("cortex-m3", 0), Some(14 + 100 + 20));
        assert_eq!(cycles("cortex-m4", 2), Some(7 + 100 + 20 + 2 * 1010));
        assert_eq!(cycles("cortex-m55", 0), None);
    }
}
