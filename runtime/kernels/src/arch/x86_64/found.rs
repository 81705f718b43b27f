//! Which instructions may be used beyond the baseline: vectors of 256 bits, and dot products on them.
//!
//! `vpdpbusd` comes in two forms, with AVX-512 VNNI and with AVX-VNNI. That the processor has an
//! instruction is not enough. Its registers must also be among those that the system saves when it switches between
//! threads, which `XGETBV` says: a system that does not save them would let another thread overwrite them. So both are
//! asked, in the order of Intel's manual (volume 1, 14.3 and 15.2): is there `XGETBV`, what does it say, what has the
//! processor.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// Proof of AVX-512 F, BW, DQ, VL and VNNI, and of a system that saves their registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512Vnni(());

/// Proof of AVX2 and AVX-VNNI, and of a system that saves their registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AvxVnni(());

/// Proof of AVX2, and of a system that saves its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The baseline of the target.
    Plain,
    /// Vectors of 256 bits.
    Avx2(Avx2),
    /// Sums of four products in eight lanes.
    AvxVnni(AvxVnni),
    /// Sums of four products in sixteen lanes.
    Avx512Vnni(Avx512Vnni),
}

impl Found {
    pub(crate) const PLAIN: Found = Found::Plain;

    /// The best that there is.
    pub(crate) fn detect() -> Found {
        let answers = Answers::ask();
        let avx512 = answers.avx512_vnni().map(Found::Avx512Vnni);
        let vnni = avx512.or_else(|| answers.avx_vnni().map(Found::AvxVnni));
        vnni.or_else(|| answers.avx2().map(Found::Avx2)).unwrap_or(Found::Plain)
    }

    /// All that there is.
    pub(crate) fn all() -> impl IntoIterator<Item = Found> {
        let answers = Answers::ask();
        let avx2 = answers.avx2().map(Found::Avx2);
        let found = [avx2, answers.avx_vnni().map(Found::AvxVnni), answers.avx512_vnni().map(Found::Avx512Vnni)];
        [Found::Plain].into_iter().chain(found.into_iter().flatten())
    }

    /// Proof of AVX2, of which every other but the baseline is more.
    #[inline]
    pub(crate) fn avx2(self) -> Option<Avx2> {
        (self != Found::Plain).then_some(Avx2(()))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Found::Plain => "",
            Found::Avx2(_) => "AVX2",
            Found::AvxVnni(_) => "AVX-VNNI",
            Found::Avx512Vnni(_) => "AVX-512 VNNI",
        }
    }
}

/// What `CPUID` and `XGETBV` say.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    /// Leaf 1, ECX.
    basic: u32,
    /// Leaf 7, EBX.
    extended: u32,
    /// Leaf 7, ECX.
    extended_more: u32,
    /// Leaf 7.1, EAX.
    extended_later: u32,
    /// XCR0: the registers that the system saves; 0 where it cannot be asked.
    saved: u64,
}

/// Leaf 1, ECX: `XGETBV` may be used, because the system uses `XSAVE`.
const OSXSAVE: u32 = 1 << 27;
/// Leaf 1, ECX.
const AVX: u32 = 1 << 28;
/// Leaf 7, EBX.
const AVX2: u32 = 1 << 5;
/// Leaf 7, EBX: F, DQ, BW and VL of AVX-512.
const AVX512: u32 = (1 << 16) | (1 << 17) | (1 << 30) | (1 << 31);
/// Leaf 7, ECX.
const AVX512_VNNI: u32 = 1 << 11;
/// Leaf 7.1, EAX.
const AVX_VNNI: u32 = 1 << 4;
/// XCR0: the lower and the upper halves of the YMM registers.
const YMM: u64 = 0b110;
/// XCR0: mask registers, the upper halves of the first sixteen ZMM registers, and the other sixteen.
const ZMM: u64 = YMM | 0b1110_0000;

impl Answers {
    fn ask() -> Answers {
        // An interpreter has the instructions that it has been taught, and an enclave may not ask.
        if cfg!(any(miri, target_env = "sgx")) {
            return Answers::default();
        }
        let last = __cpuid(0).eax;
        let basic = if last >= 1 { __cpuid(1).ecx } else { 0 };
        let mut answers = Answers { basic, ..Answers::default() };
        if last >= 7 {
            let leaf = __cpuid_count(7, 0);
            (answers.extended, answers.extended_more) = (leaf.ebx, leaf.ecx);
            answers.extended_later = if leaf.eax >= 1 { __cpuid_count(7, 1).eax } else { 0 };
        }
        if basic & OSXSAVE != 0 {
            // SAFETY: the bit says that the processor has XGETBV and the system has switched it on; register 0 exists
            // wherever the instruction does.
            answers.saved = unsafe { saved_registers() };
        }
        answers
    }

