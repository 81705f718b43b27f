//! The telemetry record: what a device tells of a model, in at most 128 bytes.
//!
//! Encoded as [postcard](https://postcard.jamesmunns.com/wire-format) has it (numbers of seven bits a byte), in a fixed
//! order behind a version, so that any postcard reader reads it; writing it takes no crate. Counts only: no input and no
//! output of a single run.

/// Bytes of a record at most.
pub const RECORD_BYTES_MAX: usize = 128;

/// The encoding's version.
const VERSION: u8 = 1;

/// Counts of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The start of the model's digest.
    pub model: [u8; 8],
    /// Counts records.
    pub sequence: u32,
    /// Runs since the model started.
    pub runs: u32,
    /// Runs that took too long.
    pub slow: u32,
    /// The longest.
    pub most_ticks: u32,
    /// The mean.
    pub mean_ticks: u32,
    /// Alarms.
    pub alarms: u32,
    /// The last of them, 0 for none.
    pub last_alarm: u8,
    /// Top scores of the window, in sixteen bins.
    pub confidence: [u16; 16],
}

impl Record {
    /// Writes the record; how many bytes it took.
    pub fn encode(&self, out: &mut [u8; RECORD_BYTES_MAX]) -> usize {
        let numbers = [self.sequence, self.runs, self.slow, self.most_ticks, self.mean_ticks, self.alarms];
        let counts = self.confidence.iter().map(|&count| u32::from(count));
        let varints = numbers.into_iter().chain([u32::from(self.last_alarm)]).chain(counts).flat_map(varint);
        let bytes = core::iter::once(VERSION).chain(self.model).chain(varints);
        out.iter_mut().zip(bytes).map(|(to, from)| *to = from).count()
    }

    /// Reads a record; none when it is of another version, ends early or goes on.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (model, mut rest) = rest.split_first_chunk::<8>()?;
        let mut number = || take(&mut rest);
        let mut record = Record {
            model: *model,
            sequence: number()?,
            runs: number()?,
            slow: number()?,
            most_ticks: number()?,
            mean_ticks: number()?,
            alarms: number()?,
            last_alarm: u8::try_from(number()?).ok()?,
            confidence: [0; 16],
        };
        for count in &mut record.confidence {
            *count = u16::try_from(number()?).ok()?;
        }
        (*version == VERSION && rest.is_empty()).then_some(record)
    }
}

/// A number, seven bits a byte, the lowest first; the highest bit says that there are more.
fn varint(number: u32) -> impl Iterator<Item = u8> {
    let mut left = Some(number);
    core::iter::from_fn(move || {
        let now = left?;
        let [low, ..] = (now & 0x7f).to_le_bytes();
        let rest = now >> 7;
        left = (rest > 0).then_some(rest);
        Some(if rest > 0 { low | 0x80 } else { low })
    })
}

fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u64;
    for index in 0..5u32 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << index.saturating_mul(7);
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}
