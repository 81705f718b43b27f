//! How a weight stands in memory: the parameter beside the layout.
//!
//! A packing says *where* a weight is, as a place among places; a storage says what a place is. The same layouts serve
//! all storages, so that one more of these is a row here, and kernels that read it.
//!
//! A weight of `b` bits is stored plus `2^(b - 1)`, as an unsigned number. Weights stand in words of four bytes, so that
//! a shift and a mask give four neighbours in the order of memory, whatever the machine:
//!
//! ```text
//! 4 bits   one word of 8 places     place 4k + j in bits 4k .. 4k + 4 of byte j
//! 2 bits   one word of 16 places    place 4k + j in bits 2k .. 2k + 2 of byte j
//! 3 bits   three words of 32        two words of 2 bits with the lower bits, and one word of 1 bit with the upper ones
//! ```
//!
//! Kernels multiply bytes: [`widen`](super::widen) makes bytes of them in front of the kernel.
//!
//! Scales of the whole layer, and of each output channel, are factors of the layer
//! ([`Requant`](crate::numerics::Requant)) and nothing that a storage knows. Scales of groups of taps: decision 24.

use core::ops::RangeInclusive;

/// Storages of fewer than eight bits: tag, bits, name, and the cargo feature with their kernels. From a row follow all
/// of this file, the tests and the pages' tables.
macro_rules! narrow_storages {
    ($then:ident $more:tt) => {
        $then! { $more
            /// Half a byte: eight weights in four bytes.
            Bits4 = 1, 4, "4-bit", "int4";
            /// Three bits: 32 weights in twelve bytes.
            Bits3 = 2, 3, "3-bit", "int3";
            /// A quarter of a byte: sixteen weights in four bytes.
            Bits2 = 3, 2, "2-bit", "int2";
        }
    };
}

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
            /// A byte for each weight that is not zero: `sparse.rs`. Among all places, before zeros are left out, a byte.
            Sparse = 4,
        }

        impl $Storage {
            /// Every storage in which a weight has bits of its own.
            pub const ALL: [$Storage; { 1 + [$($bits),*].len() }] = [$Storage::Bits8, $($Storage::$Name),*];

            /// True when this build has kernels for weights that are not a byte each.
            pub const ANY_NARROW: bool = cfg!(any($(feature = $feature,)* feature = "sparse"));

            /// What people and files call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $Storage::Bits8 => "8-bit",
                    $($Storage::$Name => $text,)*
                    $Storage::Sparse => "sparse",
                }
            }

            /// The storage with tag `tag`.
            #[inline]
            pub const fn from_tag(tag: u8) -> Option<Storage> {
                const SPARSE: u8 = $Storage::Sparse as u8;
                match tag {
                    0 => Some($Storage::Bits8),
                    $($tag => Some($Storage::$Name),)*
                    SPARSE => Some($Storage::Sparse),
                    _ => None,
                }
            }

            /// The cargo feature with its kernels; those of eight bits need none.
            pub const fn feature(self) -> Option<&'static str> {
                match self {
                    $Storage::Bits8 => None,
                    $($Storage::$Name => Some($feature),)*
                    $Storage::Sparse => Some("sparse"),
                }
            }

            /// True when this build has kernels for it at all.
            pub const fn is_runnable(self) -> bool {
                match self {
                    $Storage::Bits8 => true,
                    $($Storage::$Name => cfg!(feature = $feature),)*
                    $Storage::Sparse => cfg!(feature = "sparse"),
                }
            }

            /// Bits of a weight, 1 to 8.
            #[inline]
            pub const fn bits(self) -> usize {
                match self {
                    $Storage::Bits8 | $Storage::Sparse => 8,
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
    /// Weights that it holds.
    pub fn range(self) -> RangeInclusive<i8> {
        let unused = self.unused_bits();
        i8::MIN >> unused..=i8::MAX >> unused
    }

    /// Places that lie in whole words together.
    #[inline]
    pub(crate) const fn group(self) -> usize {
        match self {
            Storage::Bits8 | Storage::Sparse => 1,
            Storage::Bits4 => 8,
            Storage::Bits3 => 32,
            Storage::Bits2 => 16,
        }
    }

    /// Bytes of `places` places: whole words for those of fewer than eight bits.
    #[inline]
    pub fn bytes(self, places: usize) -> usize {
        if self.group() == 1 {
            return places;
        }
        // Divided first: the bits of all places may be more than 32 bits count.
        places.div_ceil(self.group()).saturating_mul(self.group_bytes())
    }

    /// Bytes of a group.
    #[inline]
    pub(crate) const fn group_bytes(self) -> usize {
        self.group().wrapping_mul(self.bits()) / 8
    }

    /// The weight at place `place`; `None` behind the end.
    #[inline]
    pub fn read(self, weights: &[i8], place: usize) -> Option<i8> {
        if self.bits() == 8 {
            return weights.get(place).copied();
        }
        let [low, high] = self.parts(place);
        let code = low.read(weights)? | high.read(weights)?.wrapping_shl(low.bits);
        Some((code as i8).wrapping_sub(self.offset()))
    }

    /// Writes a weight that the storage holds; nothing behind the end.
    pub fn write(self, weights: &mut [i8], place: usize, weight: i8) {
        if self.bits() == 8 {
            if let Some(byte) = weights.get_mut(place) {
                *byte = weight;
            }
            return;
        }
        let [low, high] = self.parts(place);
        let code = weight.wrapping_add(self.offset()) as u8;
        low.write(weights, code);
        high.write(weights, code.wrapping_shr(low.bits));
    }

    /// What is added to a weight of fewer than eight bits.
    #[inline]
    const fn offset(self) -> i8 {
        1_i8.wrapping_shl((self.bits() as u32).wrapping_sub(1))
    }

    /// Where the lower bits of a place are, and where the upper ones.
    #[inline]
    fn parts(self, place: usize) -> [Part; 2] {
        let count = self.group().max(1);
        let (group, within) = (place.checked_div(count).unwrap_or(0), place.checked_rem(count).unwrap_or(0));
        let byte = group.wrapping_mul(self.group_bytes()).wrapping_add(within % 4);
        let plane = (within / 4) as u32;
        let none = Part { byte, shift: 0, bits: 0 };
        match self {
            Storage::Bits8 | Storage::Sparse | Storage::Bits4 => {
                [Part { byte, shift: plane.wrapping_mul(4), bits: 4 }, none]
            }
            Storage::Bits2 => [Part { byte, shift: plane.wrapping_mul(2), bits: 2 }, none],
            Storage::Bits3 => [
                Part {
                    byte: byte.wrapping_add((within / 16).wrapping_mul(4)),
                    shift: (plane % 4).wrapping_mul(2),
                    bits: 2,
                },
                Part { byte: byte.wrapping_add(8), shift: plane, bits: 1 },
            ],
        }
    }

    #[inline]
    fn unused_bits(self) -> u32 {
        8_u32.wrapping_sub(self.bits() as u32)
    }
}

/// Some bits of a byte.
struct Part {
    byte: usize,
    shift: u32,
    bits: u32,
}

impl Part {
    #[inline]
    fn mask(&self) -> u8 {
        (1_u8.wrapping_shl(self.bits)).wrapping_sub(1)
    }

    #[inline]
    fn read(&self, weights: &[i8]) -> Option<u8> {
        weights.get(self.byte).map(|byte| (*byte as u8).wrapping_shr(self.shift) & self.mask())
    }

    fn write(&self, weights: &mut [i8], value: u8) {
        let mask = self.mask().wrapping_shl(self.shift);
        if let Some(byte) = weights.get_mut(self.byte) {
            *byte = ((*byte as u8 & !mask) | (value.wrapping_shl(self.shift) & mask)) as i8;
        }
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
        assert_eq!((Storage::from_tag(4), Storage::from_tag(5)), (Some(Storage::Sparse), None));
    }

    #[test]
    fn every_weight_comes_back_from_every_place() {
        for storage in Storage::ALL {
            for place in 0..34 {
                for weight in storage.range() {
                    let mut bytes = [0x5a; 40];
                    storage.write(&mut bytes, place, weight);
                    assert_eq!(storage.read(&bytes, place), Some(weight), "{storage:?} {place}");
                    // The neighbours are what they were.
                    storage.write(&mut bytes, place, storage.read(&[0x5a; 40], place).unwrap_or(0));
                    assert_eq!(bytes, [0x5a; 40]);
                }
            }
            assert_eq!(storage.read(&[0; 3], storage.bytes(3) * 99), None);
        }
    }

    #[test]
    fn places_stand_where_the_format_says() {
        // Places 0 to 3 are the lower halves of four bytes, 4 to 7 the upper ones.
        let bytes = [0x98_u8, 0xa6, 0x0f, 0x7f].map(|byte| byte as i8);
        let weights = [0, 1, 2, 3, 4, 5, 6, 7].map(|place| Storage::Bits4.read(&bytes, place));
        assert_eq!(weights, [0, -2, 7, 7, 1, 2, -8, -1].map(Some));
        let weights = [0, 4, 8, 12, 1].map(|place| Storage::Bits2.read(&bytes, place));
        assert_eq!(weights, [-2, 0, -1, 0, 0].map(Some));
        let mut bytes = [0; 12];
        // The lower bits of place 17 are in the second word, its upper bit is in the third.
        Storage::Bits3.write(&mut bytes, 17, 3);
        assert_eq!(bytes, [0, 0, 0, 0, 0, 3, 0, 0, 0, 16, 0, 0]);
        assert_eq!((Storage::Bits4.range(), Storage::Bits3.range(), Storage::Bits2.range()), (-8..=7, -4..=3, -2..=1));
    }

    #[test]
    fn places_take_whole_words() {
        assert_eq!([5, 8, 9].map(|places| Storage::Bits4.bytes(places)), [4, 4, 8]);
        assert_eq!([1, 32, 33].map(|places| Storage::Bits3.bytes(places)), [12, 12, 24]);
        assert_eq!([1, 16, 17].map(|places| Storage::Bits2.bytes(places)), [4, 4, 8]);
        // As many on a machine of 32 bits as on any other.
        assert_eq!(Storage::Bits4.bytes(u32::MAX as usize), 1 << 31);
    }
}
