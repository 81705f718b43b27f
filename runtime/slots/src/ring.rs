//! A ring of records in flash: audit log, telemetry. The newest push out the oldest, and no cut harms what is written.
//!
//! ```text
//! record: | sequence, u32 | length, u32 | payload | zeros | CRC-32 of all before |      a multiple of 64 bytes
//! ```
//!
//! Pages are used in turn, as the [journal's](crate::Slots): a page is erased right before its first record is written,
//! never the one with the newest record, and the first record after a start goes into the next page, because the place
//! behind the newest may have been begun without a trace. So a ring of `n` pages has at least the records of the last
//! `n - 1` starts that wrote any.

use kinglet_blob::{Cursor, checksum};

use crate::error::SlotError;
use crate::flash::{self, Flash};
use crate::layout::Region;

/// Bytes of a payload at most.
pub const RING_PAYLOAD_BYTES_MAX: usize = 180;
/// Records are as long as multiples of this, whole words of every flash that is supported.
const UNIT: u32 = 64;
/// Sequence, length and CRC.
const AROUND: u32 = 12;
/// The longest record.
const RECORD_BYTES_MAX: usize = 192;
const _: () = assert!(RECORD_BYTES_MAX == RING_PAYLOAD_BYTES_MAX + AROUND as usize);

/// Where the next record goes.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    region: Region,
    page_bytes: u32,
    stride: u32,
    page: u32,
    /// Bytes of that page that are used up.
    used: u32,
    /// The page with the newest record, and its number; none in a new ring.
    newest: Option<(u32, u32)>,
    #[cfg(feature = "faults")]
    pub(crate) fault: Option<crate::fault::Fault>,
}

impl Ring {
    /// Finds the newest record of a region of two whole pages or more. Payloads of up to `payload_bytes_max` fit. Writes
    /// nothing.
    pub fn open<F: Flash>(
        flash: &mut F,
        region: Region,
        payload_bytes_max: usize,
    ) -> Result<Self, SlotError<F::Error>> {
        Self::find(flash, region, payload_bytes_max, |_| {})
    }

    /// As [`Ring::open`]; `prepare` may change the ring before it is read.
    fn find<F: Flash>(
        flash: &mut F,
        region: Region,
        payload_bytes_max: usize,
        prepare: impl Fn(&mut Self),
    ) -> Result<Self, SlotError<F::Error>> {
        let page_bytes = flash::len32(F::ERASE_SIZE);
        let pages = region.bytes.checked_div(page_bytes).unwrap_or(0);
        let stride = flash::len32(payload_bytes_max).saturating_add(AROUND).next_multiple_of(UNIT);
        let is_whole =
            region.offset.is_multiple_of(page_bytes.max(1)) && region.bytes.is_multiple_of(page_bytes.max(1));
        let capacity = flash::len32(flash.capacity());
        let ends_inside = region.offset.checked_add(region.bytes).is_some_and(|end| end <= capacity);
        let words_fit = (UNIT as usize).is_multiple_of(F::WRITE_SIZE.max(1));
        let fits = payload_bytes_max <= RING_PAYLOAD_BYTES_MAX && stride <= page_bytes;
        if !(is_whole && ends_inside && words_fit && fits && pages >= 2) {
            return Err(SlotError::Layout);
        }
        let mut ring = Ring {
            region,
            page_bytes,
            stride,
            page: pages.saturating_sub(1),
            used: page_bytes,
            newest: None,
            #[cfg(feature = "faults")]
            fault: None,
        };
        prepare(&mut ring);
        let mut record = [0; RECORD_BYTES_MAX];
        for page in 0..pages {
            for within in ring.places() {
                let Some((sequence, _)) = ring.record(flash, page, within, &mut record) else { continue };
                if ring.newest.is_none_or(|(_, newest)| sequence > newest) {
                    (ring.page, ring.newest) = (page, Some((page, sequence)));
                }
            }
        }
        Ok(ring)
    }

    /// As [`Ring::open`], with a bug.
    #[cfg(feature = "faults")]
    pub fn open_with<F: Flash>(
        flash: &mut F,
        region: Region,
        payload_bytes_max: usize,
        fault: Option<crate::fault::Fault>,
    ) -> Result<Self, SlotError<F::Error>> {
        let mut ring = Self::find(flash, region, payload_bytes_max, |ring| ring.fault = fault)?;
        if fault!(ring, RingGoesOnInPage)
            && let Some((page, _)) = ring.newest
        {
            let mut record = [0; RECORD_BYTES_MAX];
            let last = ring.places().filter(|&within| ring.record(flash, page, within, &mut record).is_some()).last();
            ring.used = last.unwrap_or(0).saturating_add(ring.stride);
        }
        Ok(ring)
    }

    /// The newest record's number; 0 when there is none.
    pub fn newest(&self) -> u32 {
        self.newest.map_or(0, |(_, sequence)| sequence)
    }

