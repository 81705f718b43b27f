//! Vectors from memory.

use core::arch::aarch64::{int8x16_t, vld1q_s8};

/// Sixteen bytes.
#[inline(always)]
pub(super) fn sixteen(from: &[i8; 16]) -> int8x16_t {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    unsafe { vld1q_s8(from.as_ptr()) }
}

/// At most sixteen bytes, with zeros behind them.
#[inline(always)]
pub(super) fn bytes(from: &[i8]) -> int8x16_t {
    if let Some(from) = from.first_chunk() {
        return sixteen(from);
    }
    let mut lanes = [0; 16];
    for (lane, byte) in lanes.iter_mut().zip(from) {
        *lane = *byte;
    }
    sixteen(&lanes)
}
