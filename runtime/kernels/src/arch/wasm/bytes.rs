//! Vectors from memory and back.

use core::arch::wasm32::{i16x8_load_extend_i8x8, i64x2_shuffle, v128, v128_load, v128_store, v128_store64_lane};

/// Sixteen bytes.
#[inline(always)]
pub(super) fn sixteen(from: &[i8; 16]) -> v128 {
    // SAFETY: the array's sixteen bytes are read, which need no alignment.
    unsafe { v128_load(from.as_ptr().cast()) }
}

/// At most sixteen bytes, with zeros behind them.
#[inline(always)]
pub(super) fn bytes(from: &[i8]) -> v128 {
    if let Some(from) = from.first_chunk() {
        return sixteen(from);
    }
    let mut lanes = [0; 16];
    for (lane, byte) in lanes.iter_mut().zip(from) {
        *lane = *byte;
    }
    sixteen(&lanes)
}

/// Eight bytes, as numbers of 16 bits.
#[inline(always)]
pub(super) fn widened(from: &[i8; 8]) -> v128 {
    // SAFETY: the array's eight bytes are read, which need no alignment.
    unsafe { i16x8_load_extend_i8x8(from.as_ptr()) }
}

/// Four numbers.
#[inline(always)]
pub(super) fn four(numbers: &[i32; 4]) -> v128 {
    // SAFETY: the array's 16 bytes are read, which need no alignment.
    unsafe { v128_load(numbers.as_ptr().cast()) }
}

/// The lanes of a vector of bytes.
#[inline(always)]
pub(super) fn lanes(vector: v128) -> [i8; 16] {
    let mut lanes = [0; 16];
    // SAFETY: sixteen bytes are written to an array of as many.
    unsafe { v128_store(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

/// The lanes of a vector of four numbers.
#[inline(always)]
pub(super) fn numbers(vector: v128) -> [i32; 4] {
    let mut lanes = [0; 4];
    // SAFETY: sixteen bytes are written to an array of as many.
    unsafe { v128_store(lanes.as_mut_ptr().cast(), vector) };
    lanes
}

/// Writes the first bytes of a vector, as many as there is room for.
#[inline(never)]
pub(super) fn write(to: &mut [i8], vector: v128) {
    for (to, lane) in to.iter_mut().zip(lanes(vector)) {
        *to = lane;
    }
}

/// Writes one half of a vector, or as much of it as there is room for.
#[inline(always)]
pub(super) fn write_half<const LANE: usize>(to: &mut [i8], bytes: v128) {
    if let Some(to) = to.first_chunk_mut::<8>() {
        // SAFETY: eight bytes are written to an array of as many, which need no alignment.
        unsafe { v128_store64_lane::<LANE>(bytes, to.as_mut_ptr().cast()) };
    } else {
        let half = if LANE == 0 { bytes } else { i64x2_shuffle::<1, 1>(bytes, bytes) };
        write(to, half);
    }
}
