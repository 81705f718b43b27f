//! Conv2D as its formula. Input and output must not overlap.

use super::{AsymmetricConv2dI8, Conv2dF32, Conv2dHybrid, Conv2dI8, Conv2dI16, Geometry};
use crate::Io;
use crate::formula::{Tensor, Wrapping, long_product, positions, product};

/// The convolution that every `conv2d_i8` kernel equals to the bit, in any packing.
pub fn conv2d_i8_reference(layer: &Conv2dI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = Wrapping(layer.bias.get(o).copied().unwrap_or(0));
        for (tap, [i, j, c]) in taps(geometry).enumerate() {
            let element = source(geometry, [y, x, o], [i, j, c]).map_or(layer.padding_value, |source| input.at(source));
            acc += product(element, layer.weight_at(o, tap));
        }
        io.set(at, layer.stage.apply(acc.0, layer.requant.at(o)));
    }
}

/// The convolution with asymmetric weights that every `asymmetric_conv2d_i8` kernel equals to the bit.
pub fn asymmetric_conv2d_i8_reference(layer: &AsymmetricConv2dI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let zero_point = layer.zero_points.get(o).copied().unwrap_or(0);
        let mut acc = Wrapping(layer.bias.get(o).copied().unwrap_or(0));
        for [i, j, c] in taps(geometry) {
            if let Some(source) = source(geometry, [y, x, o], [i, j, c]) {
                let element = Wrapping(input.at(source).into()) - Wrapping(i32::from(layer.input_zero_point));
                let weight = Wrapping(weights.at([o, i, j, c]).into()) - Wrapping(i32::from(zero_point));
                acc += element * weight;
            }
        }
        io.set(at, layer.stage.apply(acc.0, layer.requant.at(o)));
    }
}

/// The convolution that every `conv2d_i16` kernel equals to the bit.
pub fn conv2d_i16_reference(layer: &Conv2dI16, io: &mut Io<i16>) {
    let geometry = &layer.geometry;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut sum = Wrapping(0);
        for [i, j, c] in taps(geometry) {
            let element = source(geometry, [y, x, o], [i, j, c]).map_or(0, |source| input.at(source));
            sum += long_product(element, weights.at([o, i, j, c]));
        }
        io.set(at, layer.stage.apply(o, sum.0));
    }
}

/// The convolution that every `conv2d_f32` kernel equals to the bit.
pub fn conv2d_f32_reference(layer: &Conv2dF32, io: &mut Io<f32>) {
    let geometry = &layer.geometry;
    let weights = Tensor::new(layer.weights, weight_shape(geometry));
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for [i, j, c] in taps(geometry) {
            let element = source(geometry, [y, x, o], [i, j, c]).map_or(0.0, |source| input.at(source));
            acc += element * weights.at([o, i, j, c]);
        }
        io.set(at, layer.clamp.apply(acc));
    }
}

/// The convolution that every `conv2d_hybrid` kernel equals to the bit.
pub fn conv2d_hybrid_reference(layer: &Conv2dHybrid, io: &mut Io<f32>) {
    let geometry = &layer.geometry;
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let first = o.wrapping_mul(geometry.taps());
        let mut sum = 0.0_f32;
        for (tap, [i, j, c]) in taps(geometry).enumerate() {
            let element = source(geometry, [y, x, o], [i, j, c]).map_or(0.0, |source| input.at(source));
            sum += element * layer.weight(o, first.wrapping_add(tap));
        }
        io.set(at, layer.stage(o, sum));
    }
}

/// Channels of a group, on the input's side and on the output's.
fn group_channels(geometry: &Geometry) -> [usize; 2] {
    [geometry.input[2], geometry.output[2]].map(|channels| channels.checked_div(geometry.groups).unwrap_or(0))
}

/// `[O, KH, KW, C / groups]`.
fn weight_shape(geometry: &Geometry) -> [usize; 4] {
    let ([height, width], [channels, _]) = (geometry.kernel, group_channels(geometry));
    [geometry.output[2], height, width, channels]
}

/// `[i, j, c]` of each weight of an output channel.
fn taps(geometry: &Geometry) -> impl Iterator<Item = [usize; 3]> {
    let [_, height, width, channels] = weight_shape(geometry);
    positions([height, width, channels])
}

/// The input that weight `[o, i, j, c]` meets for output `[y, x, o]`; `None` outside the image.
fn source(geometry: &Geometry, [y, x, o]: [usize; 3], [i, j, c]: [usize; 3]) -> Option<[usize; 3]> {
    let [channels, outputs] = group_channels(geometry);
    let group = o.checked_div(outputs)?;
    let [row, column] = geometry.source_at([y, x], [i, j])?;
    Some([row, column, group.wrapping_mul(channels).wrapping_add(c)])
}
