//! A device's life: updates that arrive, and what must be true at every start.
//!
//! The updater and the device's firmware are here too, as one who reads the manual would write them: after a start, ask
//! what to run, run it, go on with what the state says. They remember nothing over a start.

use kinglet_blob::Writer;
use kinglet_blob::cast::AlignedBlob;
use kinglet_blob::signature::{Claims, Unsigned};
use kinglet_slots::{
    Boot, Checks, DELTA_HEADER_BYTES, DeltaHeader, Fault, Flash, Layout, Phase, Reason, Region, Slot, SlotError, Slots,
    State, encode_delta,
};
use kinglet_trust::{Crypto, Hash, KeyRing, Policy, signed_message};

use crate::chip::{Chip, ChipError};
use crate::crypto::{Fast, sign};
use crate::random::Random;

/// The owner's key.
const KEY: [u8; 32] = [7; 32];
/// The only model of these devices.
const MODEL: u64 = 9;
/// Boots of a trial.
pub const TRIAL_BOOTS: u8 = 4;
/// Flash operations that a start may take before a model runs: a record, and a page for it.
const START_OPERATIONS_MAX: u32 = 2;
/// Erasures of a slot's page in one start beyond one for each reception.
const EXTRA_ERASURES_MAX: u8 = 1;
/// Starts that a life may take for each update and each cut.
const STARTS_MAX: usize = 12;

/// What becomes of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It works, and is confirmed at once.
    Kept,
    /// It works, and is confirmed in its second boot.
    KeptLate,
    /// The gate rejects it.
    Rejected,
    /// It never gets as far as a confirmation.
    Hangs,
    /// A bit of its weights changes while it is on trial.
    RotsBody,
    /// A bit of its header changes while it is on trial.
    RotsHeader,
    /// Nobody signed it.
    Forged,
    /// Its security counter is lower than the device's.
    Old,
    /// Its transfer ends early, and claims to be done.
    Short,
    /// It goes on behind its end.
    Long,
    /// The model that was rejected last comes once more.
    Again,
    /// It comes as a delta from the kept model, works, and is confirmed at once.
    Delta,
    /// It comes as a delta from a model that is not the kept one.
    DeltaOfOther,
    /// It comes as a delta whose steps leave the blobs.
    DeltaMalformed,
    /// It comes as a delta that makes another blob than the signed one.
    DeltaForged,
}

impl Fate {
    /// It is confirmed in the end.
    fn is_kept(self) -> bool {
        matches!(self, Fate::Kept | Fate::KeptLate | Fate::Delta)
    }

    fn is_delta(self) -> bool {
        matches!(self, Fate::Delta | Fate::DeltaOfOther | Fate::DeltaMalformed | Fate::DeltaForged)
    }

    /// It never gets as far as a trial.
    fn is_refused(self) -> bool {
        use Fate::*;
        matches!(self, Forged | Old | Short | Long | Again | DeltaOfOther | DeltaMalformed | DeltaForged)
    }
}

/// An update.
#[derive(Clone, Debug)]
pub struct Update {
    fate: Fate,
    bytes: Vec<u8>,
    digest: [u8; 8],
    counter: u32,
    /// How it comes, if not as a whole.
    delta: Option<Vec<u8>>,
    /// Bytes of a piece of the transfer.
    piece: usize,
}

/// Weights that nobody has seen, for a blob of `bytes` bytes.
fn new_weights(bytes: usize, random: &mut Random) -> Vec<u8> {
    let empty = Writer::default().finish().expect("small").len();
    // The signature takes an entry and a section, and each section some padding.
    let room = bytes.saturating_sub(empty + 16 + 80 + 16) & !15;
    (0..room).map(|_| random.byte()).collect()
}

