//! Of one device little is known, of many the share.

use kinglet_monitor::{FACTS, Facts};

/// A generator whose bits are good enough to be counted.
fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    u32::try_from(((*state >> 33) ^ (*state >> 50)) & 0xffff).unwrap()
        | (u32::try_from((*state >> 40) & 0xffff).unwrap() << 16)
}

#[test]
fn shares_come_back_and_single_answers_do_not() {
    let (mut state, devices) = (7, 20_000u32);
    for tenths in [0u32, 1, 5, 10] {
        let mut yes = [0u64; FACTS as usize];
        let (mut told, mut all) = (0u32, 0u32);
        for device in 0..devices {
            let truth = device % 10 < tenths;
            let facts = Facts::of([1; 8], if truth { u16::MAX } else { 0 }, random(&mut state));
            assert_eq!(Facts::decode(&facts.encode()), Some(facts));
            for (bit, yes) in yes.iter_mut().enumerate() {
                let answer = facts.answers >> bit & 1 == 1;
                *yes += u64::from(answer);
                (told, all) = (told + u32::from(answer == truth), all + 1);
            }
        }
        for yes in yes {
            let share = Facts::share(yes, devices.into());
            assert!((f64::from(share) - f64::from(tenths) / 10.0).abs() < 0.03, "{share} instead of {tenths} tenths");
        }
        // Three of four answers are true, not more.
        assert!((f64::from(told) / f64::from(all) - 0.75).abs() < 0.01, "{told} of {all}");
    }
    assert!(Facts::decode(&[1; 11]).is_none() && Facts::decode(&[0x81; 10]).is_none());
}
