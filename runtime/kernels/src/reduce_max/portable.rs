//! Maxima in blocks of the inner axis; where there is none, along whole rows.

use super::ReduceMax;
use crate::Io;
use crate::io::{range, volume};

/// Elements of a block. Their maxima are in memory, and long blocks share what a step along the reduced axis costs.
const BLOCK: usize = 32;

/// Computes the maximum. No scratch.
pub fn reduce_max_i8(layer: &ReduceMax, io: &mut Io<i8>) {
    reduce_max(layer, io, i8::MIN);
}

/// Computes the maximum. No scratch.
pub fn reduce_max_f32(layer: &ReduceMax, io: &mut Io<f32>) {
    reduce_max(layer, io, f32::NEG_INFINITY);
}

#[inline]
fn reduce_max<T: Copy + PartialOrd>(layer: &ReduceMax, io: &mut Io<T>, lowest: T) {
    let ReduceMax { outer, reduced, inner } = *layer;
    if !io.has(volume([outer, reduced, inner]), outer.wrapping_mul(inner)) {
        return io.refuse();
    }
    for outer in 0..layer.outer {
        if layer.inner == 1 {
            let row = range(io.input(), outer.wrapping_mul(layer.reduced), layer.reduced);
            let max = row.iter().copied().fold(lowest, greater);
            io.set(outer, max);
            continue;
        }
        let mut inner: usize = 0;
        while inner < layer.inner {
            let len = layer.inner.wrapping_sub(inner).min(BLOCK);
            let maxima = block(layer, io.input(), (outer, inner), [lowest; BLOCK], len);
            let at = outer.wrapping_mul(layer.inner).wrapping_add(inner);
            let output = io.output().get_mut(at..).unwrap_or_default();
            output.iter_mut().zip(maxima).take(len).for_each(|(element, max)| *element = max);
            inner = inner.wrapping_add(BLOCK);
        }
    }
}

/// `maxima` and the inputs of outputs `(outer, inner) .. (outer, inner + len)`.
#[inline]
fn block<T: Copy + PartialOrd>(
    layer: &ReduceMax,
    input: &[T],
    (outer, inner): (usize, usize),
    mut maxima: [T; BLOCK],
    len: usize,
) -> [T; BLOCK] {
    let mut at = outer.wrapping_mul(layer.reduced).wrapping_mul(layer.inner).wrapping_add(inner);
    for _ in 0..layer.reduced {
        for (max, &x) in maxima.iter_mut().zip(range(input, at, len)) {
            *max = greater(*max, x);
        }
        at = at.wrapping_add(layer.inner);
    }
    maxima
}

#[inline]
fn greater<T: PartialOrd>(max: T, x: T) -> T {
    if x > max { x } else { max }
}
