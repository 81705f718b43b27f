//! How a weight stands in memory: the parameter beside the layout.
//!
//! A packing says *where* a weight is, as a place among places; a storage says what a place is. The same layouts serve
//! all storages, so that one more of these is a row here, and kernels that read it.
//!
//! Places stand without gaps, the first in the lowest bits of the first byte, each a signed number of
//! [`Storage::bits`] bits. For four bits that is how TensorFlow Lite writes INT4: two weights in a byte, the lower half
//! first, from row to row without padding.
//!
//! Scales of the whole layer, and of each output channel, are factors of the layer
//! ([`Requant`](crate::numerics::Requant)) and nothing that a storage knows. Scales of groups of taps will be: sums
//! must be scaled in between, so such a storage has a tag of its own that says how long its groups are.

use core::ops::RangeInclusive;

/// What one place of a packing's layout is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Storage {
    /// A byte.
    #[default]
    Bits8 = 0,
    /// Half a byte.
    Bits4 = 1,
}

impl Storage {
    /// Every storage.
    pub const ALL: [Storage; 2] = [Storage::Bits8, Storage::Bits4];

    /// The storage with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Storage> {
        Self::ALL.into_iter().find(|storage| *storage as u8 == tag)
    }

    /// What people and files call it.
    pub const fn name(self) -> &'static str {
        match self {
            Storage::Bits8 => "8-bit",
            Storage::Bits4 => "4-bit",
        }
    }

    /// True when this build has kernels for it at all.
    pub const fn is_runnable(self) -> bool {
        match self {
            Storage::Bits8 => true,
            Storage::Bits4 => cfg!(feature = "int4"),
        }
    }

    /// Bits of a weight, 1 to 8.
    #[inline]
    pub const fn bits(self) -> usize {
        match self {
            Storage::Bits8 => 8,
            Storage::Bits4 => 4,
        }
    }

    /// Weights that it holds.
    pub fn range(self) -> RangeInclusive<i8> {
        let unused = self.unused_bits();
        i8::MIN >> unused..=i8::MAX >> unused
    }

    /// Bytes of `places` places.
    #[inline]
    pub fn bytes(self, places: usize) -> usize {
        match self {
            Storage::Bits8 => places,
            // Whole bytes apart from the rest: the bits of all places may be more than 32 bits count.
            Storage::Bits4 => {
                let rest = (places % 8).wrapping_mul(self.bits()).div_ceil(8);
                (places / 8).wrapping_mul(self.bits()).wrapping_add(rest)
            }
        }
    }

    /// The weight at place `place`; `None` behind the end.
    #[inline]
    pub fn read(self, weights: &[i8], place: usize) -> Option<i8> {
        if self == Storage::Bits8 {
            return weights.get(place).copied();
        }
        let (first, shift) = self.position(place);
        let low = *weights.get(first)? as u8;
        let high = weights.get(first.wrapping_add(1)).map_or(0, |&byte| byte as u8);
        let bits = u16::from_le_bytes([low, high]).wrapping_shr(shift) as u8;
        let unused = self.unused_bits();
        Some((bits.wrapping_shl(unused) as i8).wrapping_shr(unused))
    }

    /// Writes a weight that the storage holds; nothing behind the end.
    pub fn write(self, weights: &mut [i8], place: usize, weight: i8) {
        let (first, shift) = self.position(place);
        let mask = u16::from(u8::MAX.wrapping_shr(self.unused_bits())).wrapping_shl(shift);
        let value = u16::from(weight as u8).wrapping_shl(shift) & mask;
        for (index, (value, mask)) in value.to_le_bytes().into_iter().zip(mask.to_le_bytes()).enumerate() {
            if let Some(byte) = weights.get_mut(first.wrapping_add(index)).filter(|_| mask != 0) {
                *byte = ((*byte as u8 & !mask) | value) as i8;
            }
        }
    }

    /// Byte of a place's lowest bit, and that bit's number in it.
    #[inline]
    fn position(self, place: usize) -> (usize, u32) {
        let bit = place.wrapping_mul(self.bits());
        (bit >> 3, (bit & 7) as u32)
    }

    #[inline]
    fn unused_bits(self) -> u32 {
        8_u32.wrapping_sub(self.bits() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_the_format() {
        for storage in Storage::ALL {
            assert_eq!(Storage::from_tag(storage as u8), Some(storage));
        }
        assert_eq!((Storage::Bits8 as u8, Storage::Bits4 as u8), (0, 1));
        assert_eq!(Storage::from_tag(2), None);
    }

    #[test]
    fn every_weight_comes_back_from_every_place() {
        for storage in Storage::ALL {
            for place in 0..9 {
                for weight in storage.range() {
                    let mut bytes = [0x5a; 9];
                    storage.write(&mut bytes, place, weight);
                    assert_eq!(storage.read(&bytes, place), Some(weight), "{storage:?} {place}");
                    // The neighbours are what they were.
                    storage.write(&mut bytes, place, storage.read(&[0x5a; 9], place).unwrap_or(0));
                    assert_eq!(bytes, [0x5a; 9]);
                }
            }
            assert_eq!(storage.read(&[0; 3], storage.bytes(3) * 99), None);
        }
    }

    #[test]
    fn four_bits_stand_as_tensorflow_lite_writes_them() {
        // 1, -2, 7, -8, 3: lower half first, signed.
        let bytes = [0xe1_u8, 0x87, 0x03].map(|byte| byte as i8);
        let weights = [0, 1, 2, 3, 4].map(|place| Storage::Bits4.read(&bytes, place));
        assert_eq!(weights, [Some(1), Some(-2), Some(7), Some(-8), Some(3)]);
        assert_eq!((Storage::Bits4.bytes(5), Storage::Bits4.range()), (3, -8..=7));
        // As many on a machine of 32 bits as on any other.
        assert_eq!(Storage::Bits4.bytes(u32::MAX as usize), 1 << 31);
    }
}
