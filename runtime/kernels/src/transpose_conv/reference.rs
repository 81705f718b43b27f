//! TransposeConv2D as its formula. Input and output must not overlap.

use super::{TransposeConvF32, TransposeConvI8, TransposeGeometry};
use crate::Io;

/// The transposed convolution that every `transpose_conv_i8` kernel equals to the bit.
pub fn transpose_conv_i8_reference(layer: &TransposeConvI8, io: &mut Io<i8>) {
    let mut at: usize = 0;
    for_each_output(&layer.geometry, |pixel, o| {
        let mut acc = layer.bias.get(o).copied().unwrap_or(0);
        for_each_product(&layer.geometry, pixel, o, |source, weight| {
            let x = io.input().get(source).copied().unwrap_or(0);
            let w = layer.weights.get(weight).copied().unwrap_or(0);
            let x = i32::from(x).wrapping_sub(i32::from(layer.input_zero_point));
            acc = acc.wrapping_add(x.wrapping_mul(i32::from(w)));
        });
        io.set(at, layer.stage.apply(acc, layer.requant.at(o)));
        at = at.wrapping_add(1);
    });
}

/// The transposed convolution that every `transpose_conv_f32` kernel equals to the bit.
pub fn transpose_conv_f32_reference(layer: &TransposeConvF32, io: &mut Io<f32>) {
    let mut at: usize = 0;
    for_each_output(&layer.geometry, |pixel, o| {
        let mut acc = layer.bias.get(o).copied().unwrap_or(0.0);
        for_each_product(&layer.geometry, pixel, o, |source, weight| {
            let x = io.input().get(source).copied().unwrap_or(0.0);
            acc += x * layer.weights.get(weight).copied().unwrap_or(0.0);
        });
        io.set(at, layer.clamp.apply(acc));
        at = at.wrapping_add(1);
    });
}

/// Calls `visit((y, x), o)` for every output element in the order of memory.
fn for_each_output(geometry: &TransposeGeometry, mut visit: impl FnMut((usize, usize), usize)) {
    let [height, width, outputs] = geometry.output;
    for y in 0..height {
        for x in 0..width {
            for o in 0..outputs {
                visit((y, x), o);
            }
        }
    }
}

/// Calls `visit(input element, weight element)` for every product of output `[y, x, o]`, in the order of the input:
/// with the taps from the last to the first.
fn for_each_product(
    geometry: &TransposeGeometry,
    (y, x): (usize, usize),
    o: usize,
    mut visit: impl FnMut(usize, usize),
) {
    let [_, width, channels] = geometry.input;
    let group_channels = geometry.group_channels();
    let group_outputs = geometry.output[2].checked_div(geometry.groups).unwrap_or(0);
    let first = o.checked_div(group_outputs).unwrap_or(0).wrapping_mul(group_channels);
    for i in (0..geometry.kernel[0]).rev() {
        let Some(row) = geometry.source(0, y, i) else { continue };
        for j in (0..geometry.kernel[1]).rev() {
            let Some(column) = geometry.source(1, x, j) else { continue };
            let pixel = row.wrapping_mul(width).wrapping_add(column);
            for c in 0..group_channels {
                let source = pixel.wrapping_mul(channels).wrapping_add(first).wrapping_add(c);
                visit(source, geometry.weight_index(o, (i, j), c));
            }
        }
    }
}
