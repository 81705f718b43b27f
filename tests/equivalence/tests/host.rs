//! The host's share of the cases: portable kernels, and the emulation of the boards' packings.

use kinglet_equivalence::{Buffers, FAMILIES, Family};

#[test]
fn every_kernel_equals_its_reference() {
    let mut buffers = Box::new(Buffers::new());
    for Family { name, is_in_this_build, check } in FAMILIES {
        assert!(is_in_this_build, "{name}: hosts run every packing");
        let mut checked = 0;
        for seed in 0..3000 {
            match check(seed, &mut buffers) {
                Ok(ran) => checked += u32::from(ran),
                Err(difference) => panic!("{name}: {difference:?}"),
            }
        }
        assert!(checked > 1000, "{name}: only {checked} of 3000 seeds make a case");
    }
}
