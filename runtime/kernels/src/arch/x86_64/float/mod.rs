//! Layers of floats with vectors of eight or sixteen: output channels are lanes.
//!
//! The order in which one sum adds is fixed, and a product is rounded before it is added (`docs/numerics.md`), so vectors do
//! not run along the taps, and nothing is fused. A vector has a sum of each of its channels, all of which meet the same input,
//! copied to all lanes.
//!
//! The loops are generic over [`Wide`], which has an implementation for each width (`wide.rs`).

mod add;
mod conv2d;
mod depthwise;
mod padded;
mod single;
mod wide;

use super::Found;
use crate::Io;
use crate::conv2d::{Conv2dF32, Geometry};
use crate::depthwise::DepthwiseF32;
use crate::fully_connected::FullyConnectedF32;
use crate::numerics::ClampF32;
pub(crate) use add::add_f32;
use wide::Wide;

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

/// Channels that a vector of eight has room for.
const FEW: usize = 8;

/// See [`crate::conv2d::conv2d_f32`].
pub(crate) fn conv2d_f32(layer: &Conv2dF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Conv2dF32 { geometry, clamp, weights, bias, .. } = *layer;
    let dense = Dense { geometry, clamp, weights, bias, is_inside: geometry.windows_lie_inside() };
    if !dense.run_on(layer.token.0, io) {
        crate::conv2d::float::conv2d_f32(layer, io);
    }
}

/// See [`crate::fully_connected::fully_connected_f32`].
pub(crate) fn fully_connected_f32(layer: &FullyConnectedF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let FullyConnectedF32 { rows, taps, outputs, clamp, weights, bias, .. } = *layer;
    let (one, input, output) = ([1, 1], [1, rows, taps], [1, rows, outputs]);
    let geometry = Geometry { input, output, kernel: one, stride: one, dilation: one, pad: [0, 0], groups: 1 };
    let dense = Dense { geometry, clamp, weights, bias, is_inside: true };
    if !dense.run_on(layer.token.0, io) {
        crate::fully_connected::float::fully_connected_f32(layer, io);
    }
}

/// See [`crate::depthwise::depthwise_f32`].
pub(crate) fn depthwise_f32(layer: &DepthwiseF32, io: &mut Io<f32>) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let channels = layer.geometry.output[2];
    let is_plain = layer.multiplier == 1 && layer.geometry.input[2] == channels;
    if is_plain && is_counted(&layer.geometry, layer.geometry.kernel_area()) {
        match layer.token.0 {
            Found::Avx512Vnni(proof) if FEW < channels => return proof.depthwise(layer, io),
            found => {
                if let Some(proof) = found.avx2() {
                    return proof.depthwise(layer, io);
                }
            }
        }
    }
    crate::depthwise::float::depthwise_f32(layer, io);
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

impl Dense<'_> {
    /// Runs with the vectors that the processor has and the channels fill. False for layers that are left to the portable
    /// kernel.
    fn run_on(&self, found: Found, io: &mut Io<f32>) -> bool {
        match (found, io) {
            // The kernels write outputs while inputs are still needed.
            (_, Io::Overlapped { .. }) | (Found::Plain, _) => false,
            (Found::Avx512Vnni(proof), Io::Split { input, output }) if FEW < self.geometry.output[2] => {
                self.run(proof, input, output)
            }
            (found, Io::Split { input, output }) => found.avx2().is_some_and(|proof| self.run(proof, input, output)),
        }
    }

    /// False for layers that are left to the portable kernel. All slices are as long as the layer needs.
    fn run<W: Wide<L, P>, const L: usize, const P: usize>(&self, wide: W, input: &[f32], output: &mut [f32]) -> bool {
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
