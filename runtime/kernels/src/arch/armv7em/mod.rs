//! Armv7E-M (Cortex-M4, M7): the DSP extension's dual 16-bit multiply-accumulate.
//!
//! # The paired multiplication
//!
//! `SMLAD` multiplies the halves of two registers and adds both products to a third: two MACs. Weights are
//! 8-bit in flash, so the usual price is one unpacking instruction for each `SMLAD`. Here a 16-bit weight is
//! `256 * b + a`, the weights of two output channels for the same tap ([`Packing::ChannelPairs`]). `SMLAD` on the raw
//! word accumulates `256 * B + A`; `SXTB16` extracts `a` exactly, and a second `SMLAD` accumulates `A`. The
//! channel sums are `A` and `(256 * B + A - A) >> 8`. One load and one unpacking instruction thus serve two
//! channels times two taps, times as many pixels as there are accumulators. It is exact while
//! `512 * |B| < 2^31` with the doubling below, which the host proves from the weights
//! ([`channel_pairs`]).
//!
//! Four pixels' windows are first gathered as columns of 16-bit values, two taps in a word. `SXTB16` makes of four
//! bytes the pairs 0, 2 and 1, 3, so that is the order of taps in the blob.
//!
//! [`Packing::ChannelPairs`]: crate::packing::Packing::ChannelPairs
//! [`channel_pairs`]: crate::packing::dense::channel_pairs
//!
//! # Requantization
//!
//! `SMMULR` computes `(x * m + 2^31) >> 32`; gemmlowp's rounding wants `(x * m + 2^30) >> 31`, which is the same
//! for a doubled `x`: `A` is shifted left by one, `B` falls out doubled by a shift of 7 instead of 8, depthwise
//! weights are doubled. The second rounding, `e` bits to the right with halves away from zero, is
//! `(h + (h < 0 ? -1 : 0) + 2^(e-1)) >> e`, and the zero point joins the constant: `(2 * zero_point + 1) << (e - 1)`.
//!
//! - `SMMLAR` adds that constant for free.
//! - The sign of `h` may be taken from `x`, before the multiplication: they differ only when `h` is zero and `x` is
//!   negative, and then `(2^(e-1) - 1) >> e` is zero as it should.
//! - Where results below the zero point are clamped to it (a ReLU), the sign does not matter at all: a negative `h`
//!   gives the zero point or less, either way.
//! - `SSAT` shifts by a constant, so the last of the `e` bits goes there, and registers hold `e - 1`.
//!
//! Three instructions an output, or four, branch-free, for `1 <= e <= 20`.
//!
//! Assembly is in files of their own, whole functions by `global_asm!`: the register allocator would not fit
//! eight accumulators otherwise, and no compiler flag is needed to assemble `SMLAD`.

mod add;
mod conv2d;
mod dense;
mod depthwise;
mod dots;
mod fully_connected;
mod mat_mul;
mod pool;
mod rows;
mod tile;
mod transpose_conv;

pub(crate) use add::add_i8;
pub(crate) use conv2d::conv2d_i8;
pub(crate) use depthwise::depthwise_i8;
pub(crate) use fully_connected::fully_connected_i8;
pub(crate) use mat_mul::mat_mul_i8;
pub(crate) use pool::{average_pool_i8, max_pool_i8};
pub(crate) use rows::sums;
pub(crate) use transpose_conv::transpose_conv_i8;
