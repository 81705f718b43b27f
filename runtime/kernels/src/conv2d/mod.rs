//! Conv2D and the geometry all windowed operators share.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', O]`.
//! - weights: `[O, KH, KW, C / groups]`, or the same numbers in another order, see [`Packing`].
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j, c) of input[y * sh + i * dh - top, x * sw + j * dw - left, c] * weight[o, i, j, c])`
//! - Positions outside the image read as `padding_value`, the input's zero point. The host has folded the
//!   zero point into the bias (`bias[o] = b[o] - zero_point * sum(weight[o])`), so kernels multiply raw `i8`.
//! - Accumulators are `i32` and wrap; the host proves that they do not.
//! - Overlapping input and output: pixels are written in raster order, in groups of a few,
//!   each after all its inputs have been read. So the output of pixel `p` must not touch an
//!   input of a pixel after `p`; it may touch those of `p` itself. The reference kernels want them disjoint.
//!   Packings with another order say so ([`Packing::pixel_order`]).
//!
//! Float convolutions start each sum at the bias and add the products in the order `(i, j, c)`; positions
//! outside the image read as `0.0` and are multiplied and added like any other, so that every kernel gives
//! the same bits. Their overlap rule is stricter: the output of pixel `p` must not touch an input of `p` either.

mod asymmetric;
pub(crate) mod float;
mod hybrid;
mod int16;
pub(crate) mod portable;
mod reference;

pub use crate::registry::conv2d_f32;
pub use asymmetric::{AsymmetricConv2dI8, asymmetric_conv2d_i8};
pub use hybrid::{Conv2dHybrid, conv2d_hybrid};
pub use int16::{Conv2dI16, conv2d_i16};
pub use reference::{
    asymmetric_conv2d_i8_reference, conv2d_f32_reference, conv2d_hybrid_reference, conv2d_i8_reference,
    conv2d_i16_reference,
};

pub use crate::packing::Packing;

use crate::io::volume;
use crate::numerics::{ClampF32, OutputStage, Requant};
use crate::packing::{Storage, Taps};
use crate::{Io, Token};

/// Output pixels of a tile of the dual-multiply kernels.
pub const PIXEL_TILE: usize = 4;

/// Shape of a windowed operator on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height, width and channels of the output.
    pub output: [usize; 3],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Distance between taps along height and width.
    pub dilation: [usize; 2],
    /// Padding above and to the left; below and to the right it follows from the output size.
    pub pad: [usize; 2],
    /// Channel groups; 1 for an ordinary convolution.
    pub groups: usize,
}

impl Geometry {
    /// Weights of one output channel.
    #[inline]
    pub fn taps(&self) -> usize {
        let channels = self.input[2].checked_div(self.groups).unwrap_or(0);
        self.kernel[0].wrapping_mul(self.kernel[1]).wrapping_mul(channels)
    }

    /// Positions of a window.
    #[inline]
    pub(crate) fn kernel_area(&self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
    }

    /// The taps of one output channel, a run for each row of the window.
    pub fn runs(&self) -> Taps {
        let rows = self.kernel[0];
        Taps { rows, run: self.taps().checked_div(rows).unwrap_or(0) }
    }

    /// True when there are a whole image to read and another to write.
    #[inline(never)]
    pub(crate) fn fits<T>(&self, io: &Io<T>) -> bool {
        io.has(volume(self.input), volume(self.output))
    }

    /// True when there are also biases and factors for all output channels.
    #[inline(never)]
    pub(crate) fn fits_layer<T>(&self, io: &Io<T>, requant: &Requant, bias: &[i32]) -> bool {
        requant.suffices(bias, self.output[2]) && self.fits(io)
    }

    /// Output pixels.
    #[inline]
    pub fn pixels(&self) -> usize {
        self.output[0].wrapping_mul(self.output[1])
    }

    /// True when each window is one pixel and none lies outside the image.
    #[inline]
    pub fn is_pointwise(&self) -> bool {
        // A blob may ask for more windows than the image has room for.
        let lies_inside =
            |output: usize, stride: usize, input: usize| output.wrapping_sub(1).wrapping_mul(stride) < input;
        let is_single = self.kernel == [1, 1] && self.pad == [0, 0] && self.groups == 1;
        is_single
            && lies_inside(self.output[0], self.stride[0], self.input[0])
            && lies_inside(self.output[1], self.stride[1], self.input[1])
    }

    /// The input pixel (`row * width + column`) of tap `(i, j)` of output pixel `(y, x)`, or `None` outside the
    /// image.
    #[inline]
    pub fn source_pixel(&self, (y, x): (usize, usize), (i, j): (usize, usize)) -> Option<usize> {
        let row = self.source(0, y, i)?;
        Some(row.wrapping_mul(self.input[1]).wrapping_add(self.source(1, x, j)?))
    }

    /// Row and column of the input under tap `[i, j]` of output pixel `[y, x]`, or `None` outside the image.
    pub(crate) fn source_at(&self, [y, x]: [usize; 2], [i, j]: [usize; 2]) -> Option<[usize; 2]> {
        Some([self.source(0, y, i)?, self.source(1, x, j)?])
    }

    /// The taps of output position `position` that lie inside the image along an axis: the input row or column
    /// of the first, and how many there are, `dilation` apart.
    #[inline(never)]
    pub fn clipped(&self, axis: usize, position: usize) -> (usize, usize) {
        let field = |values: &[usize; 2]| values.get(axis).copied().unwrap_or(1);
        let (dilation, pad, taps) = (field(&self.dilation), field(&self.pad), field(&self.kernel));
        let extent = self.input.get(axis).copied().unwrap_or(0);
        let at = position.wrapping_mul(field(&self.stride));
        let outside = pad.saturating_sub(at);
        let skipped = if dilation == 1 { outside } else { outside.div_ceil(dilation.max(1)) };
        let first = at.wrapping_add(skipped.wrapping_mul(dilation)).wrapping_sub(pad);
        let Some(room) = extent.checked_sub(first).filter(|&room| room > 0) else { return (0, 0) };
        let inside = if dilation == 1 { room } else { room.div_ceil(dilation.max(1)) };
        (first, taps.saturating_sub(skipped).min(inside))
    }

    /// True when the taps of a row of the window are neighbours.
    pub fn has_runs(&self) -> bool {
        self.dilation[1] == 1 || self.kernel[1] == 1
    }

    /// True when no window reaches beyond the image, and the taps of a row are neighbours.
    pub fn windows_lie_inside(&self) -> bool {
        let lies_inside = |axis: usize| {
            let field = |values: &[usize]| values.get(axis).copied().unwrap_or(0).wrapping_sub(1);
            let last = (field(&self.output), field(&self.kernel));
            self.source(axis, 0, 0).is_some() && self.source(axis, last.0, last.1).is_some()
        };
        lies_inside(0) && lies_inside(1) && self.has_runs()
    }

    /// The input row (axis 0) or column (axis 1) of tap `tap` of output position `position`, or `None`
    /// outside the image.
    #[inline]
    pub fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let stride = self.stride.get(axis)?;
        let dilation = self.dilation.get(axis)?;
        let at = position.wrapping_mul(*stride).wrapping_add(tap.wrapping_mul(*dilation));
        let at = at.checked_sub(*self.pad.get(axis)?)?;
        (at < *self.input.get(axis)?).then_some(at)
    }
}

/// Everything an int8 convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dI8<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// What positions outside the image read as: the input's zero point.
    pub padding_value: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// Order of `weights`.
    pub packing: Packing,
    /// What each of them is in memory.
    pub storage: Storage,
    /// See [`Packing`].
    pub weights: &'a [i8],
    /// `[O]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
    /// What the processor can do.
    pub token: Token,
}

