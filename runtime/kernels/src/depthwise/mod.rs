//! DepthwiseConv2D: each output channel sees one input channel.
//!
//! - `input: [H, W, C]`, one image; `output: [H', W', C * multiplier]`.
//! - weights: `[KH, KW, C * multiplier]`, or the same numbers in another order, see [`DepthwisePacking`].
//! - `output[y, x, o] = stage(bias[o] + sum over (i, j) of input[y * sh + i * dh - top, x * sw + j * dw - left, o / multiplier] * weight[i, j, o])`
//! - int8: positions outside the image read as `padding_value`, the input's zero point, which the host has
//!   folded into the bias (`bias[o] = b[o] - zero_point * sum(weight[.., o])`). Accumulators are `i32` and wrap.
//! - float: each sum starts at the bias and adds products in the order `(i, j)`; positions outside the image
//!   are left out.
//! - Overlapping input and output: pixels are written in raster order. The output of pixel `p` must not touch
//!   an input of pixel `p` or of any pixel after it, because a pixel's channels are written block by block.
//!   Packings with another order say so ([`DepthwisePacking::write_order`]).
//! - `geometry.groups` is not read.

pub(crate) mod float;
mod int16;
pub(crate) mod portable;
mod reference;

pub use crate::registry::depthwise_f32;
pub use int16::{DepthwiseI16, depthwise_i16};
pub use reference::{depthwise_f32_reference, depthwise_i8_reference, depthwise_i16_reference};

pub use crate::packing::DepthwisePacking;

use crate::conv2d::Geometry;
use crate::numerics::{ClampF32, OutputStage, Requant};
use crate::packing::Storage;
use crate::{Io, Token};

/// Everything an int8 depthwise convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseI8<'a> {
    /// Shapes; the output's channels are the input's times `multiplier`.
    pub geometry: Geometry,
    /// Output channels of one input channel.
    pub multiplier: usize,
    /// What positions outside the image read as: the input's zero point.
    pub padding_value: i8,
    /// Zero point and clamp of the output.
    pub stage: OutputStage,
    /// Order of `weights`.
    pub packing: DepthwisePacking,
    /// What each of them is in memory.
    pub storage: Storage,
    /// See [`DepthwisePacking`].
    pub weights: &'a [i8],
    /// `[C * multiplier]`, with the input's zero point folded in.
    pub bias: &'a [i32],
    /// One factor for each output channel, or one for all.
    pub requant: Requant<'a>,
    /// What the processor can do.
    pub token: Token,
}

impl DepthwiseI8<'_> {
    /// True when input, output and constants are as long as the layer needs: what each kernel asks for first. No packing
    /// has more places than weights. Scratch is for the kernel that cuts it.
    #[inline(never)]
    pub(crate) fn fits(&self, io: &Io<i8>) -> bool {
        let weights = self.geometry.output[2].saturating_mul(self.geometry.kernel_area());
        self.weights.len() >= weights && self.geometry.fits_layer(io, &self.requant, self.bias)
    }
}

/// Everything a float depthwise convolution needs besides its activations.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseF32<'a> {
    /// Shapes; the output's channels are the input's times `multiplier`.
    pub geometry: Geometry,
    /// Output channels of one input channel.
    pub multiplier: usize,
    /// Fused activation.
    pub clamp: ClampF32,
    /// `[KH, KW, C * multiplier]`.
    pub weights: &'a [f32],
    /// `[C * multiplier]`.
    pub bias: &'a [f32],
    /// What the processor can do.
    pub token: Token,
}

impl DepthwiseF32<'_> {
    /// True when every slice is as long as the layer needs.
    pub(crate) fn fits(&self, io: &Io<f32>) -> bool {
        let outputs = self.geometry.output[2];
        let weights = outputs.saturating_mul(self.geometry.kernel_area());
        self.geometry.fits(io) && self.bias.len() >= outputs && self.weights.len() >= weights
    }
}

/// Bytes of scratch [`depthwise_i8`] needs.
pub fn depthwise_i8_scratch_len(
    geometry: &Geometry,
    _multiplier: usize,
    packing: DepthwisePacking,
    storage: Storage,
) -> usize {
    let widened = packing.widened_len(storage, geometry.output[2], geometry.kernel_area());
    packing.scratch(geometry).saturating_add(widened)
}

/// Computes the convolution with the fastest kernel this target has for the layer's packing.
///
/// `scratch` has at least [`depthwise_i8_scratch_len`] bytes and is 4-byte aligned.
// Not inlined: its frame must not lie below that of reading the record.
#[inline(never)]
pub fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    if Storage::ANY_NARROW && layer.storage != Storage::Bits8 {
        return widened(layer, io, scratch);
    }
    DepthwisePacking::run(layer, io, scratch);
}

/// The same for weights of fewer than eight bits.
// Not inlined: layers of bytes must not pay for it in stack.
#[inline(never)]
fn widened(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    let widening = layer.packing.widening(layer.storage, layer.geometry.output[2], layer.geometry.kernel_area());
    let Some((weights, scratch)) = widening.run(layer.weights, scratch) else { return io.refuse() };
    DepthwisePacking::run(&DepthwiseI8 { storage: Storage::Bits8, weights, ..*layer }, io, scratch);
}
