//! BASELINE: what the model saw and said when it was calibrated, for who watches it in the field.
//!
//! Counts of sixteen bins, scaled so that each fits 16 bits. No run needs them; `runtime/monitor` reads them.

use crate::field::record;

/// The section's tag in the section table.
pub const KIND: u16 = 9;
/// The version of the section.
pub const VERSION: u16 = 1;
/// Bins of a histogram.
pub const BINS: usize = 16;

record! {
    /// The section, 116 bytes.
    BaselineRecord {
        /// [`VERSION`].
        version: u16,
        /// Zero.
        reserved: u16,
        /// Samples that it was counted from.
        samples: u32,
        /// Codes of the first input: a bin for each sixteen codes, from -128 on.
        input: [u16; 16],
        /// Codes of the first output, likewise.
        output: [u16; 16],
        /// Top scores, the largest real number of the first output: a bin for each sixteenth from 0 to 1.
        confidence: [u16; 16],
        /// Their mean.
        confidence_mean: f32,
        /// Their standard deviation, not 0.
        confidence_deviation: f32,
        /// Share of the first input's codes that are -128 or 127.
        out_of_range: f32,
    }
}

const _: () = assert!(<BaselineRecord as crate::Field>::SIZE == 116);
