//! Conv2D of int16 activations with int8 weights.
//!
//! - Shapes and weights as in [`super`], weights `[O, KH, KW, C / groups]`.
//! - `output[y, x, o] = stage(sum over (i, j, c) of input[y * sh + i * dh - top, x * sw + j * dw - left, c] * weight[o, i, j, c])`
//!   with the bias and the rounding of [`StageI16`]; positions outside the image add nothing.
//! - Overlapping input and output: pixels are written in raster order, each in blocks of channels. The output of pixel
//!   `p` must not touch an input of pixel `p` or of any pixel after it. No scratch.

use super::Geometry;
use crate::Io;
use crate::int16::{StageI16, add_rows};
use crate::io::range;
use crate::runs::{Runs, for_each_group};

/// Everything a convolution of int16 activations needs besides these.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dI16<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// `[O, KH, KW, C / groups]`.
    pub weights: &'a [i8],
    /// Bias, factors, rounding and clamp.
    pub stage: StageI16<'a>,
}

impl Conv2dI16<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i16>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits(io) && self.stage.suffices(outputs) && self.weights.len() >= weights
    }
}

/// Computes the convolution, run by run of its windows.
pub fn conv2d_i16(layer: &Conv2dI16, io: &mut Io<i16>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for_each_group(&layer.geometry, |runs, outputs, at| outputs_of(layer, io, runs, outputs, at));
}

/// `count` output channels from `first` on of one window, written from element `at` on.
fn outputs_of(layer: &Conv2dI16, io: &mut Io<i16>, runs: &Runs, (first, count): (usize, usize), at: usize) {
    let taps = layer.geometry.taps();
    let mut done: usize = 0;
    while done < count {
        // The last block may have fewer channels; its first stands in for the others, whose sums are dropped.
        let block = count.wrapping_sub(done).min(4);
        let o = first.wrapping_add(done);
        let row = |index: usize| {
            let channel = o.wrapping_add(if index < block { index } else { 0 });
            range(layer.weights, channel.wrapping_mul(taps), taps)
        };
        let rows = [row(0), row(1), row(2), row(3)];
        let mut sums = [0_i64; 4];
        runs.for_each(|input, weight, len| {
            add_rows(&mut sums, range(io.input(), input, len), rows.map(|row| range(row, weight, len)));
        });
        for (index, sum) in sums.into_iter().enumerate().take(block) {
            let place = at.wrapping_add(done).wrapping_add(index);
            io.set(place, layer.stage.apply(o.wrapping_add(index), sum));
        }
        done = done.wrapping_add(block);
    }
}
