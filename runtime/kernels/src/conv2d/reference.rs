//! Conv2D as its formula: one loop per letter. Input and output must not overlap.

use super::{Conv2dF32, Conv2dI8, Geometry};
use crate::Io;

/// The convolution that every `conv2d_i8` kernel equals to the bit, in any packing.
pub fn conv2d_i8_reference(layer: &Conv2dI8, io: &mut Io<i8>) {
    let geometry = &layer.geometry;
    for (output_index, place) in places(geometry).enumerate() {
        let mut acc = layer.bias.get(place.output).copied().unwrap_or(0);
        for tap in 0..geometry.taps() {
            let x = source(geometry, place, tap).and_then(|at| io.input().get(at).copied());
            let x = i32::from(x.unwrap_or(layer.padding_value));
            let w = i32::from(layer.weight_at(place.output, tap));
            acc = acc.wrapping_add(x.wrapping_mul(w));
        }
        io.set(output_index, layer.stage.apply(acc, layer.requant.at(place.output)));
    }
}

/// The convolution that every `conv2d_f32` kernel equals to the bit.
pub fn conv2d_f32_reference(layer: &Conv2dF32, io: &mut Io<f32>) {
    let geometry = &layer.geometry;
    for (output_index, place) in places(geometry).enumerate() {
        let mut acc = layer.bias.get(place.output).copied().unwrap_or(0.0);
        for tap in 0..geometry.taps() {
            let x = source(geometry, place, tap).and_then(|at| io.input().get(at).copied()).unwrap_or(0.0);
            let at = place.output.wrapping_mul(geometry.taps()).wrapping_add(tap);
            acc += x * layer.weights.get(at).copied().unwrap_or(0.0);
        }
        io.set(output_index, layer.clamp.apply(acc));
    }
}

/// One output element.
#[derive(Clone, Copy)]
pub(super) struct Place {
    y: usize,
    x: usize,
    pub(super) output: usize,
}

/// Every output element in the order of memory.
pub(super) fn places(geometry: &Geometry) -> impl Iterator<Item = Place> {
    let [height, width, outputs] = geometry.output;
    (0..height).flat_map(move |y| (0..width).flat_map(move |x| (0..outputs).map(move |output| Place { y, x, output })))
}

/// The input element of tap `tap = (i * KW + j) * C / groups + c`, `None` outside the image.
pub(super) fn source(geometry: &Geometry, place: Place, tap: usize) -> Option<usize> {
    let [_, _, channels] = geometry.input;
    let group_channels = channels.checked_div(geometry.groups)?;
    let group_outputs = geometry.output[2].checked_div(geometry.groups)?;
    let group = place.output.checked_div(group_outputs)?;
    let c = tap.checked_rem(group_channels)?;
    let window = tap.checked_div(group_channels)?;
    let (i, j) = (window.checked_div(geometry.kernel[1])?, window.checked_rem(geometry.kernel[1])?);
    let pixel = geometry.source_pixel((place.y, place.x), (i, j))?;
    Some(pixel.wrapping_mul(channels).wrapping_add(group.wrapping_mul(group_channels)).wrapping_add(c))
}
