//! An estimate of cycles from exact counts of instructions.
//!
//! QEMU executes, it does not time. What a core needs is estimated from how many instructions of which class were
//! executed and from what the core's Technical Reference Manual says of each class. It is an **estimate**: it knows no
//! stalls from a load to its use in an address, no folding of `IT`, no bus contention. It is here so that a kernel
//! that trades many cheap instructions for a few dear ones is not mistaken for a gain.
//!
//! The numbers and their sources are a column of the table of machines. Cortex-M7 issues two instructions at once, and
//! for M33 and M55 no table is published: there is no estimate for them.
//!
//! Flash wait states are a parameter `W`: sequential fetches are taken to be hidden by the prefetch buffer that boards
//! with slow flash have, but each taken branch and each load of a constant from flash waits `W` cycles.

use kinglet_kernels::machine::Cycles;

use crate::counts::{CLASS_COUNT, Mix};

/// Cycles of what was executed, with `wait_states` of flash.
pub(crate) fn estimate(costs: &Cycles, mix: &Mix, wait_states: u64) -> u64 {
    let by_class: u64 = costs.classes.iter().zip(&mix.classes).map(|(cost, count)| cost * count).sum();
    let waiting = (mix.taken + mix.flash_loads) * wait_states;
    by_class + mix.moved * costs.moved + mix.taken * costs.refill + waiting
}

// One price for each class that the plugin counts.
const _: fn(Cycles) -> [u64; CLASS_COUNT] = |costs| costs.classes;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board;

    #[test]
    fn every_part_of_the_mix_counts() {
        let mut mix = Mix { taken: 10, moved: 100, flash_loads: 1000, classes: [0; CLASS_COUNT] };
        mix.classes[2] = 7;
        let cycles = |core: &str, wait_states| {
            board::parse(core).unwrap().cycles.map(|costs| estimate(&costs, &mix, wait_states))
        };
        assert_eq!(cycles("cortex-m4", 0), Some(7 + 100 + 20));
        assert_eq!(cycles("cortex-m3", 0), Some(14 + 100 + 20));
        assert_eq!(cycles("cortex-m4", 2), Some(7 + 100 + 20 + 2 * 1010));
        assert_eq!(cycles("cortex-m55", 0), None);
    }
}
