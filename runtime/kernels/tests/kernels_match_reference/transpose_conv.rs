//! TransposeConv2D.

use super::harness::{Overlap, check_all, compare, elements, float, refuses, short, short_constants};
use super::layers::{clamp, factors};
use kinglet_kernels::Io;
use kinglet_kernels::numerics::ALL_SHIFTS;
use kinglet_kernels::transpose_conv::{
    TransposeConvF32, TransposeConvI8, TransposeGeometry, transpose_conv_f32_reference, transpose_conv_i8_reference,
};
use proptest::prelude::*;

pub(super) fn shape() -> impl Strategy<Value = TransposeGeometry> {
    let pair = |range: core::ops::RangeInclusive<usize>| [range.clone(), range];
    let channels = (1..=3_usize, 1..=17_usize, 1..=9_usize);
    (channels, pair(1..=4), pair(1..=9), pair(1..=5), pair(1..=3), pair(0..=4)).prop_map(
        |((groups, channels, outputs), input, output, kernel, stride, pad)| TransposeGeometry {
            input: [input[0], input[1], groups * channels],
            output: [output[0], output[1], groups * outputs],
            kernel,
            stride,
            pad,
            groups,
        },
    )
}

/// The closest that a pixel's output may follow its inputs and those of later pixels.
pub(super) fn before(geometry: &TransposeGeometry) -> Overlap {
    let [height, width, outputs] = geometry.output;
    let reads = |axis: usize, at: usize| {
        let source =
            (at + geometry.pad[axis] + 1).saturating_sub(geometry.kernel[axis]).div_ceil(geometry.stride[axis]);
        Some(source).filter(|source| *source < geometry.input[axis])
    };
    let first = |pixel: usize| {
        let (row, column) = (reads(0, pixel / width)?, reads(1, pixel % width)?);
        Some((row * geometry.input[1] + column) * geometry.input[2])
    };
    let needed = |pixel: usize| (pixel..height * width).filter_map(first).min();
    let distances = (0..height * width).filter_map(|p| Some(((p + 1) * outputs).saturating_sub(needed(p)?)));
    Overlap::Before(distances.max().unwrap_or(0))
}

pub(crate) fn transpose_conv_i8(run: fn(&TransposeConvI8, &mut Io<i8>)) {
    let layers = shape().prop_flat_map(|geometry| {
        let outputs = geometry.output[2];
        let weights = elements(any::<i8>(), outputs * geometry.taps());
        let bias = elements(-20_000..=20_000, outputs);
        let input = elements(any::<i8>(), geometry.input.iter().product());
        (Just(geometry), weights, bias, factors(outputs, ALL_SHIFTS), input, any::<i8>())
    });
    check_all(layers, |(geometry, weights, bias, factors, input, input_zero_point)| {
        let (stage, requant) = (factors.stage, factors.requant());
        let layer = TransposeConvI8 { geometry, input_zero_point, stage, weights: &weights, bias: &bias, requant };
        let output_len = geometry.output.iter().product();
        let lacking = TransposeConvI8 { weights: short(&weights), ..layer };
        refuses("weights too short", &input, output_len, |io| run(&lacking, io))?;
        for (what, bias, requant) in short_constants(&bias, requant) {
            refuses(what, &input, output_len, |io| run(&TransposeConvI8 { bias, requant, ..layer }, io))?;
        }
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry),
            |io| transpose_conv_i8_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}

pub(crate) fn transpose_conv_f32(run: fn(&TransposeConvF32, &mut Io<f32>)) {
    let layers = shape().prop_flat_map(|geometry| {
        let outputs = geometry.output[2];
        let weights = elements(float(), outputs * geometry.taps());
        let input = elements(float(), geometry.input.iter().product());
        (Just(geometry), weights, elements(float(), outputs), input, clamp())
    });
    check_all(layers, |(geometry, weights, bias, input, clamp)| {
        let layer = TransposeConvF32 { geometry, clamp, weights: &weights, bias: &bias };
        let output_len = geometry.output.iter().product();
        let weightless = TransposeConvF32 { weights: short(&weights), ..layer };
        for layer in [weightless, TransposeConvF32 { bias: short(&bias), ..layer }] {
            refuses("constants too short", &input, output_len, |io| run(&layer, io))?;
        }
        compare(
            &input,
            geometry.output.iter().product(),
            before(&geometry),
            |io| transpose_conv_f32_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}
