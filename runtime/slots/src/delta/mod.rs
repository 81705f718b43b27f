//! Deltas: what is new in a blob, said in terms of the blob that is there.
//!
//! ```text
//! 0        32
//! | header | step | step | step | ..                    step: tag, what belongs to it
//! ```
//!
//! A tag is a number of seven bits a byte, the lowest first; its two low bits say what to do, the rest is `n`:
//!
//! | bits | step | what follows | what it makes |
//! | --- | --- | --- | --- |
//! | 0 | copy | nothing | the next `n` old bytes |
//! | 1 | replace | `n` bytes | these, in the place of `n` old ones |
//! | 2 | seek | nothing | nothing: goes `n` on in the old blob, or back; `n` is folded as 0, -1, 1, -2, .. |
//! | 3 | add | a width of 1 to 7, `n` differences of so many bits | the next `n` old bytes, changed by so much |
//!
//! The steps fit what happens to blobs. Sections move by some bytes: a seek. Fields of records change: short replacements
//! between copies. A layer that was trained on has weights near the old ones: differences of few bits.
//!
//! A delta proves nothing. What it makes is a signed blob or is thrown away, like everything that was received.

#[cfg(feature = "alloc")]
mod encode;
#[cfg(test)]
mod tests;

use kinglet_blob::Cursor;

#[cfg(feature = "alloc")]
pub use encode::encode;

/// Bytes before the steps.
pub const DELTA_HEADER_BYTES: usize = 32;
/// The first four bytes.
pub const DELTA_MAGIC: [u8; 4] = *b"KGLD";
/// The version of the format.
const VERSION: u16 = 1;
/// Bytes that are copied at a time, on the stack.
const PIECE_BYTES: usize = 64;
/// As the cursor counts.
const PIECE: u32 = 64;
const _: () = assert!(PIECE as usize == PIECE_BYTES);

/// What stands before the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaHeader {
    /// Length of the blob that is there.
    pub old_bytes: u32,
    /// Length of the blob that is made.
    pub new_bytes: u32,
    /// The start of the old blob's digest, as [`crate::Installed`] has it.
    pub old: [u8; 8],
    /// That of the new one. What is received goes by this name.
    pub new: [u8; 8],
}

impl DeltaHeader {
    /// Its bytes.
    pub fn bytes(&self) -> [u8; DELTA_HEADER_BYTES] {
        let mut bytes = [0; DELTA_HEADER_BYTES];
        let fields = DELTA_MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain([0; 2]);
        let fields = fields.chain(self.old_bytes.to_le_bytes()).chain(self.new_bytes.to_le_bytes());
        let fields = fields.chain(self.old).chain(self.new);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads them; none when this is no delta, or one of another version.
    pub fn read(bytes: &[u8; DELTA_HEADER_BYTES]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let magic: [u8; 4] = cursor.take()?;
        let version: u16 = cursor.take()?;
        let reserved: u16 = cursor.take()?;
        let header = DeltaHeader {
            old_bytes: cursor.take()?,
            new_bytes: cursor.take()?,
            old: cursor.take()?,
            new: cursor.take()?,
        };
        (magic == DELTA_MAGIC && version == VERSION && reserved == 0).then_some(header)
    }
}

/// Where old bytes come from and new ones go.
pub trait Blobs {
    /// Why one of them cannot.
    type Error;

    /// Fills `out` with bytes of the old blob; the range is within its length.
    fn old(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Takes the next bytes of the new blob.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Why a delta cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaError<E> {
    /// A step is malformed, or leaves one of the blobs.
    Form,
    /// Bytes could not be read or written.
    Blobs(E),
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A tag, of which some bytes are here.
    Tag { value: u32, shift: u32 },
    /// So many bytes.
    Replace { left: u32 },
    /// The width of so many differences.
    Width { left: u32 },
    /// So many differences; `held` bits of the next ones are here.
    Add { left: u32, width: u32, bits: u32, held: u32 },
    /// Nothing: something was wrong.
    Failed,
}

/// The beginning of a tag.
const TAG: Step = Step::Tag { value: 0, shift: 0 };

/// A delta that is being applied, from pieces of any size. Knows no buffer, and comes to an end: no piece makes more than
/// what is left of the new blob.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    old_bytes: u32,
    new_bytes: u32,
    /// Bytes that were made.
    made: u32,
    /// The first so many are there already.
    there: u32,
    /// The next old byte. Goes out of the old blob and back by itself; what is read has to lie inside.
    cursor: u32,
    step: Step,
}

impl Patch {
    /// Starts behind the header. The first `there` bytes of the new blob are there already: they are gone over, and not
    /// made again.
    pub fn new(header: &DeltaHeader, there: u32) -> Self {
        let DeltaHeader { old_bytes, new_bytes, .. } = *header;
        Patch { old_bytes, new_bytes, made: 0, there, cursor: 0, step: TAG }
    }

    /// True when the new blob is complete.
    pub fn is_complete(&self) -> bool {
        self.made == self.new_bytes && self.step == TAG
    }

    /// Takes the next bytes of the delta. After an error it takes nothing any more.
    pub fn feed<B: Blobs>(&mut self, mut bytes: &[u8], blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        while !bytes.is_empty() {
            let taken = self.take(&mut bytes, blobs);
            if taken.is_err() {
                self.step = Step::Failed;
                return taken;
            }
        }
        Ok(())
    }

