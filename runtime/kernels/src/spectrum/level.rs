//! What bands become for a model: without the noise that is always there, brought to a like loudness, as logarithms.

/// Noise is what a band has on average over time; it is taken from the band, but for a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Bits that an average has more than a band, at most 12.
    pub more_bits: u32,
    /// How much of a new band goes into the average, of bands at even and at odd places, in units of 2^-14, at most 2^14.
    pub share: [u16; 2],
    /// What is left of a band at least, in units of 2^-14, at most 2^14.
    pub rest: u16,
}

/// A quiet surrounding makes bands louder: they are multiplied with `strength`-th powers of an average, and large ones are
/// pressed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// Bits that averages have more than a band.
    pub more_bits: u32,
    /// Bits by which bands are lengthened before anything else, at most 8.
    pub up: u32,
    /// The power, in units of -2^-15.
    pub strength: u16,
    /// What is added to an average, in units of a lengthened band.
    pub offset: u32,
}

/// Bits of a gain behind the point, and of what comes of it.
const GAIN_BITS: u32 = 21;
const RATIO_BITS: u32 = 12;
const RESULT_BITS: u32 = 6;

impl Noise {
    /// Takes the noise from bands, of which `averages` has been kept since the last ones, and keeps it for the next.
    pub fn take_away(&self, bands: &mut [u32], averages: &mut [u32]) {
        let one = 1_u64 << 14;
        for ((band, average), share) in bands.iter_mut().zip(averages).zip(self.share.iter().cycle()) {
            let share = u64::from(*share).min(one);
            let long = u64::from(*band).wrapping_shl(self.more_bits.min(12));
            let sum = long.wrapping_mul(share).wrapping_add(u64::from(*average).wrapping_mul(one.wrapping_sub(share)));
            let now = sum.wrapping_shr(14).min(u32::MAX.into());
            let louder = long.saturating_sub(now).wrapping_shr(self.more_bits.min(12));
            let rest = u64::from(*band).wrapping_mul(u64::from(self.rest).min(one)).wrapping_shr(14);
            // Neither is above what the band was.
            (*average, *band) = (now as u32, louder.max(rest) as u32);
        }
    }
}

impl Gain {
    /// Brings bands to a like loudness; `averages` are those that [`Noise::take_away`] has left.
    pub fn apply(&self, bands: &mut [u32], averages: &[u32]) {
        let (up, more) = (self.up.min(8), self.more_bits.min(12));
        let shift = GAIN_BITS.wrapping_sub(RATIO_BITS).wrapping_sub(up);
        for (band, &average) in bands.iter_mut().zip(averages) {
            // Of an average as of a lengthened band, with bits behind the point.
            let behind = more.saturating_sub(up);
            let level = u64::from(average).saturating_add(u64::from(self.offset).wrapping_shl(behind));
            let log = i64::from(log2(level)).wrapping_sub(i64::from(behind).wrapping_shl(16));
            let power = log.wrapping_mul(self.strength.into()).wrapping_shr(15);
            let gain = exp2(i64::from(GAIN_BITS).wrapping_shl(16).wrapping_sub(power)).min(0x7FFF);
            let ratio = u64::from(*band).wrapping_mul(gain).wrapping_shr(shift);
            *band = pressed(ratio).min(u32::MAX.into()) as u32;
        }
    }
}

/// A quarter of the square below two, one less from there on.
fn pressed(ratio: u64) -> u64 {
    if ratio < 2 << RATIO_BITS {
        ratio.wrapping_mul(ratio).wrapping_shr(2 + 2 * RATIO_BITS - RESULT_BITS)
    } else {
        ratio.wrapping_shr(RATIO_BITS - RESULT_BITS).wrapping_sub(1 << RESULT_BITS)
    }
}

/// `factor * log2(band * 2^up)`, `factor` in units of 2^-8, rounded and at most 65535; 0 for bands of nothing and of one.
///
/// Of another logarithm, `factor` is a multiple: `64 * ln x` has 64 * 256 * ln 2.
pub fn log(band: u32, up: u32, factor: u32) -> u16 {
    let long = u64::from(band).wrapping_shl(up.min(16));
    if long <= 1 {
        return 0;
    }
    let product = u64::from(log2(long)).wrapping_mul(factor.into());
    product.wrapping_add(1 << 23).wrapping_shr(24).min(u16::MAX.into()) as u16
}

/// Coefficients of `log2(1 + m)` and `2^m` for `m` from 0 to 1, in units of 2^-30: the polynomials that are equally far from them
/// at the points of Chebyshev. The first is off by 2^-18 at most, the second by 2^-23.
const LOG2: [i64; 7] = [2280, 1_548_846_076, -770_471_899, 489_118_486, -294_874_478, 128_095_507, -26_975_834];
const EXP2: [i64; 6] = [1_073_741_712, 744_269_106, 257_849_188, 59_982_743, 9_605_925, 2_034_856];

/// A polynomial at `m`, which is in units of 2^-30.
fn polynomial(coefficients: &[i64], m: i64) -> i64 {
    coefficients.iter().rev().fold(0, |sum, &c| sum.wrapping_mul(m).wrapping_shr(30).wrapping_add(c))
}

/// `log2 x` in units of 2^-16; 0 for 0.
fn log2(x: u64) -> u32 {
    let whole = x.max(1).ilog2();
    // One bit before the point and 30 behind.
    let mantissa =
        if whole > 30 { x.wrapping_shr(whole.wrapping_sub(30)) } else { x.wrapping_shl(30_u32.wrapping_sub(whole)) };
    let fraction = polynomial(&LOG2, (mantissa as i64).wrapping_sub(1 << 30)).max(0);
    let rounded = fraction.wrapping_add(1 << 13).wrapping_shr(14) as u32;
    if x == 0 { 0 } else { whole.wrapping_shl(16).wrapping_add(rounded) }
}

/// `2^x` of `x` in units of 2^-16, rounded down; 0 below 0 and the most there is above 62.
fn exp2(x: i64) -> u64 {
    if x < 0 {
        return 0;
    }
    let whole = x.wrapping_shr(16).min(62) as u32;
    let value = polynomial(&EXP2, (x & 0xFFFF).wrapping_shl(14)) as u64;
    if whole >= 30 {
        value.wrapping_shl(whole.wrapping_sub(30))
    } else {
        value.wrapping_shr(30_u32.wrapping_sub(whole))
    }
}
