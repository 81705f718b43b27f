//! Layers of floats with vectors: output channels are lanes.
//!
//! The order in which one sum adds is fixed, and a product is rounded before it is added (`docs/numerics.md`), so vectors do
//! not run along the taps, and nothing is fused. A vector has a sum of each of its channels, all of which meet the same input,
//! copied to all lanes.
//!
//! The loops are generic over [`Wide`], which each instruction set implements for its widths.

pub(super) mod add;
pub(super) mod conv2d;
pub(super) mod depthwise;
mod padded;
pub(super) mod single;
mod wide;

use crate::conv2d::{Conv2dF32, Geometry};
use crate::depthwise::DepthwiseF32;
use crate::elementwise::{Broadcast, Operand};
use crate::fully_connected::FullyConnectedF32;
use crate::io::Io;
use crate::numerics::ClampF32;
pub(super) use wide::Wide;

/// True when no product or sum about the layer wraps: neither where elements, weights and taps are, nor where windows lie. What
/// the kernels do with pointers rests upon it; that there are so many elements, [`Conv2dF32::fits`] and its like have asked.
fn is_counted(geometry: &Geometry, taps: usize) -> bool {
    let volume = |[a, b, c]: [usize; 3]| a.checked_mul(b)?.checked_mul(c)?.checked_mul(size_of::<f32>());
    let reach = |axis: usize| {
        let field = |values: &[usize]| values.get(axis).copied();
        let last = field(&geometry.output)?.checked_sub(1)?.checked_mul(field(&geometry.stride)?)?;
        last.checked_add(field(&geometry.kernel)?.checked_sub(1)?.checked_mul(field(&geometry.dilation)?)?)
    };
    let is_counted = volume(geometry.input).is_some() && volume(geometry.output).is_some();
    let [height, width] = geometry.kernel;
    let has_windows = reach(0).is_some() && reach(1).is_some() && volume([height, width, geometry.input[2]]).is_some();
    is_counted && has_windows && taps.checked_mul(geometry.output[2]).is_some()
}

/// A convolution without groups, or a matrix as a row of pixels.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    geometry: Geometry,
    clamp: ClampF32,
    /// `[O, KH, KW, C]`.
    weights: &'a [f32],
    bias: &'a [f32],
    /// True when no window reaches beyond the image, and the taps of a row are neighbours.
    is_inside: bool,
}

/// True for a depthwise layer that [`Wide::depthwise`] takes, if it fits.
pub(super) fn takes_depthwise(layer: &DepthwiseF32<'_>) -> bool {
    let is_plain = layer.multiplier == 1 && layer.geometry.input[2] == layer.geometry.output[2];
    is_plain && is_counted(&layer.geometry, layer.geometry.kernel_area())
}

/// The second operand of an addition that [`Wide::add_all`] takes: one of the same shape.
pub(super) fn operand_of_sum<'b>(io: &mut Io<f32>, b: &Operand<'b, f32>) -> Option<&'b [f32]> {
    let len = io.input().len();
    match *b {
        Operand::Slice(elements, Broadcast { inner: 1, len: all }) => {
            (all == len && elements.len() >= len && io.output().len() == len).then_some(elements)
        }
        _ => None,
    }
}

impl<'a> Dense<'a> {
    /// A convolution whose slices are as long as it needs.
    pub(super) fn of_conv2d(layer: &Conv2dF32<'a>) -> Self {
        let Conv2dF32 { geometry, clamp, weights, bias, .. } = *layer;
        Dense { geometry, clamp, weights, bias, is_inside: geometry.windows_lie_inside() }
    }

    /// A matrix, likewise.
    pub(super) fn of_fully_connected(layer: &FullyConnectedF32<'a>) -> Self {
        let FullyConnectedF32 { rows, taps, outputs, clamp, weights, bias, .. } = *layer;
        let (one, input, output) = ([1, 1], [1, rows, taps], [1, rows, outputs]);
        let geometry = Geometry { input, output, kernel: one, stride: one, dilation: one, pad: [0, 0], groups: 1 };
        Dense { geometry, clamp, weights, bias, is_inside: true }
    }

    /// Output channels.
    #[cfg(kinglet_isa = "x86_64")]
    pub(super) fn outputs(&self) -> usize {
        self.geometry.output[2]
    }

    /// False for layers that are left to the portable kernel. All slices are as long as the layer needs.
    pub(super) fn run<W: Wide<L, P>, const L: usize, const P: usize>(
        &self,
        wide: W,
        input: &[f32],
        output: &mut [f32],
    ) -> bool {
        let Geometry { stride, output: [_, width, _], .. } = self.geometry;
        if !is_counted(&self.geometry, self.geometry.taps()) {
            return false;
        }
        let is_flat = self.geometry.is_pointwise() && stride == [1, 1] && width == self.geometry.input[1];
        if is_flat && self.geometry.pixels() <= P / 2 {
            wide.singles(self, input, output);
            return true;
        }
        if self.geometry.groups != 1 || !self.geometry.has_runs() || self.geometry.taps() == 0 {
            return false;
        }
        if !self.is_inside && padded::runs(wide, self, input, output) {
            return true;
        }
        wide.tiles(self, input, output);
        true
    }
}
