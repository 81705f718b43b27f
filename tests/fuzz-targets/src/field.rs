//! What devices read in the field: a flash with anything in it, signed and sealed blobs, telemetry records, audit logs, deltas.

use kinglet_monitor::audit::{Chain, Entry, RECORD_BYTES};
use kinglet_monitor::{Baseline, RECORD_BYTES_MAX, Record};
use kinglet_powercut::crypto::Fast;
use kinglet_powercut::hostile;
use kinglet_slots::{Blobs, DELTA_HEADER_BYTES, DeltaHeader, Patch};
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
    delta(data);
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

/// The bytes that a delta has made of an old blob.
struct Made {
    old: Vec<u8>,
    bytes: usize,
}

impl Blobs for Made {
    type Error = ();

    fn old(&mut self, offset: u32, out: &mut [u8]) -> Result<(), ()> {
        let start = offset as usize;
        out.copy_from_slice(self.old.get(start..start + out.len()).expect("a delta does not leave the old blob"));
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.bytes += bytes.len();
        Ok(())
    }
}

/// Applies `data` as a delta, with a header of its own and with a good one: what it makes is no longer than it says, and the
/// pieces that it comes in do not matter.
fn delta(data: &[u8]) {
    const BYTES: u32 = 1_000;
    if let Some(header) = data.first_chunk::<DELTA_HEADER_BYTES>()
        && let Some(read) = DeltaHeader::read(header)
    {
        assert_eq!(read.bytes(), *header);
    }
    let header = DeltaHeader { old_bytes: BYTES, new_bytes: BYTES, old: [0; 8], new: [0; 8] };
    let ends = [1, data.len().max(1)].map(|piece| {
        let mut made = Made { old: vec![7; BYTES as usize], bytes: 0 };
        let mut patch = Patch::new(&header, 0);
        let fed = data.chunks(piece).try_for_each(|piece| patch.feed(piece, &mut made));
        assert!(made.bytes <= BYTES as usize);
        (fed, patch.is_complete(), made.bytes)
    });
    assert_eq!(ends[0], ends[1]);
}
