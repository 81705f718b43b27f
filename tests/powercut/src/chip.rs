//! A NOR flash whose power goes at a chosen step.
//!
//! Rules of the part are enforced, and breaking one is a finding: operations are aligned and within what the device may
//! write; a word is written once between two erasures, even with the same bytes; a page whose erasure was interrupted is
//! not used, whatever it reads as, before it is erased again.
//!
//! Power goes before, after and inside operations, at every byte. What is left of the word that was being written, or of
//! the page that was being erased, the [`Style`] says. A chip that buffers keeps what is not synced in a queue: when the
//! power goes, any part of the queue may be stored.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use kinglet_slots::{Flash, Region};

use crate::Random;

/// What an interrupted operation leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The word or page looks as before.
    Old,
    /// It looks as if the operation had been finished.
    New,
    /// Anything.
    Garbage,
    /// The first half is new, the rest is as before.
    Half,
}

impl Style {
    /// All of them.
    pub const ALL: [Style; 4] = [Style::Old, Style::New, Style::Garbage, Style::Half];
}

/// What a part is like beside its sizes.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// A word that was interrupted cannot be read.
    pub ecc: bool,
    /// Operations are stored when `sync` returns, not before.
    pub buffered: bool,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChipError {
    /// The power is gone.
    PowerLost,
    /// The word's error code is wrong.
    Ecc,
    /// The arguments are wrong.
    Arguments,
}

impl NorFlashError for ChipError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// What a chip holds.
#[derive(Clone, Debug)]
struct Cells {
    bytes: Vec<u8>,
    /// Words that were begun since they were erased.
    begun: Vec<bool>,
    /// Words that were interrupted.
    torn: Vec<bool>,
    /// Pages whose erasure was interrupted.
    unstable: Vec<bool>,
}

#[derive(Clone, Debug)]
enum Operation {
    Write { offset: usize, bytes: Vec<u8> },
    Erase { page: usize },
}

