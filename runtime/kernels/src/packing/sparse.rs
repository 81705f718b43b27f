//! Weights of eight bits without their zeros: a bit for each place, and a byte for each that is not zero.
//!
//! ```text
//! head        as the packing has it
//! count       u32: bytes of values
//! bits        place p is bit p % 8 of byte p / 8: 1 where the weight is not zero
//! values      the weights of these places, in order
//! ```
//!
//! With half of the weights at zero that is 0.625 of the bytes. Kernels read all places: they are written out in front of
//! them, as those of fewer bits are (`widen.rs`). That the bits are as many as the values is looked at when a blob is loaded
//! ([`Sparse::is_consistent`]); reading is safe whatever they are.

use super::Lanes;

/// The places that a layer's weights have, before zeros are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sparse {
    /// Bytes before the weights.
    pub head: usize,
    /// Places, of a byte each.
    pub places: usize,
}

/// Bytes of the number of values.
const COUNT: usize = 4;

/// Places that one word of bits is of.
const WORD: usize = 32;

/// Weights from some place on.
pub(crate) struct Reader<'w> {
    bits: &'w [i8],
    values: &'w [i8],
}

impl Sparse {
    /// Bytes of the weights that `stored` begins with; `None` when it ends before them, or says what cannot be.
    #[inline]
    pub fn stored_len(self, stored: &[i8]) -> Option<usize> {
        let behind = stored.get(self.head..)?;
        let count = u32::from_le_bytes(behind.first_chunk::<COUNT>()?.map(|byte| byte as u8));
        let count = usize::try_from(count).ok().filter(|&count| count <= self.places)?;
        let len = self.head.checked_add(COUNT)?.checked_add(self.places.div_ceil(8))?.checked_add(count)?;
        (len <= stored.len()).then_some(len)
    }

    /// The weights in `stored`.
    #[inline]
    pub(crate) fn reader(self, stored: &[i8]) -> Option<Reader<'_>> {
        let behind = stored.get(..self.stored_len(stored)?)?.get(self.head.checked_add(COUNT)?..)?;
        let (bits, values) = behind.split_at_checked(self.places.div_ceil(8))?;
        Some(Reader { bits, values })
    }

    /// True when there is a value for each bit that is set, and no bit behind the last place is.
    pub fn is_consistent(self, stored: &[i8]) -> bool {
        let Some(Reader { bits, values }) = self.reader(stored) else { return false };
        let set = bits.iter().fold(0_usize, |sum, byte| sum.saturating_add(byte.count_ones() as usize));
        let unused = (bits.len().wrapping_mul(8)).wrapping_sub(self.places) as u32;
        let last = bits.last().map_or(0, |byte| *byte as u8);
        set == values.len() && last.leading_zeros() >= unused
    }

    /// The bytes of weights whose places are all in `bytes`, behind the head.
    pub fn encode(self, bytes: &[i8]) -> impl Iterator<Item = i8> + '_ {
        let (head, places) = bytes.split_at_checked(self.head).unwrap_or_default();
        let places = places.get(..self.places).unwrap_or_default();
        let values = places.iter().copied().filter(|weight| *weight != 0);
        let count = values.clone().count() as u32;
        let bits = places.chunks(8).map(|eight| {
            let bit = |(place, weight): (u32, &i8)| u8::from(*weight != 0).wrapping_shl(place);
            (0..).zip(eight).map(bit).fold(0, |all, bit| all | bit) as i8
        });
        let count = count.to_le_bytes().into_iter().map(|byte| byte as i8);
        head.iter().copied().chain(count).chain(bits).chain(values)
    }

    /// Writes the head and all places to `bytes`, which has as many as there are; false when they are not there.
    pub fn expand(self, stored: &[i8], bytes: &mut [i8]) -> bool {
        let mut expanded = || {
            let (head, out) = bytes.split_at_mut_checked(self.head)?;
            head.copy_from_slice(stored.get(..self.head)?);
            let mut reader = self.reader(stored)?;
            // By words, whose rest may be no places.
            for out in out.get_mut(..self.places)?.chunks_mut(WORD) {
                let mut word = [0; WORD];
                reader.widen(out.len(), Lanes::Signed, &mut word)?;
                out.copy_from_slice(word.get(..out.len())?);
            }
            Some(())
        };
        expanded().is_some()
    }
}

