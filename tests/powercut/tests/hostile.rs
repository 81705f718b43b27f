//! Flash of arbitrary bytes, with checksums as they are and with right ones.

use kinglet_powercut::{Random, hostile};

#[test]
fn any_bytes_are_a_flash() {
    let mut random = Random::new(5);
    for round in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.below(2_048)).map(|_| random.byte()).collect();
        // Small numbers reach further than large ones.
        if round % 3 > 0 {
            bytes.iter_mut().for_each(|byte| *byte = if *byte < 160 { *byte % 6 } else { *byte });
        }
        hostile::start(&bytes, round % 2 > 0);
    }
}
