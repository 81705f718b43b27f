//! The state machine.

use kinglet_blob::checksum;
use kinglet_trust::{Crypto, KeyRing, Policy, Signed, Source, TrustError, verify};

use crate::error::SlotError;
use crate::flash::{self, Flash};
use crate::journal::Journal;
use crate::layout::{Layout, Region};
use crate::receive::{self, Reception};
use crate::state::{Installed, Phase, Reason, Slot, State};

/// Bytes of a blob's header.
const HEADER_BYTES: usize = 64;

/// Which model to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The candidate, which has to be confirmed in this boot or one of those left.
    Trial {
        /// Where it is.
        region: Region,
        /// Boots that are left after this one.
        boots_left: u8,
    },
    /// The confirmed model.
    Confirmed {
        /// Where it is.
        region: Region,
    },
    /// What the factory put there: nothing was ever confirmed, or what was is damaged.
    Factory {
        /// Where it is, and as long as its header says.
        region: Region,
    },
    /// There is no model.
    Nothing,
}

/// What blobs are checked with.
#[derive(Debug)]
pub struct Checks<'c, C> {
    /// Who may sign.
    pub ring: KeyRing<'c>,
    /// What this device takes. Its security counter is raised to the stored one.
    pub policy: Policy,
    /// Who computes.
    pub crypto: &'c mut C,
}

/// Two slots and a journal in a flash.
#[derive(Debug)]
pub struct Slots<F> {
    pub(crate) flash: F,
    layout: Layout,
    journal: Journal,
    pub(crate) state: State,
    reception: Option<Reception>,
    /// What this start runs, once it has been asked.
    boot: Option<Boot>,
    #[cfg(feature = "faults")]
    pub(crate) fault: Option<crate::fault::Fault>,
}

impl<F: Flash> Slots<F> {
    /// Finds out what the state is. Writes nothing.
    pub fn open(mut flash: F, layout: Layout) -> Result<Self, SlotError<F::Error>> {
        layout.check(&flash)?;
        let (journal, state) = Journal::open(&mut flash, layout.journal);
        let state = within(state, &layout);
        Ok(Slots {
            flash,
            layout,
            journal,
            state,
            reception: None,
            boot: None,
            #[cfg(feature = "faults")]
            fault: None,
        })
    }

    /// As [`Slots::open`], with a bug.
    #[cfg(feature = "faults")]
    pub fn open_with(
        mut flash: F,
        layout: Layout,
        fault: Option<crate::fault::Fault>,
    ) -> Result<Self, SlotError<F::Error>> {
        layout.check(&flash)?;
        let (journal, state) = Journal::open_with(&mut flash, layout.journal, |journal| journal.fault = fault);
        let state = within(state, &layout);
        Ok(Slots { flash, layout, journal, state, reception: None, boot: None, fault })
    }

    /// What is known of the slots.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where a slot is.
    pub fn region(&self, slot: Slot) -> Region {
        let [a, b] = self.layout.slots;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }

    pub(crate) fn candidate_region(&self) -> Region {
        let slot = self.state.candidate_slot();
        self.region(if fault!(self, ActiveSlotOverwritten) { slot.other() } else { slot })
    }

    /// The candidate's bytes from `offset` on, as far as they are written.
    pub fn read_candidate(&mut self, offset: u32, out: &mut [u8]) -> Result<(), SlotError<F::Error>> {
        let region = self.candidate_region();
        let end = offset.checked_add(flash::len32(out.len()));
        if end.is_none_or(|end| end > region.bytes) {
            return Err(SlotError::Length);
        }
        flash::read(&mut self.flash, region.offset.saturating_add(offset), out).map_err(SlotError::Flash)
    }

    /// The flash itself, for what else is in it.
    pub fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Gives the flash back.
    pub fn close(self) -> F {
        self.flash
    }

    // --- boot ---

