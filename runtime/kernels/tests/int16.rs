//! Operators with int16 activations: layers small enough to compute by hand, and the rounding against wide integers.

use kinglet_kernels::Io;
use kinglet_kernels::conv2d::{Conv2dI16, Geometry, conv2d_i16, conv2d_i16_reference};
use kinglet_kernels::depthwise::{DepthwiseI16, depthwise_i16, depthwise_i16_reference};
use kinglet_kernels::elementwise::{
    AddI16, Broadcast, MulI16, Operand, add_i16, add_i16_reference, mul_i16, mul_i16_reference,
};
use kinglet_kernels::fully_connected::{FullyConnectedI16, fully_connected_i16, fully_connected_i16_reference};
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::{FixedPoint, LONG_LIMIT, LONG_SHIFTS, Requant};
use kinglet_kernels::pool::{
    PoolI16, average_pool_i16, average_pool_i16_reference, max_pool_i16, max_pool_i16_reference,
};
use kinglet_kernels::quantize::{
    Affine, Requantize, dequantize_i16_f32, quantize_f32_i16, requantize_i8_i16, requantize_i8_i32, requantize_i16,
    requantize_i16_i8, requantize_i16_i32, requantize_i32_i8, requantize_i32_i16,
};
use proptest::prelude::*;

/// A factor of one: the multiplier is `2^30`, the shift 1.
const ONE: Requant<'_> = Requant { words: &[1 << 30], shift_base: 0, extra: &[] };

fn stage<'a>(low: &'a [i32], high: &'a [i32], requant: Requant<'a>) -> StageI16<'a> {
    StageI16 { bias: LongBias { low, high }, requant, rounding: Rounding::Once, min: i16::MIN, max: i16::MAX }
}

fn geometry(input: [usize; 3], output: [usize; 3], kernel: [usize; 2]) -> Geometry {
    Geometry { input, output, kernel, stride: [1, 1], dilation: [1, 1], pad: [0, 0], groups: 1 }
}

/// A kernel with its layer.
type Run<'a> = &'a dyn Fn(&mut Io<i16>);

