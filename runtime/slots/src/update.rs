//! Reception of a delta: the kept model is read while the other slot is written.
//!
//! Nothing is stored of how far a delta is. After a power cut it is sent again from its start, and what the flash has
//! already is gone over without being written: deltas are short.

use kinglet_trust::{Crypto, Hash, Source};

use crate::delta::{Blobs, DeltaError, DeltaHeader, Patch};
use crate::error::SlotError;
use crate::flash::{self, Flash};
use crate::layout::Region;
use crate::slots::{Boot, Place, Slots};
use crate::state::Reason;

/// Bytes that are hashed at a time.
const PIECE_BYTES: u32 = 64;

/// An update that arrives as a delta.
#[derive(Clone, Copy, Debug)]
pub struct Delta {
    patch: Patch,
    /// The kept model.
    base: Region,
}

// What a delta takes beside the slots.
const _: () = assert!(size_of::<Delta>() <= 64);

impl<F: Flash> Slots<F> {
    /// Starts to receive a blob as a delta from the model that is kept, or goes on with it after a power cut. Either way
    /// the delta's bytes behind its header come next, from the first on. Refuses a delta from another model.
    pub fn begin_delta(
        &mut self,
        header: &DeltaHeader,
        crypto: &mut impl Crypto,
    ) -> Result<Delta, SlotError<F::Error>> {
        let (base, digest) = self.base(crypto)?;
        let is_its_base = header.old == digest && header.old_bytes == base.bytes;
        if !is_its_base && !fault!(self, DeltaOfAnyModel) {
            return Err(SlotError::DeltaBase);
        }
        // Who sends the same name with another length has sent something else.
        let is_same = self.state.candidate.bytes == header.new_bytes;
        let there = match if is_same { self.resume(header.new)? } else { None } {
            Some(there) => there,
            None => {
                self.begin(header.new_bytes, header.new)?;
                0
            }
        };
        let there = if fault!(self, DeltaMadeAgain) { 0 } else { there };
        let base = if fault!(self, DeltaFromCandidate) { self.candidate_region() } else { base };
        Ok(Delta { patch: Patch::new(header, there), base })
    }

    /// The model that is kept, and the start of its digest: the journal's, or that of the factory's model.
    fn base(&mut self, crypto: &mut impl Crypto) -> Result<(Region, [u8; 8]), SlotError<F::Error>> {
        match self.kept() {
            Boot::Confirmed { region } => Ok((region, self.state.active.digest)),
            Boot::Factory { region } => {
                let end = kinglet_blob::signature::signed_bytes(region.bytes);
                let mut source = Place { flash: &mut self.flash, place: region };
                let (mut hash, mut piece) = (crypto.hash(), [0; PIECE_BYTES as usize]);
                let mut offset = 0u32;
                while offset < end {
                    let len = end.saturating_sub(offset).min(PIECE_BYTES);
                    let piece = piece.get_mut(..len as usize).unwrap_or_default();
                    if !source.read(offset, piece) {
                        return Err(SlotError::DeltaBase);
                    }
                    hash.update(piece);
                    offset = offset.saturating_add(len);
                }
                let digest = hash.finish().first_chunk().copied().unwrap_or_default();
                Ok((region, digest))
            }
            Boot::Trial { .. } | Boot::Nothing => Err(SlotError::DeltaBase),
        }
    }

    /// Takes the next bytes of a delta, any number of them. When the last is taken, [`Slots::finish`] checks the blob that
    /// was made, as any other.
    pub fn patch(&mut self, delta: &mut Delta, bytes: &[u8]) -> Result<(), SlotError<F::Error>> {
        let Delta { patch, base } = delta;
        match patch.feed(bytes, &mut Pair { slots: self, base: *base }) {
            Ok(()) => Ok(()),
            Err(DeltaError::Blobs(error)) => Err(error),
            Err(DeltaError::Form) => {
                if !fault!(self, DeltaKeptWhenMalformed) {
                    self.give_up(Reason::Abandoned)?;
                }
                Err(SlotError::Delta)
            }
        }
    }
}

/// The kept model, and the slot that is written.
struct Pair<'s, F> {
    slots: &'s mut Slots<F>,
    base: Region,
}

impl<F: Flash> Blobs for Pair<'_, F> {
    type Error = SlotError<F::Error>;

    fn old(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Self::Error> {
        let offset = if fault!(self.slots, DeltaStandsStill) { 0 } else { offset };
        let len = flash::len32(out.len());
        if offset.checked_add(len).is_none_or(|end| end > self.base.bytes) {
            return Err(SlotError::Delta);
        }
        flash::read(&mut self.slots.flash, self.base.offset.saturating_add(offset), out).map_err(SlotError::Flash)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.slots.write(bytes)
    }
}
