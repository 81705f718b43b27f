//! The host's share of the cases: portable kernels, and the emulation of the boards' packings.

use kinglet_equivalence::{Buffers, families};
use kinglet_kernels::registry::{Isa, kernels};

#[test]
fn every_kernel_equals_its_reference() {
    let mut buffers = Box::new(Buffers::new());
    for family in families() {
        let name = family.name();
        assert!(family.is_in_this_build(), "{name:?}: tests run every packing");
        let mut checked = 0;
        for seed in 0..3000 {
            match family.check(seed, &mut buffers) {
                Ok(ran) => checked += u32::from(ran),
                Err(difference) => panic!("{name:?}: {difference:?}"),
            }
        }
        assert!(checked > 1000, "{name:?}: only {checked} of 3000 seeds make a case");
    }
}

/// What has assembly on some core is in a family, or no core would compare it.
#[test]
fn every_kernel_of_an_instruction_set_is_in_a_family() {
    for row in kernels().filter(|row| row.isa != Isa::Portable) {
        let is_same = |operator| row.operators.contains(operator);
        let found = families().any(|family| {
            let other = family.row();
            other.operators.iter().any(is_same) && other.packing == row.packing && other.element == row.element
        });
        assert!(found, "{} has no cases", row.name());
    }
}
