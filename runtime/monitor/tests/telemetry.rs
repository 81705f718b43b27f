//! Telemetry: who may make a record, and what a record gives away.

use kinglet_monitor::{Authenticator, BINS, Hmac, RECORD_BYTES_MAX, Record, Response, TAG_BYTES};
use kinglet_trust::Software;

const RECORD: Record = Record {
    model: [0xff; 8],
    sequence: u32::MAX,
    runs: u32::MAX,
    slow: u32::MAX,
    most_ticks: u32::MAX,
    mean_ticks: u32::MAX,
    alarms: u32::MAX,
    last_alarm: u8::MAX,
    confidence: [u16::MAX; BINS],
};

#[test]
fn tags_are_those_of_rfc_4231() {
    // Its first two cases, with keys of fewer bytes filled up with zeros as HMAC does it.
    let cases: [(&[u8], &[u8], &str); 2] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
    ];
    for (short, message, right) in cases {
        let mut key = [0; 32];
        key[..short.len()].copy_from_slice(short);
        let tag = Hmac { key: &key, crypto: &mut Software }.tag(&[], message);
        assert_eq!(tag.map(|byte| format!("{byte:02x}")).concat(), right);
    }
}

#[test]
fn a_record_is_taken_from_its_device_only() {
    let mut bytes = [0; RECORD_BYTES_MAX];
    let sign = |bytes: &mut _| RECORD.encode_signed(&mut Hmac { key: &[1; 32], crypto: &mut Software }, bytes);
    let read = |bytes: &[u8], key| Record::decode_signed(bytes, &mut Hmac { key, crypto: &mut Software });
    let len = sign(&mut bytes);
    assert!(len <= RECORD_BYTES_MAX, "the longest record and its tag, {len} bytes");
    assert_eq!(read(&bytes[..len], &[1; 32]), Some(RECORD));
    assert_eq!(read(&bytes[..len], &[2; 32]), None);
    for bit in 0..len * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read(&changed[..len], &[1; 32]), None, "bit {bit}");
    }
    for shorter in 0..len {
        assert_eq!(read(&bytes[..shorter], &[1; 32]), None, "{shorter} bytes");
    }
    assert!(len > TAG_BYTES);
}

/// Numbers that look random.
fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let mixed = *state ^ (*state >> 33);
    (mixed.wrapping_mul(0xFF51_AFD7_ED55_8CCD) >> 32) as u32
}

#[test]
fn no_answer_is_more_telling_than_epsilon_says() {
    let mut state = 7;
    for probability in [0.25, 0.5, 0.75] {
        let epsilon = Response::new(probability).unwrap().epsilon();
        assert!((epsilon - (15.0 * probability / (1.0 - probability)).ln()).abs() < 1e-3, "{epsilon}");
        // How often each answer is given for one bin and for another.
        let answers = [3, 12].map(|bin| {
            let mut counts = [0u32; BINS];
            for _ in 0..40 {
                let mut response = Response::new(probability).unwrap();
                (0..20_000).for_each(|_| response.tell(bin, [random(&mut state), random(&mut state)]));
                let told = response.counts(0).unwrap();
                counts.iter_mut().zip(told).for_each(|(sum, told)| *sum += u32::from(*told));
            }
            counts
        });
        for (a, b) in answers[0].into_iter().zip(answers[1]) {
            let ratio = (a as f32 / b as f32).ln().abs();
            assert!(ratio < epsilon + 0.1, "{ratio} with epsilon {epsilon}");
        }
    }
}

#[test]
fn shares_of_many_runs_are_computed_back() {
    let mut state = 11;
    let mut response = Response::new(0.4).unwrap();
    assert_eq!(response.counts(1), None, "nothing was told yet");
    for run in 0..30_000 {
        response.tell(if run % 3 == 0 { 2 } else { 15 }, [random(&mut state), random(&mut state)]);
    }
    assert_eq!(response.counts(30_001), None);
    let told = response.counts(30_000).unwrap().map(u32::from);
    let estimated = response.estimate(&told);
    for (bin, count) in estimated.into_iter().enumerate() {
        let right = match bin {
            2 => 10_000.0,
            15 => 20_000.0,
            _ => 0.0,
        };
        // Five standard deviations of what chance does.
        assert!((count - right).abs() < 1_200.0, "bin {bin}: {count}");
    }
    assert!(Response::new(0.05).is_none() && Response::new(1.0).is_none() && Response::new(f32::NAN).is_none());
}
