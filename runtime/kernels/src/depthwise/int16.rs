//! DepthwiseConv2D of int16 activations with int8 weights.
//!
//! - Shapes and weights as in [`super`], weights `[KH, KW, C * multiplier]`.
//! - `output[y, x, o] = stage(sum over (i, j) of input[y * sh + i * dh - top, x * sw + j * dw - left, o / multiplier] * weight[i, j, o])`
//!   with the bias and the rounding of [`StageI16`]; positions outside the image add nothing.
//! - Overlapping input and output: as in [`super`]. No scratch.

use crate::Io;
use crate::conv2d::Geometry;
use crate::int16::{StageI16, Sums};
use crate::io::range;
use crate::runs::Span;

/// Channels of a block.
const BLOCK: usize = 4;

/// Everything a depthwise convolution of int16 activations needs besides these.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseI16<'a> {
    /// Shapes; the output's channels are the input's times `multiplier`.
    pub geometry: Geometry,
    /// Output channels of one input channel.
    pub multiplier: usize,
    /// `[KH, KW, C * multiplier]`.
    pub weights: &'a [i8],
    /// Bias, factors, rounding and clamp.
    pub stage: StageI16<'a>,
}

impl DepthwiseI16<'_> {
    /// True when every slice is as long as the layer needs.
    fn fits(&self, io: &Io<i16>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.kernel_area());
        self.geometry.fits(io) && self.stage.suffices(outputs) && self.weights.len() >= weights
    }
}

/// Computes the convolution in blocks of output channels.
pub fn depthwise_i16(layer: &DepthwiseI16, io: &mut Io<i16>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let [height, width, outputs] = layer.geometry.output;
    let mut at: usize = 0;
    for y in 0..height {
        let rows = Span::of_window(&layer.geometry, 0, y);
        for x in 0..width {
            let window = [rows, Span::of_window(&layer.geometry, 1, x)];
            let mut o = 0;
            while outputs.wrapping_sub(o) >= BLOCK && layer.multiplier == 1 {
                block::<BLOCK>(layer, io, window, o, at);
                o = o.wrapping_add(BLOCK);
                at = at.wrapping_add(BLOCK);
            }
            while o < outputs {
                block::<1>(layer, io, window, o, at);
                o = o.wrapping_add(1);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// Output channels `o .. o + N` of a window, written from element `at` on. `N` is 1 unless the multiplier is.
#[inline]
fn block<const N: usize>(layer: &DepthwiseI16, io: &mut Io<i16>, [rows, columns]: [Span; 2], o: usize, at: usize) {
    let geometry = &layer.geometry;
    let [_, width, channels] = geometry.input;
    let [_, _, outputs] = geometry.output;
    let mut sums = Sums::<N>::new();
    let pixel = rows.source.wrapping_mul(width).wrapping_add(columns.source);
    let channel = o.checked_div(layer.multiplier).unwrap_or(0);
    let mut row_input = pixel.wrapping_mul(channels).wrapping_add(channel);
    let mut tap = rows.tap.wrapping_mul(geometry.kernel[1]).wrapping_add(columns.tap);
    for _ in 0..rows.count {
        let mut input = row_input;
        let mut weight = tap.wrapping_mul(outputs).wrapping_add(o);
        for _ in 0..columns.count {
            sums.add(load(io.input(), input), load(layer.weights, weight));
            input = input.wrapping_add(geometry.dilation[1].wrapping_mul(channels));
            weight = weight.wrapping_add(outputs);
        }
        row_input = row_input.wrapping_add(geometry.dilation[0].wrapping_mul(width).wrapping_mul(channels));
        tap = tap.wrapping_add(geometry.kernel[1]);
    }
    for (index, sum) in sums.total().into_iter().enumerate() {
        io.set(at.wrapping_add(index), layer.stage.apply(o.wrapping_add(index), sum));
    }
}

/// `N` elements from `start`; zeros if they do not fit.
#[inline]
fn load<T: Copy + Default, const N: usize>(elements: &[T], start: usize) -> [T; N] {
    range(elements, start, N).first_chunk().copied().unwrap_or([T::default(); N])
}
