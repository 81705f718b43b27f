//! The power-cut proof of rings of records: wherever the power goes, what was appended is there, in order, and nothing else.

use kinglet_slots::{Fault, Region, Ring, SlotError};

use crate::Random;
use crate::chip::{ChipError, Style};
use crate::life::Finding;
use crate::proof::{Breakable, Cut, Job};

/// Records of a life.
const RECORDS: u32 = 24;
/// Starts of a life at most: one for each record, and those after cuts.
const STARTS_MAX: u32 = 2 * RECORDS;
/// The longest payload.
const PAYLOAD_BYTES_MAX: usize = 105;

/// What record number `sequence` holds.
fn payload(sequence: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(sequence));
    (0..1 + random.below(PAYLOAD_BYTES_MAX as u64)).map(|_| random.byte()).collect()
}

/// A device that appends records: how many of them are stored for certain.
#[derive(Clone)]
struct Writer<P> {
    chip: P,
    region: Region,
    fault: Option<Fault>,
    stored: u32,
    starts: u32,
}

impl<P: Breakable> Writer<P> {
    /// One start: checks what is there and appends up to three records. True when all are written.
    fn start(&mut self) -> Result<bool, Finding> {
        self.chip.restart();
        self.starts += 1;
        if self.starts > STARTS_MAX {
            return Err(format!("no progress: {} records after {} starts", self.stored, self.starts));
        }
        let mut chip = self.chip.clone();
        let end = self.run(&mut chip);
        self.chip = chip;
        if let Some(violation) = self.chip.violation() {
            return Err(violation.clone());
        }
        end
    }

    fn run(&mut self, chip: &mut P) -> Result<bool, Finding> {
        let mut ring = match Ring::open_with(chip, self.region, PAYLOAD_BYTES_MAX, self.fault) {
            Ok(ring) => ring,
            Err(error) => return ended(error),
        };
        self.check(chip, &ring)?;
        for _ in 0..3 {
            if self.stored == RECORDS {
                return Ok(true);
            }
            match ring.append(chip, &payload(self.stored + 1)) {
                Ok(sequence) if sequence == self.stored + 1 => self.stored = sequence,
                Ok(sequence) => return Err(format!("I8: record {} was stored as {sequence}", self.stored + 1)),
                Err(error) => return ended(error),
            }
        }
        Ok(false)
    }

    /// The newest record is the last that was appended, or the one that was being appended; all before it that are there
    /// are in order and as they were written, and none of the last page's is missing.
    fn check(&mut self, chip: &mut P, ring: &Ring) -> Result<(), Finding> {
        let newest = ring.newest();
        if newest != self.stored && newest != self.stored + 1 {
            return Err(format!("I8: the newest record is {newest}, {} were stored", self.stored));
        }
        self.stored = newest;
        let (mut seen, mut wrong) = (Vec::new(), None);
        ring.for_each(chip, |sequence, bytes| {
            if bytes != payload(sequence) {
                wrong = Some(sequence);
            }
            seen.push(sequence);
        });
        if let Some(sequence) = wrong {
            return Err(format!("I8: record {sequence} was not written so"));
        }
        if !seen.is_sorted_by(|a, b| a < b) || seen.last().copied().unwrap_or(0) != newest {
            return Err(format!("I8: the records are {seen:?}"));
        }
        // The page before the one that is erased next is whole: at least the last start's records are there.
        let kept = newest.min(3);
        if seen.len() < kept as usize || !(newest + 1 - kept..=newest).all(|sequence| seen.contains(&sequence)) {
            let pages = self.region.bytes as usize / P::ERASE_SIZE;
            if pages > 2 {
                return Err(format!("I8: of {newest} records {seen:?} are left"));
            }
        }
        Ok(())
    }
}

fn ended(error: SlotError<ChipError>) -> Result<bool, Finding> {
    match error {
        SlotError::Flash(ChipError::PowerLost) => Ok(false),
        error => Err(format!("an operation failed: {error:?}")),
    }
}

/// The share of a job's cuts that rings get.
const SHARE: u64 = 8;

/// Cuts the life of a ring twice, many times; how many cuts that were, and the first finding with its cuts.
pub fn prove<P: Breakable>(chip: P, region: Region, job: &Job) -> (u64, Option<Finding>) {
    let whole = Writer { chip, region, fault: job.fault, stored: 0, starts: 0 };
    let mut undisturbed = whole.clone();
    while match undisturbed.start() {
        Ok(is_over) => !is_over,
        Err(finding) => return (0, Some(finding)),
    } {}
    let steps = undisturbed.chip.steps();
    let mut random = Random::new(job.seed);
    let mut cut = |below| Cut { after: random.below(below), style: Style::ALL[random.below(4) as usize] };
    let mut done = 0;
    for _ in 0..job.cuts / SHARE / 2 {
        let cuts = [cut(steps), cut(500)];
        done += 2;
        if let Err(finding) = twice(whole.clone(), cuts) {
            return (done, Some(format!("{finding}, cuts {cuts:?}")));
        }
    }
    (done, None)
}

fn twice<P: Breakable>(mut writer: Writer<P>, cuts: [Cut; 2]) -> Result<(), Finding> {
    for cut in cuts {
        let step = writer.chip.steps() + cut.after;
        writer.chip.cut_at(step, cut.style);
        while writer.chip.is_armed() {
            if writer.start()? {
                return Ok(());
            }
        }
    }
    while !writer.start()? {}
    writer.start().map(|_| ())
}
