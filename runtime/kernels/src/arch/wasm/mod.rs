//! WebAssembly with vectors of 128 bits: a module that names them runs nowhere else, so there is nothing to find.

mod add;
mod bytes;
mod dense;
mod depthwise;
mod finish;
mod float;
mod rows;
mod single;
mod tile;
mod transposed;

pub(crate) use add::add_i8;
pub(crate) use dense::{conv2d_i8, fully_connected_i8};
pub(crate) use depthwise::row_major_depthwise_i8;
pub(crate) use float::{add_f32, conv2d_f32, depthwise_f32, fully_connected_f32};
