//! Spectrum: the magnitudes of a window of samples in bands of frequencies, and what is made of them for a model.
//!
//! ```text
//! samples i16 -> window -> transform -> bands: u32 -> noise taken away -> gain by loudness -> logarithm: u16
//! ```
//!
//! - [`Spectrum::bands`]: `samples: [window]` of 16 bits, `bands: [bands]`, magnitudes; scratch of [`Spectrum::scratch_len`]. With the
//!   discrete transform `X` of `samples . window / 2^15`, `size` points long with zeros behind the samples, band `b` is
//!   `2^(13 - down) / size * sqrt(sum over bins k of weight(b, k) * |X[k]|^2)`, rounded down; weights are in units of 2^-12.
//! - [`Noise::take_away`], [`Gain::apply`] and [`log`] work on bands one by one, in place.
//!
//! Everything is integers, so that all machines have the same bits. Samples are 16 bits and a transform of `size` points makes them
//! `log2(size)` bits longer: 32 bits hold it without any scaling on the way, so that quiet bands beside loud ones keep their bits.
//! Rejected: 16 bits that are halved from step to step, which is faster where a machine multiplies two of them at once, and
//! gives quiet bands the noise of the loudest one.
//!
//! Tables are the caller's, made on a host: this module has neither sines nor roots of its own.

mod level;
mod transform;

pub use level::{Gain, Noise, log};

/// What samples become bands by. All tables are as [`Spectrum::is_sound`] says.
#[derive(Clone, Copy, Debug)]
pub struct Spectrum<'c> {
    /// Points of the transform, a power of two from 8 to [`SIZE_MAX`].
    pub size: usize,
    /// A factor for each sample, in units of 2^-15.
    pub window: &'c [i16],
    /// `cos(2 pi k / size)` and `-sin(2 pi k / size)` of `k` below `size / 2`, in units of 2^-15, 1 being 32767.
    pub turns: &'c [[i16; 2]],
    /// The first bin of each band, and how many it has.
    pub bands: &'c [[u16; 2]],
    /// The weights of the bins of all bands, in units of 2^-12, at most 2^12.
    pub weights: &'c [u16],
    /// By how many bits magnitudes are shortened: 0 to 16.
    pub down: u32,
}

/// The most points of a transform.
pub const SIZE_MAX: usize = 1024;

/// By how many bits samples of one unit are longer when they have been transformed, whatever the size: less those of the size
/// before. 30 bits and a sign are what a sum of all of them can have.
const HEADROOM_BITS: u32 = 14;

/// Bits that powers lose so that their sums fit 64 bits.
const POWER_BITS: u32 = 16;

impl Spectrum<'_> {
    /// Elements of temporary memory.
    pub fn scratch_len(&self) -> usize {
        self.size
    }

    /// Whether its tables fit each other.
    pub fn is_sound(&self) -> bool {
        let bins = self.size / 2;
        let is_size = self.size.is_power_of_two() && (8..=SIZE_MAX).contains(&self.size);
        let fits = |&[first, count]: &[u16; 2]| {
            let end = usize::from(first).saturating_add(count.into());
            count > 0 && end <= bins.saturating_add(1)
        };
        let weights = self.bands.iter().fold(0_usize, |sum, &[_, count]| sum.saturating_add(count.into()));
        is_size
            && !self.window.is_empty()
            && self.window.len() <= self.size
            && self.turns.len() == bins
            && self.down <= 16
            && self.bands.iter().all(fits)
            && weights == self.weights.len()
            && self.weights.iter().all(|&weight| weight <= 1 << 12)
    }

    /// Computes the bands; false, and nothing that means anything, when a slice has another length or a table does not fit.
    pub fn bands(&self, samples: &[i16], scratch: &mut [i32], bands: &mut [u32]) -> bool {
        let fits = samples.len() == self.window.len() && bands.len() == self.bands.len();
        let Some(points) = scratch.get_mut(..self.size).filter(|_| fits && self.is_sound()) else { return false };
        let lengthened = HEADROOM_BITS.wrapping_sub(self.size.ilog2());
        let shift = 15_u32.wrapping_sub(lengthened);
        let half = 1_i32.wrapping_shl(shift.wrapping_sub(1));
        let windowed = samples.iter().zip(self.window);
        let zeros = core::iter::repeat((&0, &0));
        for (point, (&sample, &factor)) in points.iter_mut().zip(windowed.chain(zeros)) {
            // Without the rounding of the last bit the product could be 2^30, and then it is not.
            *point = i32::from(sample).wrapping_mul(factor.into()).saturating_add(half).wrapping_shr(shift);
        }
        transform::transform(points, self.turns);
        let mut weights = self.weights.iter();
        for (band, &[first, count]) in bands.iter_mut().zip(self.bands) {
            let bins = usize::from(first)..usize::from(first).wrapping_add(count.into());
            let mut sum = 0_u64;
            for (bin, &weight) in bins.zip(&mut weights) {
                let power = transform::power(points, self.turns, bin).wrapping_shr(POWER_BITS);
                sum = sum.wrapping_add(power.wrapping_mul(weight.into()));
            }
            *band = root(sum).wrapping_shr(self.down);
        }
        true
    }
}

/// The greatest integer whose square is not above `x`.
pub fn root(x: u64) -> u32 {
    let (mut rest, mut result) = (x, 0_u64);
    let mut bit = 1_u64 << 62;
    while bit > x {
        bit = bit.wrapping_shr(2);
    }
    while bit != 0 {
        let step = result.wrapping_add(bit);
        result = result.wrapping_shr(1);
        if rest >= step {
            rest = rest.wrapping_sub(step);
            result = result.wrapping_add(bit);
        }
        bit = bit.wrapping_shr(2);
    }
    // A root of 64 bits has 32.
    result as u32
}
