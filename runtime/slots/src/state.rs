//! What is known of the slots: one record, and how it stands in flash.
//!
//! Everything that changes together is in one record, the security counter too, so that there is no order of writes to
//! get wrong.

use kinglet_blob::{Cursor, checksum};

/// Length of a record: whole words of every flash that is supported.
pub const RECORD_BYTES: usize = 64;

/// The first bytes of a record.
const MAGIC: u32 = u32::from_le_bytes(*b"KSL1");

/// A place for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The first one.
    A,
    /// The second one.
    B,
}

impl Slot {
    /// The other one.
    pub fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }
}

/// Where the candidate is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// There is no candidate.
    Empty = 0,
    /// Its slot is being erased.
    Erasing = 1,
    /// Its bytes are arriving.
    Receiving = 2,
    /// Its digest and signature were right, and this device takes it.
    Verified = 3,
    /// It runs, and has to prove itself.
    Trial = 4,
    /// Reception was interrupted: the pages where it stopped are being erased.
    Resuming = 5,
}

/// Why a candidate was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// None was reverted since the last one was confirmed.
    None = 0,
    /// It was not confirmed within its boots.
    NotConfirmed = 1,
    /// Its test vectors gave other bits.
    SelfTest = 2,
    /// The caller said so.
    Caller = 3,
    /// It took too long.
    Latency = 4,
    /// The monitor saw drift.
    Drift = 5,
    /// Its header changed in flash, or its digest.
    Damaged = 6,
    /// It was given up before it was tried.
    Abandoned = 7,
    /// Its runs failed.
    Error = 8,
}

/// A model in a slot, as far as a boot needs to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Length; 0 when there is none.
    pub bytes: u32,
    /// CRC-32 of the blob's header. While it is being received: pages that are complete for certain.
    pub header_tag: u32,
    /// The first bytes of its digest. While it is being received: the caller's name for it.
    pub digest: [u8; 8],
}

/// The whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Counts records.
    pub(crate) sequence: u32,
    /// Blobs of a lower security counter are refused.
    pub security_counter: u32,
    /// Where the confirmed model is.
    pub active_slot: Slot,
    /// The confirmed model.
    pub active: Installed,
    /// Where the candidate is on its way; its slot is the other one.
    pub phase: Phase,
    /// How often it has been started.
    pub trial_boots: u8,
    /// Whether it came sealed.
    pub was_sealed: bool,
    /// The candidate; of one that is being received only the length.
    pub candidate: Installed,
    /// Why the last candidate was not kept.
    pub reason: Reason,
    /// The digest of the last candidate that was tried and not kept.
    pub reverted: [u8; 8],
}

impl State {
    /// That of a new device.
    pub(crate) const NEW: State = State {
        sequence: 0,
        security_counter: 0,
        active_slot: Slot::B,
        active: Installed { bytes: 0, header_tag: 0, digest: [0; 8] },
        phase: Phase::Empty,
        trial_boots: 0,
        was_sealed: false,
        candidate: Installed { bytes: 0, header_tag: 0, digest: [0; 8] },
        reason: Reason::None,
        reverted: [0; 8],
    };

    /// Where the candidate is.
    pub fn candidate_slot(&self) -> Slot {
        self.active_slot.other()
    }

    pub(crate) fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let small = [
            self.active_slot as u8,
            self.phase as u8,
            self.trial_boots,
            self.reason as u8,
            u8::from(self.was_sealed),
            0,
            0,
            0,
        ];
        let fields = MAGIC.to_le_bytes().into_iter().chain(self.sequence.to_le_bytes());
        let fields = fields.chain(self.security_counter.to_le_bytes()).chain(small);
        let fields = fields.chain(encode_installed(&self.active)).chain(encode_installed(&self.candidate));
        let fields = fields.chain(self.reverted);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let crc = crc(&bytes).to_le_bytes();
        bytes.iter_mut().rev().zip(crc.iter().rev()).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; RECORD_BYTES], is_checked: bool) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let magic: u32 = cursor.take()?;
        let sequence = cursor.take()?;
        let security_counter = cursor.take()?;
        let small: [u8; 8] = cursor.take()?;
        let [slot, phase, trial_boots, reason, sealed, ..] = small;
        let (active, candidate) = (decode_installed(&mut cursor)?, decode_installed(&mut cursor)?);
        let reverted = cursor.take()?;
        let stored = bytes.last_chunk::<4>().map(|crc| u32::from_le_bytes(*crc))?;
        if magic != MAGIC || (is_checked && stored != crc(bytes)) {
            return None;
        }
        Some(State {
            sequence,
            security_counter,
            active_slot: [Slot::A, Slot::B].into_iter().find(|known| *known as u8 == slot)?,
            active,
            phase: phase_of(phase)?,
            trial_boots,
            was_sealed: sealed == 1,
            candidate,
            reason: reason_of(reason)?,
            reverted,
        })
    }
}

fn encode_installed(installed: &Installed) -> impl Iterator<Item = u8> {
    installed.bytes.to_le_bytes().into_iter().chain(installed.header_tag.to_le_bytes()).chain(installed.digest)
}

fn decode_installed(cursor: &mut Cursor<'_>) -> Option<Installed> {
    Some(Installed { bytes: cursor.take()?, header_tag: cursor.take()?, digest: cursor.take()? })
}

fn phase_of(tag: u8) -> Option<Phase> {
    [Phase::Empty, Phase::Erasing, Phase::Receiving, Phase::Verified, Phase::Trial, Phase::Resuming]
        .into_iter()
        .find(|phase| *phase as u8 == tag)
}

fn reason_of(tag: u8) -> Option<Reason> {
    use Reason::*;
    [None, NotConfirmed, SelfTest, Caller, Latency, Drift, Damaged, Abandoned, Error]
        .into_iter()
        .find(|reason| *reason as u8 == tag)
}

/// CRC of all but the CRC itself.
fn crc(bytes: &[u8; RECORD_BYTES]) -> u32 {
    checksum::crc32(0, bytes.get(..RECORD_BYTES.saturating_sub(4)).unwrap_or_default())
}
