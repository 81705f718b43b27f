//! Armv6-M (Cortex-M0, M0+): one 32-bit multiplication for several pixels.

mod conv2d;
mod depthwise;
mod fully_connected;

pub(crate) use conv2d::conv2d_i8;
pub(crate) use depthwise::depthwise_i8;
pub(crate) use fully_connected::fully_connected_i8;

core::arch::global_asm!(
    env!("KINGLET_ASSEMBLER"),
    include_str!("requant.s"),
    include_str!("gather.s"),
    include_str!("lanes.s"),
    include_str!("quads.s"),
    include_str!("fill.s"),
    include_str!("plane.s"),
    options(raw)
);