    fn has(&self, basic: u32, extended: u32, extended_more: u32, saved: u64) -> bool {
        let all = |value: u32, bits: u32| value & bits == bits;
        let registers = self.basic & OSXSAVE != 0 && self.saved & saved == saved;
        registers && all(self.basic, basic) && all(self.extended, extended) && all(self.extended_more, extended_more)
    }

    fn avx512_vnni(&self) -> Option<Avx512Vnni> {
        self.has(AVX, AVX2 | AVX512, AVX512_VNNI, ZMM).then_some(Avx512Vnni(()))
    }

    fn avx2(&self) -> Option<Avx2> {
        self.has(AVX, AVX2, 0, YMM).then_some(Avx2(()))
    }

    fn avx_vnni(&self) -> Option<AvxVnni> {
        let has = self.has(AVX, AVX2, 0, YMM) && self.extended_later & AVX_VNNI != 0;
        has.then_some(AvxVnni(()))
    }
}

/// XCR0.
#[target_feature(enable = "xsave")]
unsafe fn saved_registers() -> u64 {
    // SAFETY: the caller knows that the instruction may be used; register 0 exists wherever it does.
    unsafe { _xgetbv(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor with everything under a system that saves everything.
    const ALL: Answers = Answers {
        basic: OSXSAVE | AVX,
        extended: AVX2 | AVX512,
        extended_more: AVX512_VNNI,
        extended_later: AVX_VNNI,
        saved: ZMM | 1,
    };

    /// AVX-512 VNNI, AVX-VNNI, AVX2.
    fn found(answers: Answers) -> [bool; 3] {
        [answers.avx512_vnni().is_some(), answers.avx_vnni().is_some(), answers.avx2().is_some()]
    }

    #[test]
    fn an_instruction_whose_registers_are_not_saved_is_not_there() {
        assert_eq!(found(ALL), [true; 3]);
        // As Linux does with `clearcpuid=avx512f` or `noxsave`, and macOS before a thread's first use.
        assert_eq!(found(Answers { saved: YMM | 1, ..ALL }), [false, true, true]);
        assert_eq!(found(Answers { saved: 1, ..ALL }), [false; 3]);
        for bit in [5, 6, 7] {
            assert_eq!(found(Answers { saved: ALL.saved & !(1 << bit), ..ALL }), [false, true, true], "bit {bit}");
        }
        for bit in [1, 2] {
            assert_eq!(found(Answers { saved: ALL.saved & !(1 << bit), ..ALL }), [false; 3], "bit {bit}");
        }
        assert_eq!(found(Answers { basic: AVX, ..ALL }), [false; 3], "XGETBV was not allowed to be asked");
    }

    #[test]
    fn every_part_of_an_extension_is_needed() {
        for bit in (0..32).filter(|bit| AVX512 >> bit & 1 == 1) {
            assert_eq!(
                found(Answers { extended: ALL.extended & !(1 << bit), ..ALL }),
                [false, true, true],
                "bit {bit}"
            );
        }
        assert_eq!(found(Answers { extended: ALL.extended & !AVX2, ..ALL }), [false; 3]);
        assert_eq!(found(Answers { extended_more: 0, ..ALL }), [false, true, true]);
        assert_eq!(found(Answers { extended_later: 0, ..ALL }), [true, false, true]);
        assert_eq!(found(Answers { basic: OSXSAVE, ..ALL }), [false; 3]);
        assert_eq!(found(Answers::default()), [false; 3]);
    }

    #[test]
    fn what_is_found_is_what_the_standard_library_finds() {
        extern crate std;
        let [avx512, avx, avx2] = found(Answers::ask());
        if cfg!(miri) {
            assert_eq!([avx512, avx, avx2], [false; 3]);
            return;
        }
        let bits = [
            std::arch::is_x86_feature_detected!("avx512f"),
            std::arch::is_x86_feature_detected!("avx512bw"),
            std::arch::is_x86_feature_detected!("avx512dq"),
            std::arch::is_x86_feature_detected!("avx512vl"),
            std::arch::is_x86_feature_detected!("avx512vnni"),
        ];
        assert_eq!(avx512, bits.iter().all(|bit| *bit));
        assert_eq!(avx, std::arch::is_x86_feature_detected!("avxvnni"));
        assert_eq!(avx2, std::arch::is_x86_feature_detected!("avx2"));
        let best = Found::all().into_iter().last();
        assert_eq!(best, Some(Found::detect()));
        std::println!("found: {:?}", Found::detect());
    }
}
