//! STATE: tensors that a model keeps from run to run, and what they are at first.
//!
//! ```text
//! u32 count | StateRecord x count | initial values, in the order of the records, each padded to 4
//! ```
//!
//! Operators name such tensors among their operands like any other. What is special is that the memory plan keeps their
//! places free for a session's whole life, and that a session writes the initial values there before its first run.

use crate::field::record;
use crate::golden::padded;
use crate::{Cursor, Field, size};

record! {
    /// One tensor, 12 bytes.
    StateRecord {
        /// Byte offset in the region, a multiple of 4.
        arena_offset: u32,
        /// Its length.
        bytes: u32,
        /// A [`crate::DType`].
        dtype: u8,
        /// [`crate::Operand::ARENA`].
        region: u8,
        /// [`StateRecord::UNIFORM`], or 0.
        flags: u8,
        /// Zero.
        reserved: u8,
    }
}

impl StateRecord {
    /// All elements are the same at first, and only four bytes of them are stored: one element after the other.
    pub const UNIFORM: u8 = 1;

    /// Bytes of the initial value that are stored, without padding.
    pub fn stored_bytes(&self) -> usize {
        if self.flags & Self::UNIFORM != 0 { 4 } else { self.bytes as usize }
    }
}

/// The states of a section, each with the stored bytes of its initial value.
#[derive(Clone, Copy, Debug)]
pub struct States<'b> {
    records: &'b [u8],
    values: &'b [u8],
}

impl<'b> States<'b> {
    /// Starts at the first. An empty section has none; one that is too short for its records is `None`.
    pub fn new(section: &'b [u8]) -> Option<Self> {
        if section.is_empty() {
            return Some(States { records: &[], values: &[] });
        }
        let (count, rest) = section.split_first_chunk::<4>()?;
        let bytes = size::product(usize::try_from(u32::from_le_bytes(*count)).ok()?, StateRecord::SIZE)?;
        let (records, values) = rest.split_at_checked(bytes)?;
        Some(States { records, values })
    }

    /// True when every record and all bytes of the section have been walked.
    pub fn is_at_end(&self) -> bool {
        self.records.is_empty() && self.values.is_empty()
    }
}

impl<'b> Iterator for States<'b> {
    type Item = (StateRecord, &'b [u8]);

    /// The next tensor; `None` at the end and when its value is cut off.
    fn next(&mut self) -> Option<Self::Item> {
        let record = StateRecord::take(&mut Cursor::new(self.records))?;
        let value = self.values.get(..record.stored_bytes())?;
        self.values = self.values.get(padded(record.stored_bytes())..)?;
        self.records = self.records.get(StateRecord::SIZE..)?;
        Some((record, value))
    }
}

/// The bytes of a section; each tensor with its initial value. A value whose words are all the same is stored once.
#[cfg(feature = "alloc")]
pub fn section(states: &[(StateRecord, alloc::vec::Vec<u8>)]) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::new();
    if states.is_empty() {
        return out;
    }
    u32::try_from(states.len()).unwrap_or(u32::MAX).put(&mut out);
    let uniform = |value: &[u8]| {
        let (first, rest) = value.split_first_chunk::<4>()?;
        rest.iter().zip(first.iter().cycle()).all(|(a, b)| a == b).then_some(*first)
    };
    for (record, value) in states {
        let flags = if uniform(value).is_some() { StateRecord::UNIFORM } else { 0 };
        StateRecord { flags, ..*record }.put(&mut out);
    }
    for (_, value) in states {
        match uniform(value) {
            Some(first) => out.extend(first),
            None => out.extend(value),
        }
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
