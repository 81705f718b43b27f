//! TransposeConv2D as its formula. Input and output must not overlap.

use super::{TransposeConvF32, TransposeConvI8, TransposeConvI16, TransposeGeometry};
use crate::Io;
use crate::formula::{Tensor, Wrapping, long_product, positions};

/// The transposed convolution that every `transpose_conv_i8` kernel equals to the bit.
pub fn transpose_conv_i8_reference(layer: &TransposeConvI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = Wrapping(layer.bias.get(o).copied().unwrap_or(0));
        for (source, weight) in products(geometry, [y, x, o]) {
            let weight = Wrapping(i32::from(layer.weights.get(weight).copied().unwrap_or(0)));
            acc += (Wrapping(i32::from(input.at(source))) - Wrapping(i32::from(layer.input_zero_point))) * weight;
        }
        io.set(at, layer.stage.apply(acc.0, layer.requant.at(o)));
    }
}

/// The transposed convolution that every `transpose_conv_i16` kernel equals to the bit.
pub fn transpose_conv_i16_reference(layer: &TransposeConvI16, io: &mut Io<i16>) {
    let geometry = &layer.geometry;
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut sum = Wrapping(0);
        for (source, weight) in products(geometry, [y, x, o]) {
            sum += long_product(input.at(source), layer.weights.get(weight).copied().unwrap_or(0));
        }
        io.set(at, layer.stage.apply(o, sum.0));
    }
}

/// The transposed convolution that every `transpose_conv_f32` kernel equals to the bit.
pub fn transpose_conv_f32_reference(layer: &TransposeConvF32, io: &mut Io<f32>) {
    let geometry = &layer.geometry;
    for (at, [y, x, o]) in positions(geometry.output).enumerate() {
        let input = Tensor::new(io.input(), geometry.input);
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for (source, weight) in products(geometry, [y, x, o]) {
            acc += input.at(source) * layer.weights.get(weight).copied().unwrap_or(0.0);
        }
        io.set(at, layer.clamp.apply(acc));
    }
}

/// Input `[row, column, c]` and the number of the weight that it meets, for every product of output `[y, x, o]`, in the
/// order of the input: with the taps from the last to the first.
fn products(
    geometry: &TransposeGeometry,
    [y, x, o]: [usize; 3],
) -> impl Iterator<Item = ([usize; 3], usize)> + use<'_> {
    let [height, width] = geometry.kernel;
    let channels = geometry.group_channels();
    let outputs = geometry.output[2].checked_div(geometry.groups).unwrap_or(0);
    let first = o.checked_div(outputs).unwrap_or(0).wrapping_mul(channels);
    positions([height, width, channels]).filter_map(move |[up, left, c]| {
        let (i, j) = (height.wrapping_sub(1).wrapping_sub(up), width.wrapping_sub(1).wrapping_sub(left));
        let (row, column) = (geometry.source(0, y, i)?, geometry.source(1, x, j)?);
        Some(([row, column, first.wrapping_add(c)], geometry.weight_index(o, (i, j), c)))
    })
}
