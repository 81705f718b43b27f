//! Sorts Thumb instructions into classes that cost alike on Cortex-M cores, for the estimate of cycles.
//!
//! Encodings follow the Armv8-M Architecture Reference Manual, "T16" and "T32 instruction set encoding". What a class
//! costs is not decided here but in `xtask/src/mcu_bench/cycles.rs`: the counter counts, the reader judges.

/// A class of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Class {
    /// Data processing, moves, hints, and all that is not below.
    Plain,
    /// A product of 32 bits: `MUL`, `SMULBB`, `SMMUL` and the like.
    Multiply,
    /// One that is added to a register: `MLA`, `SMLAD`, `SMMLA` and the like.
    MultiplyAdd,
    /// A product of 64 bits: `SMULL`, `UMULL`.
    LongMultiply,
    /// One that is added to two registers: `SMLAL`, `UMLAL`, `UMAAL`, `SMLALD`.
    LongMultiplyAdd,
    /// `SDIV`, `UDIV`.
    Divide,
    /// A load or store of one register.
    Single,
    /// One that directly follows another, whose address phase a core can overlap with the data phase before.
    SingleNext,
    /// `LDM`, `STM`, `PUSH`, `POP`, `LDRD`, `STRD`.
    Multiple,
    /// A branch, taken or not, but not a return by `POP`.
    Branch,
    /// `IT`.
    IfThen,
}

/// How many classes there are.
pub(crate) const CLASS_COUNT: usize = 11;

/// The class of the instruction at the start of `bytes`; `after_single` is true behind a load or store of one register.
pub(crate) fn class(bytes: &[u8], after_single: bool) -> Class {
    let halfword = |index: usize| Some(u16::from_le_bytes(*bytes.get(index..)?.first_chunk::<2>()?));
    let class = match (halfword(0), halfword(2)) {
        (Some(first), Some(second)) if first >= 0xE800 => wide(first, second),
        (Some(first), _) => narrow(first),
        _ => Class::Plain,
    };
    if class == Class::Single && after_single { Class::SingleNext } else { class }
}

fn narrow(code: u16) -> Class {
    match code {
        0x4340..=0x437F => Class::Multiply,
        0x4700..=0x47FF | 0xD000..=0xDDFF | 0xE000..=0xE7FF => Class::Branch,
        0x4800..=0x9FFF => Class::Single,
        0xB400..=0xB5FF | 0xBC00..=0xBDFF | 0xC000..=0xCFFF => Class::Multiple,
        // CBZ, CBNZ
        _ if code & 0xF500 == 0xB100 => Class::Branch,
        _ if code & 0xFF00 == 0xBF00 && code & 0x000F != 0 => Class::IfThen,
        _ => Class::Plain,
    }
}

