//! What is normal: the section BASELINE of a blob, which the compiler writes from the calibration data.

use kinglet_blob::baseline::{BaselineRecord, KIND, VERSION};
use kinglet_blob::{Blob, Cursor, Field};

use crate::histogram::BINS;

/// Counts of sixteen bins, scaled so that each fits 16 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares([u16; BINS]);

impl Shares {
    /// Shares from counts: scaled down where the largest does not fit, rounded to the nearest, and never to nothing where
    /// something was.
    pub fn new(counts: &[u64; BINS]) -> Self {
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let whole = u64::from(u16::MAX);
        let scaled = |count: u64| {
            if most <= whole {
                return count;
            }
            let share = u128::from(count).saturating_mul(u128::from(whole)).checked_div(u128::from(most));
            u64::try_from(share.unwrap_or(0)).unwrap_or(whole).max(u64::from(count > 0))
        };
        let mut shares = [0; BINS];
        shares.iter_mut().zip(counts).for_each(|(to, from)| *to = u16::try_from(scaled(*from)).unwrap_or(u16::MAX));
        Shares(shares)
    }

    /// The counts.
    pub fn counts(&self) -> &[u16; BINS] {
        &self.0
    }

    /// Their sum.
    pub fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum: u32, &count| sum.saturating_add(count.into()))
    }
}

/// What the model saw and said when it was calibrated: 116 bytes in the blob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// Samples that it was counted from.
    pub samples: u32,
    /// Codes of the first input.
    pub input: Shares,
    /// Codes of the first output.
    pub output: Shares,
    /// Top scores.
    pub confidence: Shares,
    /// Their mean.
    pub confidence_mean: f32,
    /// Their standard deviation, not 0.
    pub confidence_deviation: f32,
    /// Share of the first input's codes at the ends of their range.
    pub out_of_range: f32,
}

impl Baseline {
    /// The blob's baseline; none where it has none, or one that is of another version or makes no sense.
    pub fn of(blob: &Blob<'_>) -> Option<Self> {
        Self::read(blob.section_beside(KIND))
    }

    /// Reads a section.
    pub fn read(section: &[u8]) -> Option<Self> {
        let record = BaselineRecord::take(&mut Cursor::new(section))?;
        let numbers = [record.confidence_mean, record.confidence_deviation, record.out_of_range];
        let is_sane = numbers.iter().all(|number| number.is_finite()) && record.confidence_deviation > 0.0;
        let baseline = Baseline {
            samples: record.samples,
            input: Shares(record.input),
            output: Shares(record.output),
            confidence: Shares(record.confidence),
            confidence_mean: record.confidence_mean,
            confidence_deviation: record.confidence_deviation,
            out_of_range: record.out_of_range,
        };
        (record.version == VERSION && record.reserved == 0 && is_sane).then_some(baseline)
    }

    /// The section's content.
    pub fn record(&self) -> BaselineRecord {
        BaselineRecord {
            version: VERSION,
            reserved: 0,
            samples: self.samples,
            input: self.input.0,
            output: self.output.0,
            confidence: self.confidence.0,
            confidence_mean: self.confidence_mean,
            confidence_deviation: self.confidence_deviation,
            out_of_range: self.out_of_range,
        }
    }
}
