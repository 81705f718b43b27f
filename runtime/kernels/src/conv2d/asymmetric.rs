//! Conv2D whose weights have zero points: asymmetric weights, as uint8 models have them.
//!
//! - Shapes and weights as in [`super`], weights `[O, KH, KW, C / groups]`.
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j, c) of (input[..] - input_zero_point) * (weight[o, i, j, c] - zero_points[o]))`
//!   with the input's element as in [`super`]; positions outside the image add nothing. Nothing is folded into the bias.
//! - A depthwise layer has as many groups as channels, a dense one a window of one pixel.
//! - Accumulators are `i32` and wrap; the host proves that they do not.
//! - Overlapping input and output: not at all. No scratch.
//!
//! A difference of two codes has nine bits. So the kernel multiplies codes, as others do, and takes the zero point of an
//! output channel times the sum of the window's inputs off, which all channels of a group share.

use super::Geometry;
use crate::Io;
use crate::io::range;
use crate::numerics::{OutputStage, Requant};
use crate::runs::{Runs, for_each_group};

/// Everything a convolution with asymmetric weights needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct AsymmetricConv2dI8<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// The code that stands for zero in the input.
    pub input_zero_point: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// `[O]`: the code that stands for zero in an output channel's weights.
    pub zero_points: &'a [i8],
    /// `[O, KH, KW, C / groups]`.
    pub weights: &'a [i8],
    /// `[O]`.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
}

impl AsymmetricConv2dI8<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i8>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits_layer(io, &self.requant, self.bias)
            && self.zero_points.len() >= outputs
            && self.weights.len() >= weights
    }
}

/// Computes the convolution, run by run of its windows.
pub fn asymmetric_conv2d_i8(layer: &AsymmetricConv2dI8, io: &mut Io<i8>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    for_each_group(&layer.geometry, |runs, outputs, at| outputs_of(layer, io, runs, outputs, at));
}

/// `count` output channels from `first` on of one window, written from element `at` on.
fn outputs_of(layer: &AsymmetricConv2dI8, io: &mut Io<i8>, runs: &Runs, (first, count): (usize, usize), at: usize) {
    let taps = layer.geometry.taps();
    let zero = i32::from(layer.input_zero_point);
    let mut inputs: i32 = 0;
    runs.for_each(|input, _, len| {
        inputs = range(io.input(), input, len).iter().fold(inputs, |sum, x| sum.wrapping_add(real(*x, zero)))
    });
    for index in 0..count {
        let o = first.wrapping_add(index);
        let row = range(layer.weights, o.wrapping_mul(taps), taps);
        let mut sum: i32 = 0;
        runs.for_each(|input, weight, len| {
            sum = sum.wrapping_add(dot(range(io.input(), input, len), range(row, weight, len), zero));
        });
        let weight_zero = i32::from(layer.zero_points.get(o).copied().unwrap_or(0));
        let bias = layer.bias.get(o).copied().unwrap_or(0);
        let acc = sum.wrapping_sub(weight_zero.wrapping_mul(inputs)).wrapping_add(bias);
        io.set(at.wrapping_add(index), layer.stage.apply(acc, layer.requant.at(o)));
    }
}

#[inline]
fn real(x: i8, zero: i32) -> i32 {
    i32::from(x).wrapping_sub(zero)
}

#[inline]
fn dot(inputs: &[i8], weights: &[i8], zero: i32) -> i32 {
    let products = inputs.iter().zip(weights).map(|(x, w)| real(*x, zero).wrapping_mul(i32::from(*w)));
    products.fold(0, i32::wrapping_add)
}
