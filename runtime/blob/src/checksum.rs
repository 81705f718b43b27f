//! Two checksums against accidental damage. Neither is against an attacker: signatures are.
//!
//! The tables are small and every bit of them steers the run, so they have the CRC-32 that everybody can
//! recompute. Weights are most of the blob, and a microcontroller reads all of them at every boot: a table
//! CRC takes five instructions a byte, which would be most of the load time. They have [`words`], about one
//! instruction a byte. Any damage within one 32-bit word is certain to be found (each step is a bijection of
//! the state for a given word, and of the word for a given state); wider damage escapes once in 2^32.

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

/// Checksum of little-endian 32-bit words: `h = (h ^ word) * 0x9E3779B1; h ^= h >> 15`, from `0x811C9DC5`.
pub fn words(words: &[u32]) -> u32 {
    words.iter().fold(0x811C_9DC5, |hash, &word| {
        let mixed = (hash ^ word).wrapping_mul(0x9E37_79B1);
        mixed ^ (mixed >> 15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_has_the_published_check_value() {
        assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
    }

    #[test]
    fn words_sees_every_single_bit() {
        let clean = [1u32, 2, 3, 0xffff_ffff];
        for index in 0..4 {
            for bit in 0..32 {
                let mut damaged = clean;
                damaged[index] ^= 1 << bit;
                assert_ne!(words(&damaged), words(&clean));
            }
        }
    }
}
