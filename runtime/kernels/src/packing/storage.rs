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
//! ([`Requant`](crate::numerics::Requant)) and nothing that a storage knows. Scales of groups of taps: decision 24.

use core::ops::RangeInclusive;

/// Storages of fewer than eight bits: tag, bits, name, and the cargo feature with their kernels. From a row follow all
/// of this file, the kernels (`dense/narrow.rs`), their rows in the registry and the tests.
macro_rules! narrow_storages {
    ($then:ident $more:tt) => {
        $then! { $more
            /// Half a byte.
            Bits4 = 1, 4, "4-bit", "int4";
            /// Three bits: eight weights in three bytes.
            Bits3 = 2, 3, "3-bit", "int3";
            /// A quarter of a byte.
            Bits2 = 3, 2, "2-bit", "int2";
        }
    };
}
pub(super) use narrow_storages;

macro_rules! enumerate {
    ([$(#[$doc:meta])* $Storage:ident]
        $($(#[$row:meta])* $Name:ident = $tag:literal, $bits:literal, $text:literal, $feature:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $Storage {
            /// A byte.
            #[default]
            Bits8 = 0,
            $($(#[$row])* $Name = $tag,)*
        }

        impl $Storage {
            /// Every storage.
            pub const ALL: [$Storage; { 1 + [$($bits),*].len() }] = [$Storage::Bits8, $($Storage::$Name),*];

            /// True when this build has kernels for fewer than eight bits.
            pub const ANY_NARROW: bool = cfg!(any($(feature = $feature),*));

            /// What people and files call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $Storage::Bits8 => "8-bit",
                    $($Storage::$Name => $text,)*
                }
            }

            /// The cargo feature with its kernels; those of eight bits need none.
            pub const fn feature(self) -> Option<&'static str> {
                match self {
                    $Storage::Bits8 => None,
                    $($Storage::$Name => Some($feature),)*
                }
            }

            /// True when this build has kernels for it at all.
            pub const fn is_runnable(self) -> bool {
                match self {
                    $Storage::Bits8 => true,
                    $($Storage::$Name => cfg!(feature = $feature),)*
                }
            }

            /// Bits of a weight, 1 to 8.
            #[inline]
            pub const fn bits(self) -> usize {
                match self {
                    $Storage::Bits8 => 8,
                    $($Storage::$Name => $bits,)*
                }
            }
        }
    };
}

narrow_storages! { enumerate [
    /// What one place of a packing's layout is.
    Storage
] }

impl Storage {
    /// The storage with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Storage> {
        Self::ALL.into_iter().find(|storage| *storage as u8 == tag)
    }

    /// Weights that it holds.
    pub fn range(self) -> RangeInclusive<i8> {
        let unused = self.unused_bits();
        i8::MIN >> unused..=i8::MAX >> unused
    }

    /// Bytes of `places` places.
    #[inline]
    pub fn bytes(self, places: usize) -> usize {
        if self == Storage::Bits8 {
            return places;
        }
        // Whole bytes apart from the rest: the bits of all places may be more than 32 bits count.
        let rest = (places % 8).wrapping_mul(self.bits()).div_ceil(8);
        (places / 8).wrapping_mul(self.bits()).wrapping_add(rest)
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
        // Eights apart from the rest, as in `bytes`.
        let bit = (place % 8).wrapping_mul(self.bits());
        ((place / 8).wrapping_mul(self.bits()).wrapping_add(bit >> 3), (bit & 7) as u32)
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
        assert_eq!(Storage::ALL.map(|storage| (storage as u8, storage.bits())), [(0, 8), (1, 4), (2, 3), (3, 2)]);
        assert_eq!(Storage::from_tag(4), None);
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

    #[test]
    fn three_and_two_bits_stand_without_gaps() {
        // 1, -1, 3, -4, 0, 2, -2, 1 and again 1: the third weight lies across two bytes.
        let bytes = [0xf9_u8, 0x08, 0x39, 0x01].map(|byte| byte as i8);
        let weights = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|place| Storage::Bits3.read(&bytes, place));
        assert_eq!(weights, [1, -1, 3, -4, 0, 2, -2, 1, 1].map(Some));
        // 1, -2, 0, -1, 1.
        let bytes = [0xc9_u8, 0x01].map(|byte| byte as i8);
        let weights = [0, 1, 2, 3, 4].map(|place| Storage::Bits2.read(&bytes, place));
        assert_eq!(weights, [1, -2, 0, -1, 1].map(Some));
        assert_eq!((Storage::Bits3.bytes(9), Storage::Bits2.bytes(5)), (4, 2));
        assert_eq!((Storage::Bits3.range(), Storage::Bits2.range()), (-4..=3, -2..=1));
    }
}
