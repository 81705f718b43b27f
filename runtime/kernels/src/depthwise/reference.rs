//! DepthwiseConv2D as its formula. Input and output must not overlap.

use super::{DepthwiseF32, DepthwiseI8};
use crate::Io;
use crate::conv2d::Geometry;

/// The convolution that every `depthwise_i8` kernel equals to the bit.
pub fn depthwise_i8_reference(layer: &DepthwiseI8, io: &mut Io<i8>) {
    let mut at: usize = 0;
    for_each_output(&layer.geometry, |pixel, o| {
        let mut acc = layer.bias.get(o).copied().unwrap_or(0);
        for_each_tap(&layer.geometry, layer.multiplier, pixel, o, |source, weight| {
            let x = source.and_then(|source| io.input().get(source).copied()).unwrap_or(layer.padding_value);
            let w = layer.weights.get(weight).copied().unwrap_or(0);
            acc = acc.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)));
        });
        io.set(at, layer.stage.apply(acc, layer.requant.at(o)));
        at = at.wrapping_add(1);
    });
}

/// The convolution that every `depthwise_f32` kernel equals to the bit.
pub fn depthwise_f32_reference(layer: &DepthwiseF32, io: &mut Io<f32>) {
    let mut at: usize = 0;
    for_each_output(&layer.geometry, |pixel, o| {
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for_each_tap(&layer.geometry, layer.multiplier, pixel, o, |source, weight| {
            if let Some(source) = source {
                let x = io.input().get(source).copied().unwrap_or(0.0);
                acc += x * layer.weights.get(weight).copied().unwrap_or(0.0);
            }
        });
        io.set(at, layer.clamp.apply(acc));
        at = at.wrapping_add(1);
    });
}

/// Calls `visit((y, x), o)` for every output element in the order of memory.
pub(super) fn for_each_output(geometry: &Geometry, mut visit: impl FnMut((usize, usize), usize)) {
    let [height, width, outputs] = geometry.output;
    for y in 0..height {
        for x in 0..width {
            for o in 0..outputs {
                visit((y, x), o);
            }
        }
    }
}

/// Calls `visit(input element or None outside the image, weight element)` for every window position.
pub(super) fn for_each_tap(
    geometry: &Geometry,
    multiplier: usize,
    pixel: (usize, usize),
    o: usize,
    mut visit: impl FnMut(Option<usize>, usize),
) {
    let [_, _, channels] = geometry.input;
    let [_, _, outputs] = geometry.output;
    let c = o.checked_div(multiplier).unwrap_or(0);
    let [height, width] = geometry.kernel;
    for i in 0..height {
        for j in 0..width {
            let source = geometry.source_pixel(pixel, (i, j)).map(|at| at.wrapping_mul(channels).wrapping_add(c));
            let window = i.wrapping_mul(width).wrapping_add(j);
            visit(source, window.wrapping_mul(outputs).wrapping_add(o));
        }
    }
}
