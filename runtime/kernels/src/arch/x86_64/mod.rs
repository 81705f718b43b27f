//! 64-bit x86: what a processor has beyond the baseline is found at run time.

mod add;
mod dense;
mod depthwise;
mod depthwise_avx2;
mod finish;
mod found;
mod steps;

pub(crate) use add::add_i8;
pub(crate) use dense::{conv2d_i8, fully_connected_i8};
pub(crate) use depthwise::{depthwise_i8, row_major_depthwise_i8};
pub(crate) use found::Found;
