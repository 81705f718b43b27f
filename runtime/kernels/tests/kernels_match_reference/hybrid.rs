//! Layers of floats with integer weights.

use super::geometry::{Rule, geometry};
use super::harness::{check_all, compare, elements, float, refuses, short};
use super::layers::{before, clamp};
use kinglet_kernels::Io;
use kinglet_kernels::conv2d::{Conv2dHybrid, Geometry, conv2d_hybrid_reference};
use kinglet_kernels::packing::Storage;
use proptest::prelude::*;

/// Convolutions with groups and without, depthwise ones, and rows of a dense layer.
fn shapes() -> impl Strategy<Value = Geometry> {
    let grouped = (1..=3_usize, 1..=19_usize, 1..=9_usize).prop_flat_map(|(g, c, o)| geometry(g, c, o));
    let depthwise = (2..=9_usize, 1..=3_usize).prop_flat_map(|(g, o)| geometry(g, 1, o));
    let dense = (1..=4_usize, 1..=90_usize, 1..=9_usize).prop_map(|(rows, taps, outputs)| Geometry {
        input: [1, rows, taps],
        output: [1, rows, outputs],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        groups: 1,
    });
    prop_oneof![grouped, depthwise, dense]
}

pub(crate) fn conv2d_hybrid(run: fn(&Conv2dHybrid, &mut Io<f32>)) {
    let storages = proptest::sample::select(&Storage::ALL[..]);
    let layers =
        (shapes(), storages, any::<bool>(), any::<bool>()).prop_flat_map(|(shape, storage, is_one, has_zeros)| {
            let outputs = shape.output[2];
            let scales = if is_one { 1 } else { outputs };
            let weights = elements(any::<i8>(), storage.bytes(outputs * shape.taps()));
            let zeros = elements(any::<i8>(), if has_zeros { scales } else { 0 });
            let constants = (weights, elements(float(), scales), zeros, elements(float(), outputs), clamp());
            (Just((shape, storage)), constants, elements(float(), shape.input.iter().product()))
        });
    check_all(layers, |((geometry, storage), (weights, scales, zero_points, bias, clamp), input)| {
        let layer = Conv2dHybrid {
            geometry,
            clamp,
            storage,
            weights: &weights,
            scales: &scales,
            zero_points: &zero_points,
            bias: &bias,
        };
        let output_len = geometry.output.iter().product();
        let weightless = Conv2dHybrid { weights: short(&weights), ..layer };
        // No biases at all are zeros; some, and not all, are a mistake.
        let unbiased = Some(Conv2dHybrid { bias: short(&bias), ..layer }).filter(|layer| !layer.bias.is_empty());
        for lacking in [Some(weightless), unbiased].into_iter().flatten() {
            refuses("constants too short", &input, output_len, |io| run(&lacking, io))?;
        }
        if scales.len() != 2 {
            let lacking = Conv2dHybrid { scales: short(&scales), zero_points: &[], ..layer };
            refuses("scales too short", &input, output_len, |io| run(&lacking, io))?;
        }
        let overlap = before(&geometry, Rule::WritesInBlocks);
        compare(&input, output_len, overlap, |io| conv2d_hybrid_reference(&layer, io), |io| run(&layer, io))
    });
}
