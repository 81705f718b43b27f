//! 64-bit Arm: NEON is in every core, dot products are found at run time.

mod add;
mod bytes;
mod dense;
mod depthwise;
mod finish;
mod found;
mod level;
mod neon;
mod rows;
mod tile;
mod transposed;

pub(crate) use add::add_i8;
pub(crate) use dense::{conv2d_i8, fully_connected_i8};
pub(crate) use depthwise::row_major_depthwise_i8;
pub(crate) use found::Found;
