//! TransposeConv2D of floats, four output channels at a time.
//!
//! The order in which one sum adds is fixed, so the loop runs over four sums side by side.

use super::{TransposeConvF32, Window, for_each_window};
use crate::io::{Io, range};

/// Computes the transposed convolution. No scratch.
pub fn transpose_conv_f32(layer: &TransposeConvF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for_each_window(&layer.geometry, |window| {
        let mut done: usize = 0;
        while done < window.outputs.1 {
            let sums = four(layer, io.input(), window, done);
            let block = window.outputs.1.wrapping_sub(done).min(4);
            for (index, sum) in sums.into_iter().enumerate().take(block) {
                io.set(window.at.wrapping_add(done).wrapping_add(index), layer.clamp.apply(sum));
            }
            done = done.wrapping_add(block);
        }
    });
}

/// The sums of four output channels of a window, from channel `done` of its group on.
#[inline]
fn four(layer: &TransposeConvF32, input: &[f32], window: &Window, done: usize) -> [f32; 4] {
    let rows = window.rows(done);
    let first = window.outputs.0.wrapping_add(done);
    let mut sums = [0, 1, 2, 3].map(|index| layer.bias.get(first.wrapping_add(index)).copied().unwrap_or(0.0));
    window.runs.for_each(|source, weight, len| {
        let [a, b, c, d] = rows.map(|row| range(layer.weights, row.wrapping_add(weight), len));
        for ((((x, a), b), c), d) in range(input, source, len).iter().zip(a).zip(b).zip(c).zip(d) {
            sums[0] += *x * *a;
            sums[1] += *x * *b;
            sums[2] += *x * *c;
            sums[3] += *x * *d;
        }
    });
    sums
}
