//! What runs blobs for other machines where their packing has no better emulation: any layer, weight by weight.

use super::Order;
use crate::Io;
use crate::conv2d::Geometry;
use crate::depthwise::DepthwiseI8;

/// Any depthwise convolution, pixel by pixel. Needs no scratch.
pub(super) fn depthwise_i8<P: Order>(layer: &DepthwiseI8, io: &mut Io<i8>, _scratch: &mut [i8]) {
    if !layer.fits(io) {
        return io.refuse();
    }
    let Geometry { output: [height, width, outputs], .. } = layer.geometry;
    let mut at: usize = 0;
    for y in 0..height {
        for x in 0..width {
            for output in 0..outputs {
                let value = value::<P>(layer, io.input(), (y, x), output);
                io.set(at, value);
                at = at.wrapping_add(1);
            }
        }
    }
}

/// One output.
fn value<P: Order>(layer: &DepthwiseI8, input: &[i8], pixel: (usize, usize), output: usize) -> i8 {
    let Geometry { input: [_, _, channels], output: [_, _, outputs], kernel: [rows, columns], .. } = layer.geometry;
    let channel = output.checked_div(layer.multiplier).unwrap_or(0);
    let area = rows.wrapping_mul(columns);
    let mut sum = layer.bias.get(output).copied().unwrap_or(0);
    for i in 0..rows {
        for j in 0..columns {
            let source = layer.geometry.source_pixel(pixel, (i, j));
            let source = source.map(|source| source.wrapping_mul(channels).wrapping_add(channel));
            let x = source.and_then(|at| input.get(at).copied()).unwrap_or(layer.padding_value);
            let place = P::place(outputs, area, output, i.wrapping_mul(columns).wrapping_add(j));
            let w = layer.weights.get(place).copied().unwrap_or(0);
            sum = sum.wrapping_add(i32::from(x).wrapping_mul(i32::from(w)));
        }
    }
    layer.stage.apply(sum, layer.requant.at(output))
}
