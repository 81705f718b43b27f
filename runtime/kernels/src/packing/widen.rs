//! Weights that are stored in fewer than eight bits, as the bytes that kernels read.
//!
//! Kernels multiply bytes. A layer whose weights are stored otherwise gets a part of its scratch memory, its weights are
//! widened into it, and the kernel for its packing runs on them as on any others: so every packing, with every core's
//! kernels, serves every storage. A convolution reads each weight once for each pixel and is widened once; what that
//! takes is lost among its multiplications.
//!
//! A further storage has a row in `storage.rs` (how many bytes places take, how one of them is read and written) and an
//! arm in [`Widening::run`], which makes bytes of all of them in order.

use super::sparse::Reader;
use super::{Sparse, Storage};
use crate::arch;

/// What the byte of a place is in the order that the kernels read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lanes {
    /// The weight.
    Signed,
    /// The weight plus 128.
    Unsigned,
    /// Two places are the 16-bit number `256 * b + a` of their weights.
    Pairs,
}

impl Lanes {
    /// What is taken off each of four codes, in its byte.
    fn less(self, storage: Storage) -> u32 {
        half(storage) ^ if self == Lanes::Unsigned { 0x8080_8080 } else { 0 }
    }
}

/// What four codes are more than their weights: half of what their bits count.
fn half(storage: Storage) -> u32 {
    1_u32.wrapping_shl((storage.bits() as u32).wrapping_sub(1)).wrapping_mul(0x0101_0101)
}

/// Weights are widened by so many places, which every storage has whole words for.
const PLACES: usize = 32;

/// Bytes of scratch that widened weights take, behind `head` bytes that stay as they are; none for those of eight bits.
#[inline]
pub(crate) fn widened_len(storage: Storage, head: usize, places: usize) -> usize {
    if storage == Storage::Bits8 {
        return 0;
    }
    (places.saturating_add(PLACES - 1) & !(PLACES - 1)).saturating_add(head)
}

/// What is to be widened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widening {
    pub(crate) storage: Storage,
    pub(crate) lanes: Lanes,
    /// Bytes before the weights, a multiple of four.
    pub(crate) head: usize,
    pub(crate) places: usize,
}

impl Widening {
    /// Writes the bytes to the beginning of `scratch` and returns them, and the rest of it; `None` when there are too few
    /// weights or there is too little scratch.
    // Not inlined: operators share it, and its frame must not lie below that of kernels.
    #[inline(never)]
    pub(crate) fn run<'s>(&self, weights: &[i8], scratch: &'s mut [i8]) -> Option<(&'s [i8], &'s mut [i8])> {
        let Widening { storage, lanes, head, places } = *self;
        // Storages without a cargo feature leave no code behind.
        if !storage.is_runnable() {
            return None;
        }
        if storage == Storage::Sparse {
            return self.without_zeros(weights, scratch);
        }
        let stored = weights.get(..storage.bytes(places).checked_add(head)?)?;
        let (bytes, rest) = scratch.split_at_mut_checked(widened_len(storage, head, places))?;
        let (before, stored) = stored.split_at_checked(head)?;
        let (to_head, to) = bytes.split_at_mut_checked(head)?;
        to_head.copy_from_slice(before);
        let finish = Finish::new(storage, lanes);
        match storage {
            Storage::Bits8 | Storage::Sparse => return None,
            Storage::Bits4 if arch::widen_nibbles(stored, to, lanes.less(storage), lanes == Lanes::Pairs) => {}
            Storage::Bits4 => groups(stored, to, |[word], out: &mut [[i8; 4]; 2]| {
                for (out, shift) in out.iter_mut().zip([0, 4]) {
                    *out = finish.apply((word >> shift) & 0x0f0f_0f0f);
                }
            }),
            Storage::Bits2 => groups(stored, to, |[word], out: &mut [[i8; 4]; 4]| {
                for (out, shift) in out.iter_mut().zip([0, 2, 4, 6]) {
                    *out = finish.apply((word >> shift) & 0x0303_0303);
                }
            }),
            Storage::Bits3 => groups(stored, to, |[a, b, upper], out: &mut [[i8; 4]; 8]| {
                let lower = [(a, 0), (a, 2), (a, 4), (a, 6), (b, 0), (b, 2), (b, 4), (b, 6)];
                for ((out, (word, shift)), plane) in out.iter_mut().zip(lower).zip(0..) {
                    let upper = upper.wrapping_shr(plane) & 0x0101_0101;
                    *out = finish.apply((word.wrapping_shr(shift) & 0x0303_0303) | (upper << 2));
                }
            }),
        }
        Some((bytes.get(..places.checked_add(head)?)?, rest))
    }

    /// The same for weights whose zeros are left out.
    fn without_zeros<'s>(&self, weights: &[i8], scratch: &'s mut [i8]) -> Option<(&'s [i8], &'s mut [i8])> {
        let Widening { storage, head, places, .. } = *self;
        let mut reader = Sparse { head, places }.reader(weights)?;
        let (bytes, rest) = scratch.split_at_mut_checked(widened_len(storage, head, places))?;
        let (to_head, to) = bytes.split_at_mut_checked(head)?;
        to_head.copy_from_slice(weights.get(..head)?);
        self.next(&mut reader, to)?;
        Some((bytes.get(..places.checked_add(head)?)?, rest))
    }

    /// The next weights of a layer whose zeros are left out, for a part of its channels, without a head.
    #[inline(never)]
    pub(crate) fn next<'s>(&self, reader: &mut Reader<'_>, scratch: &'s mut [i8]) -> Option<(&'s [i8], &'s mut [i8])> {
        let Widening { storage, lanes, places, .. } = *self;
        if !Storage::Sparse.is_runnable() {
            return None;
        }
        let (bytes, rest) = scratch.split_at_mut_checked(widened_len(storage, 0, places))?;
        reader.widen(places, lanes, bytes)?;
        Some((bytes.get(..places)?, rest))
    }
}

