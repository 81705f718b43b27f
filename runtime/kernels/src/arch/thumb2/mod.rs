//! What Armv7-M, Armv7E-M and Armv8.1-M share: Thumb-2 with unaligned loads and stores.

mod strided;

pub(crate) use strided::{copy, copy_within};