    /// One thing: a byte of a tag, a width, or as much as there is of a step's bytes.
    fn take<B: Blobs>(&mut self, bytes: &mut &[u8], blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        match self.step {
            Step::Failed => Err(DeltaError::Form),
            Step::Tag { value, shift } => {
                let byte = first(bytes).ok_or(DeltaError::Form)?;
                let (value, ends) = longer(value, shift, byte).ok_or(DeltaError::Form)?;
                self.step = Step::Tag { value, shift: shift.saturating_add(7) };
                if ends { self.start(value, blobs) } else { Ok(()) }
            }
            Step::Replace { left } => {
                let most = bytes.len().min(left as usize);
                let (some, rest) = bytes.split_at_checked(most).unwrap_or((bytes, &[]));
                *bytes = rest;
                let len = crate::flash::len32(some.len());
                self.make(some, blobs)?;
                self.cursor = self.cursor.wrapping_add(len);
                let left = left.saturating_sub(len);
                self.step = if left == 0 { TAG } else { Step::Replace { left } };
                Ok(())
            }
            Step::Width { left } => {
                let width = first(bytes).filter(|width| (1..=7).contains(width)).ok_or(DeltaError::Form)?;
                self.step = Step::Add { left, width: width.into(), bits: 0, held: 0 };
                Ok(())
            }
            Step::Add { .. } => self.add(bytes, blobs),
        }
    }

    /// A tag is complete.
    fn start<B: Blobs>(&mut self, tag: u32, blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        let (what, n) = (tag & 3, tag >> 2);
        if n == 0 || self.made == self.new_bytes {
            return Err(DeltaError::Form);
        }
        if what == 2 {
            let folded = n >> 1;
            self.cursor = self.cursor.wrapping_add(if n & 1 == 1 { !folded } else { folded });
            self.step = TAG;
            return Ok(());
        }
        let new_left = self.new_bytes.saturating_sub(self.made);
        let is_inside = self.cursor.checked_add(n).is_some_and(|end| end <= self.old_bytes);
        if n > new_left || !(is_inside || what == 1) {
            return Err(DeltaError::Form);
        }
        self.step = match what {
            0 => TAG,
            1 => Step::Replace { left: n },
            _ => Step::Width { left: n },
        };
        if what == 0 { self.copy(n, blobs) } else { Ok(()) }
    }

    fn copy<B: Blobs>(&mut self, n: u32, blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        // What is there already is not even read.
        let over = self.there.saturating_sub(self.made).min(n);
        self.made = self.made.saturating_add(over);
        self.cursor = self.cursor.wrapping_add(over);
        let mut left = n.saturating_sub(over);
        let mut piece = [0; PIECE_BYTES];
        while left > 0 {
            let len = left.min(PIECE);
            let piece = piece.get_mut(..len as usize).unwrap_or_default();
            blobs.old(self.cursor, piece).map_err(DeltaError::Blobs)?;
            self.make(piece, blobs)?;
            self.cursor = self.cursor.wrapping_add(len);
            left = left.saturating_sub(len);
        }
        Ok(())
    }

    /// As many differences as the bytes have, a piece of them at most.
    fn add<B: Blobs>(&mut self, bytes: &mut &[u8], blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        let Step::Add { mut left, width, mut bits, mut held } = self.step else { return Err(DeltaError::Form) };
        let mut differences = [0u8; PIECE_BYTES];
        let mut count = 0u32;
        for difference in differences.iter_mut().take(left as usize) {
            if held < width {
                let Some(byte) = first(bytes) else { break };
                bits |= u32::from(byte).checked_shl(held).unwrap_or(0);
                held = held.saturating_add(8);
            }
            // The sign is the highest bit of the width.
            let above = u32::BITS.saturating_sub(width);
            let signed = bits.checked_shl(above).unwrap_or(0).cast_signed().checked_shr(above).unwrap_or(0);
            [*difference, ..] = signed.to_le_bytes();
            bits = bits.checked_shr(width).unwrap_or(0);
            held = held.saturating_sub(width);
            count = count.saturating_add(1);
        }
        let mut piece = [0; PIECE_BYTES];
        let piece = piece.get_mut(..count as usize).unwrap_or_default();
        blobs.old(self.cursor, piece).map_err(DeltaError::Blobs)?;
        piece.iter_mut().zip(differences).for_each(|(byte, difference)| *byte = byte.wrapping_add(difference));
        self.make(piece, blobs)?;
        self.cursor = self.cursor.wrapping_add(count);
        left = left.saturating_sub(count);
        // Bits that are left over fill the last byte.
        self.step = if left == 0 { TAG } else { Step::Add { left, width, bits, held } };
        Ok(())
    }

    /// The next bytes of the new blob; of those that are there already none goes anywhere.
    fn make<B: Blobs>(&mut self, bytes: &[u8], blobs: &mut B) -> Result<(), DeltaError<B::Error>> {
        let over = self.there.saturating_sub(self.made) as usize;
        self.made = self.made.saturating_add(crate::flash::len32(bytes.len()));
        match bytes.get(over..) {
            Some(rest) if !rest.is_empty() => blobs.put(rest).map_err(DeltaError::Blobs),
            _ => Ok(()),
        }
    }
}

fn first(bytes: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*byte)
}

/// A tag with one byte more, and whether it ends with it; none when it does not fit 32 bits.
fn longer(value: u32, shift: u32, byte: u8) -> Option<(u32, bool)> {
    let low = u32::from(byte & 0x7f);
    let placed = low.checked_shl(shift)?;
    let fits = placed.checked_shr(shift) == Some(low);
    fits.then_some((value | placed, byte & 0x80 == 0))
}
