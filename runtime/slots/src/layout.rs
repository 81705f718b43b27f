//! Where things are in the flash.

use embedded_storage::nor_flash::NorFlash;

use crate::error::SlotError;
use crate::flash::WORD_BYTES_MAX;
use crate::state::RECORD_BYTES;

/// A piece of flash, whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub offset: u32,
    /// Length.
    pub bytes: u32,
}

impl Region {
    pub(crate) fn end(&self) -> u32 {
        self.offset.saturating_add(self.bytes)
    }
}

/// Where things are, and how often a model on trial may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The two places for models, of the same length. Where a model is run in place, a multiple of 16 in memory.
    pub slots: [Region; 2],
    /// What the factory put there; never written here.
    pub factory: Option<Region>,
    /// The journal: two pages or more.
    pub journal: Region,
    /// Boots that a model on trial gets to be confirmed, at least 1.
    pub trial_boots_max: u8,
}

impl Layout {
    /// Refuses a layout that does not fit the flash: everything else relies on it.
    pub(crate) fn check<F: NorFlash>(&self, flash: &F) -> Result<(), SlotError<F::Error>> {
        let page = u32::try_from(F::ERASE_SIZE).unwrap_or(0);
        let words_fit = [F::WRITE_SIZE, F::READ_SIZE].iter().all(|size| (1..=WORD_BYTES_MAX).contains(size))
            && RECORD_BYTES.is_multiple_of(F::WRITE_SIZE)
            && F::ERASE_SIZE >= RECORD_BYTES;
        let [a, b] = self.slots;
        let written = [a, b, self.journal];
        let capacity = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let is_whole = |region: &Region| {
            let ends_inside = region.offset.checked_add(region.bytes).is_some_and(|end| end <= capacity);
            let is_of_pages = page > 0 && region.offset.is_multiple_of(page) && region.bytes.is_multiple_of(page);
            ends_inside && is_of_pages && region.bytes > 0
        };
        let apart = |x: &Region, y: &Region| x.end() <= y.offset || y.end() <= x.offset;
        let are_apart = apart(&a, &b) && apart(&a, &self.journal) && apart(&b, &self.journal);
        let factory_is_apart = self.factory.is_none_or(|factory| written.iter().all(|region| apart(region, &factory)));
        let has_pages = self.journal.bytes.checked_div(page).is_some_and(|pages| pages >= 2);
        let fits = words_fit
            && written.iter().all(is_whole)
            && are_apart
            && factory_is_apart
            && has_pages
            && a.bytes == b.bytes
            && self.trial_boots_max > 0;
        if fits { Ok(()) } else { Err(SlotError::Layout) }
    }
}