/// What training on makes of weights: some moved, some other, many a little different.
fn trained_on(weights: &[u8], random: &mut Random) -> Vec<u8> {
    let (mut new, len) = (weights.to_vec(), weights.len());
    let at = random.below(len as u64 / 2) as usize;
    new.splice(at..at, (0..16).map(|_| random.byte()));
    new.truncate(len);
    let from = len / 2 + random.below(len as u64 / 8) as usize;
    new[from..from + len / 8].iter_mut().for_each(|byte| *byte = byte.wrapping_add(random.below(7) as u8));
    for _ in 0..3 {
        new[random.below(len as u64) as usize] = random.byte();
    }
    new
}

/// A signed blob.
fn blob(weights: &[u8], counter: u32) -> Vec<u8> {
    let writer = Writer { weights: weights.to_vec(), ..Writer::default() };
    let plain = AlignedBlob::copy_of(&writer.finish().expect("small"));
    let claims =
        Claims { model_id: MODEL, security_counter: counter, key_id: KeyRing::id(&KEY, &mut Fast), version: [1, 0, 0] };
    let unsigned = Unsigned::new(&plain, &claims).expect("a blob");
    let mut hash = Fast.hash();
    hash.update(unsigned.signed_bytes());
    unsigned.with(&sign(&KEY, &signed_message(&hash.finish())))
}

fn digest(bytes: &[u8]) -> [u8; 8] {
    let mut hash = Fast.hash();
    hash.update(&bytes[..bytes.len() - 68]);
    *hash.finish().first_chunk().expect("long enough")
}

/// The delta from what is kept to what is new, or what its fate makes of it.
fn delta(fate: Fate, [kept, new]: [&[u8]; 2], factory: &[u8]) -> Vec<u8> {
    let mut name = digest(new);
    // Another fate, another name: none goes on with what another has begun.
    name[0] ^= fate as u8;
    let old = if fate == Fate::DeltaOfOther { factory } else { kept };
    let mut delta = match fate {
        Fate::DeltaForged => {
            let mut forged = new.to_vec();
            let at = forged.len() - 100;
            forged[at] ^= 1;
            encode_delta(old, &forged, [digest(old), name])
        }
        _ => encode_delta(old, new, [digest(old), name]),
    };
    if fate == Fate::DeltaMalformed {
        // More than what is left of either blob, behind what is good.
        let end = delta.len() - 3;
        delta.truncate(end.max(DELTA_HEADER_BYTES));
        delta.extend([0xfc, 0xff, 0xff, 0x7f]);
    }
    delta
}

/// What arrives in a life, and what the factory put there.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The factory's model.
    pub factory: Vec<u8>,
    updates: Vec<Update>,
}

impl Plan {
    /// Updates of about `bytes` bytes with these fates.
    pub fn new(fates: &[Fate], bytes: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        // What is kept, and its weights.
        let mut weights = new_weights((bytes / 2).max(400), &mut random);
        let factory = blob(&weights, 0);
        let mut kept = factory.clone();
        let mut counter = 0;
        let mut updates: Vec<Update> = Vec::new();
        for &fate in fates {
            if matches!(fate, Fate::Kept | Fate::Delta) {
                counter += 1;
            }
            let counter = if fate == Fate::Old { counter - 1 } else { counter };
            let len = bytes - random.below(bytes as u64 / 4) as usize;
            let piece = [1, 3, 16, 61, 256][random.below(5) as usize];
            let own = if fate.is_delta() { trained_on(&weights, &mut random) } else { new_weights(len, &mut random) };
            let mut bytes = blob(&own, counter);
            if fate == Fate::Forged {
                let at = bytes.len() - 100;
                bytes[at] ^= 1;
            }
            if fate == Fate::Again {
                let last = updates.iter().rfind(|update| update.fate == Fate::Rejected).expect("one was rejected");
                bytes = last.bytes.clone();
            }
            let digest = digest(&bytes);
            let delta = fate.is_delta().then(|| delta(fate, [&kept, &bytes], &factory));
            if fate.is_kept() {
                (kept, weights) = (bytes.clone(), own);
            }
            updates.push(Update { fate, bytes, digest, counter, delta, piece });
        }
        Plan { factory, updates }
    }

