//! 64-bit x86: what a processor has beyond the baseline is found at run time.

mod add;
mod add_avx512;
mod band;
mod dense;
mod dense_avx512;
mod depthwise;
mod depthwise_avx2;
mod depthwise_avx512;
mod finish;
mod finish_avx512;
mod float;
mod found;
mod steps;

pub(crate) use add::add_i8;
pub(crate) use dense::{conv2d_i8, fully_connected_i8};
pub(crate) use depthwise::{depthwise_i8, row_major_depthwise_i8};
pub(crate) use float::{add_f32, conv2d_f32, depthwise_f32, fully_connected_f32};
pub(crate) use found::Found;