impl Conv2dI8<'_> {
    /// True when input, output and constants are as long as the layer needs, `weight_len` bytes of weights among them:
    /// what each kernel asks for first. Scratch is for the kernel that cuts it.
    #[inline]
    pub(crate) fn fits(&self, io: &Io<i8>, weight_len: usize) -> bool {
        self.weights.len() >= weight_len && self.geometry.fits_layer(io, &self.requant, self.bias)
    }

    /// Bytes of weights in the layer's packing.
    pub(crate) fn weight_len(&self) -> usize {
        self.packing.weight_len(self.storage, self.geometry.output[2], self.geometry.taps())
    }

    /// Weight `tap` of output channel `output`.
    pub(crate) fn weight_at(&self, output: usize, tap: usize) -> i8 {
        let Geometry { output: [_, _, outputs], .. } = self.geometry;
        self.packing.weight_at(self.storage, [outputs, output], self.geometry.runs(), self.weights, tap)
    }
}

/// Everything a float convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dF32<'a> {
    /// Shapes.
    pub geometry: Geometry,
    /// Fused activation.
    pub clamp: ClampF32,
    /// `[O, KH, KW, C / groups]`.
    pub weights: &'a [f32],
    /// `[O]`.
    pub bias: &'a [f32],
    /// What the processor can do.
    pub token: Token,
}

impl Conv2dF32<'_> {
    /// True when every slice is as long as the layer needs.
    pub(crate) fn fits(&self, io: &Io<f32>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.taps());
        self.geometry.fits(io) && self.bias.len() >= outputs && self.weights.len() >= weights
    }
}

/// Bytes of scratch [`conv2d_i8`] needs.
pub fn conv2d_i8_scratch_len(geometry: &Geometry, packing: Packing, storage: Storage) -> usize {
    let widened = packing.widened_len(storage, geometry.output[2], geometry.taps());
    packing.conv2d_scratch(geometry).saturating_add(widened)
}

/// Computes the convolution with the fastest kernel this target has for the layer's packing.
///
/// `scratch` has at least [`conv2d_i8_scratch_len`] bytes and is 4-byte aligned.
// Not inlined: its frame must not lie below that of reading the record.
#[inline(never)]
pub fn conv2d_i8(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if Storage::ANY_NARROW && layer.storage != Storage::Bits8 {
        return widened(layer, io, scratch);
    }
    Packing::conv2d(layer, io, scratch);
}

/// The same for weights of fewer than eight bits.
// Not inlined: layers of bytes must not pay for it in stack.
#[inline(never)]
fn widened(layer: &Conv2dI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let widening = layer.packing.widening(layer.storage, layer.geometry.output[2], layer.geometry.taps());
    let Some((weights, scratch)) = widening.run(layer.weights, scratch) else { return io.refuse() };
    Packing::conv2d(&Conv2dI8 { storage: Storage::Bits8, weights, ..*layer }, io, scratch);
}
