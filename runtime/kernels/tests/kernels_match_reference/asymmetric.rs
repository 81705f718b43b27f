//! Conv2D whose weights have zero points.

use super::geometry::geometry;
use super::harness::{Overlap, check_all, compare, elements, refuses, short, short_constants};
use super::layers::factors;
use kinglet_kernels::Io;
use kinglet_kernels::conv2d::{AsymmetricConv2dI8, asymmetric_conv2d_i8_reference};
use kinglet_kernels::numerics::ALL_SHIFTS;
use proptest::prelude::*;

pub(crate) fn conv2d_i8(run: fn(&AsymmetricConv2dI8, &mut Io<i8>)) {
    let shapes = (1..=5_usize, 1..=19_usize, 1..=9_usize).prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let layers = shapes.prop_flat_map(|geometry| {
        let outputs = geometry.output[2];
        let weights = elements(any::<i8>(), outputs * geometry.taps());
        let bias = elements(-20_000..=20_000, outputs);
        let input = elements(any::<i8>(), geometry.input.iter().product());
        let zero_points = elements(any::<i8>(), outputs);
        (Just(geometry), weights, bias, factors(outputs, ALL_SHIFTS), input, zero_points, any::<i8>())
    });
    check_all(layers, |(geometry, weights, bias, factors, input, zero_points, input_zero_point)| {
        let (stage, requant) = (factors.stage, factors.requant());
        let (weights, bias, zero_points) = (&weights[..], &bias[..], &zero_points[..]);
        let layer = AsymmetricConv2dI8 { geometry, input_zero_point, stage, zero_points, weights, bias, requant };
        let output_len = geometry.output.iter().product();
        let weightless = AsymmetricConv2dI8 { weights: short(weights), ..layer };
        for lacking in [weightless, AsymmetricConv2dI8 { zero_points: short(zero_points), ..layer }] {
            refuses("constants too short", &input, output_len, |io| run(&lacking, io))?;
        }
        for (what, bias, requant) in short_constants(bias, requant) {
            refuses(what, &input, output_len, |io| run(&AsymmetricConv2dI8 { bias, requant, ..layer }, io))?;
        }
        compare(
            &input,
            output_len,
            Overlap::Never,
            |io| asymmetric_conv2d_i8_reference(&layer, io),
            |io| run(&layer, io),
        )
    });
}
