//! The host's share of the cases: portable kernels, and the emulation of the boards' packings.

use kinglet_equivalence::{Buffers, families};
use kinglet_kernels::registry::{Element, Isa, Row, kernels};

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

/// What has assembly on some core is in a family, or no core would compare it. Kernels of floats, which are those of hosts, are
/// compared where hosts are: `kernels_match_reference` runs each of the registry's with every token of the machine.
#[test]
fn every_kernel_of_an_instruction_set_is_in_a_family() {
    let is_of_hosts = |row: &Row| matches!(row.isa, Isa::X86_64 | Isa::Wasm) && row.element == Element::F32;
    for row in kernels().filter(|row| row.isa != Isa::Portable && !is_of_hosts(row)) {
        let is_same = |operator| row.operators.contains(operator);
        let found = families().any(|family| {
            let other = family.row();
            other.operators.iter().any(is_same) && other.packing == row.packing && other.element == row.element
        });
        assert!(found, "{} has no cases", row.name());
    }
}