    /// Updates in it.
    pub fn len(&self) -> usize {
        self.updates.len()
    }

    /// False: a life has updates.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}

/// How a start ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The firmware starts again by itself.
    Restart,
    /// The power went.
    Cut,
    /// Nothing is left to do.
    Done,
}

/// A chip as the life sees it.
pub trait Part: Flash<Error = ChipError> + Clone {
    /// See [`Chip::restart`].
    fn restart(&mut self);
    /// See [`Chip::rot`].
    fn rot(&mut self, offset: usize);
    /// See [`Chip::bytes`].
    fn bytes(&self, offset: u32, len: usize) -> &[u8];
    /// The first rule that was broken, if one was.
    fn violation(&self) -> Option<&String>;
    /// Operations since the last start.
    fn operations(&self) -> u32;
    /// The most erasures of a page of a region since the last start.
    fn erasures(&self, region: Region) -> u8;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> Part
    for Chip<READ, WRITE, PAGE, ERASED>
{
    fn restart(&mut self) {
        self.restart();
    }
    fn rot(&mut self, offset: usize) {
        self.rot(offset);
    }
    fn bytes(&self, offset: u32, len: usize) -> &[u8] {
        self.bytes(offset, len)
    }
    fn violation(&self) -> Option<&String> {
        self.violation.as_ref()
    }
    fn operations(&self) -> u32 {
        self.operations
    }
    fn erasures(&self, region: Region) -> u8 {
        let [first, end] = [region.offset, region.offset + region.bytes].map(|offset| offset as usize / PAGE);
        self.erasures[first..end].iter().copied().max().unwrap_or(0)
    }
}

/// A device, and what is known of it from outside.
#[derive(Clone, Debug)]
pub struct Device<P> {
    /// Its flash.
    pub chip: P,
    layout: Layout,
    fault: Option<Fault>,
    /// The update that is next.
    next: usize,
    /// The update that was confirmed last.
    confirmed: Option<usize>,
    /// The update whose confirmation had been asked for when the power went.
    may_be_confirmed: Option<usize>,
    /// Starts of the update that is next, as a trial.
    trials: u8,
    has_rotted: bool,
    counter: u32,
    starts: usize,
    /// Receptions that this start has begun or gone on with.
    receptions: u8,
}

/// A broken invariant.
pub type Finding = String;

impl<P: Part> Device<P> {
    /// A new device.
    pub fn new(chip: P, layout: Layout, fault: Option<Fault>) -> Self {
        Device {
            chip,
            layout,
            fault,
            next: 0,
            confirmed: None,
            may_be_confirmed: None,
            trials: 0,
            has_rotted: false,
            counter: 0,
            starts: 0,
            receptions: 0,
        }
    }

    /// Updates that are behind it.
    pub fn progress(&self) -> usize {
        self.next
    }

    /// One start, from power to the end of what it does; true when the life is over.
    pub fn start(&mut self, plan: &Plan) -> Result<bool, Finding> {
        self.chip.restart();
        self.starts += 1;
        self.receptions = 0;
        if self.starts > STARTS_MAX * (plan.len() + 2) {
            return Err(format!("I6: no progress: update {} after {} starts", self.next, self.starts));
        }
        let mut chip = self.chip.clone();
        let end = self.run(&mut chip, plan);
        self.chip = chip;
        if let Some(violation) = self.chip.violation() {
            return Err(violation.clone());
        }
        let erasures = self.layout.slots.map(|slot| self.chip.erasures(slot)).into_iter().max().unwrap_or(0);
        if erasures > self.receptions + EXTRA_ERASURES_MAX {
            return Err(format!("I6: a page was erased {erasures} times for {} receptions", self.receptions));
        }
        match end? {
            End::Done => Ok(true),
            End::Restart | End::Cut => Ok(false),
        }
    }