    /// Which model to run in this start. Counts the boots of a model on trial before it runs, and reverts one that had
    /// its boots. Asked again in the same start, it says the same.
    pub fn boot(&mut self) -> Result<Boot, SlotError<F::Error>> {
        if let Some(boot) = self.boot {
            return Ok(boot);
        }
        if fault!(self, EraseAtEveryBoot) && self.state.phase == Phase::Empty {
            let region = self.candidate_region();
            for _ in 0..2 {
                receive::erase(&mut self.flash, region, region.bytes, [0, u32::MAX])?;
            }
        }
        let boot = match self.start_trial()? {
            Some(boot) => boot,
            None => self.kept(),
        };
        self.boot = Some(boot);
        Ok(boot)
    }

    /// The candidate on trial, unless it is reverted now.
    fn start_trial(&mut self) -> Result<Option<Boot>, SlotError<F::Error>> {
        if fault!(self, ActivateUnverified) && self.state.phase == Phase::Receiving {
            let header_tag = self.header_tag(self.candidate_region()).unwrap_or(0);
            let candidate = Installed { header_tag, ..self.state.candidate };
            self.put(State { phase: Phase::Trial, candidate, ..self.state })?;
        }
        if self.state.phase != Phase::Trial {
            return Ok(None);
        }
        let region = self.candidate_region();
        let most = self.layout.trial_boots_max;
        let most = if fault!(self, OneTrialTooMany) { most.saturating_add(1) } else { most };
        if self.state.trial_boots >= most {
            self.revert(Reason::NotConfirmed)?;
            return Ok(None);
        }
        if !fault!(self, HeaderTagIgnored) && self.header_tag(region) != Some(self.state.candidate.header_tag) {
            self.revert(Reason::Damaged)?;
            return Ok(None);
        }
        let trial_boots = self.state.trial_boots.saturating_add(1);
        if !fault!(self, TrialBootsNotCounted) {
            self.put(State { trial_boots, ..self.state })?;
        }
        let region = Region { bytes: self.state.candidate.bytes, ..region };
        Ok(Some(Boot::Trial { region, boots_left: most.saturating_sub(trial_boots) }))
    }

    /// What runs when there is no trial.
    pub(crate) fn kept(&mut self) -> Boot {
        let region = self.region(self.state.active_slot);
        let active = self.state.active;
        let is_whole = fault!(self, HeaderTagIgnored) || self.header_tag(region) == Some(active.header_tag);
        if active.bytes > 0 && is_whole {
            return Boot::Confirmed { region: Region { bytes: active.bytes, ..region } };
        }
        match self.factory() {
            Some(region) => Boot::Factory { region },
            None => Boot::Nothing,
        }
    }

