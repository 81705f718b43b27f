//! Eight things can be good or bad. A blob is accepted if and only if all are good: all 256 combinations.

use kinglet_trust::{DeviceKey, KeyRing, Policy, PublicKey, Signed, Software, TrustError, verify};

use super::sealed::{KEY, open};
use super::{blob, claims, pair, seal, sign};

const NAMES: [&str; 8] = ["key", "signature", "counter", "version", "model id", "kernel set", "length", "sealing"];

/// A device as the tests know it. `flavor` chooses among the ways in which something can be bad.
struct Device {
    keys: Vec<PublicKey>,
    revoked: u8,
    policy: Policy,
    device_key: DeviceKey,
}

impl Device {
    /// What a device does with bytes that have arrived.
    fn accept(&self, bytes: &[u8]) -> Result<Signed, TrustError> {
        let is_sealed = bytes.starts_with(&kinglet_trust::SEAL_MAGIC);
        let plain = if is_sealed { open(bytes, &self.device_key, 100)? } else { bytes.to_vec() };
        let ring = KeyRing::new(&self.keys, self.revoked).ok_or(TrustError::KeyUnknown)?;
        let signed = verify(&mut &plain[..], &ring, &mut Software)?;
        self.policy.check(&signed, is_sealed)?;
        Ok(signed)
    }
}

/// A device and bytes of which exactly the named things are bad.
fn scene(bad: u8, flavor: usize) -> (Device, Vec<u8>) {
    let is_bad = |name: &str| bad >> NAMES.iter().position(|known| *known == name).unwrap() & 1 == 1;
    let mut said = claims(&pair(1));
    if is_bad("model id") {
        said.model_id ^= 1 << (flavor * 31 % 64);
    }
    if is_bad("counter") {
        said.security_counter -= 1;
    }
    if is_bad("version") {
        said.version = [[1, 3, 9], [2, 0, 1], [0, 9, 9]][flavor % 3];
    }
    let mut signed = sign(&blob(), &said, &pair(1));
    if is_bad("signature") {
        let at = signed.len() - 68 + flavor * 29 % 64;
        signed[at] ^= 1 << (flavor % 8);
        let section = signed.len() - 80;
        let words: Vec<u32> =
            signed[section..].as_chunks::<4>().0[..19].iter().map(|word| u32::from_le_bytes(*word)).collect();
        let balance = 0u32.wrapping_sub(kinglet_blob::checksum::words(&words).rotate_right(5));
        let end = signed.len() - 4;
        signed[end..].copy_from_slice(&balance.to_le_bytes());
    }
    let bytes_max = signed.len() as u32 - u32::from(is_bad("length") && flavor.is_multiple_of(3));
    match flavor % 3 {
        1 if is_bad("length") => signed.push(0),
        2 if is_bad("length") => signed.truncate(signed.len() - 1),
        _ => {}
    }
    let (mut keys, mut revoked) = (vec![*pair(5).pk, *pair(1).pk], 0b01);
    if is_bad("key") {
        (keys, revoked) = if flavor.is_multiple_of(2) { (vec![*pair(5).pk], 0) } else { (keys, 0b10) };
    }
    let mut device_key = KEY;
    let mut bytes = seal(&signed, &KEY, [3; 12]);
    if is_bad("sealing") {
        match flavor % 3 {
            0 => device_key = DeviceKey([1; 32]),
            1 => *bytes.last_mut().unwrap() ^= 1,
            _ => bytes = signed,
        }
    }
    let kernel_sets = if is_bad("kernel set") { !1 } else { 1 };
    let versions = [[1, 4, 0], [2, 0, 0]];
    let policy = Policy { model_id: 77, versions, kernel_sets, security_counter: 5, bytes_max, must_be_sealed: true };
    (Device { keys, revoked, policy, device_key }, bytes)
}

#[test]
fn accepted_if_and_only_if_all_are_good() {
    let mut accepted = 0;
    for flavor in 0..6 {
        for bad in 0..=255u8 {
            let (device, bytes) = scene(bad, flavor);
            let verdict = device.accept(&bytes);
            let named: Vec<&str> = (0..8).filter(|bit| bad >> bit & 1 == 1).map(|bit| NAMES[bit as usize]).collect();
            assert_eq!(verdict.is_ok(), bad == 0, "bad: {named:?}, flavor {flavor}: {verdict:?}");
            accepted += u32::from(verdict.is_ok());
        }
    }
    assert_eq!(accepted, 6);
}

#[test]
fn each_has_its_code() {
    let expected = [
        &[99, 100][..], // key: unknown, revoked
        &[101],
        &[104],
        &[103],
        &[102],
        &[105],
        &[106, 5], // length: no room, or not the one that the header says
        &[109, 110, 107],
    ];
    for (bit, expected) in expected.iter().enumerate() {
        let mut codes: Vec<u8> = Vec::new();
        for flavor in 0..6 {
            let (device, bytes) = scene(1 << bit, flavor);
            codes.push(device.accept(&bytes).unwrap_err().code());
        }
        assert!(codes.iter().all(|code| expected.contains(code)), "{}: {codes:?}", NAMES[bit]);
        assert!(expected.iter().all(|code| codes.contains(code)), "{}: {codes:?}", NAMES[bit]);
    }
}