    fn run(&mut self, chip: &mut P, plan: &Plan) -> Result<End, Finding> {
        self.rot_header(chip, plan);
        let mut slots = match Slots::open_with(chip, self.layout, self.fault) {
            Ok(slots) => slots,
            Err(error) => return ended(error),
        };
        self.check_counter(slots.state(), plan)?;
        let boot = match slots.boot() {
            Ok(boot) => boot,
            Err(error) => return ended(error),
        };
        let state = *slots.state();
        let chip = slots.flash();
        let operations = chip.operations();
        if operations > START_OPERATIONS_MAX {
            return Err(format!("I6: {operations} operations before a model ran"));
        }
        self.check_kept(chip, plan, &state, boot)?;
        self.check_trial(chip, plan, boot)?;
        match boot {
            Boot::Trial { region, .. } => self.on_trial(&mut slots, plan, region),
            _ => self.update(&mut slots, plan),
        }
    }

    fn rot_header(&mut self, chip: &mut P, plan: &Plan) {
        let Some(update) = plan.updates.get(self.next) else { return };
        if update.fate != Fate::RotsHeader || self.has_rotted {
            return;
        }
        // Somebody looks from outside, with a sound reader, whether the trial has begun.
        let Ok(slots) = Slots::open(chip.clone(), self.layout) else { return };
        if slots.state().phase == Phase::Trial && slots.state().trial_boots == 0 {
            let region = slots.region(slots.state().candidate_slot());
            chip.rot(region.offset as usize + 40);
            self.has_rotted = true;
        }
    }

    fn check_counter(&mut self, state: &State, plan: &Plan) -> Result<(), Finding> {
        let counter = state.security_counter;
        let of = |index: Option<usize>| index.map_or(0, |index| plan.updates[index].counter);
        let most = of(self.confirmed).max(of(self.may_be_confirmed));
        if counter < self.counter {
            return Err(format!("I5: the counter fell from {} to {counter}", self.counter));
        }
        if counter > most {
            return Err(format!("I5: the counter is {counter}, the confirmed model's is {most}"));
        }
        self.counter = counter;
        Ok(())
    }

    /// The model that is kept is the one that was confirmed last, or the one whose confirmation was under way.
    fn check_kept(&mut self, chip: &P, plan: &Plan, state: &State, boot: Boot) -> Result<(), Finding> {
        let active = (state.active.bytes > 0).then_some(state.active.digest);
        let of = |index: Option<usize>| index.map(|index| plan.updates[index].digest);
        if active != of(self.confirmed) {
            if active != of(self.may_be_confirmed) {
                return Err("I3: the kept model is neither the old nor the new one".into());
            }
            self.confirmed = self.may_be_confirmed;
        }
        self.may_be_confirmed = None;
        let Some(index) = self.confirmed else {
            let place = self.layout.factory.ok_or("I1: there is no factory model")?;
            let is_there = chip.bytes(place.offset, plan.factory.len()) == &plan.factory[..];
            let runs_it = matches!(boot, Boot::Factory { .. } | Boot::Trial { .. });
            return if is_there && runs_it { Ok(()) } else { Err(format!("I1: nothing runs: {boot:?}")) };
        };
        let [a, b] = self.layout.slots;
        let place = if state.active_slot == Slot::A { a } else { b };
        let kept = &plan.updates[index].bytes;
        if chip.bytes(place.offset, kept.len()) != &kept[..] {
            return Err(format!("I1: the kept model, update {index}, is not whole"));
        }
        match boot {
            Boot::Confirmed { region } if (region.offset, region.bytes) != (place.offset, kept.len() as u32) => {
                Err("I3: another place than the kept model's runs".into())
            }
            Boot::Confirmed { .. } | Boot::Trial { .. } => Ok(()),
            Boot::Factory { .. } | Boot::Nothing => Err(format!("I1: the kept model does not run: {boot:?}")),
        }
    }

