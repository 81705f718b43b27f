//! 64-bit x86: what a processor has beyond the baseline is found at run time.

mod avx512_vnni;
mod avx_vnni;
mod dense;
mod depthwise;
mod found;

pub(crate) use dense::{conv2d_i8, fully_connected_i8};
pub(crate) use depthwise::depthwise_i8;
pub(crate) use found::Found;
