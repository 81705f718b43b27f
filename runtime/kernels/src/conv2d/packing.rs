//! Weights in another order: written once on the host, read by the kernels made for it.

use super::Packing;

/// Most an `i8` activation can be, in magnitude.
const ACTIVATION_MAX: i64 = 128;

/// The taps of an output channel: `rows` runs of `run` taps that are neighbours in memory.
///
/// Paired packings take four taps from one word of activations. Their order is: of each run the whole words, then
/// what is left of the runs, all padded with zeros to a multiple of four. Within four taps the order is 0, 2, 1, 3,
/// which is how `SXTB16` unpacks a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// Rows of the window.
    pub rows: usize,
    /// Taps of a row.
    pub run: usize,
}

impl Taps {
    /// A single run.
    pub fn flat(run: usize) -> Self {
        Taps { rows: 1, run }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.rows.saturating_mul(self.run)
    }

    /// Place of tap `tap` before the order within four taps.
    fn place(self, tap: usize) -> usize {
        let whole = self.run & !3;
        let row = tap.checked_div(self.run).unwrap_or(0);
        let at = tap.checked_rem(self.run).unwrap_or(0);
        match at.checked_sub(whole) {
            None => row.wrapping_mul(whole).wrapping_add(at),
            Some(left) => {
                let rest = row.wrapping_mul(self.run.wrapping_sub(whole)).wrapping_add(left);
                self.rows.wrapping_mul(whole).wrapping_add(rest)
            }
        }
    }

    /// Copies one pixel's taps from `patch`, run after run, to `ordered`, in the order described above but for that
    /// within four.
    pub(crate) fn order(self, patch: &[i8], ordered: &mut [i8]) {
        for (tap, value) in patch.iter().enumerate().take(self.count()) {
            if let Some(place) = ordered.get_mut(self.place(tap)) {
                *place = *value;
            }
        }
    }
}

/// The first of the four elements that hold taps `4 * group ..` of a pair of channels, in elements.
pub(crate) fn group_at(packing: Packing, taps: usize, pair: usize, group: usize) -> usize {
    let groups = taps.div_ceil(4);
    let (block, lane, lanes) = if packing == Packing::PairedBlocks { (pair / 4, pair & 3, 4) } else { (pair, 0, 1) };
    block.wrapping_mul(groups).wrapping_add(group).wrapping_mul(lanes).wrapping_add(lane).wrapping_mul(4)
}

/// The element that holds tap `tap` of a pair of channels.
fn element_at(packing: Packing, taps: Taps, pair: usize, tap: usize) -> usize {
    let place = taps.place(tap);
    // 0, 2, 1, 3.
    let within = ((place & 1) << 1) | ((place >> 1) & 1);
    group_at(packing, taps.count(), pair, place / 4).wrapping_add(within)
}

/// Writes `row_major`, `[outputs, taps]`, into `out` as `packing` orders it. `out` has
/// [`Packing::weight_len`] elements.
pub fn pack(packing: Packing, outputs: usize, taps: Taps, row_major: &[i8], out: &mut [i8]) {
    if packing == Packing::RowMajor {
        for (to, from) in out.iter_mut().zip(row_major) {
            *to = *from;
        }
        return;
    }
    out.fill(0);
    let rows = row_major.chunks_exact(taps.count().max(1)).take(outputs);
    let mut rows = rows.enumerate();
    let elements = out.as_chunks_mut::<2>().0;
    while let Some((o, a)) = rows.next() {
        let b = rows.next().map_or(&[][..], |(_, row)| row);
        for (tap, a) in a.iter().enumerate() {
            let b = b.get(tap).copied().unwrap_or(0);
            if let Some(bytes) = elements.get_mut(element_at(packing, taps, o / 2, tap)) {
                *bytes = encode_pair(*a, b).map(|byte| byte as i8);
            }
        }
    }
}

/// Weight `tap` of output channel `output`; 0 outside the layer.
pub fn weight_at(packing: Packing, taps: Taps, weights: &[i8], output: usize, tap: usize) -> i8 {
    match packing {
        Packing::RowMajor => weights.get(output.wrapping_mul(taps.count()).wrapping_add(tap)).copied().unwrap_or(0),
        Packing::Paired | Packing::PairedBlocks => {
            let at = element_at(packing, taps, output >> 1, tap).wrapping_mul(2);
            let bytes = weights.get(at..at.saturating_add(2)).and_then(<[i8]>::first_chunk);
            let [a, b] = bytes.copied().map_or([0, 0], decode_pair);
            if output & 1 == 0 { a } else { b }
        }
    }
}

/// The 16-bit element `256 * b + a`, little-endian. Wraps where `paired_is_exact` would say no.
#[inline]
pub fn encode_pair(a: i8, b: i8) -> [u8; 2] {
    i16::from(b).wrapping_mul(256).wrapping_add(i16::from(a)).to_le_bytes()
}

/// The two weights of one element: `a` is its low byte as a signed number, `b` what is left of it.
#[inline]
pub fn decode_pair(bytes: [i8; 2]) -> [i8; 2] {
    let [low, high] = bytes;
    // A negative `a` has borrowed one from the high byte.
    [low, high.wrapping_add(i8::from(low < 0))]
}

/// True when the pair of output channels `a`, `b` can be computed from sums of `x * (256 * b + a)` in 32 bits.
///
/// - Elements fit 16 bits: weights lie in `-127..=127`.
/// - The sum of `b` can be read from the upper 24 bits: `128 * sum(|b|) + |bias_b| < 2^22, twice that being accumulated`.
/// - Both accumulators stay below `2^30` in magnitude, so that no order of additions overflows.
///
/// A pair without its second channel has an empty second row.
pub fn paired_is_exact(weights: [&[i8]; 2], bias: [i32; 2]) -> bool {
    let in_range = weights.iter().all(|row| row.iter().all(|weight| *weight != i8::MIN));
    let bound = |row: &[i8], bias: i32| {
        let magnitude = row.iter().fold(0_i64, |sum, weight| sum.saturating_add(i64::from(weight.unsigned_abs())));
        magnitude.saturating_mul(ACTIVATION_MAX).saturating_add(i64::from(bias).abs())
    };
    let [a, b] = weights;
    let [bias_a, bias_b] = bias;
    in_range && bound(a, bias_a) < 1 << 30 && bound(b, bias_b) < 1 << 22
}