/// Gives each `WORDS` words of `from` to `each`, with the `OUT` words that come of them.
#[inline(always)]
fn groups<const WORDS: usize, const OUT: usize>(
    from: &[i8],
    to: &mut [i8],
    each: impl Fn([u32; WORDS], &mut [[i8; 4]; OUT]),
) {
    let words = from.as_chunks::<4>().0.as_chunks::<WORDS>().0;
    for (words, out) in words.iter().zip(to.as_chunks_mut::<4>().0.as_chunks_mut::<OUT>().0) {
        each(words.map(|word| u32::from_le_bytes(word.map(|byte| byte as u8))), out);
    }
}

/// From four codes to the bytes of four places: what is taken off, or added, takes no borrow across lanes when each lane's
/// top bit has been set.
struct Finish {
    top: u32,
    less: u32,
}

impl Finish {
    fn new(storage: Storage, lanes: Lanes) -> Finish {
        let half = half(storage);
        let (top, less) = match lanes {
            Lanes::Signed => (0x8080_8080, half),
            Lanes::Pairs => (0x8000_8000, half),
            // At most 15 and 127 in a byte.
            Lanes::Unsigned => (0, half.wrapping_sub(0x8080_8080)),
        };
        Finish { top, less }
    }

    #[inline(always)]
    fn apply(&self, codes: u32) -> [i8; 4] {
        (((codes | self.top).wrapping_sub(self.less)) ^ self.top).to_le_bytes().map(|byte| byte as i8)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // A test may panic.
mod tests {
    use super::*;

    /// What a byte or a pair of bytes is for the weights of its places.
    fn expected(lanes: Lanes, [a, b]: [i8; 2]) -> [i8; 2] {
        match lanes {
            Lanes::Signed => [a, b],
            Lanes::Unsigned => [a ^ i8::MIN, b ^ i8::MIN],
            Lanes::Pairs => [a, b.wrapping_sub(i8::from(a < 0))],
        }
    }

    #[test]
    fn every_pair_of_weights_becomes_its_bytes() {
        for storage in [Storage::Bits4, Storage::Bits3, Storage::Bits2] {
            let pairs: usize = storage.range().count().pow(2);
            let weight = |place: usize| {
                let count = storage.range().count();
                let (pair, second) = (place / 2 % pairs, place % 2);
                let index = if second == 1 { pair / count } else { pair % count };
                *storage.range().start() + index as i8
            };
            let places = 2 * pairs + 38;
            let mut stored = [0; 400];
            stored[..4].copy_from_slice(&[1, 2, 3, 4]);
            (0..places).for_each(|place| storage.write(&mut stored[4..], place, weight(place)));
            for lanes in [Lanes::Signed, Lanes::Unsigned, Lanes::Pairs] {
                let widening = Widening { storage, lanes, head: 4, places };
                let mut scratch = [0x55; 600];
                let (bytes, rest) = widening.run(&stored[..4 + storage.bytes(places)], &mut scratch).expect("fits");
                assert_eq!(bytes[..4], [1, 2, 3, 4]);
                for place in (0..places).step_by(2) {
                    let found = [bytes[4 + place], bytes[5 + place]];
                    assert_eq!(found, expected(lanes, [weight(place), weight(place + 1)]), "{storage:?} {lanes:?}");
                }
                assert_eq!(bytes.len(), places + 4);
                assert_eq!(rest.len(), 600 - widened_len(storage, 4, places));
                assert!(rest.iter().all(|&byte| byte == 0x55));
            }
        }
    }

    #[test]
    fn what_is_too_short_is_refused() {
        let widening = Widening { storage: Storage::Bits4, lanes: Lanes::Signed, head: 0, places: 9 };
        assert!(widening.run(&[0; 8], &mut [0; 32]).is_some());
        assert!(widening.run(&[0; 7], &mut [0; 32]).is_none());
        assert!(widening.run(&[0; 8], &mut [0; 31]).is_none());
        assert!(Widening { places: usize::MAX, ..widening }.run(&[0; 8], &mut [0; 32]).is_none());
    }
}
