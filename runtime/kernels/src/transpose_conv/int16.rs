//! TransposeConv2D of int16 activations with int8 weights, four output channels at a time.
//!
//! `output[y, x, o] = stage(sum of products)` with the bias and the rounding of [`StageI16`]; zero points are 0, all else
//! is as in [`super`].

use super::{TransposeGeometry, Window, for_each_window};
use crate::int16::{StageI16, add_rows};
use crate::io::{Io, range};

/// Everything a transposed convolution of int16 activations needs besides these.
#[derive(Clone, Copy, Debug)]
pub struct TransposeConvI16<'a> {
    /// Shapes.
    pub geometry: TransposeGeometry,
    /// In the order of [`pack`](super::pack).
    pub weights: &'a [i8],
    /// Bias, factors, rounding and clamp.
    pub stage: StageI16<'a>,
}

impl TransposeConvI16<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i16>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits(io) && self.stage.suffices(outputs) && self.weights.len() >= weights
    }
}

/// Computes the transposed convolution. No scratch.
pub fn transpose_conv_i16(layer: &TransposeConvI16, io: &mut Io<i16>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for_each_window(&layer.geometry, |window| {
        let mut done: usize = 0;
        while done < window.outputs.1 {
            let sums = four(layer, io.input(), window, done);
            let block = window.outputs.1.wrapping_sub(done).min(4);
            for (index, sum) in sums.into_iter().enumerate().take(block) {
                let o = window.outputs.0.wrapping_add(done).wrapping_add(index);
                let place = window.at.wrapping_add(done).wrapping_add(index);
                io.set(place, layer.stage.apply(o, sum));
            }
            done = done.wrapping_add(block);
        }
    });
}

/// The sums of four output channels of a window, from channel `done` of its group on.
#[inline]
fn four(layer: &TransposeConvI16, input: &[i16], window: &Window, done: usize) -> [i64; 4] {
    let rows = window.rows(done);
    let mut sums = [0_i64; 4];
    window.runs.for_each(|source, weight, len| {
        let rows = rows.map(|row| range(layer.weights, row.wrapping_add(weight), len));
        add_rows(&mut sums, range(input, source, len), rows);
    });
    sums
}
