//! TransposeConv2D against its other definition: every input pixel adds its window to the output.

use kinglet_kernels::Io;
use kinglet_kernels::numerics::{ClampF32, OutputStage, Requant};
use kinglet_kernels::transpose_conv::{
    TransposeConvF32, TransposeConvI8, TransposeGeometry, pack, transpose_conv_f32, transpose_conv_f32_reference,
    transpose_conv_i8, transpose_conv_i8_reference,
};
use proptest::prelude::*;

/// A factor of one: the multiplier is `2^30`, the shift 1.
const ONE: Requant<'_> = Requant { words: &[1 << 30], shift_base: 0, extra: &[] };

/// Calls `add(output element, input element, weight of `[O, KH, KW, C / groups]`)` for all pairs.
fn scatter(geometry: &TransposeGeometry, mut add: impl FnMut(usize, usize, usize)) {
    let TransposeGeometry { input, output, kernel, stride, pad, groups } = *geometry;
    let (group_channels, group_outputs) = (input[2] / groups, output[2] / groups);
    for row in 0..input[0] {
        for column in 0..input[1] {
            for o in 0..output[2] {
                for i in 0..kernel[0] {
                    for j in 0..kernel[1] {
                        let Some(y) = (row * stride[0] + i).checked_sub(pad[0]).filter(|y| *y < output[0]) else {
                            continue;
                        };
                        let Some(x) = (column * stride[1] + j).checked_sub(pad[1]).filter(|x| *x < output[1]) else {
                            continue;
                        };
                        for c in 0..group_channels {
                            let channel = o / group_outputs * group_channels + c;
                            add(
                                (y * output[1] + x) * output[2] + o,
                                (row * input[1] + column) * input[2] + channel,
                                ((o * kernel[0] + i) * kernel[1] + j) * group_channels + c,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn shape() -> impl Strategy<Value = TransposeGeometry> {
    let pair = |range: core::ops::RangeInclusive<usize>| [range.clone(), range];
    let channels = (1..=3_usize, 1..=3_usize, 1..=3_usize);
    (channels, pair(1..=4), pair(1..=9), pair(1..=5), pair(1..=4), pair(0..=5)).prop_map(
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

/// A shape, inputs and weights small enough that float sums are exact.
fn layer() -> impl Strategy<Value = (TransposeGeometry, Vec<i8>, Vec<i8>)> {
    shape().prop_flat_map(|geometry| {
        let input = proptest::collection::vec(-9..=9_i8, geometry.input.iter().product::<usize>());
        let weights = proptest::collection::vec(-9..=9_i8, geometry.output[2] * geometry.taps());
        (Just(geometry), input, weights)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_added((geometry, input, row_major) in layer(), zero_point in -9..=9_i8) {
        let outputs: usize = geometry.output.iter().product();
        let bias: Vec<i32> = (0..geometry.output[2] as i32).map(|o| o * 3 - 4).collect();
        let mut sums: Vec<i32> = (0..outputs).map(|at| bias[at % geometry.output[2]]).collect();
        scatter(&geometry, |output, source, weight| {
            sums[output] += (i32::from(input[source]) - i32::from(zero_point)) * i32::from(row_major[weight]);
        });
        let expected: Vec<i8> = sums.iter().map(|sum| (sum + 5).clamp(-128, 100) as i8).collect();
        let mut weights = vec![0; row_major.len()];
        pack(&geometry, &row_major, &mut weights);
        let stage = OutputStage { zero_point: 5, min: -128, max: 100 };
        let layer = TransposeConvI8 { geometry, input_zero_point: zero_point, stage, weights: &weights, bias: &bias, requant: ONE };
        for run in [transpose_conv_i8_reference, transpose_conv_i8] {
            let mut output = vec![0; outputs];
            run(&layer, &mut Io::split(&input, &mut output));
            prop_assert_eq!(&output, &expected);
        }
    }

    #[test]
    fn windows_of_floats_are_added((geometry, input, row_major) in layer()) {
        let outputs: usize = geometry.output.iter().product();
        let floats = |elements: &[i8]| elements.iter().map(|x| f32::from(*x)).collect::<Vec<_>>();
        let (input, row_major) = (floats(&input), floats(&row_major));
        let bias: Vec<f32> = (0..geometry.output[2] as u8).map(f32::from).collect();
        let mut expected: Vec<f32> = (0..outputs).map(|at| bias[at % geometry.output[2]]).collect();
        scatter(&geometry, |output, source, weight| expected[output] += input[source] * row_major[weight]);
        expected.iter_mut().for_each(|value| *value = value.max(-50.0));
        let mut weights = vec![0.0; row_major.len()];
        pack(&geometry, &row_major, &mut weights);
        let clamp = ClampF32 { min: -50.0, max: f32::INFINITY };
        let layer = TransposeConvF32 { geometry, clamp, weights: &weights, bias: &bias };
        for run in [transpose_conv_f32_reference, transpose_conv_f32] {
            let mut output = vec![0.0; outputs];
            run(&layer, &mut Io::split(&input, &mut output));
            prop_assert_eq!(&output, &expected);
        }
    }
}

/// Two pixels, a window of three, stride two: the middle output sees both.
#[test]
fn neighbouring_windows_meet() {
    let geometry = TransposeGeometry {
        input: [1, 2, 1],
        output: [1, 5, 1],
        kernel: [1, 3],
        stride: [1, 2],
        pad: [0, 0],
        groups: 1,
    };
    let mut weights = [0; 3];
    pack(&geometry, &[1, 2, 3], &mut weights);
    // The first phase has the taps 2 and 0, the second tap 1.
    assert_eq!(weights, [3, 1, 2]);
    let stage = OutputStage::unclamped(0);
    let layer = TransposeConvI8 { geometry, input_zero_point: 1, stage, weights: &weights, bias: &[100], requant: ONE };
    let mut output = [0; 5];
    transpose_conv_i8(&layer, &mut Io::split(&[6, 3], &mut output));
    assert_eq!(output, [105, 110, 115 + 2, 104, 106]);
}

/// 2^24 + 1 is not a float: starting at the bias loses both ones, adding it last would keep them.
#[test]
fn float_sums_start_at_the_bias() {
    let geometry = TransposeGeometry {
        input: [1, 1, 2],
        output: [1, 1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        groups: 1,
    };
    let clamp = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };
    let layer = TransposeConvF32 { geometry, clamp, weights: &[1.0, 1.0], bias: &[16_777_216.0] };
    let mut output = [0.0];
    transpose_conv_f32(&layer, &mut Io::split(&[1.0, 1.0], &mut output));
    assert_eq!(output, [16_777_216.0]);
}
