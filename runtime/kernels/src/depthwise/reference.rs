//! DepthwiseConv2D as its formula. Input and output must not overlap.

use super::{DepthwiseF32, DepthwiseI8, DepthwiseI16};
use crate::Io;
use crate::conv2d::Geometry;
use crate::formula::{Tensor, Wrapping, long_product, positions, product};

/// The convolution that every `depthwise_i8` kernel equals to the bit.
pub fn depthwise_i8_reference(layer: &DepthwiseI8, io: &mut Io<i8>) {
    let DepthwiseI8 { geometry, multiplier, .. } = layer;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = Wrapping(layer.bias.get(o).copied().unwrap_or(0));
        for [i, j] in positions(geometry.kernel) {
            let source = source(geometry, *multiplier, [y, x, o], [i, j]);
            let element = source.map_or(layer.padding_value, |source| input.at(source));
            acc += product(element, weights.at([i, j, o]));
        }
        io.set(at, layer.stage.apply(acc.0, layer.requant.at(o)));
    }
}

/// The convolution that every `depthwise_i16` kernel equals to the bit.
pub fn depthwise_i16_reference(layer: &DepthwiseI16, io: &mut Io<i16>) {
    let DepthwiseI16 { geometry, multiplier, .. } = layer;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut sum = Wrapping(0);
        for [i, j] in positions(geometry.kernel) {
            let element = source(geometry, *multiplier, [y, x, o], [i, j]).map_or(0, |source| input.at(source));
            sum += long_product(element, weights.at([i, j, o]));
        }
        io.set(at, layer.stage.apply(o, sum.0));
    }
}

/// The convolution that every `depthwise_f32` kernel equals to the bit. Positions outside the image are left out.
pub fn depthwise_f32_reference(layer: &DepthwiseF32, io: &mut Io<f32>) {
    let DepthwiseF32 { geometry, multiplier, .. } = layer;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for [i, j] in positions(geometry.kernel) {
            if let Some(source) = source(geometry, *multiplier, [y, x, o], [i, j]) {
                acc += input.at(source) * weights.at([i, j, o]);
            }
        }
        io.set(at, layer.clamp.apply(acc));
    }
}

/// `[KH, KW, C * multiplier]`.
fn weight_shape(geometry: &Geometry) -> [usize; 3] {
    let ([height, width], [_, _, outputs]) = (geometry.kernel, geometry.output);
    [height, width, outputs]
}

/// The input that weight `[i, j, o]` meets for output `[y, x, o]`; `None` outside the image.
fn source(geometry: &Geometry, multiplier: usize, [y, x, o]: [usize; 3], tap: [usize; 2]) -> Option<[usize; 3]> {
    let [row, column] = geometry.source_at([y, x], tap)?;
    Some([row, column, o.checked_div(multiplier)?])
}