/// The outputs of both kernels of an operator.
fn outputs(input: &[i16], len: usize, kernels: [Run<'_>; 2]) -> [Vec<i16>; 2] {
    kernels.map(|run| {
        let mut output = vec![0x55; len];
        run(&mut Io::split(input, &mut output));
        output
    })
}

/// `x * r / 2^(15 - shift)` to the nearest, halves up, `r` being the multiplier rounded to 15 bits.
fn rounded_once(x: i64, factor: FixedPoint) -> i32 {
    let reduced = (i128::from(factor.multiplier) + (1 << 15)) / (1 << 16);
    let divisor = 1_i128 << (15 - factor.shift);
    let product = i128::from(x) * reduced.min(0x7fff);
    ((2 * product + divisor).div_euclid(2 * divisor)) as i32
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_products_round_once(x in -LONG_LIMIT..=LONG_LIMIT, multiplier in 1 << 30..=i32::MAX, shift in LONG_SHIFTS) {
        for x in [x, x >> 16, x >> 32] {
            let factor = FixedPoint { multiplier, shift };
            prop_assert_eq!(factor.apply_long(x), rounded_once(x, factor), "{:?} of {}", factor, x);
        }
    }
}

#[test]
fn long_products_at_the_ends() {
    for multiplier in [1 << 30, (1 << 30) + (1 << 15), 0x7ffe_ffff, 0x7fff_0000, 0x7fff_8000, i32::MAX] {
        for shift in LONG_SHIFTS {
            let factor = FixedPoint { multiplier, shift };
            for x in [0, 1, -1, 3, -3, 1 << 20, -(1 << 20), LONG_LIMIT, -LONG_LIMIT] {
                assert_eq!(factor.apply_long(x), rounded_once(x, factor), "{factor:?} of {x}");
            }
        }
    }
    // A half goes up, for both signs.
    let half = FixedPoint { multiplier: 1 << 30, shift: 0 };
    assert_eq!([-3, -1, 1, 3].map(|x| half.apply_long(x)), [-1, 0, 1, 2]);
}

#[test]
fn the_rounding_is_that_of_the_bias() {
    let layer = |rounding| FullyConnectedI16 {
        rows: 1,
        taps: 1,
        outputs: 2,
        weights: &[1, -1],
        stage: StageI16 {
            rounding,
            min: -3,
            ..stage(&[0, 0], &[], Requant { words: &[0], shift_base: -1, extra: &[] })
        },
    };
    // A quarter of 6 and -6: 1.5 and -1.5; once rounds halves up, twice away from zero.
    for (rounding, x, expected) in [
        (Rounding::Once, 6, [2, -1]),
        (Rounding::Twice, 6, [2, -2]),
        (Rounding::Once, 100, [25, -3]),
        (Rounding::Twice, 100, [25, -3]),
    ] {
        let layer = layer(rounding);
        let reference = |io: &mut Io<i16>| fully_connected_i16_reference(&layer, io);
        let got = outputs(&[x], 2, [&reference, &|io| fully_connected_i16(&layer, io)]);
        assert_eq!(got, [expected.to_vec(), expected.to_vec()], "{rounding:?} of {x}");
    }
}

#[test]
fn biases_have_64_bits() {
    let bias = LongBias { low: &[-1, -1, 5], high: &[0, -1, 2] };
    assert_eq!([0, 1, 2].map(|channel| bias.at(channel)), [0xffff_ffff, -1, (2 << 32) + 5]);
    let short = LongBias { low: &[-7, i32::MIN], high: &[] };
    assert_eq!([0, 1, 2].map(|channel| short.at(channel)), [-7, i64::from(i32::MIN), 0]);
}

#[test]
fn sums_leave_32_bits() {
    // 700 times 2^22 is beyond 2^31, and so is the bias; 2^-16 brings the sum of both back.
    let layer = FullyConnectedI16 {
        rows: 1,
        taps: 700,
        outputs: 1,
        weights: &[-128; 700],
        stage: stage(&[0], &[-1], Requant { words: &[0], shift_base: -15, extra: &[] }),
    };
    let expected = ((700_i64 << 22) - (1 << 32)) >> 16;
    let got = outputs(
        &[i16::MIN; 700],
        1,
        [&|io| fully_connected_i16_reference(&layer, io), &|io| fully_connected_i16(&layer, io)],
    );
    assert_eq!(got, [vec![expected as i16], vec![expected as i16]]);
    // The same through a depthwise window of 700 positions.
    let layer = DepthwiseI16 {
        geometry: geometry([1, 700, 1], [1, 1, 1], [1, 700]),
        multiplier: 1,
        weights: layer.weights,
        stage: layer.stage,
    };
    let got =
        outputs(&[i16::MIN; 700], 1, [&|io| depthwise_i16_reference(&layer, io), &|io| depthwise_i16(&layer, io)]);
    assert_eq!(got, [vec![expected as i16], vec![expected as i16]]);
}

#[test]
fn positions_outside_the_image_add_nothing() {
    // A 2x2 image under a 3x3 window of ones: each output sees all four pixels.
    let shape = Geometry { pad: [1, 1], ..geometry([2, 2, 1], [2, 2, 1], [3, 3]) };
    let input = [1000, 2000, 3000, -30_000];
    let conv = Conv2dI16 { geometry: shape, weights: &[1; 9], stage: stage(&[7], &[], ONE) };
    let expected = vec![-23_993; 4];
    let got = outputs(&input, 4, [&|io| conv2d_i16_reference(&conv, io), &|io| conv2d_i16(&conv, io)]);
    assert_eq!(got, [expected.clone(), expected.clone()]);
    let depthwise = DepthwiseI16 { geometry: shape, multiplier: 1, weights: &[1; 9], stage: conv.stage };
    let got = outputs(&input, 4, [&|io| depthwise_i16_reference(&depthwise, io), &|io| depthwise_i16(&depthwise, io)]);
    assert_eq!(got, [expected.clone(), expected]);
}

#[test]
fn groups_and_dilation() {
    // Two groups of one channel, taps two apart: 1 and 5, then 2 and 6.
    let layer = Conv2dI16 {
        geometry: Geometry { dilation: [1, 2], groups: 2, ..geometry([1, 3, 2], [1, 1, 2], [1, 2]) },
        weights: &[1, 10, 100, -1],
        stage: stage(&[0, 1], &[], ONE),
    };
    let got = outputs(&[1, 2, 3, 4, 5, 6], 2, [&|io| conv2d_i16_reference(&layer, io), &|io| conv2d_i16(&layer, io)]);
    assert_eq!(got, [vec![51, 195], vec![51, 195]]);
}

/// Scales 0.001, 0.0003 and 0.001; results of the oracle, clamped.
#[test]
fn known_sums() {
    let layer = AddI16 {
        a_factor: FixedPoint { multiplier: 1 << 30, shift: 0 },
        b_factor: FixedPoint { multiplier: 1_288_490_189, shift: -2 },
        output_factor: FixedPoint { multiplier: 1 << 30, shift: -13 },
        min: i16::MIN,
        max: 30_000,
    };
    let a = [-32_768, 32_767, 1, -1, 12_345, -6, 0, 30_000];
    let b = Operand::Slice(&[32_767, 3, -4, 5, -32_768, 15, 5, 9], Broadcast { inner: 1, len: 8 });
    for run in [add_i16_reference, add_i16] {
        let mut output = [0; 8];
        run(&layer, &mut Io::split(&a, &mut output), b);
        assert_eq!(output, [-22_938, 30_000, 0, 1, 2515, -2, 2, 30_000]);
    }
}

/// A factor of 2^-15: halves are rounded away from zero.
#[test]
fn known_products() {
    let layer = MulI16 { factor: FixedPoint { multiplier: 1 << 30, shift: -14 }, min: -30_000, max: i16::MAX };
    let a = [-32_768, -32_768, 1, -1, 12_345, 3];
    let b = Operand::Slice(&[-32_768, 32_767, 16_384, 16_384, 2, 16_383], Broadcast { inner: 1, len: 6 });
    for run in [mul_i16_reference, mul_i16] {
        let mut output = [0; 6];
        run(&layer, &mut Io::split(&a, &mut output), b);
        assert_eq!(output, [32_767, -30_000, 1, -1, 1, 1]);
    }
}

#[test]
fn averages_round_halves_away_from_zero() {
    let shape = Geometry { pad: [0, 1], ..geometry([1, 3, 1], [1, 4, 1], [1, 2]) };
    let layer = PoolI16 { geometry: shape, min: -20_000, max: 30_000 };
    let input = [-32_768, -3, 32_767];
    let average = [-20_000, -16_386, 16_382, 30_000].to_vec();
    let got = outputs(&input, 4, [&|io| average_pool_i16_reference(&layer, io), &|io| average_pool_i16(&layer, io)]);
    assert_eq!(got, [average.clone(), average]);
    let max = [-20_000, -3, 30_000, 30_000].to_vec();
    let got = outputs(&input, 4, [&|io| max_pool_i16_reference(&layer, io), &|io| max_pool_i16(&layer, io)]);
    assert_eq!(got, [max.clone(), max]);
}

#[test]
fn codes_go_from_one_quantization_to_another() {
    // Scales 0.5 and 0.25: twice the distance, from zero point 3.
    let params =
        Requantize { input_zero_point: 3, factor: FixedPoint { multiplier: 1 << 30, shift: 2 }, zero_point: 0 };
    let mut output = [0; 4];
    assert!(requantize_i8_i16(&params, &[3, 4, -128, 127], &mut output));
    assert_eq!(output, [0, 2, -262, 248]);
    // A quarter, to zero point -5; halves away from zero.
    let params =
        Requantize { input_zero_point: 0, factor: FixedPoint { multiplier: 1 << 30, shift: -1 }, zero_point: -5 };
    let mut output = [0; 5];
    assert!(requantize_i16_i8(&params, &[0, 6, -6, 32_767, -32_768], &mut output));
    assert_eq!(output, [-5, -3, -7, 127, -128]);
    let params = Requantize { zero_point: 0, ..params };
    let mut output = [0; 3];
    assert!(requantize_i16(&params, &[32_767, -32_768, 10], &mut output));
    assert_eq!(output, [8192, -8192, 3]);
    let mut wide = [0; 2];
    let twice = Requantize { factor: FixedPoint { multiplier: 1 << 30, shift: 2 }, ..params };
    assert!(requantize_i16_i32(&twice, &[32_767, -32_768], &mut wide));
    assert_eq!(wide, [65_534, -65_536]);
    assert!(requantize_i8_i32(&Requantize { input_zero_point: 3, ..twice }, &[-128, 127], &mut wide));
    assert_eq!(wide, [-262, 248]);
    let mut halves = [0; 4];
    assert!(requantize_i32_i16(&params, &[400_000, -400_000, 6, -6], &mut halves));
    assert_eq!(halves, [32_767, -32_768, 2, -2]);
    let mut codes = [0; 3];
    assert!(requantize_i32_i8(&Requantize { zero_point: -5, ..params }, &[400_000, 6, -6], &mut codes));
    assert_eq!(codes, [127, -3, -7]);
    assert!(!requantize_i32_i8(&params, &[1], &mut codes) && !requantize_i16_i32(&params, &[1], &mut wide));
    // Slices of different lengths.
    assert!(!requantize_i16(&params, &[1], &mut output) && !requantize_i8_i16(&params, &[1], &mut output));
    assert!(!requantize_i16_i8(&params, &[1], &mut [0; 2]));
}

#[test]
fn int16_and_floats() {
    let affine = Affine { scale: 0.5, zero_point: 0 };
    let mut output = [0; 6];
    let reals = [0.25, -0.25, 0.24, f32::NAN, 1e30, f32::NEG_INFINITY];
    assert!(quantize_f32_i16(&affine, &reals, &mut output));
    assert_eq!(output, [1, -1, 0, 0, 32_767, -32_768]);
    let mut output = [0.0; 2];
    assert!(dequantize_i16_f32(&affine, &[-32_768, 3], &mut output));
    assert_eq!(output, [-16_384.0, 1.5]);
    assert!(!quantize_f32_i16(&affine, &reals, &mut [0; 5]) && !dequantize_i16_f32(&affine, &[1], &mut output));
}
