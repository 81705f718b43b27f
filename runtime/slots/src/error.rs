//! Why the slots do not do what was asked.

use kinglet_trust::TrustError;

/// Why an operation was refused or failed. `E` is the flash driver's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotError<E> {
    /// The driver failed. What was being written is repeated after the next start.
    Flash(E),
    /// The regions overlap, are not made of whole pages, or are too small; or the driver's words are too large.
    Layout,
    /// There is no flash left where the journal could go on: no page of it can be erased.
    JournalFull,
    /// The state does not allow the operation, see [`crate::Slots::state`].
    State,
    /// The blob is longer than a slot, shorter than a header, or goes on behind its end.
    Length,
    /// The blob is not trusted, and was thrown away.
    Trust(TrustError),
    /// The caller's own check refused the blob, and it was thrown away.
    NotAccepted,
    /// It is the model that was reverted last: it is not tried again. A new version has another digest.
    RevertedBefore,
    /// The model on trial does not have the digest any more that it was installed with.
    Damaged,
    /// The delta is malformed, or leaves one of the blobs. What was received by it was thrown away.
    Delta,
    /// The delta is one from another model than the one that is kept here: the whole blob has to be sent.
    DeltaBase,
}

impl<E> SlotError<E> {
    /// A stable number; those of trust are below 128.
    pub fn code(&self) -> u8 {
        match self {
            SlotError::Trust(error) => error.code(),
            SlotError::Flash(_) => 128,
            SlotError::Layout => 129,
            SlotError::JournalFull => 130,
            SlotError::State => 131,
            SlotError::Length => 132,
            SlotError::NotAccepted => 133,
            SlotError::RevertedBefore => 134,
            SlotError::Damaged => 135,
            SlotError::Delta => 136,
            SlotError::DeltaBase => 137,
        }
    }
}
