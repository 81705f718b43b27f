//! Helium (the M-profile Vector Extension: Cortex-M52, M55, M85).
//!
//! # The matrix kernel
//!
//! `VMLADAVA.S8` multiplies sixteen pairs of bytes and adds all products to one core register: sixteen MACs, without
//! any widening. Its sums live in even core registers, of which there are eight: two pixels by four channels, so that
//! six loads serve eight multiplications. Weights of four channels alternate every 16 taps ([`Packing::FourBySixteen`]) and
//! one pointer walks over all of them; windows are read where they lie, row by row, when a row of the window is a
//! whole number of vectors. Eight sums in core registers leave none for a low-overhead loop (it needs `LR`): the loop
//! over taps is unrolled four times and entered in the middle instead.
//!
//! # Requantization
//!
//! Sums of four pixels by four channels move into four vectors, a channel each, so that the channel's bias, multiplier
//! and shift are core registers. `VQRDMLAH` computes `(x * m + 2^30) >> 31` and adds it to what is in its destination,
//! here the sign of `x`, 0 or -1; `VRSHL` then rounds halves up, which after that correction is away from zero:
//! three instructions for [`crate::numerics`]' two roundings, exact for every right shift from 1 on. `VQMOVN` narrows
//! the four vectors into one, in which a pixel's four channels are a word.
//!
//! One pixel alone, and a fully connected layer, have channels in the lanes and the constants in vectors.
//!
//! Assembly is in files of their own, whole functions by `global_asm!`: stable Rust has neither a register class for
//! `q` registers nor intrinsics, and `.cpu cortex-m55` in the text needs no compiler flag.
//!
//! [`Packing::FourBySixteen`]: crate::packing::Packing::FourBySixteen

mod add;
mod channel_vectors;
mod conv2d;
mod fully_connected;
mod kernel;
mod patch;
mod pool;
mod windows;

pub(crate) use add::add_i8;
pub(crate) use channel_vectors::depthwise_i8;
pub(crate) use conv2d::conv2d_i8;
pub(crate) use fully_connected::fully_connected_i8;
pub(crate) use pool::{average_pool_i8, max_pool_i8, mean_i8};
pub(crate) use windows::depthwise_i8_windows;