    /// What is on trial is the update that is next, whole and good, and not too often.
    fn check_trial(&mut self, chip: &P, plan: &Plan, boot: Boot) -> Result<(), Finding> {
        let Boot::Trial { region, .. } = boot else { return Ok(()) };
        let update = plan.updates.get(self.next).ok_or("I2: a trial of nothing")?;
        let is_whole = chip.bytes(region.offset, region.bytes as usize) == &update.bytes[..];
        let is_good = !update.fate.is_refused();
        let rots = matches!(update.fate, Fate::RotsBody) && self.has_rotted;
        if !(is_good && (is_whole || rots)) {
            return Err(format!("I2: update {} ({:?}) runs, whole: {is_whole}", self.next, update.fate));
        }
        self.trials += 1;
        if self.trials > TRIAL_BOOTS {
            return Err(format!("I4: trial number {} of update {}", self.trials, self.next));
        }
        Ok(())
    }

    /// What the firmware does while the model runs that is kept: it takes updates.
    fn update(&mut self, slots: &mut Slots<&mut P>, plan: &Plan) -> Result<End, Finding> {
        while let Some(update) = plan.updates.get(self.next) {
            if is_behind(slots.state(), update) {
                self.turn();
                continue;
            }
            self.receptions += 1;
            match receive(slots, update) {
                Ok(()) => return Ok(End::Restart),
                Err(Received::Slot(error)) if error.code() < 128 || is_refusal(&error) => {
                    if !is_expected(update.fate, &error) {
                        return Err(format!("update {} ({:?}) was refused: {error:?}", self.next, update.fate));
                    }
                    if error == SlotError::Delta && slots.state().phase != Phase::Empty {
                        return Err("I2: what a malformed delta has made is kept".into());
                    }
                    self.turn();
                }
                Err(Received::Slot(error)) => return ended(error),
                Err(Received::Accepted) => {
                    return Err(format!("I2: update {} ({:?}) was accepted", self.next, update.fate));
                }
            }
        }
        Ok(End::Done)
    }

    fn turn(&mut self) {
        self.next += 1;
        self.trials = 0;
        self.has_rotted = false;
    }

    fn on_trial(&mut self, slots: &mut Slots<&mut P>, plan: &Plan, region: Region) -> Result<End, Finding> {
        let update = &plan.updates[self.next];
        if update.fate == Fate::RotsBody && !self.has_rotted {
            slots.flash().rot(region.offset as usize + region.bytes as usize - 90);
            self.has_rotted = true;
        }
        let done = match update.fate {
            Fate::Kept | Fate::Delta => self.confirm(slots),
            Fate::KeptLate if slots.state().trial_boots > 1 => self.confirm(slots),
            Fate::RotsBody => match self.confirm(slots) {
                Err(SlotError::Damaged) => Ok(()),
                Ok(()) => return Err("I2: a damaged model was confirmed".into()),
                other => other,
            },
            Fate::Rejected => slots.reject(Reason::Caller),
            _ => Ok(()),
        };
        match done {
            Ok(()) => Ok(End::Restart),
            Err(error) => ended(error),
        }
    }

