//! Armv7-M (Cortex-M3, and Armv8-M mainline cores without DSP): one multiplication at a time.

mod conv2d;
mod depthwise;
mod fully_connected;
mod tile;

pub(crate) use conv2d::conv2d_i8;
pub(crate) use depthwise::depthwise_i8;
pub(crate) use fully_connected::fully_connected_i8;