fn wide(first: u16, second: u16) -> Class {
    // TBB, TBH: a load and a branch.
    if first & 0xFFF0 == 0xE8D0 && second & 0xFFE0 == 0xF000 {
        return Class::Branch;
    }
    match first {
        0xE800..=0xE9FF => Class::Multiple,
        0xF800..=0xF9FF => Class::Single,
        0xFB00..=0xFB7F if second >> 12 == 0xF => Class::Multiply,
        0xFB00..=0xFB7F => Class::MultiplyAdd,
        0xFB80..=0xFBFF if matches!(first >> 4 & 7, 1 | 3) => Class::Divide,
        0xFB80..=0xFBFF if matches!(first >> 4 & 7, 0 | 2) => Class::LongMultiply,
        0xFB80..=0xFBFF => Class::LongMultiplyAdd,
        0xF000..=0xF7FF if second & 0x8000 != 0 => {
            // B with condition has neither bit 14 nor bit 12, and a condition instead of 111x; the rest of that space
            // is barriers, hints and special registers.
            let conditional = second & 0x5000 == 0 && first & 0x0380 != 0x0380;
            if second & 0x5000 != 0 || conditional { Class::Branch } else { Class::Plain }
        }
        _ => Class::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings as `arm-none-eabi-as` writes them.
    #[test]
    fn classes_of_known_instructions() {
        let cases: [(&str, u16, u16, Class); 36] = [
            ("adds r0, r1, r2", 0x1888, 0, Class::Plain),
            ("muls r0, r1", 0x4348, 0, Class::Multiply),
            ("bx lr", 0x4770, 0, Class::Branch),
            ("mov r8, r8", 0x46C0, 0, Class::Plain),
            ("ldr r0, [pc, #4]", 0x4801, 0, Class::Single),
            ("ldrsb r0, [r1, r2]", 0x5688, 0, Class::Single),
            ("strh r0, [r1]", 0x8008, 0, Class::Single),
            ("ldr r0, [sp, #4]", 0x9801, 0, Class::Single),
            ("add r0, sp, #4", 0xA801, 0, Class::Plain),
            ("push {r4, lr}", 0xB510, 0, Class::Multiple),
            ("pop {r4, pc}", 0xBD10, 0, Class::Multiple),
            ("stmia r0!, {r1, r2}", 0xC006, 0, Class::Multiple),
            ("ldmia r0!, {r1, r2}", 0xC806, 0, Class::Multiple),
            ("bne .", 0xD1FE, 0, Class::Branch),
            ("b .", 0xE7FE, 0, Class::Branch),
            ("cbz r0, . + 4", 0xB100, 0, Class::Branch),
            ("cbnz r0, . + 4", 0xB900, 0, Class::Branch),
            ("it eq", 0xBF08, 0, Class::IfThen),
            ("nop", 0xBF00, 0, Class::Plain),
            ("sxtb r0, r1", 0xB248, 0, Class::Plain),
            ("ldmia.w r0, {r1, r8}", 0xE890, 0x0102, Class::Multiple),
            ("ldrd r1, r2, [r0]", 0xE9D0, 0x1200, Class::Multiple),
            ("tbb [pc, r0]", 0xE8DF, 0xF000, Class::Branch),
            ("ldr.w r0, [r1], #4", 0xF851, 0x0B04, Class::Single),
            ("ldrsb.w r0, [r1], #1", 0xF911, 0x0B01, Class::Single),
            ("str.w r0, [r1], #4", 0xF841, 0x0B04, Class::Single),
            ("smlad r0, r1, r2, r3", 0xFB21, 0x3002, Class::MultiplyAdd),
            ("mla r0, r1, r2, r3", 0xFB01, 0x3002, Class::MultiplyAdd),
            ("mul r0, r1, r8", 0xFB01, 0xF008, Class::Multiply),
            ("smlal r0, r1, r2, r3", 0xFBC2, 0x0103, Class::LongMultiplyAdd),
            ("smull r0, r1, r2, r3", 0xFB82, 0x0103, Class::LongMultiply),
            ("udiv r0, r1, r2", 0xFBB1, 0xF0F2, Class::Divide),
            ("bl .", 0xF7FF, 0xFFFE, Class::Branch),
            ("bne.w .", 0xF47F, 0xAFFE, Class::Branch),
            ("dsb", 0xF3BF, 0x8F4F, Class::Plain),
            ("add.w r0, r1, r2, ror #5", 0xEB01, 0x1072, Class::Plain),
        ];
        for (text, first, second, want) in cases {
            let [[a, b], [c, d]] = [first, second].map(u16::to_le_bytes);
            let bytes = [a, b, c, d];
            let length = if first >= 0xE800 { 4 } else { 2 };
            assert_eq!(class(&bytes[..length], false), want, "{text}");
        }
    }

    #[test]
    fn classes_are_counted() {
        assert_eq!(CLASS_COUNT, Class::IfThen as usize + 1);
    }

    #[test]
    fn only_a_single_access_behind_another_is_overlapped() {
        let (load, add) = ([0x08, 0x68], [0x88, 0x18]);
        assert_eq!(class(&load, true), Class::SingleNext);
        assert_eq!(class(&load, false), Class::Single);
        assert_eq!(class(&add, true), Class::Plain);
    }
}
