//! What operators with int16 activations and int8 weights share.
//!
//! - Activations are symmetric: their zero point is 0, so nothing is folded into a bias and positions outside an
//!   image add nothing.
//! - A layer's sum has 64 bits. The inner loops add at most `PART` products in 32 bits, where they cannot overflow,
//!   and only those parts in 64; no multiplication there is wider than 32 bits.
//! - [`Rounding`] says how the sum becomes an output.

use crate::numerics::Requant;

/// Products of an `i16` and an `i8` whose sum cannot leave 32 bits: `511 * 2^22 < 2^31`, and a round number.
const PART: usize = 256;

/// How a sum becomes an output. A layer's rounding is that of its bias: TensorFlow Lite's converter writes biases of
/// 64 bits unless it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Biases and sums of 64 bits, or no bias:
    /// [`FixedPoint::apply_long`](crate::numerics::FixedPoint::apply_long).
    Once,
    /// Biases and sums of 32 bits: [`FixedPoint::apply`](crate::numerics::FixedPoint::apply). The sum wraps; the host
    /// proves that it does not.
    Twice,
}

/// Biases of 64 bits, whose upper halves are absent when every one is the sign of its lower half.
#[derive(Clone, Copy, Debug)]
pub struct LongBias<'a> {
    /// Lower halves, one for each output channel.
    pub low: &'a [i32],
    /// Empty, or as many upper halves.
    pub high: &'a [i32],
}

impl LongBias<'_> {
    /// The bias of output channel `channel`.
    #[inline]
    pub fn at(&self, channel: usize) -> i64 {
        let low = self.low.get(channel).copied().unwrap_or(0);
        match self.high.get(channel) {
            Some(high) => (i64::from(*high) << 32) | i64::from(low as u32),
            None => i64::from(low),
        }
    }
}

/// What happens to a layer's sums.
#[derive(Clone, Copy, Debug)]
pub struct StageI16<'a> {
    /// Added to the sum.
    pub bias: LongBias<'a>,
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
    /// How the factor is applied.
    pub rounding: Rounding,
    /// Lower clamp of the result.
    pub min: i16,
    /// Upper clamp of the result, at least `min`.
    pub max: i16,
}

impl StageI16<'_> {
    /// True when there are biases and factors for `outputs` channels.
    pub(crate) fn suffices(&self, outputs: usize) -> bool {
        let LongBias { low, high } = self.bias;
        self.requant.suffices(low, outputs) && (high.is_empty() || high.len() >= outputs)
    }

    /// The output of channel `channel` whose products add up to `sum`.
    #[inline]
    pub fn apply(&self, channel: usize, sum: i64) -> i16 {
        let acc = sum.wrapping_add(self.bias.at(channel));
        let factor = self.requant.at(channel);
        let value = match self.rounding {
            Rounding::Once => factor.apply_long(acc),
            Rounding::Twice => factor.apply(acc as i32),
        };
        value.max(i32::from(self.min)).min(i32::from(self.max)) as i16
    }
}

/// Adds the products of `x` with each of four rows to `sums`, over as many elements as the shortest slice has.
#[inline]
pub(crate) fn add_rows(sums: &mut [i64; 4], mut x: &[i16], rows: [&[i8]; 4]) {
    let mut rest = rows;
    while !x.is_empty() {
        let Some((part, after)) = x.split_at_checked(x.len().min(PART)) else { return };
        for (sum, part) in sums.iter_mut().zip(part_sums(part, rest)) {
            *sum = sum.wrapping_add(i64::from(part));
        }
        rest = rest.map(|row| row.get(PART..).unwrap_or_default());
        x = after;
    }
}

#[cfg(kinglet_isa = "armv7em")]
use crate::arch::armv7em::sums as part_sums;

/// The sums of at most [`PART`] products of `x` and each of four rows.
#[cfg(not(kinglet_isa = "armv7em"))]
#[inline]
fn part_sums(x: &[i16], [a, b, c, d]: [&[i8]; 4]) -> [i32; 4] {
    let mut sums = [0_i32; 4];
    for ((((x, a), b), c), d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
        sums[0] = multiply_add(sums[0], *x, *a);
        sums[1] = multiply_add(sums[1], *x, *b);
        sums[2] = multiply_add(sums[2], *x, *c);
        sums[3] = multiply_add(sums[3], *x, *d);
    }
    sums
}

/// `sum + x * w`.
#[inline]
pub(crate) fn multiply_add(sum: i32, x: i16, w: i8) -> i32 {
    sum.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)))
}

/// Sums of a block of channels, in parts.
#[derive(Clone, Copy)]
pub(crate) struct Sums<const N: usize> {
    long: [i64; N],
    part: [i32; N],
    added: usize,
}

impl<const N: usize> Sums<N> {
    pub(crate) fn new() -> Self {
        Sums { long: [0; N], part: [0; N], added: 0 }
    }

    /// Adds `x * w`, lane by lane.
    #[inline]
    pub(crate) fn add(&mut self, x: [i16; N], w: [i8; N]) {
        if self.added == PART {
            *self = Sums { long: self.total(), part: [0; N], added: 0 };
        }
        for ((sum, x), w) in self.part.iter_mut().zip(x).zip(w) {
            *sum = multiply_add(*sum, x, w);
        }
        self.added = self.added.wrapping_add(1);
    }

    /// The sums.
    #[inline]
    pub(crate) fn total(&self) -> [i64; N] {
        let mut total = self.long;
        for (sum, part) in total.iter_mut().zip(self.part) {
            *sum = sum.wrapping_add(i64::from(part));
        }
        total
    }
}
