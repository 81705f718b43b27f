//! Reception: a blob arrives in pieces of any size and goes on after a power cut.
//!
//! Pieces are written one after the other, so what is there is a beginning. How much of it, the flash itself says: the
//! last page with something in it is where reception stopped, and what is before that page is complete. That page is
//! erased and sent again, and the one behind it, which may have been begun without a trace. The journal has which pages
//! are complete *before* they are erased: a cut in the middle of erasing must not be taken for a place where reception
//! stopped.

use crate::error::SlotError;
use crate::flash::{self, Flash, WORD_BYTES_MAX};
use crate::layout::Region;

/// What was accepted since the last start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reception {
    /// Bytes that were accepted, counted from the blob's start.
    pub(crate) accepted: u32,
    /// The last of them, which are not a whole word yet.
    word: [u8; WORD_BYTES_MAX],
    word_len: usize,
}

impl Reception {
    /// At a page's start.
    pub(crate) fn at(accepted: u32) -> Self {
        Reception { accepted, word: [0; WORD_BYTES_MAX], word_len: 0 }
    }

    /// Takes the next bytes, of which there must be room for all.
    pub(crate) fn write<F: Flash>(
        &mut self,
        flash: &mut F,
        region: Region,
        mut bytes: &[u8],
    ) -> Result<(), SlotError<F::Error>> {
        let size = F::WRITE_SIZE.clamp(1, WORD_BYTES_MAX);
        while !bytes.is_empty() {
            let in_page = (self.accepted as usize).checked_rem(F::ERASE_SIZE).unwrap_or(0);
            let page_left = F::ERASE_SIZE.saturating_sub(in_page);
            if self.word_len == 0 && bytes.len() >= size {
                // Whole words go as they are, up to the page's end.
                let most = bytes.len().min(page_left);
                let whole = most.saturating_sub(most.checked_rem(size).unwrap_or(0));
                let (words, rest) = bytes.split_at_checked(whole).unwrap_or((bytes, &[]));
                let offset = region.offset.saturating_add(self.accepted);
                flash.write(offset, words).map_err(SlotError::Flash)?;
                self.accepted = self.accepted.saturating_add(flash::len32(whole));
                bytes = rest;
            } else {
                let room = size.saturating_sub(self.word_len).min(bytes.len());
                let (some, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
                let free = self.word.get_mut(self.word_len..).unwrap_or_default();
                free.iter_mut().zip(some).for_each(|(to, from)| *to = *from);
                self.word_len = self.word_len.saturating_add(room);
                self.accepted = self.accepted.saturating_add(flash::len32(room));
                bytes = rest;
                if self.word_len == size {
                    self.flush(flash, region)?;
                }
            }
            if self.word_len == 0 && (self.accepted as usize).is_multiple_of(F::ERASE_SIZE) {
                // The next page may show something only when this one is stored.
                flash.sync().map_err(SlotError::Flash)?;
            }
        }
        Ok(())
    }

    /// Writes the last word, filled up with zeros.
    pub(crate) fn flush<F: Flash>(&mut self, flash: &mut F, region: Region) -> Result<(), SlotError<F::Error>> {
        if self.word_len == 0 {
            return Ok(());
        }
        let size = F::WRITE_SIZE.clamp(1, WORD_BYTES_MAX);
        let start = self.accepted.saturating_sub(flash::len32(self.word_len));
        self.word.iter_mut().skip(self.word_len).for_each(|byte| *byte = 0);
        let word = self.word.get(..size).unwrap_or_default();
        flash.write(region.offset.saturating_add(start), word).map_err(SlotError::Flash)?;
        self.word_len = 0;
        Ok(())
    }
}

/// The last of the pages from `complete` on that has something in it, or `complete` itself: where reception stopped.
pub(crate) fn stopped_at<F: Flash>(flash: &mut F, region: Region, bytes: u32, complete: u32) -> u32 {
    let page_bytes = flash::len32(F::ERASE_SIZE);
    let mut page = bytes.div_ceil(page_bytes);
    while page > complete {
        page = page.saturating_sub(1);
        let offset = region.offset.saturating_add(page.saturating_mul(page_bytes));
        if !flash::is_erased(flash, offset, page_bytes) {
            return page;
        }
    }
    complete
}

/// Erases pages `first .. end` of a region, of which only those are touched that `bytes` bytes need.
pub(crate) fn erase<F: Flash>(
    flash: &mut F,
    region: Region,
    bytes: u32,
    [first, end]: [u32; 2],
) -> Result<(), SlotError<F::Error>> {
    let page_bytes = flash::len32(F::ERASE_SIZE);
    for page in first..end.min(bytes.div_ceil(page_bytes)) {
        let start = region.offset.saturating_add(page.saturating_mul(page_bytes));
        flash.erase(start, start.saturating_add(page_bytes)).map_err(SlotError::Flash)?;
    }
    flash.sync().map_err(SlotError::Flash)
}