    /// Shows every record that is there, the oldest first: its number and its payload.
    pub fn for_each<F: Flash>(&self, flash: &mut F, mut show: impl FnMut(u32, &[u8])) {
        let Some((newest, _)) = self.newest else { return };
        let mut record = [0; RECORD_BYTES_MAX];
        for turn in 1..=self.pages() {
            let page = newest.saturating_add(turn).checked_rem(self.pages()).unwrap_or(0);
            for within in self.places() {
                if let Some((sequence, payload)) = self.record(flash, page, within, &mut record) {
                    show(sequence, payload);
                }
            }
        }
    }

    /// Adds a record; its number. When it returns without an error the record is stored; when the power goes before that,
    /// it is there or is not. Comes to an end: each page is turned once at most.
    pub fn append<F: Flash>(&mut self, flash: &mut F, payload: &[u8]) -> Result<u32, SlotError<F::Error>> {
        let sequence = self.newest().checked_add(1).ok_or(SlotError::JournalFull)?;
        let mut record = [0; RECORD_BYTES_MAX];
        let record = record.get_mut(..self.stride as usize).unwrap_or_default();
        let len = flash::len32(payload.len());
        if len.saturating_add(AROUND) > self.stride {
            return Err(SlotError::Length);
        }
        let fields = sequence.to_le_bytes().into_iter().chain(len.to_le_bytes());
        record.iter_mut().zip(fields.chain(payload.iter().copied())).for_each(|(to, from)| *to = from);
        let crc = crc(record).to_le_bytes();
        record.iter_mut().rev().zip(crc.iter().rev()).for_each(|(to, from)| *to = *from);
        for _ in 0..=self.pages() {
            while self.used.saturating_add(self.stride) <= self.page_bytes {
                let (page, within) = (self.page, self.used);
                self.used = within.saturating_add(self.stride);
                // A place may be worn out; then the next one serves.
                if self.write(flash, page, within, record)? {
                    self.newest = Some((page, sequence));
                    return Ok(sequence);
                }
            }
            self.turn_page(flash)?;
        }
        Err(SlotError::JournalFull)
    }

    fn pages(&self) -> u32 {
        self.region.bytes.checked_div(self.page_bytes).unwrap_or(0)
    }

    /// Where records of a page begin.
    fn places(&self) -> impl Iterator<Item = u32> + use<> {
        let (stride, page_bytes) = (self.stride, self.page_bytes);
        (0..page_bytes.checked_div(stride).unwrap_or(0)).map(move |index| index.saturating_mul(stride))
    }

    fn offset(&self, page: u32, within: u32) -> u32 {
        self.region.offset.saturating_add(page.saturating_mul(self.page_bytes)).saturating_add(within)
    }

    /// A record's number and payload, if there is a whole one.
    fn record<'r, F: Flash>(
        &self,
        flash: &mut F,
        page: u32,
        within: u32,
        record: &'r mut [u8; RECORD_BYTES_MAX],
    ) -> Option<(u32, &'r [u8])> {
        let record = record.get_mut(..self.stride as usize)?;
        flash::read(flash, self.offset(page, within), record).ok()?;
        let stored = record.last_chunk::<4>().map(|crc| u32::from_le_bytes(*crc))?;
        let mut cursor = Cursor::new(record);
        let (sequence, len): (u32, u32) = (cursor.take()?, cursor.take()?);
        let is_whole = stored == crc(record) && sequence > 0;
        if !is_whole && !fault!(self, RingWithoutCrc) {
            return None;
        }
        Some((sequence, record.get(8..8usize.checked_add(len as usize)?)?))
    }

    fn write<F: Flash>(
        &self,
        flash: &mut F,
        page: u32,
        within: u32,
        record: &[u8],
    ) -> Result<bool, SlotError<F::Error>> {
        let offset = self.offset(page, within);
        if !flash::is_erased(flash, offset, self.stride) && !fault!(self, RingGoesOnInPage) {
            return Ok(false);
        }
        flash.write(offset, record).map_err(SlotError::Flash)?;
        if !fault!(self, RingWithoutSync) {
            flash.sync().map_err(SlotError::Flash)?;
        }
        let mut back = [0; RECORD_BYTES_MAX];
        let back = back.get_mut(..self.stride as usize).unwrap_or_default();
        Ok(flash::read(flash, offset, back).is_ok() && back == record)
    }

    /// Goes on in the next page, whose records are all older.
    fn turn_page<F: Flash>(&mut self, flash: &mut F) -> Result<(), SlotError<F::Error>> {
        let next = self.page.saturating_add(1);
        let next = if next >= self.pages() { 0 } else { next };
        let next = if fault!(self, RingErasesNewestPage) { self.newest.map_or(next, |(page, _)| page) } else { next };
        if self.newest.is_some_and(|(page, _)| page == next) && !fault!(self, RingErasesNewestPage) {
            return Err(SlotError::JournalFull);
        }
        let start = self.offset(next, 0);
        flash.erase(start, start.saturating_add(self.page_bytes)).map_err(SlotError::Flash)?;
        flash.sync().map_err(SlotError::Flash)?;
        (self.page, self.used) = (next, 0);
        Ok(())
    }
}

/// CRC of all but the CRC itself.
fn crc(record: &[u8]) -> u32 {
    checksum::crc32(0, record.get(..record.len().saturating_sub(4)).unwrap_or_default())
}
