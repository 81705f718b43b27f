//! Two checksums against accidental damage. Neither is against an attacker: signatures are.
//!
//! Header and section table have the CRC-32 that everybody can recompute. Sections are the rest of the blob, and a
//! microcontroller reads all of them at every boot: a CRC with a small table takes ten instructions a byte, which
//! would be most of the load time. They have [`words`], little more than half an instruction a byte. Any damage
//! within one 32-bit word is certain to be found (each step is a bijection of the state for a given word, and of the
//! word for a given state); wider damage escapes once in 2^32.

/// CRC-32 as in IEEE 802.3 (reflected, polynomial `0xEDB88320`), continued from `crc`, the value of the
/// bytes before; start with 0.
pub fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(!crc, |crc, &byte| {
        let low = (crc ^ u32::from(byte)) & 15;
        let crc = (crc >> 4) ^ nibble(low);
        let high = (crc ^ u32::from(byte >> 4)) & 15;
        (crc >> 4) ^ nibble(high)
    }) ^ !0
}

/// CRC of a nibble; a table of 64 bytes instead of the usual 1,024.
#[inline]
fn nibble(value: u32) -> u32 {
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, and iterators are not const")]
    const TABLE: [u32; 16] = {
        let mut table = [0u32; 16];
        let mut index: u8 = 0;
        while index < 16 {
            let mut crc = index as u32;
            let mut bit = 0;
            while bit < 4 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[index as usize] = crc;
            index += 1;
        }
        table
    };
    TABLE.get((value & 15) as usize).copied().unwrap_or(0)
}

/// Words between two multiplications of [`words`].
const STRIDE: usize = 8;

/// Checksum of little-endian 32-bit words: from `h = 0x811C9DC5` on, each word makes `h = ror(h, 5) + word`, and each
/// eighth one then `h = h * 0x9E3779B1`.
///
/// Rotating and adding is one instruction on Armv7-M. By itself it would not see words exchanged over a multiple of
/// 32, which is what a bootloader does that writes flash pages in the wrong order; the multiplication does.
// Not inlined: among the reader's many values its own would not stay in registers.
#[inline(never)]
pub fn words(words: &[u32]) -> u32 {
    let step = |hash: u32, word: &u32| hash.rotate_right(5).wrapping_add(*word);
    let (strides, rest) = words.as_chunks::<STRIDE>();
    let hash =
        strides.iter().fold(0x811C_9DC5, |hash, stride| stride.iter().fold(hash, step).wrapping_mul(0x9E37_79B1));
    rest.iter().fold(hash, step)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn crc32_has_the_published_check_value() {
        assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
    }

    #[test]
    fn words_is_the_documented_function() {
        let words_of = |count: u32| (0..count).map(|i| i.wrapping_mul(0x0123_4567)).collect::<Vec<u32>>();
        for count in [0u32, 1, 7, 8, 9, 40] {
            let mut hash = 0x811C_9DC5u32;
            for (index, word) in words_of(count).iter().enumerate() {
                hash = hash.rotate_right(5).wrapping_add(*word);
                if index % 8 == 7 {
                    hash = hash.wrapping_mul(0x9E37_79B1);
                }
            }
            assert_eq!(words(&words_of(count)), hash, "{count} words");
        }
    }

    #[test]
    fn words_sees_pages_in_the_wrong_order() {
        let page = |seed: u32| (0..64u32).map(move |i| (i ^ seed).wrapping_mul(0x85EB_CA6B));
        let right: Vec<u32> = page(1).chain(page(2)).collect();
        let wrong: Vec<u32> = page(2).chain(page(1)).collect();
        assert_ne!(words(&right), words(&wrong));
    }

    #[test]
    fn words_sees_every_single_bit() {
        let clean: [u32; 11] = core::array::from_fn(|index| index as u32 * 0x1111_1111);
        for index in 0..clean.len() {
            for bit in 0..32 {
                let mut damaged = clean;
                damaged[index] ^= 1 << bit;
                assert_ne!(words(&damaged), words(&clean));
            }
        }
    }
}