    /// The factory's model, as long as its header says.
    fn factory(&mut self) -> Option<Region> {
        let region = self.layout.factory?;
        let mut header = [0; HEADER_BYTES];
        flash::read(&mut self.flash, region.offset, &mut header).ok()?;
        let bytes = header.get(8..12)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))?;
        let is_blob =
            header.starts_with(&kinglet_blob::MAGIC) && (flash::len32(HEADER_BYTES)..=region.bytes).contains(&bytes);
        is_blob.then_some(Region { bytes, ..region })
    }

    /// CRC of the header of the blob in a region; none where it cannot be read.
    fn header_tag(&mut self, region: Region) -> Option<u32> {
        let mut header = [0; HEADER_BYTES];
        flash::read(&mut self.flash, region.offset, &mut header).ok()?;
        Some(checksum::crc32(0, &header))
    }

    // --- reception ---

    /// Starts to receive a blob of `bytes` bytes, which the caller calls `name`; whatever was received or verified before
    /// is given up. Not while a model is on trial.
    pub fn begin(&mut self, bytes: u32, name: [u8; 8]) -> Result<(), SlotError<F::Error>> {
        if self.state.phase == Phase::Trial {
            return Err(SlotError::State);
        }
        if bytes < flash::len32(HEADER_BYTES) || bytes > self.candidate_region().bytes {
            return Err(SlotError::Length);
        }
        let candidate = Installed { bytes, header_tag: 0, digest: name };
        let started = State { candidate, trial_boots: 0, was_sealed: false, ..self.state };
        let early = if fault!(self, ReceivingBeforeErase) { Phase::Receiving } else { Phase::Erasing };
        self.put(State { phase: early, ..started })?;
        self.erase_and_receive([0, u32::MAX])
    }

    /// Erases the pages that the state says, and receives from the first of them on.
    fn erase_and_receive(&mut self, pages: [u32; 2]) -> Result<(), SlotError<F::Error>> {
        let region = self.candidate_region();
        let bytes = self.state.candidate.bytes;
        if !fault!(self, SlotNotErased) {
            receive::erase(&mut self.flash, region, bytes, pages)?;
        }
        self.put(State { phase: Phase::Receiving, ..self.state })?;
        let [first, _] = pages;
        self.reception = Some(self.reception_at(first.saturating_mul(flash::len32(F::ERASE_SIZE))));
        Ok(())
    }

    fn reception_at(&self, offset: u32) -> Reception {
        Reception::at(offset.min(self.state.candidate.bytes))
    }

    /// Goes on with what was being received under `name` when the power went: the offset of the next byte. None when
    /// nothing of that name was being received.
    pub fn resume(&mut self, name: [u8; 8]) -> Result<Option<u32>, SlotError<F::Error>> {
        if self.state.candidate.digest != name {
            return Ok(None);
        }
        let complete = self.state.candidate.header_tag;
        match self.state.phase {
            Phase::Erasing => self.erase_and_receive([0, u32::MAX])?,
            Phase::Resuming => self.erase_and_receive([complete, complete.saturating_add(2)])?,
            Phase::Receiving if self.reception.is_none() => self.resume_receiving(complete)?,
            Phase::Receiving => {}
            _ => return Ok(None),
        }
        Ok(self.reception.as_ref().map(|reception| reception.accepted))
    }

    fn resume_receiving(&mut self, complete: u32) -> Result<(), SlotError<F::Error>> {
        let region = self.candidate_region();
        let page = receive::stopped_at(&mut self.flash, region, self.state.candidate.bytes, complete);
        let page_bytes = flash::len32(F::ERASE_SIZE);
        if fault!(self, ResumeAtTornWord) {
            let mut offset = page.saturating_mul(page_bytes);
            let word = flash::len32(F::WRITE_SIZE);
            while offset.saturating_add(word) <= self.state.candidate.bytes
                && !flash::is_erased(&mut self.flash, region.offset.saturating_add(offset), word)
            {
                offset = offset.saturating_add(word);
            }
            self.reception = Some(self.reception_at(offset));
            return Ok(());
        }
        let page = if fault!(self, ResumeOnePageLate) { page.saturating_add(1) } else { page };
        if fault!(self, ResumeWithoutErase) {
            self.reception = Some(self.reception_at(page.saturating_mul(page_bytes)));
            return Ok(());
        }
        let candidate = Installed { header_tag: page, ..self.state.candidate };
        self.put(State { phase: Phase::Resuming, candidate, ..self.state })?;
        self.erase_and_receive([page, page.saturating_add(2)])
    }

    /// Takes the next bytes, any number of them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SlotError<F::Error>> {
        let region = self.candidate_region();
        let total = self.state.candidate.bytes;
        let ignores_length = fault!(self, WriteBehindSlot);
        let Some(reception) = self.reception.as_mut().filter(|_| self.state.phase == Phase::Receiving) else {
            return Err(SlotError::State);
        };
        let len = flash::len32(bytes.len());
        if reception.accepted.checked_add(len).is_none_or(|end| end > total) && !ignores_length {
            return Err(SlotError::Length);
        }
        let done = reception.write(&mut self.flash, region, bytes);
        if done.is_err() {
            // Where it stopped is not known any more: the flash says it to whoever resumes.
            self.reception = None;
        }
        done
    }

    /// Checks what was received: its signature, whether this device takes it, and what `accept` says of it. Only then it
    /// is verified; otherwise it is given up. `was_sealed` is true when the bytes came out of an opener that was finished.
    pub fn finish<C: Crypto>(
        &mut self,
        checks: &mut Checks<'_, C>,
        was_sealed: bool,
        accept: impl FnOnce(&mut F, Region) -> bool,
    ) -> Result<Signed, SlotError<F::Error>> {
        let region = self.candidate_region();
        let total = self.state.candidate.bytes;
        let skips_length = fault!(self, LengthNotChecked);
        let loses_tail = fault!(self, TailNotWritten);
        let Some(reception) = self.reception.as_mut().filter(|_| self.state.phase == Phase::Receiving) else {
            return Err(SlotError::State);
        };
        if reception.accepted != total && !skips_length {
            return Err(SlotError::Length);
        }
        if !loses_tail {
            reception.flush(&mut self.flash, region)?;
        }
        if !fault!(self, DataWithoutSync) {
            self.flash.sync().map_err(SlotError::Flash)?;
        }
        if fault!(self, VerifiedBeforeVerification) {
            self.put(State { phase: Phase::Verified, ..self.state })?;
        }
        let place = Region { bytes: total, ..region };
        let checked = self.check(place, checks, was_sealed);
        let checked = checked.and_then(|signed| {
            let was_reverted = digest_start(&signed) == self.state.reverted && !fault!(self, RevertedTriedAgain);
            if was_reverted { Err(SlotError::RevertedBefore) } else { Ok(signed) }
        });
        let checked = checked
            .and_then(|signed| if accept(&mut self.flash, place) { Ok(signed) } else { Err(SlotError::NotAccepted) });
        self.reception = None;
        let signed = match checked {
            Ok(signed) => signed,
            Err(error) => {
                self.give_up(Reason::Abandoned)?;
                return Err(error);
            }
        };
        let header_tag = self.header_tag(region).unwrap_or(0);
        let candidate = Installed { bytes: total, header_tag, digest: digest_start(&signed) };
        self.put(State { phase: Phase::Verified, candidate, was_sealed, ..self.state })?;
        Ok(signed)
    }

    /// The signature of what is in a region, and whether this device takes it.
    fn check<C: Crypto>(
        &mut self,
        place: Region,
        checks: &mut Checks<'_, C>,
        was_sealed: bool,
    ) -> Result<Signed, SlotError<F::Error>> {
        let stored = if fault!(self, CounterIgnored) { 0 } else { self.state.security_counter };
        let policy = Policy { security_counter: checks.policy.security_counter.max(stored), ..checks.policy };
        let mut source = Place { flash: &mut self.flash, place };
        let signed = match verify(&mut source, &checks.ring, checks.crypto) {
            Err(TrustError::Signature | TrustError::Unsigned | TrustError::SignatureForm)
                if fault!(self, VerifiedWithoutSignature) =>
            {
                Signed { claims: Default::default(), kernel_set: 0, total_bytes: place.bytes, digest: [9; 32] }
            }
            verdict => verdict.map_err(SlotError::Trust)?,
        };
        if !fault!(self, VerifiedWithoutSignature) {
            policy.check(&signed, was_sealed).map_err(SlotError::Trust)?;
        }
        Ok(signed)
    }

    /// Gives up what is being received or waits to be tried.
    pub fn abandon(&mut self) -> Result<(), SlotError<F::Error>> {
        match self.state.phase {
            Phase::Empty => Ok(()),
            Phase::Trial => Err(SlotError::State),
            _ => self.give_up(Reason::Abandoned),
        }
    }

    // --- trial ---

    /// From the next start on the verified candidate is on trial.
    pub fn activate(&mut self) -> Result<(), SlotError<F::Error>> {
        if self.state.phase != Phase::Verified {
            return Err(SlotError::State);
        }
        let mut next = State { phase: Phase::Trial, trial_boots: 0, ..self.state };
        if fault!(self, CounterRaisedAtActivation) {
            next.security_counter = next.security_counter.saturating_add(1);
        }
        self.put(next)
    }

    /// Keeps the model on trial, after its digest and signature were checked once more: from now on it is what runs, and
    /// the security counter is its own. One that is damaged is reverted.
    pub fn confirm<C: Crypto>(&mut self, checks: &mut Checks<'_, C>) -> Result<Signed, SlotError<F::Error>> {
        let runs = matches!(self.boot, Some(Boot::Trial { .. }));
        if self.state.phase != Phase::Trial || !runs {
            return Err(SlotError::State);
        }
        let region = self.candidate_region();
        let place = Region { bytes: self.state.candidate.bytes, ..region };
        let checked = self.check(place, checks, self.state.was_sealed);
        let same = |signed: &Signed| digest_start(signed) == self.state.candidate.digest;
        let unverified = fault!(self, ConfirmWithoutVerification);
        let signed = match checked {
            Ok(signed) if same(&signed) => signed,
            _ if unverified => {
                Signed { claims: Default::default(), kernel_set: 0, total_bytes: place.bytes, digest: [0; 32] }
            }
            _ => {
                self.revert(Reason::Damaged)?;
                return Err(SlotError::Damaged);
            }
        };
        let counter = self.state.security_counter.max(signed.claims.security_counter);
        let counter =
            if fault!(self, CounterLowered) { signed.claims.security_counter.saturating_sub(1) } else { counter };
        let slot = self.state.candidate_slot();
        let slot = if fault!(self, ConfirmsOtherSlot) { slot.other() } else { slot };
        self.put(State {
            active_slot: slot,
            active: self.state.candidate,
            security_counter: counter,
            reason: Reason::None,
            ..cleared(self.state)
        })?;
        self.boot = Some(Boot::Confirmed { region: place });
        Ok(signed)
    }

    /// Does not keep the model on trial. What runs is still it, until the next start.
    pub fn reject(&mut self, reason: Reason) -> Result<(), SlotError<F::Error>> {
        if self.state.phase != Phase::Trial {
            return Err(SlotError::State);
        }
        self.revert(reason)
    }

    /// Forgets both slots, so that the factory's model runs from the next start on, if its signature is right and it is
    /// not older than what the security counter allows: a reset is no way back.
    pub fn reset_to_factory<C: Crypto>(&mut self, checks: &mut Checks<'_, C>) -> Result<(), SlotError<F::Error>> {
        let place = self.factory().ok_or(SlotError::State)?;
        self.check(place, checks, true)?;
        self.put(State { active: Installed::default(), ..cleared(self.state) })
    }

    fn revert(&mut self, reason: Reason) -> Result<(), SlotError<F::Error>> {
        if fault!(self, RevertKeepsTrial) {
            return self.put(State { trial_boots: 0, reason, ..self.state });
        }
        self.put(State { reason, reverted: self.state.candidate.digest, ..cleared(self.state) })
    }

    pub(crate) fn give_up(&mut self, reason: Reason) -> Result<(), SlotError<F::Error>> {
        self.reception = None;
        self.put(State { reason, ..cleared(self.state) })
    }

    /// Stores the next state.
    fn put(&mut self, next: State) -> Result<(), SlotError<F::Error>> {
        let next = State { sequence: self.state.sequence.saturating_add(1), ..next };
        self.journal.append(&mut self.flash, &next)?;
        self.state = next;
        Ok(())
    }
}