/// The chip.
#[derive(Clone, Debug)]
pub struct Chip<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> {
    traits: Traits,
    /// What reads see.
    cells: Cells,
    /// What a cut leaves, and what is queued behind it; only where the chip buffers.
    stored: Option<(Cells, Vec<Operation>)>,
    /// Where the device may write.
    writable: Vec<Region>,
    /// Steps since the beginning.
    pub steps: u64,
    /// The step at which the power goes.
    pub cut: Option<(u64, Style)>,
    is_dead: bool,
    random: Random,
    /// The first rule that was broken.
    pub violation: Option<String>,
    /// Operations since the last start.
    pub operations: u32,
    /// Erasures of each page since the last start.
    pub erasures: Vec<u8>,
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> Chip<READ, WRITE, PAGE, ERASED> {
    /// A chip with `pages` pages of old content, as after years.
    pub fn new(pages: usize, traits: Traits, writable: Vec<Region>, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let words = pages * PAGE / WRITE;
        let bytes = (0..pages * PAGE).map(|_| random.byte()).collect();
        let cells = Cells { bytes, begun: vec![true; words], torn: vec![false; words], unstable: vec![false; pages] };
        let stored = traits.buffered.then(|| (cells.clone(), Vec::new()));
        Chip {
            traits,
            cells,
            stored,
            writable,
            steps: 0,
            cut: None,
            is_dead: false,
            random,
            violation: None,
            operations: 0,
            erasures: vec![0; pages],
        }
    }

    /// Puts bytes there from outside, as a factory does.
    pub fn program(&mut self, offset: usize, bytes: &[u8]) {
        self.cells.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        if let Some((stored, _)) = &mut self.stored {
            stored.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// One bit changes by itself.
    pub fn rot(&mut self, offset: usize) {
        self.program(offset, &[self.cells.bytes[offset] ^ 4]);
    }

    /// What is there, for those who look from outside.
    pub fn bytes(&self, offset: u32, len: usize) -> &[u8] {
        &self.cells.bytes[offset as usize..offset as usize + len]
    }

    /// Power comes back.
    pub fn restart(&mut self) {
        if core::mem::take(&mut self.is_dead)
            && let Some((mut cells, queue)) = self.stored.take()
        {
            for operation in queue {
                if self.random.below(2) == 0 {
                    apply::<WRITE, PAGE, ERASED>(&mut cells, &operation);
                }
            }
            // What the last operation left torn stays so.
            self.cells = cells;
            self.stored = Some((self.cells.clone(), Vec::new()));
        }
        self.operations = 0;
        self.erasures.fill(0);
    }

    fn complain(&mut self, what: &str, offset: usize) {
        self.violation.get_or_insert_with(|| format!("I7: {what} at {offset}"));
    }

    /// A step; the style when the power goes here.
    fn step(&mut self) -> Option<Style> {
        self.steps += 1;
        let (at, style) = self.cut?;
        if self.steps <= at {
            return None;
        }
        self.cut = None;
        self.is_dead = true;
        Some(style)
    }

    fn alive(&self) -> Result<(), ChipError> {
        if self.is_dead { Err(ChipError::PowerLost) } else { Ok(()) }
    }

    fn check_range(&mut self, offset: u32, len: usize, unit: usize) -> Result<(), ChipError> {
        let (start, end) = (u64::from(offset), u64::from(offset) + len as u64);
        let inside = |region: &Region| {
            u64::from(region.offset) <= start && end <= u64::from(region.offset) + u64::from(region.bytes)
        };
        if !(offset as usize).is_multiple_of(unit) || !len.is_multiple_of(unit) || !self.writable.iter().any(inside) {
            self.complain("an operation is misaligned or outside", offset as usize);
            return Err(ChipError::Arguments);
        }
        Ok(())
    }

    /// The word at `offset` was interrupted.
    fn tear(&mut self, offset: usize, new: &[u8], style: Style) {
        let word = offset / WRITE;
        self.cells.begun[word] = true;
        self.cells.torn[word] = style == Style::Garbage;
        let start = word * WRITE;
        for (index, byte) in new.iter().enumerate() {
            let old = self.cells.bytes[start + index];
            self.cells.bytes[start + index] = match style {
                Style::Old => old,
                Style::New => *byte,
                Style::Half if index < new.len() / 2 => *byte,
                Style::Half => old,
                Style::Garbage => self.random.byte(),
            };
        }
        self.keep_torn();
    }

    /// What was interrupted is stored as it is, buffered or not.
    fn keep_torn(&mut self) {
        if let Some((stored, queue)) = &mut self.stored {
            // Everything before it in the queue is stored or not, by the restart.
            if queue.is_empty() {
                *stored = self.cells.clone();
            }
        }
    }

    fn enqueue(&mut self, operation: Operation) {
        if let Some((_, queue)) = &mut self.stored {
            queue.push(operation);
        }
    }

    fn erase_page(&mut self, page: usize) -> Result<(), ChipError> {
        if self.step().is_some() {
            return Err(ChipError::PowerLost);
        }
        if let Some(style) = self.step() {
            self.cells.unstable[page] = true;
            for at in page * PAGE..(page + 1) * PAGE {
                self.cells.bytes[at] = match style {
                    Style::Old => self.cells.bytes[at],
                    Style::New => ERASED,
                    Style::Half if at < page * PAGE + PAGE / 2 => ERASED,
                    Style::Half => self.cells.bytes[at],
                    Style::Garbage => self.random.byte(),
                };
            }
            self.keep_torn();
            return Err(ChipError::PowerLost);
        }
        self.erasures[page] = self.erasures[page].saturating_add(1);
        let operation = Operation::Erase { page };
        apply::<WRITE, PAGE, ERASED>(&mut self.cells, &operation);
        self.enqueue(operation);
        if self.step().is_some() { Err(ChipError::PowerLost) } else { Ok(()) }
    }
}

/// Applies an operation as a whole.
fn apply<const WRITE: usize, const PAGE: usize, const ERASED: u8>(cells: &mut Cells, operation: &Operation) {
    match operation {
        Operation::Write { offset, bytes } => {
            for (at, byte) in (*offset..).zip(bytes) {
                // Without the erasure before it, a write can only add to what is there.
                cells.bytes[at] = if ERASED == 0xff { cells.bytes[at] & byte } else { cells.bytes[at] | byte };
                cells.begun[at / WRITE] = true;
            }
        }
        Operation::Erase { page } => {
            cells.bytes[page * PAGE..(page + 1) * PAGE].fill(ERASED);
            let words = page * PAGE / WRITE..(page + 1) * PAGE / WRITE;
            cells.begun[words.clone()].fill(false);
            cells.torn[words].fill(false);
            cells.unstable[*page] = false;
        }
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> ErrorType
    for Chip<READ, WRITE, PAGE, ERASED>
{
    type Error = ChipError;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> ReadNorFlash
    for Chip<READ, WRITE, PAGE, ERASED>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), ChipError> {
        self.alive()?;
        let start = offset as usize;
        if !start.is_multiple_of(READ) || !out.len().is_multiple_of(READ) {
            self.complain("a read is misaligned", start);
            return Err(ChipError::Arguments);
        }
        let Some(bytes) = self.cells.bytes.get(start..start + out.len()) else { return Err(ChipError::Arguments) };
        let words = start / WRITE..(start + out.len()).div_ceil(WRITE);
        if self.traits.ecc && self.cells.torn[words].contains(&true) {
            return Err(ChipError::Ecc);
        }
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.cells.bytes.len()
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> NorFlash
    for Chip<READ, WRITE, PAGE, ERASED>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        self.alive()?;
        self.check_range(offset, bytes.len(), WRITE)?;
        self.operations += 1;
        let start = offset as usize;
        if self.step().is_some() {
            return Err(ChipError::PowerLost);
        }
        for (index, word) in bytes.chunks(WRITE).enumerate() {
            let at = start + index * WRITE;
            if self.cells.begun[at / WRITE] {
                self.complain("a word is written twice", at);
            }
            if self.cells.unstable[at / PAGE] {
                self.complain("a page is written whose erasure was interrupted", at);
            }
            // Inside the word, at each of its bytes: what is left is the style's matter, and chance's.
            for _ in word {
                if let Some(style) = self.step() {
                    self.tear(at, word, style);
                    return Err(ChipError::PowerLost);
                }
            }
            let operation = Operation::Write { offset: at, bytes: word.to_vec() };
            apply::<WRITE, PAGE, ERASED>(&mut self.cells, &operation);
            self.enqueue(operation);
        }
        if self.step().is_some() { Err(ChipError::PowerLost) } else { Ok(()) }
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        self.alive()?;
        self.check_range(from, to.saturating_sub(from) as usize, PAGE)?;
        self.operations += 1;
        (from as usize / PAGE..to as usize / PAGE).try_for_each(|page| self.erase_page(page))
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> Flash
    for Chip<READ, WRITE, PAGE, ERASED>
{
    const ERASED: u8 = ERASED;

    fn sync(&mut self) -> Result<(), ChipError> {
        self.alive()?;
        if let Some((stored, queue)) = &mut self.stored
            && !queue.is_empty()
        {
            *stored = self.cells.clone();
            queue.clear();
        }
        Ok(())
    }
}
