//! What devices read in the field: a flash with anything in it, signed and sealed blobs, telemetry records, audit logs.

use kinglet_monitor::audit::{Chain, Entry, RECORD_BYTES};
use kinglet_monitor::{Baseline, RECORD_BYTES_MAX, Record};
use kinglet_powercut::crypto::Fast;
use kinglet_powercut::hostile;
use kinglet_trust::{KeyRing, SEAL_HEADER_BYTES, SealHeader, verify};

/// Starts on a flash with these bytes, with the journal's checksums as they are and made right.
pub fn flash(data: &[u8]) {
    hostile::start(data, false);
    hostile::start(data, true);
}

/// Reads `data` as everything that is signed, sealed, sent or logged.
pub fn field(data: &[u8]) {
    let keys = [[7; 32]];
    let ring = KeyRing::new(&keys, 0).expect("one key");
    // A fuzzer forges what `Fast` signs no more than anybody else.
    assert!(verify(&mut &data[..], &ring, &mut Fast).is_err());
    if let Some(header) = data.first_chunk::<SEAL_HEADER_BYTES>()
        && let Ok(read) = SealHeader::read(header)
    {
        assert_eq!(read.bytes(), *header);
    }
    if let Some(record) = Record::decode(data) {
        let mut bytes = [0; RECORD_BYTES_MAX];
        let len = record.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes[..len]), Some(record));
    }
    if let Some(baseline) = Baseline::read(data) {
        assert!(baseline.confidence_deviation > 0.0);
    }
    let mut chain = Chain::default();
    for record in data.as_chunks::<RECORD_BYTES>().0 {
        if Entry::read(record).is_some() {
            chain = Chain::behind(record).expect("it has an entry");
        }
        assert!(chain.check(record, &mut Fast).is_err(), "a record continues itself");
    }
}
