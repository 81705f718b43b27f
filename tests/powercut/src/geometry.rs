//! The flashes that the proof runs on: sizes and habits of parts that exist, and of some that could.

use kinglet_slots::{Fault, Layout, Region};

use crate::chip::{Chip, Traits};
use crate::life::{Fate, Finding, Plan, TRIAL_BOOTS};
use crate::proof::{self, Cut, Job, Tally};
use crate::ring;

/// A flash, and how to run the proof on it.
#[derive(Clone, Copy)]
pub struct Geometry {
    /// For replaying.
    pub name: &'static str,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Cuts a life at many places.
    pub prove: fn(&Geometry, &Job) -> Tally,
    /// Cuts a life once or twice.
    pub replay: Replay,
}

/// Cuts the life of a seed at known places, with a seeded bug or without.
pub type Replay = fn(&Geometry, u64, Option<Fault>, &[Cut]) -> Result<(), Finding>;

/// Every fate, in an order in which each meets others.
const FATES: [Fate; 19] = [
    Fate::Delta,
    Fate::Kept,
    Fate::Forged,
    Fate::Rejected,
    Fate::Again,
    Fate::Kept,
    Fate::Old,
    Fate::Hangs,
    Fate::KeptLate,
    Fate::Short,
    Fate::Long,
    Fate::RotsBody,
    Fate::DeltaOfOther,
    Fate::Delta,
    Fate::DeltaMalformed,
    Fate::RotsHeader,
    Fate::Kept,
    Fate::DeltaForged,
    Fate::Delta,
];

impl Geometry {
    /// A life for this flash: small pages get blobs of several.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        Plan::new(&FATES, (self.page_bytes * 5 / 2).clamp(480, 1_200), seed)
    }

    /// Journal, slots, factory, one behind the other.
    pub(crate) fn layout(&self, seed: u64) -> (Layout, usize) {
        let page = self.page_bytes as u32;
        let slot = 1_200u32.next_multiple_of(page);
        let journal = Region { offset: 0, bytes: page * (2 + (seed % 2) as u32) };
        let after = |region: Region, bytes| Region { offset: region.offset + region.bytes, bytes };
        let a = after(journal, slot);
        let b = after(a, slot);
        let factory = after(b, slot);
        let pages = ((factory.offset + factory.bytes) / page) as usize;
        (Layout { slots: [a, b], factory: Some(factory), journal, trial_boots_max: TRIAL_BOOTS }, pages)
    }
}

/// A new chip with the factory's model on it.
fn chip<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8>(
    geometry: &Geometry,
    traits: Traits,
    plan: &Plan,
    seed: u64,
) -> (Chip<READ, WRITE, PAGE, ERASED>, Layout) {
    let (layout, pages) = geometry.layout(seed);
    let [a, b] = layout.slots;
    let mut chip = Chip::new(pages, traits, vec![layout.journal, a, b], seed);
    let offset = layout.factory.map_or(0, |factory| factory.offset as usize);
    chip.program(offset, &plan.factory);
    (chip, layout)
}

/// One row for each flash: name, bytes of a read, a write and a page, what erased bytes are, error codes, a buffer.
macro_rules! geometries {
    ($($name:literal: $read:literal $write:literal $page:literal $erased:literal $ecc:literal $buffered:literal,)*) => {
        /// All of them.
        pub const ALL: &[Geometry] = &[$(Geometry {
            name: $name,
            page_bytes: $page,
            prove: |geometry, job| {
                let plan = geometry.plan(job.seed);
                let traits = Traits { ecc: $ecc, buffered: $buffered };
                let (device, layout) = chip::<$read, $write, $page, $erased>(geometry, traits, &plan, job.seed);
                let mut tally = proof::prove(geometry.name, device, layout, &plan, job);
                // A ring over all that the slots had, but the factory's place.
                let [_, b] = layout.slots;
                let region = Region { offset: 0, bytes: b.offset + b.bytes };
                let pages = (region.bytes / $page) as usize;
                let ring = Chip::<$read, $write, $page, $erased>::new(pages, traits, vec![region], job.seed);
                tally.add(geometry.name, ring::prove(ring, region, job), job);
                tally
            },
            replay: |geometry, seed, fault, cuts| {
                let plan = geometry.plan(seed);
                let traits = Traits { ecc: $ecc, buffered: $buffered };
                let (chip, layout) = chip::<$read, $write, $page, $erased>(geometry, traits, &plan, seed);
                proof::replay(chip, layout, &plan, fault, cuts)
            },
        },)*];
    };
}

geometries! {
    "stm32l4": 1 8 2048 0xff true false,
    "nrf52": 4 4 4096 0xff false false,
    "rp2040": 1 1 4096 0xff false true,
    "stm32h7": 1 32 131072 0xff true false,
    "stm32l0": 1 4 128 0x00 false false,
    "stm32l1": 1 4 256 0x00 true false,
    "stm32u5": 1 16 8192 0xff true false,
    "stm32f1": 1 2 1024 0xff false false,
    "stm32g0": 1 8 2048 0xff true true,
    "esp32": 4 4 4096 0xff false true,
    "samd21": 1 4 256 0xff false false,
    "efm32": 4 4 2048 0xff false false,
    "small-1": 1 1 128 0xff false false,
    "small-2": 2 2 128 0xff true false,
    "small-8": 1 8 128 0xff true false,
    "small-16": 1 16 256 0xff true false,
    "small-32": 1 32 256 0xff true true,
    "small-64": 1 64 512 0xff true false,
    "zero-1": 1 1 256 0x00 false true,
    "zero-8": 8 8 512 0x00 true false,
    "zero-32": 1 32 1024 0x00 true true,
    "buffered-4": 4 4 512 0xff false true,
    "buffered-64": 64 64 512 0xff false true,
    "buffered-16": 16 16 1024 0xff true true,
}
