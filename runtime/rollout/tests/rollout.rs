//! Plans and steps: what is signed decides, what is not decides nothing.

use ed25519_compact::{KeyPair, Seed};
use kinglet_rollout::{
    DOCUMENT_BYTES_MAX, Decision, PLAN_MAGIC, Reason, Rollout, RolloutError, SHARE_ALL, SHARES_MAX, Seen, Step,
    name_digest, plan_message, step_message,
};
use kinglet_trust::{KeyRing, Software, TrustError};

const BASE: [u8; 8] = [1; 8];
const NEXT: [u8; 8] = [2; 8];

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

/// Shares as step, cohort, parts of a million.
fn plan(number: u32, shares: &[(u8, &str, u32)]) -> Vec<u8> {
    let mut bytes = PLAN_MAGIC.to_vec();
    bytes.extend(number.to_le_bytes());
    bytes.extend(name_digest("digits", &mut Software));
    bytes.extend(BASE);
    bytes.extend(NEXT);
    bytes.extend(7u32.to_le_bytes());
    for gate in [60u32, 10, 20_000, 100_000, 50_000, 0] {
        bytes.extend(gate.to_le_bytes());
    }
    bytes.extend(*key(2).pk);
    let steps = shares.iter().map(|share| share.0).max().unwrap_or(1);
    bytes.extend([u8::try_from(shares.len()).unwrap(), steps, 0, 0]);
    for (step, cohort, share) in shares {
        bytes.extend([*step, 0, 0, 0]);
        bytes.extend(name_digest(cohort, &mut Software));
        bytes.extend(share.to_le_bytes());
    }
    bytes.extend(KeyRing::id(&key(1).pk, &mut Software).to_le_bytes());
    let message = plan_message(&bytes, &mut Software);
    bytes.extend(*key(1).sk.sign(message, None));
    bytes
}

/// The plan with a step behind it.
fn document(plan: &[u8], sequence: u32, step: u8) -> Vec<u8> {
    let digest = plan_message(&plan[..plan.len() - 64], &mut Software)[22..30].try_into().unwrap();
    let step = Step { plan: digest, sequence, step, reason: Reason::Plan };
    let signature = key(2).sk.sign(step_message(&step.unsigned()), None);
    [plan, &step.unsigned(), &*signature].concat()
}

fn verify(document: &[u8], seen: Seen) -> Result<Rollout<'_>, RolloutError> {
    let keys = [*key(1).pk];
    Rollout::verify(document, "digits", seen, &KeyRing::new(&keys, 0).unwrap(), &mut Software)
}

fn steps() -> Vec<u8> {
    plan(3, &[(1, "pilots", SHARE_ALL), (2, "eu", 100_000), (3, "*", 500_000), (4, "*", SHARE_ALL)])
}

#[test]
fn shares_are_shares_and_only_grow() {
    let devices: Vec<String> = (0..4000).map(|index| format!("device-{index}")).collect();
    let mut before = [vec![false; devices.len()], vec![false; devices.len()], vec![false; devices.len()]];
    let expected = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [1.0, 0.5, 0.5], [1.0, 1.0, 1.0]];
    for (step, shares) in (0u8..).zip(expected) {
        let document = document(&steps(), u32::from(step) + 1, step);
        let rollout = verify(&document, Seen::default()).unwrap();
        for ((cohort, share), before) in ["pilots", "eu", "us"].iter().zip(shares).zip(&mut before) {
            let mut count = 0;
            for (device, before) in devices.iter().zip(before) {
                let is_next = match rollout.decide(cohort, device.as_bytes(), &mut Software) {
                    Decision::Next(digest) => digest == NEXT,
                    Decision::Base(digest) => digest != BASE,
                };
                assert!(is_next || !*before, "{device} of {cohort} goes back at step {step}");
                *before = is_next;
                count += u32::from(is_next);
            }
            let found = f64::from(count) / devices.len() as f64;
            assert!((found - share).abs() < 0.03, "{found} of {cohort} at step {step}, {share} are wanted");
        }
    }
}

#[test]
fn every_bit_counts() {
    let whole = document(&steps(), 9, 2);
    assert!(verify(&whole, Seen::default()).is_ok());
    for byte in 0..whole.len() {
        for bit in 0..8 {
            let mut broken = whole.clone();
            broken[byte] ^= 1 << bit;
            assert!(verify(&broken, Seen::default()).is_err(), "bit {bit} of byte {byte}");
        }
        assert!(verify(&whole[..byte], Seen::default()).is_err(), "{byte} bytes");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(verify(&longer, Seen::default()).err(), Some(RolloutError::StepForm));
}

#[test]
fn nothing_older_and_nobody_elses() {
    let whole = document(&steps(), 9, 2);
    let seen = |number, sequence| Seen { number, sequence };
    assert_eq!(verify(&whole, Seen::default()).unwrap().seen(), seen(3, 9));
    assert!(verify(&whole, seen(3, 9)).is_ok() && verify(&whole, seen(2, 100)).is_ok());
    assert_eq!(verify(&whole, seen(3, 10)).err(), Some(RolloutError::Old));
    assert_eq!(verify(&whole, seen(4, 0)).err(), Some(RolloutError::Old));
    let other = [*key(3).pk];
    let ring = KeyRing::new(&other, 0).unwrap();
    let unknown = Rollout::verify(&whole, "digits", Seen::default(), &ring, &mut Software).err();
    assert_eq!(unknown, Some(RolloutError::Key(TrustError::KeyUnknown)));
    let keys = [*key(1).pk];
    let revoked = KeyRing::new(&keys, 1).unwrap();
    let revoked = Rollout::verify(&whole, "digits", Seen::default(), &revoked, &mut Software).err();
    assert_eq!(revoked, Some(RolloutError::Key(TrustError::KeyRevoked)));
    let ring = KeyRing::new(&keys, 0).unwrap();
    let model = Rollout::verify(&whole, "wake", Seen::default(), &ring, &mut Software).err();
    assert_eq!(model, Some(RolloutError::Model));
    // A step of another plan, and one beyond the plan's last.
    let foreign = document(&plan(4, &[(1, "*", 1)]), 9, 1);
    let mixed = [steps().as_slice(), &foreign[foreign.len() - 88..]].concat();
    assert_eq!(verify(&mixed, Seen::default()).err(), Some(RolloutError::StepForm));
    assert_eq!(verify(&document(&steps(), 9, 5), Seen::default()).err(), Some(RolloutError::StepForm));
}

#[test]
fn the_largest_document_has_its_size() {
    let shares = vec![(1, "c", 1); SHARES_MAX];
    let largest = document(&plan(1, &shares), 1, 1);
    assert_eq!(largest.len(), DOCUMENT_BYTES_MAX);
    assert!(verify(&largest, Seen::default()).is_ok());
    assert_eq!(
        verify(&document(&plan(1, &[(1, "c", SHARE_ALL + 1)]), 1, 1), Seen::default()).err(),
        Some(RolloutError::PlanForm)
    );
}