/// `state` without models that no slot has room for: no record of ours has any, but whoever writes the flash may.
fn within(state: State, layout: &Layout) -> State {
    let [slot, _] = layout.slots;
    let state = if state.candidate.bytes > slot.bytes { cleared(state) } else { state };
    let active = if state.active.bytes > slot.bytes { Installed::default() } else { state.active };
    State { active, ..state }
}

/// `state` without a candidate.
fn cleared(state: State) -> State {
    State { phase: Phase::Empty, trial_boots: 0, was_sealed: false, candidate: Installed::default(), ..state }
}

/// What the journal keeps of a digest.
fn digest_start(signed: &Signed) -> [u8; 8] {
    signed.digest.first_chunk::<8>().copied().unwrap_or_default()
}

/// A blob in flash.
pub(crate) struct Place<'f, F> {
    pub(crate) flash: &'f mut F,
    pub(crate) place: Region,
}

impl<F: Flash> Source for Place<'_, F> {
    fn bytes(&self) -> u32 {
        self.place.bytes
    }

    fn read(&mut self, offset: u32, out: &mut [u8]) -> bool {
        let len = flash::len32(out.len());
        let ends_inside = offset.checked_add(len).is_some_and(|end| end <= self.place.bytes);
        ends_inside && flash::read(self.flash, self.place.offset.saturating_add(offset), out).is_ok()
    }
}
