//! Armv7-M (Cortex-M3, and Armv8-M mainline cores without DSP): one multiplication at a time.
//!
//! # Three products of two multiplications
//!
//! `MLA` adds a 32-bit product to a 32-bit sum; a sum of 8-bit products needs 20 bits or so. The activations of three
//! pixels at the same tap are therefore packed into two words, once for all output channels,
//! `X1 = x0 + 2^11 * x1` and `X2 = x1 + 2^11 * x2`, and each weight is multiplied by both. With the sums `S0`, `S1`,
//! `S2` of the three pixels the accumulators are
//!
//! ```text
//! P = S0 + 2^11 * S1
//! Q = S1 + 2^11 * S2
//! P - 2^11 * Q = S0 - 2^22 * S2: its low 22 bits are S0. Then 2^11 * S1 = P - S0, and 2^11 * S2 = Q - S1.
//! ```
//!
//! all modulo `2^32`, and exact while sums are below `2^20`: [`packing::chunk_of`]. Four channels of one tap are an
//! `LDRD`, four `LDRSB` and eight `MLA`, twelve products in thirteen instructions; eight accumulators, two words, a
//! weight, two pointers and the end of the chunk fill the registers. Depthwise windows read the same words from planes
//! ([`four_pair_planes`]).
//!
//! # Four products of three multiplications
//!
//! A fully connected layer has one pixel. There the weights of four channels are one word, as unsigned bytes, and an
//! activation is multiplied by the word, by its second and fourth byte, and by its upper half ([`Packing::EightChannelsUnsigned`]).
//!
//! # Requantization
//!
//! The doubled accumulator `x` times the multiplier, plus `2^31`, has gemmlowp's rounded product in its upper word. The
//! second rounding, `e` bits to the right with halves away from zero and the zero point, adds a constant and the sign of
//! `x`: `SMLAL` adds both for nothing when its register pair starts at `2^31` and `constant + (x >> 31)`. A shift and a
//! saturation follow: five instructions an output, for `1 <= e <= 20`.
//!
//! [`packing::chunk_of`]: crate::packing::dense::four_channels::chunk_of
//! [`four_pair_planes`]: crate::packing::depthwise::four_pair_planes
//! [`Packing::EightChannelsUnsigned`]: crate::packing::Packing::EightChannelsUnsigned

mod add;
mod conv2d;
mod depthwise;
mod fully_connected;
mod tile;

pub(crate) use add::add_i8;
pub(crate) use conv2d::conv2d_i8;
pub(crate) use depthwise::depthwise_i8;
pub(crate) use fully_connected::fully_connected_i8;