    fn confirm(&mut self, slots: &mut Slots<&mut P>) -> Result<(), SlotError<ChipError>> {
        self.may_be_confirmed = Some(self.next);
        checked(|checks| slots.confirm(checks))?;
        // What was said to be done stays done.
        (self.confirmed, self.may_be_confirmed) = (Some(self.next), None);
        Ok(())
    }
}

/// True when the update's fate is sealed, as the state says.
fn is_behind(state: &State, update: &Update) -> bool {
    match update.fate {
        fate if fate.is_kept() => state.active.digest == update.digest && state.phase == Phase::Empty,
        Fate::Rejected | Fate::Hangs | Fate::RotsBody | Fate::RotsHeader => {
            state.reverted == update.digest && state.phase == Phase::Empty
        }
        _ => false,
    }
}

/// Why a transfer ended.
enum Received {
    Slot(SlotError<ChipError>),
    /// A bad update became verified.
    Accepted,
}

impl From<SlotError<ChipError>> for Received {
    fn from(error: SlotError<ChipError>) -> Self {
        Received::Slot(error)
    }
}

/// Brings an update over, and puts it on trial.
fn receive<F: Flash<Error = ChipError>>(slots: &mut Slots<F>, update: &Update) -> Result<(), Received> {
    if slots.state().phase != Phase::Verified {
        match &update.delta {
            Some(delta) => receive_delta(slots, delta, update.piece)?,
            None => receive_whole(slots, update)?,
        }
        checked(|checks| slots.finish(checks, false, |_, _| true).map(|_| ()))?;
        if update.fate.is_refused() {
            return Err(Received::Accepted);
        }
    }
    slots.activate()?;
    Ok(())
}

fn receive_delta<F: Flash<Error = ChipError>>(
    slots: &mut Slots<F>,
    delta: &[u8],
    piece: usize,
) -> Result<(), SlotError<ChipError>> {
    let (header, steps) = delta.split_first_chunk().expect("a delta has a header");
    let header = DeltaHeader::read(header).expect("it was made here");
    let mut delta = slots.begin_delta(&header, &mut Fast)?;
    steps.chunks(piece).try_for_each(|piece| slots.patch(&mut delta, piece))
}

fn receive_whole<F: Flash<Error = ChipError>>(
    slots: &mut Slots<F>,
    update: &Update,
) -> Result<(), SlotError<ChipError>> {
    let mut name = update.digest;
    name[0] ^= update.fate as u8;
    let len = update.bytes.len();
    let offset = match slots.resume(name)? {
        Some(offset) => offset,
        None => {
            slots.begin(len as u32, name)?;
            0
        }
    };
    let rest = &update.bytes[offset as usize..];
    // One who ends early leaves out a piece, and says it was all.
    let rest = if update.fate == Fate::Short { &rest[..rest.len().saturating_sub(5)] } else { rest };
    for piece in rest.chunks(update.piece) {
        slots.write(piece)?;
    }
    if update.fate == Fate::Long {
        slots.write(&[0; 4096])?;
    }
    Ok(())
}

/// Runs something with what these devices check blobs with.
fn checked<T>(run: impl FnOnce(&mut Checks<'_, Fast>) -> T) -> T {
    let keys = [KEY];
    let policy = Policy {
        model_id: MODEL,
        versions: [[0, 0, 0], [9, 0, 0]],
        kernel_sets: 1,
        security_counter: 0,
        bytes_max: u32::MAX,
        must_be_sealed: false,
    };
    let ring = KeyRing::new(&keys, 0).expect("one key");
    run(&mut Checks { ring, policy, crypto: &mut Fast })
}

fn is_refusal(error: &SlotError<ChipError>) -> bool {
    use SlotError::*;
    matches!(error, Length | RevertedBefore | NotAccepted | Delta | DeltaBase)
}

/// Whether this is how such an update has to end.
fn is_expected(fate: Fate, error: &SlotError<ChipError>) -> bool {
    match fate {
        Fate::Forged => error.code() == 101,
        Fate::Old => error.code() == 104,
        Fate::Short | Fate::Long => *error == SlotError::Length,
        Fate::Again => *error == SlotError::RevertedBefore,
        Fate::DeltaOfOther => *error == SlotError::DeltaBase,
        Fate::DeltaMalformed => *error == SlotError::Delta,
        Fate::DeltaForged => error.code() == 101,
        _ => false,
    }
}

/// The power went, or something is wrong.
fn ended(error: SlotError<ChipError>) -> Result<End, Finding> {
    match error {
        SlotError::Flash(ChipError::PowerLost) => Ok(End::Cut),
        error => Err(format!("an operation failed: {error:?}")),
    }
}
