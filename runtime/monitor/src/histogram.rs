//! A histogram of sixteen bins.

use crate::baseline::Shares;
use crate::logarithm::ln;

pub use kinglet_blob::baseline::BINS;

/// The bin of a code of eight bits: codes are spread over their range by quantization already.
pub fn bin_of_code(code: i8) -> usize {
    usize::from((code as u8 ^ 0x80) >> 4)
}

/// The bin of a score between 0 and 1.
#[allow(clippy::cast_possible_truncation, reason = "ends at its bounds")]
pub fn bin_of_score(score: f32) -> usize {
    // A conversion to an integer ends at its bounds, and takes what is no number for zero.
    usize::from((score * 16.0) as u8).min(BINS - 1)
}

/// Counts of sixteen bins: 36 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u16; BINS],
    total: u32,
}

impl Histogram {
    /// Counts one more in a bin, until one of the counts is full: then nothing more is counted.
    pub fn add(&mut self, bin: usize) {
        let Some(count) = self.counts.get_mut(bin) else { return };
        if let Some(more) = count.checked_add(1) {
            *count = more;
            self.total = self.total.saturating_add(1);
        }
    }

    /// Counts codes, each `stride`-th of them.
    pub fn add_codes(&mut self, codes: &[i8], stride: usize) {
        codes.iter().step_by(stride.max(1)).for_each(|&code| self.add(bin_of_code(code)));
    }

    /// What was counted.
    pub fn counts(&self) -> &[u16; BINS] {
        &self.counts
    }

    /// How much was counted.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Counts from nothing again.
    pub fn clear(&mut self) {
        *self = Histogram::default();
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Histogram) {
        self.total = 0;
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
            self.total = self.total.saturating_add(u32::from(*count));
        }
    }

    /// The population stability index against a baseline: `sum (p - q) ln(p / q)` over the bins, half a count added to
    /// each bin so that an empty one is no infinity. Below 0.1 nothing has changed, above 0.25 something has, as is
    /// usually said; none before anything was counted.
    pub fn instability(&self, baseline: &Shares) -> Option<f32> {
        if self.total == 0 {
            return None;
        }
        let here = self.total as f32 + 0.5 * BINS as f32;
        let there = baseline.total() as f32 + 0.5 * BINS as f32;
        let terms = self.counts.iter().zip(baseline.counts()).map(|(&count, &known)| {
            let p = (f32::from(count) + 0.5) / here;
            let q = (f32::from(known) + 0.5) / there;
            (p - q) * ln(p / q)
        });
        Some(terms.sum())
    }
}
