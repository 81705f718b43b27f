//! Armv6-M (Cortex-M0, M0+): one 32-bit multiplication for several pixels or channels.
//!
//! There are eight registers to compute in, no multiply-accumulate, no long multiplication, and `MULS` destroys an
//! operand. So the fewest instructions a product can take is two, `MULS` and `ADDS`, if both operands come from loads
//! that serve several products; and a product must be worth more than one multiply-accumulate.
//!
//! # Three sums in two words
//!
//! `X1 = x0 + 2^11 x1` and `X2 = x1 + 2^11 x2` are exact sums of signed activations, borrows included. Times a
//! weight and accumulated modulo 2^32 they give `S1 = s0 + 2^11 s1` and `S2 = s1 + 2^11 s2`, where `s0`, `s1`, `s2`
//! are the sums of three pixels. Although lanes run into each other, the sums can be told apart when each lies in
//! `-2^20..2^20`: `2^11 S2` is `2^11 s1` modulo 2^22, so `S1 - 2^11 S2` is `s0` modulo 2^22, which is all of it; then
//! `s1 = (S1 - s0) >> 11` and `s2 = (S2 - s1) >> 11`. Eight instructions for three sums.
//!
//! **Conv2D** ([`Packing::UnsignedRows20`], [`Packing::UnsignedRows23`], `lanes.s`) takes six pixels. A tap is one `LDM` of four words,
//! one `LDRB` of a weight, four `MULS` and four `ADD`, three of these to high registers, which are good for nothing
//! else: ten instructions for six multiply-accumulates. Loading the words again for each channel costs no more than
//! the `MOV` that would keep them. Only `LDRB` has an offset, so weights are stored plus 128; what that adds,
//! 128 times the sum of the words, is where accumulators start. It is computed once for a tile (`gather.s`).
//! 60 taps never leave a lane whatever the weights; sums over more are separated in chunks, unless the host proves that
//! a whole channel fits.
//!
//! **DepthwiseConv2D** (`plane.s`, `fill.s`) has the words in a plane, see [`one_pair_plane`]: neighbouring words are
//! what neighbouring outputs need.
//!
//! # Four sums in three words
//!
//! **FullyConnected** ([`Packing::FourChannelsUnsigned`], `quads.s`) has one vector only, so the *weights* are in lanes: a word of
//! flash is `a + 2^8 b + 2^16 c + 2^24 d`, four channels. Its products with `x`, those of the word with the bytes of its
//! halves exchanged (`REV16`) and those of the word reversed (`REV`) give, for the sums `A` to `D`,
//!
//! ```text
//! P = A + 2^8 B + 2^16 C + 2^24 D    Q = B + 2^8 A + 2^16 D + 2^24 C    R = D + 2^8 C + 2^16 B + 2^24 A
//! ```
//!
//! and `P - 2^8 Q = A + 2^16 (C - A)`, `Q - 2^8 P = B + 2^16 (D - B)`, modulo 2^32. These have the lower halves of `A` and
//! `B`; with them `R` becomes `D + 2^8 C`, and what the upper halves disagree with it in are the upper bytes of `A` and
//! `B`. Exact for sums of 24 bits. Nine instructions for four multiply-accumulates, and no unpacking.
//!
//! # Requantization
//!
//! `(x * m + 2^30) >> 31` and the second rounding by `e` bits are one floor:
//! `(x * m + 2^30 + 2^31 ((2 * zero_point + 1) 2^(e-1) - [x < 0])) >> (31 + e)`. The multiplier is taken in digits,
//! from the lowest: `((x * m0 >> 10) + x * m1 >> 11) + x * m2` is the product without its lower 21 bits, exactly, and no
//! step leaves 32 bits for `|x| < 2^20` ([`NARROW_LIMIT`]); four digits do for `|x| < 2^23` ([`WIDE_LIMIT`]). Where the
//! lower clamp is the zero point, as behind a ReLU, a negative accumulator is not multiplied at all; there alone is
//! the shorter product worth its code in `lanes.s`.
//!
//! [`Packing::UnsignedRows20`]: crate::packing::Packing::UnsignedRows20
//! [`Packing::UnsignedRows23`]: crate::packing::Packing::UnsignedRows23
//! [`Packing::FourChannelsUnsigned`]: crate::packing::Packing::FourChannelsUnsigned
//! [`one_pair_plane`]: crate::packing::depthwise::one_pair_plane
//! [`NARROW_LIMIT`]: crate::numerics::NARROW_LIMIT
//! [`WIDE_LIMIT`]: crate::numerics::WIDE_LIMIT

mod add;
mod conv2d;
mod depthwise;
mod fully_connected;

pub(crate) use add::add_i8;
pub(crate) use conv2d::conv2d_i8;
pub(crate) use depthwise::depthwise_i8;
pub(crate) use fully_connected::fully_connected_i8;

assembly! {
    "requant.s",
    "add.s",
    "gather.s",
    "lanes.s",
    "quads.s",
    "fill.s",
    "plane.s",
    conv2d::Lanes {
        COLUMNS = words,
        WEIGHTS = weights,
        SKIP = skip,
        FIRST_END = first_end,
        CHUNKS = chunks,
        STARTS = starts,
        ENTRY = entry,
        BIAS = bias,
        REQUANT = requant,
        REQUANT_STRIDE = requant_stride,
        EXTRA = extra,
        EXTRA_STRIDE = extra_stride,
        SHIFT = shift,
        ROUNDING = rounding,
        HALF = half,
        MIN = min,
        MAX = max,
        OUTPUT = output,
        STEP = step,
        PIXELS = pixels,
        COUNT = count,
        KIND = kind,
        PRIVATE = private,
    }
    depthwise::Fill {
        FILL_SOURCE = source,
        FILL_TARGET = target,
        FILL_COUNT = count,
        FILL_PIXEL = pixel,
        FILL_PADDING = padding,
        FILL_ROWS = rows,
        FILL_SOURCE_STEP = source_step,
        FILL_TARGET_STEP = target_step,
    }
    depthwise::Sums {
        PLANE_INPUT = input,
        PLANE_ROWS = rows,
        PLANE_WIDTH = width,
        PLANE_WEIGHTS = weights,
        PLANE_WEIGHTS_END = weights_end,
        PLANE_KERNEL_ROW = kernel_row,
        PLANE_SECOND = second,
        PLANE_NEXT = next,
        PLANE_TRIPLE = triple,
        PLANE_ROW = row,
        PLANE_START = start,
        PLANE_FACTOR = factor,
        PLANE_MAX = max,
        PLANE_NEGATIVE = negative,
        PLANE_OUTPUT = output,
        PLANE_PIXEL = pixel,
        PLANE_RELU = relu,
        PLANE_SMALL = small,
    }
    fully_connected::Quads {
        INPUT = input,
        TAPS = taps,
        QUAD_WEIGHTS = weights,
        START = start,
        QUAD_BIAS = bias,
        QUAD_REQUANT = requant,
        QUAD_REQUANT_STRIDE = requant_stride,
        QUAD_EXTRA = extra,
        QUAD_EXTRA_STRIDE = extra_stride,
        QUAD_SHIFT = shift,
        QUAD_ROUNDING = rounding,
        QUAD_HALF = half,
        QUAD_NEGATIVE = negative,
        QUAD_MIN = min,
        QUAD_MAX = max,
        QUAD_OUTPUT = output,
        QUAD_COUNT = count,
    }
}
