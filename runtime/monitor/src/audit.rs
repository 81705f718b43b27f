//! The audit log: what became of models on this device, in records that are chained by their digests.
//!
//! ```text
//! record n: | entry, 32 bytes | SHA-256 of domain tag, digest of record n - 1, entry |
//! ```
//!
//! Who changes, moves or cuts out a record breaks the chain behind it. Who can write the whole log can make another one:
//! the newest digest has to be known elsewhere for that, in telemetry for example.

use kinglet_blob::Cursor;
use kinglet_trust::{Crypto, Hash};

/// Bytes of an entry.
const ENTRY_BYTES: usize = 32;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 64;
/// What the digests are for.
const DOMAIN: [u8; 19] = *b"kinglet audit log 1";

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A model was verified in its slot.
    Installed = 1,
    /// It was put on trial.
    Activated = 2,
    /// It was confirmed.
    Confirmed = 3,
    /// A blob was refused; the reason is the code of trust or slots.
    Refused = 4,
    /// A model on trial was not kept; the reason is that of the slots.
    Reverted = 5,
    /// A key was revoked; the reason is its place in the ring.
    KeyRevoked = 6,
    /// The monitor has raised an alarm; the reason says which.
    Drift = 7,
    /// The device was reset to the factory's model.
    Reset = 8,
    /// Samples that a server has kept were read, or, with the reason 1, forgotten.
    Read = 9,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 9] = [
        Event::Installed,
        Event::Activated,
        Event::Confirmed,
        Event::Refused,
        Event::Reverted,
        Event::KeyRevoked,
        Event::Drift,
        Event::Reset,
        Event::Read,
    ];
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1.
    pub sequence: u32,
    /// What has happened.
    pub event: Event,
    /// Why, see [`Event`].
    pub reason: u8,
    /// The start of the model's digest.
    pub model: [u8; 8],
    /// The model's security counter.
    pub security_counter: u32,
    /// The model's version.
    pub version: [u16; 3],
    /// The caller's clock, whatever it counts; 0 without one.
    pub time: u64,
}

impl Entry {
    fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut out = [0; ENTRY_BYTES];
        let head = self.sequence.to_le_bytes().into_iter().chain([self.event as u8, self.reason]);
        let model = self.version.into_iter().flat_map(u16::to_le_bytes).chain(self.model);
        let fields = head.chain(model).chain(self.security_counter.to_le_bytes()).chain(self.time.to_le_bytes());
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    /// Reads the entry of a record, whether or not it is part of a chain.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let sequence = cursor.take()?;
        let event: u8 = cursor.take()?;
        Some(Entry {
            sequence,
            event: Event::ALL.into_iter().find(|known| *known as u8 == event)?,
            reason: cursor.take()?,
            version: cursor.take()?,
            model: cursor.take()?,
            security_counter: cursor.take()?,
            time: cursor.take()?,
        })
    }
}

/// The end of a log: the digest that the next record continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    sequence: u32,
    digest: [u8; 32],
}

impl Default for Chain {
    /// An empty log.
    fn default() -> Self {
        Chain { sequence: 0, digest: [0; 32] }
    }
}

/// Why a record does not continue a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is no record.
    Form,
    /// It is not the next one.
    Sequence,
    /// Its digest is not that of what is before it and of itself.
    Digest,
}

impl Chain {
    /// A chain that goes on behind a record whose predecessors are gone, as when a ring has overwritten them. What is
    /// before the record is not checked.
    pub fn behind(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let entry = Entry::read(record)?;
        Some(Chain { sequence: entry.sequence, digest: *record.last_chunk()? })
    }

    /// The newest digest, to be kept elsewhere.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Adds an entry, whose sequence number is set; the record to be stored.
    pub fn add(&mut self, entry: &Entry, crypto: &mut impl Crypto) -> [u8; RECORD_BYTES] {
        let entry = Entry { sequence: self.sequence.saturating_add(1), ..*entry };
        let bytes = entry.bytes();
        let digest = self.link(&bytes, crypto);
        *self = Chain { sequence: entry.sequence, digest };
        let mut record = [0; RECORD_BYTES];
        record.iter_mut().zip(bytes.into_iter().chain(digest)).for_each(|(to, from)| *to = from);
        record
    }

    /// Checks the next record, and goes on behind it.
    pub fn check(&mut self, record: &[u8; RECORD_BYTES], crypto: &mut impl Crypto) -> Result<Entry, Broken> {
        let (bytes, digest) = record.split_first_chunk::<ENTRY_BYTES>().ok_or(Broken::Form)?;
        let entry = Entry::read(bytes).ok_or(Broken::Form)?;
        if entry.sequence != self.sequence.saturating_add(1) {
            return Err(Broken::Sequence);
        }
        let expected = self.link(bytes, crypto);
        if expected != digest {
            return Err(Broken::Digest);
        }
        *self = Chain { sequence: entry.sequence, digest: expected };
        Ok(entry)
    }

    fn link(&self, entry: &[u8; ENTRY_BYTES], crypto: &mut impl Crypto) -> [u8; 32] {
        let mut hash = crypto.hash();
        hash.update(&DOMAIN);
        hash.update(&self.digest);
        hash.update(entry);
        hash.finish()
    }
}
