//! Recognises, from its encoding, the little that the counter has to know about an instruction.
//!
//! Markers are 16-bit moves of a register to itself. The one that assemblers emit for alignment is
//! `mov r8, r8`, so r8 is left alone. Helium (M-profile Vector Extension) instructions are 32 bits
//! long and live in the coprocessor space; the masks follow the Armv8.1-M reference manual, "T32
//! instruction set encoding": `111x 1111 ...` is vector data processing, `111x 110x/1110 ...` with
//! coprocessor field `111x` is vector memory access and vector arithmetic, and coprocessor 11 with
//! `...1 0000` moves between a lane and a core register or duplicates one. `VCTP`, `LE`, `DLSTP` and the long
//! scalar shifts are scalar instructions of the same extension and are not counted as vector ones.

/// What executing an instruction means to the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An instruction like any other.
    Plain,
    /// `mov r10, r10`: a measured window opens.
    Begin,
    /// `mov r11, r11`: the innermost window closes.
    End,
    /// `mov r9, r9`: a point of interest within a window.
    Tick,
    /// A Helium instruction that does not touch memory.
    Vector,
    /// A Helium load.
    VectorLoad,
    /// A Helium store.
    VectorStore,
}

const MARKER_BEGIN: u16 = 0x46D2;
const MARKER_END: u16 = 0x46DB;
const MARKER_TICK: u16 = 0x46C9;

/// First halfwords from here on belong to instructions of two halfwords.
const WIDE_FIRST_MIN: u16 = 0xE800;

/// Classifies the Thumb instruction at the start of `bytes`.
///
/// Its length follows from its first halfword, not from the number of bytes: when a translation block reaches the
/// last halfword of a page, QEMU 7.2 looks at the next instruction too and hands out both as one.
pub(crate) fn classify(bytes: &[u8]) -> Kind {
    let halfword = |index: usize| Some(u16::from_le_bytes(*bytes.get(index..)?.first_chunk::<2>()?));
    match (halfword(0), halfword(2)) {
        (Some(first), Some(second)) if first >= WIDE_FIRST_MIN => classify_wide(first, second),
        (Some(MARKER_BEGIN), _) => Kind::Begin,
        (Some(MARKER_END), _) => Kind::End,
        (Some(MARKER_TICK), _) => Kind::Tick,
        _ => Kind::Plain,
    }
}

fn classify_wide(first: u16, second: u16) -> Kind {
    let helium_coprocessor = second & 0x0E00 == 0x0E00;
    if first & 0xEE00 == 0xEC00 && helium_coprocessor {
        // With P, U and W all zero this is a move between two lanes and two core registers.
        // (With bit 6 it is a move to another coprocessor, which no vector code uses.)
        return match (first & 0x01A0, first & 0x0010) {
            (0, _) if first & 0x0040 == 0 => Kind::Vector,
            (0, _) => Kind::Plain,
            (_, 0) => Kind::VectorStore,
            _ => Kind::VectorLoad,
        };
    }
    let data_processing = first & 0xEF00 == 0xEF00;
    let arithmetic = first & 0xEF00 == 0xEE00 && helium_coprocessor;
    let lane_move = first & 0xFF00 == 0xEE00 && second & 0x0F1F == 0x0B10;
    if data_processing || arithmetic || lane_move { Kind::Vector } else { Kind::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_recognised_and_the_alignment_nop_is_not() {
        assert_eq!(classify(&[0xD2, 0x46]), Kind::Begin);
        assert_eq!(classify(&[0xDB, 0x46]), Kind::End);
        assert_eq!(classify(&[0xC9, 0x46]), Kind::Tick);
        assert_eq!(classify(&[0xC0, 0x46]), Kind::Plain);
    }

    #[test]
    fn a_marker_is_recognised_whatever_follows_it() {
        assert_eq!(classify(&[0xD2, 0x46, 0xEF, 0xEF]), Kind::Begin);
        assert_eq!(classify(&[0xC0, 0x46, 0xD2, 0x46]), Kind::Plain);
        assert_eq!(classify(&[0x20, 0xEF]), Kind::Plain);
        assert_eq!(classify(&[]), Kind::Plain);
    }

    /// Encodings as `arm-none-eabi-as -march=armv8.1-m.main+mve.fp+fp.dp` writes them.
    #[test]
    fn helium_is_told_from_scalar_code() {
        let cases: [(&str, u16, u16, Kind); 19] = [
            ("vldrb.u8 q0, [r0], #16", 0xECB0, 0x1E10, Kind::VectorLoad),
            ("vldrw.u32 q0, [r0, q1]", 0xFC90, 0x0F42, Kind::VectorLoad),
            ("vstrb.8 q0, [r2], #16", 0xECA2, 0x1E10, Kind::VectorStore),
            ("vld20.8 {q0, q1}, [r0]", 0xFC90, 0x1E00, Kind::VectorLoad),
            ("vmladava.s8 r4, q0, q1", 0xEEF0, 0x4F22, Kind::Vector),
            ("vmlaldava.s16 r4, r5, q0, q1", 0xEEA0, 0x4E22, Kind::Vector),
            ("vstrb.16 q0, [r0, q1]", 0xEC80, 0x0E82, Kind::VectorStore),
            ("vldrb.s16 q0, [r0]", 0xED90, 0x0E80, Kind::VectorLoad),
            ("vadd.i32 q0, q0, q1", 0xEF20, 0x0842, Kind::Vector),
            ("vqrdmulh.s32 q0, q0, q1", 0xFF20, 0x0B42, Kind::Vector),
            ("vdup.32 q0, r3", 0xEEA0, 0x3B10, Kind::Vector),
            ("vmov.32 q0[1], r3", 0xEE20, 0x3B10, Kind::Vector),
            ("vmov q0[2], q0[0], r4, r5", 0xEC15, 0x0F04, Kind::Vector),
            ("vpst", 0xFE71, 0x0F4D, Kind::Vector),
            ("vctp.8 r5", 0xF005, 0xE801, Kind::Plain),
            ("letp lr, .", 0xF01F, 0xC003, Kind::Plain),
            ("vldr s0, [r0]", 0xED90, 0x0A00, Kind::Plain),
            ("vmul.f32 s0, s0, s1", 0xEE20, 0x0A20, Kind::Plain),
            ("smlad r0, r1, r2, r3", 0xFB21, 0x3002, Kind::Plain),
        ];
        for (text, first, second, want) in cases {
            let [a, b] = first.to_le_bytes();
            let [c, d] = second.to_le_bytes();
            assert_eq!(classify(&[a, b, c, d]), want, "{text}");
        }
    }
}