impl Reader<'_> {
    /// Writes the next `places`, a multiple of eight but for the last, to `out`, which has room for whole words.
    #[inline]
    pub(crate) fn widen(&mut self, places: usize, lanes: Lanes, out: &mut [i8]) -> Option<()> {
        let (bits, rest) = self.bits.split_at_checked(places.div_ceil(8))?;
        self.bits = rest;
        let mut values = self.values.iter();
        out.fill(0);
        for (bits, out) in bits.chunks(4).zip(out.as_chunks_mut::<WORD>().0) {
            let mut word = word(bits);
            while word != 0 {
                let place = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                if let Some(out) = out.get_mut(place % WORD) {
                    *out = *values.next()?;
                }
            }
            if lanes != Lanes::Signed {
                out.as_chunks_mut::<4>().0.iter_mut().for_each(|four| *four = laned(lanes, *four));
            }
        }
        self.values = values.as_slice();
        Some(())
    }
}

/// Up to four bytes of bits.
#[inline]
fn word(bits: &[i8]) -> u32 {
    match bits.first_chunk::<4>() {
        Some(bytes) => u32::from_le_bytes(bytes.map(|byte| byte as u8)),
        None => bits.iter().rev().fold(0, |word, &byte| word.wrapping_shl(8) | u32::from(byte as u8)),
    }
}

/// Four weights as the bytes that kernels read.
#[inline(always)]
fn laned(lanes: Lanes, four: [i8; 4]) -> [i8; 4] {
    let word = u32::from_le_bytes(four.map(|byte| byte as u8));
    let word = match lanes {
        Lanes::Signed => word,
        Lanes::Unsigned => word ^ 0x8080_8080,
        // The second of two is one less where the first is negative. With its top bit set it takes no borrow from the next.
        Lanes::Pairs => {
            let less = (word & 0x0080_0080).wrapping_shl(1);
            (word | 0x8000_8000).wrapping_sub(less) ^ (!word & 0x8000_8000)
        }
    };
    word.to_le_bytes().map(|byte| byte as i8)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // A test may panic.
mod tests {
    use super::*;

    const SPARSE: Sparse = Sparse { head: 4, places: 75 };

    /// Head and places, half of which are zero.
    fn bytes() -> [i8; 79] {
        core::array::from_fn(|at| if at >= 4 && at * 7 % 5 < 2 { 0 } else { (at * 37 % 255) as i8 })
    }

    fn stored(out: &mut [i8]) -> usize {
        let bytes = bytes();
        out.iter_mut().zip(SPARSE.encode(&bytes)).map(|(to, from)| *to = from).count()
    }

    #[test]
    fn weights_come_back_from_what_is_stored() {
        let mut out = [0x55; 200];
        let len = stored(&mut out);
        let nonzero = bytes()[4..].iter().filter(|weight| **weight != 0).count();
        assert_eq!(len, 4 + 4 + 10 + nonzero);
        // What stands behind them is not looked at.
        assert_eq!(SPARSE.stored_len(&out), Some(len));
        assert!(SPARSE.is_consistent(&out));
        let mut found = [1; 79];
        assert!(SPARSE.expand(&out, &mut found) && found == bytes());
        // In two parts, as kernels that take some channels at a time do.
        let mut reader = SPARSE.reader(&out).expect("all there");
        let (mut first, mut second) = ([1; 64], [1; 32]);
        assert!(reader.widen(48, Lanes::Signed, &mut first).is_some());
        assert!(reader.widen(27, Lanes::Signed, &mut second).is_some());
        assert_eq!(first[..48], bytes()[4..52]);
        assert_eq!(second[..27], bytes()[52..]);
        assert!(reader.widen(1, Lanes::Signed, &mut second).is_none());
    }

    #[test]
    fn what_was_tampered_with_is_found_out() {
        let mut good = [0; 200];
        let len = stored(&mut good);
        let good = &mut good[..len];
        assert!(SPARSE.stored_len(&good[..len - 1]).is_none());
        for bit in 0..80 {
            good[8 + bit / 8] ^= 1 << (bit % 8);
            assert!(!SPARSE.is_consistent(good), "bit {bit}");
            // And yet reading ends.
            let _ = SPARSE.expand(good, &mut [0; 79]);
            good[8 + bit / 8] ^= 1 << (bit % 8);
        }
        assert!(SPARSE.is_consistent(good));
        good[4] = 127;
        assert!(SPARSE.stored_len(good).is_none());
        assert!(SPARSE.stored_len(&[0; 7]).is_none() && !SPARSE.is_consistent(&[]));
    }

    #[test]
    fn lanes_are_those_of_the_kernels() {
        for a in i8::MIN..=i8::MAX {
            for b in [i8::MIN, -1, 0, 1, i8::MAX] {
                let borrowed = b.wrapping_sub(i8::from(a < 0));
                assert_eq!(laned(Lanes::Pairs, [a, b, b, a]), [a, borrowed, b, a.wrapping_sub(i8::from(b < 0))]);
                assert_eq!(laned(Lanes::Unsigned, [a, b, a, b])[..2], [a ^ i8::MIN, b ^ i8::MIN]);
            }
        }
    }
}
