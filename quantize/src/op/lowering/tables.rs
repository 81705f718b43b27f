//! Biases and factors of 16 bits, where the compiler has chosen the scales itself.
//!
//! A layer has eight bytes for each output channel beside its weights, a fifth of a keyword model's blob. A factor of 15
//! bits is wrong by at most one part in 65,536, two thousandths of a step at the far end of the codes. A bias is rounded to
//! a multiple of a power of two, by at most [`MOST`] of an output step. In front of each run of the layer both are written to
//! scratch as kernels want them, which takes a few instructions a channel: so only layers with many multiplications for
//! each channel have short tables.

use kinglet_blob::constants::{SHORT_BIAS, SHORT_FACTORS};
use kinglet_kernels::numerics::FixedPoint;
use kinglet_kernels::packing::Storage;

use super::Site;
use super::layer::Channels;

/// Most that a rounded bias may move an output, in steps.
const MOST: f64 = 1.0 / 32.0;

/// Fewest multiplications of an output channel for which what it takes to lengthen its bias and its factor is below half a
/// per cent of the layer's instructions, or nearly.
const LEAST: usize = 1000;

/// The same of layers with weights of few bits, which are for those who want a small blob.
const LEAST_NARROW: usize = 250;

/// Fewest channels worth the trouble.
const CHANNELS: usize = 8;

/// Bits of a multiplier that a short factor lacks.
const LACKING: u32 = 16;

/// How biases and factors are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    /// What short biases are shifted by; `None` when they have 32 bits.
    pub(super) bias_shift: Option<u16>,
    /// Whether the lower halves of requantization words are left out.
    pub(super) has_short_factors: bool,
}

impl Tables {
    /// The flags of the record.
    pub(super) fn flags(self) -> u8 {
        let bias = if self.bias_shift.is_some() { SHORT_BIAS } else { 0 };
        bias | if self.has_short_factors { SHORT_FACTORS } else { 0 }
    }

    /// Biases as they are stored.
    pub(super) fn biases(self, bias: &[i32]) -> Vec<u8> {
        match self.bias_shift {
            None => bias.iter().flat_map(|bias| bias.to_le_bytes()).collect(),
            Some(shift) => bias.iter().flat_map(|bias| ((bias >> shift) as i16).to_le_bytes()).collect(),
        }
    }
}

/// Whether the layer may have short tables, and is one for which they pay.
pub(super) fn pay(site: &Site<'_>, channels: &Channels<'_>) -> bool {
    let storage = site.operand(1).quantization.as_ref().map_or(Storage::Bits8, |quantization| quantization.storage);
    let least = if storage == Storage::Bits8 { LEAST } else { LEAST_NARROW };
    let products = site.result().len() / channels.outputs.max(1) * channels.taps;
    site.may_round && channels.outputs >= CHANNELS && products >= least
}

/// Rounds factors, and biases where that is harmless.
pub(super) fn shorten(bias: &mut [i32], factors: &mut [FixedPoint]) -> Tables {
    factors.iter_mut().for_each(|factor| *factor = rounded(*factor));
    let bias_shift = bias_shift(bias, factors);
    if let Some(shift) = bias_shift {
        bias.iter_mut().for_each(|bias| *bias = to_multiple(*bias, shift));
    }
    Tables { bias_shift, has_short_factors: true }
}

/// The nearest factor whose multiplier ends with [`LACKING`] zeros.
fn rounded(factor: FixedPoint) -> FixedPoint {
    let multiplier = ((i64::from(factor.multiplier) + (1 << (LACKING - 1))) >> LACKING) << LACKING;
    match i32::try_from(multiplier) {
        Ok(multiplier) => FixedPoint { multiplier, ..factor },
        Err(_) => FixedPoint { multiplier: 1 << 30, shift: factor.shift + 1 },
    }
}

/// The nearest multiple of `2^shift`.
fn to_multiple(bias: i32, shift: u16) -> i32 {
    let half = (1_i64 << shift) >> 1;
    (((i64::from(bias) + half) >> shift) << shift) as i32
}

/// The least shift with which all biases have 16 bits; `None` when that moves an output by more than [`MOST`].
fn bias_shift(bias: &[i32], factors: &[FixedPoint]) -> Option<u16> {
    let fits = |shift: &u16| bias.iter().all(|&bias| i16::try_from(to_multiple(bias, *shift) >> shift).is_ok());
    let shift = (0..=15).find(fits)?;
    let real = |factor: &FixedPoint| f64::from(factor.multiplier) * f64::from(factor.shift - 31).exp2();
    let largest = factors.iter().map(real).fold(0.0, f64::max);
    let error = if shift == 0 { 0.0 } else { f64::from(shift - 1).exp2() * largest };
    (error <= MOST).then_some(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_lose_their_lower_half() {
        let factor = |multiplier, shift| FixedPoint { multiplier, shift };
        assert_eq!(rounded(factor(0x4123_8000, -9)), factor(0x4124_0000, -9));
        assert_eq!(rounded(factor(0x4123_7fff, -9)), factor(0x4123_0000, -9));
        assert_eq!(rounded(factor(0x7fff_8000, -9)), factor(1 << 30, -8));
    }

    #[test]
    fn biases_are_rounded_as_far_as_outputs_do_not_see_it() {
        let small = [FixedPoint { multiplier: 1 << 30, shift: -8 }];
        assert_eq!(bias_shift(&[32_767, -32_768], &small), Some(0));
        // A factor of 2^-9: 2^3 moves an output by a 64th, 2^4 by a 32nd, 2^5 by more.
        assert_eq!(bias_shift(&[32_768 * 15, 3], &small), Some(4));
        assert_eq!(bias_shift(&[32_768 * 31, 3], &small), Some(5));
        assert_eq!(bias_shift(&[32_768 * 63, 3], &small), None);
        let (mut bias, mut factors) = ([327_680, -7, 9], small);
        let tables = shorten(&mut bias, &mut factors);
        assert_eq!((tables.bias_shift, bias), (Some(4), [327_680, 0, 16]));
        assert_eq!(tables.biases(&bias), [0, 80, 0, 0, 1, 0]);
    }
}
