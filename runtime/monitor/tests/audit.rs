//! The audit log: every bit, every order, every gap.

use kinglet_monitor::audit::{Broken, Chain, Entry, Event, RECORD_BYTES};
use kinglet_trust::Software;

fn entry(index: u32) -> Entry {
    let event = Event::ALL[index as usize % Event::ALL.len()];
    let version = [1, 2, index as u16];
    Entry { sequence: 0, event, reason: 3, model: [7; 8], security_counter: index, version, time: 1 << index }
}

fn log(records: u32) -> Vec<[u8; RECORD_BYTES]> {
    let mut chain = Chain::default();
    (0..records).map(|index| chain.add(&entry(index), &mut Software)).collect()
}

fn check(records: &[[u8; RECORD_BYTES]]) -> Result<Vec<Entry>, Broken> {
    let mut chain = Chain::default();
    records.iter().map(|record| chain.check(record, &mut Software)).collect()
}

#[test]
fn a_log_reads_back_what_was_written() {
    let entries = check(&log(10)).unwrap();
    let expected: Vec<Entry> = (0..10).map(|index| Entry { sequence: index + 1, ..entry(index) }).collect();
    assert_eq!(entries, expected);
}

#[test]
fn every_flipped_bit_and_every_gap_is_found() {
    let records = log(4);
    for record in 0..4 {
        for bit in 0..RECORD_BYTES * 8 {
            let mut damaged = records.clone();
            damaged[record][bit / 8] ^= 1 << (bit % 8);
            assert!(check(&damaged).is_err(), "record {record}, bit {bit}");
        }
    }
    assert_eq!(check(&[records[0], records[2]]), Err(Broken::Sequence));
    assert_eq!(check(&[records[1], records[0]]), Err(Broken::Sequence));
    // A gap whose numbers were made right.
    let mut moved = records[2];
    moved[0] = 2;
    assert_eq!(check(&[records[0], moved]), Err(Broken::Digest));
}

#[test]
fn a_log_whose_beginning_is_gone_goes_on() {
    let records = log(6);
    let mut chain = Chain::behind(&records[2]).unwrap();
    assert!(records[3..].iter().all(|record| chain.check(record, &mut Software).is_ok()));
    let mut whole = Chain::default();
    records.iter().for_each(|record| _ = whole.check(record, &mut Software).unwrap());
    assert_eq!(chain.digest(), whole.digest());
}
