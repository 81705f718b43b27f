//! TransposeConv2D of int8, four output channels at a time.
//!
//! The zero point is subtracted once for four products. Folding it into the bias, as the convolution does, would take
//! a bias for each phase and a patch gathered for each pixel that sees the image's edge.

use super::{TransposeConvI8, Window, for_each_window};
use crate::io::{Io, range};
use crate::numerics::ShortRequant;

/// Computes the transposed convolution. No scratch.
pub(crate) fn transpose_conv_i8(layer: &TransposeConvI8, io: &mut Io<i8>) {
    with_sums(layer, io, |input, window, done| four(layer, input, window, done));
}

/// The same, with sums of four output channels of a window, from a channel of its group on, that `four` computes.
#[inline]
pub(crate) fn with_sums(layer: &TransposeConvI8, io: &mut Io<i8>, four: impl Fn(&[i8], &Window, usize) -> [i32; 4]) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let short = ShortRequant::new(layer.requant, layer.stage, layer.bias, layer.geometry.taps());
    for_each_window(&layer.geometry, |window| {
        let mut done: usize = 0;
        while done < window.outputs.1 {
            let sums = four(io.input(), window, done);
            let block = window.outputs.1.wrapping_sub(done).min(4);
            let (first, place) = (window.outputs.0.wrapping_add(done), window.at.wrapping_add(done));
            let output = io.output().get_mut(place..place.wrapping_add(block)).unwrap_or_default();
            finish(layer, &short, (first, &sums), output);
            done = done.wrapping_add(block);
        }
    });
}

/// Makes outputs of sums of channels from the first number on.
#[inline(never)]
fn finish(layer: &TransposeConvI8, short: &Option<ShortRequant>, (first, sums): (usize, &[i32; 4]), output: &mut [i8]) {
    let mut o = first;
    for (element, sum) in output.iter_mut().zip(sums) {
        let acc = sum.wrapping_add(layer.bias.get(o).copied().unwrap_or(0));
        *element = match short {
            Some(stage) => stage.apply(o, acc),
            None => layer.stage.apply(acc, layer.requant.at(o)),
        };
        o = o.wrapping_add(1);
    }
}

/// The sums of four output channels of a window, from channel `done` of its group on.
#[inline]
pub(crate) fn four(layer: &TransposeConvI8, input: &[i8], window: &Window, done: usize) -> [i32; 4] {
    let zero_point = i32::from(layer.input_zero_point);
    let rows = window.rows(done);
    let mut sums = [0_i32; 4];
    window.runs.for_each(|source, weight, len| {
        let [a, b, c, d] = rows.map(|row| range(layer.weights, row.wrapping_add(weight), len));
        for ((((x, a), b), c), d) in range(input, source, len).iter().zip(a).zip(b).zip(c).zip(d) {
            let x = i32::from(*x).wrapping_sub(zero_point);
            sums[0] = multiply_add(sums[0], x, *a);
            sums[1] = multiply_add(sums[1], x, *b);
            sums[2] = multiply_add(sums[2], x, *c);
            sums[3] = multiply_add(sums[3], x, *d);
        }
    });
    sums
}

#[inline]
fn multiply_add(sum: i32, x: i32, w: i8) -> i32 {
    sum.wrapping_add(x.wrapping_mul(i32::from(w)))
}
