//! The journal: states one after the other, in pages that are used in turn.
//!
//! ```text
//! page 0            page 1            page 2
//! | 7 | 8 | 9 | .. | 10 | 11 | .. | .. | 3 | 4 | 5 | 6 |     11 is the state; page 2 is the next to be erased
//! ```
//!
//! The newest record with a right CRC is the state. A record that was being written when the power went has a wrong CRC
//! and is passed over: the state is then the one before. A page is erased right before its first record is written, and
//! never the page with the newest record. The place behind the newest record may have been begun without a trace, so the
//! first record after a start goes into the next page. Every page is used as often as the others.

use crate::error::SlotError;
use crate::flash::{self, Flash};
use crate::layout::Region;
use crate::state::{RECORD_BYTES, State};

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journal {
    region: Region,
    page_bytes: u32,
    /// The page where the next record may go.
    page: u32,
    /// Bytes of that page that are used up.
    used: u32,
    /// The page with the newest record, which is never erased; none on a new device.
    newest: Option<u32>,
    #[cfg(feature = "faults")]
    pub(crate) fault: Option<crate::fault::Fault>,
}

/// As the flash counts.
const RECORD: u32 = 64;
const _: () = assert!(RECORD as usize == RECORD_BYTES);

impl Journal {
    /// Finds the newest record; a journal without any is a new device's.
    pub(crate) fn open<F: Flash>(flash: &mut F, region: Region) -> (Self, State) {
        Self::open_with(flash, region, |_| {})
    }

    /// As [`Journal::open`]; `prepare` may change the journal before it is read.
    pub(crate) fn open_with<F: Flash>(flash: &mut F, region: Region, prepare: impl Fn(&mut Self)) -> (Self, State) {
        let page_bytes = flash::len32(F::ERASE_SIZE);
        let mut journal = Journal {
            region,
            page_bytes,
            page: 0,
            // A page that nothing is known of is erased before it is written.
            used: page_bytes,
            newest: None,
            #[cfg(feature = "faults")]
            fault: None,
        };
        prepare(&mut journal);
        // The first record goes into page 0.
        journal.page = journal.pages().saturating_sub(1);
        let mut newest = State::NEW;
        for page in 0..journal.pages() {
            for record in 0..journal.records() {
                let within = record.saturating_mul(RECORD);
                let Some(state) = journal.record(flash, page, within) else { continue };
                let is_first = newest.sequence == 0;
                let is_newer = state.sequence > newest.sequence;
                let wins = if fault!(journal, OldestRecordWins) { is_first } else { is_newer };
                if wins {
                    newest = state;
                    (journal.page, journal.used, journal.newest) = (page, within.saturating_add(RECORD), Some(page));
                }
            }
        }
        if !fault!(journal, JournalOverwritesTornRecord) {
            journal.used = page_bytes;
        }
        (journal, newest)
    }

    fn pages(&self) -> u32 {
        self.region.bytes.checked_div(self.page_bytes).unwrap_or(0)
    }

    /// Records of a page.
    fn records(&self) -> u32 {
        self.page_bytes.checked_div(RECORD).unwrap_or(0)
    }

    fn offset(&self, page: u32, within: u32) -> u32 {
        self.region.offset.saturating_add(page.saturating_mul(self.page_bytes)).saturating_add(within)
    }

    fn record<F: Flash>(&self, flash: &mut F, page: u32, within: u32) -> Option<State> {
        let mut bytes = [0; RECORD_BYTES];
        flash::read(flash, self.offset(page, within), &mut bytes).ok()?;
        State::decode(&bytes, !fault!(self, RecordWithoutCrc))
    }

    /// Makes `state` the newest one. When it returns without an error it is stored; when the power goes before that, the
    /// state is this one or the one before. Comes to an end: each page is turned once at most.
    pub(crate) fn append<F: Flash>(&mut self, flash: &mut F, state: &State) -> Result<(), SlotError<F::Error>> {
        let mut state = *state;
        for _ in 0..=self.pages() {
            let bytes = state.encode();
            while self.used.saturating_add(RECORD) <= self.page_bytes {
                let (page, within) = (self.page, self.used);
                self.used = within.saturating_add(RECORD);
                // A place may be worn out; then the next one serves.
                if self.write(flash, page, within, &bytes)? {
                    self.newest = Some(page);
                    return Ok(());
                }
            }
            self.turn_page(flash)?;
            if fault!(self, CounterForgottenByJournal) {
                state.security_counter = 0;
            }
        }
        Err(SlotError::JournalFull)
    }

    /// Writes a record where everything is erased, and reads it back; false when the place is of no use.
    fn write<F: Flash>(
        &mut self,
        flash: &mut F,
        page: u32,
        within: u32,
        bytes: &[u8; RECORD_BYTES],
    ) -> Result<bool, SlotError<F::Error>> {
        let offset = self.offset(page, within);
        let is_careless = fault!(self, JournalOverwritesTornRecord) | fault!(self, JournalPageNotErased);
        if !is_careless && !flash::is_erased(flash, offset, RECORD) {
            return Ok(false);
        }
        flash.write(offset, bytes).map_err(SlotError::Flash)?;
        if !fault!(self, RecordWithoutSync) {
            flash.sync().map_err(SlotError::Flash)?;
        }
        let mut back = [0; RECORD_BYTES];
        Ok(flash::read(flash, offset, &mut back).is_ok() && back == *bytes)
    }

    /// Goes on in the next page, whose records are all older.
    fn turn_page<F: Flash>(&mut self, flash: &mut F) -> Result<(), SlotError<F::Error>> {
        let next = self.page.saturating_add(1);
        let next = if next >= self.pages() { 0 } else { next };
        let next = if fault!(self, JournalErasesNewestPage) { self.page } else { next };
        if self.newest == Some(next) && !fault!(self, JournalErasesNewestPage) {
            return Err(SlotError::JournalFull);
        }
        let start = self.offset(next, 0);
        if !fault!(self, JournalPageNotErased) {
            flash.erase(start, start.saturating_add(self.page_bytes)).map_err(SlotError::Flash)?;
            flash.sync().map_err(SlotError::Flash)?;
        }
        (self.page, self.used) = (next, 0);
        Ok(())
    }
}
