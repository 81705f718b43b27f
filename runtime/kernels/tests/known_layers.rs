//! Layers small enough to compute by hand: the reference kernels and what dispatch makes of the same layer.

use kinglet_kernels::along::{AlongF32, Function, along_f32};
use kinglet_kernels::conv2d::{self, AsymmetricConv2dI8, Conv2dF32, Conv2dHybrid, Conv2dI8, Geometry};
use kinglet_kernels::copy::{CopyBlocks, copy_blocks};
use kinglet_kernels::depthwise::{self, DepthwiseI8};
use kinglet_kernels::elementwise::{self, AddI8, Broadcast, ElementwiseF32, MulI8, Operand};
use kinglet_kernels::float_math;
use kinglet_kernels::fully_connected::{self, FullyConnectedI8};
use kinglet_kernels::mat_mul::{self, MatMulF32, MatMulI8, MatMulI16, MatMulShape};
use kinglet_kernels::mean::{self, MeanI8};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{DepthwisePacking, Packing, Storage, Taps};
use kinglet_kernels::pad::{PadGeometry, pad};
use kinglet_kernels::pool::{self, PoolI8};
use kinglet_kernels::rearrange::{Rearrange, rearrange, rearrange_reference};
use kinglet_kernels::reduce::{self, Extents, Kind, ReduceF32, ReduceInt};
use kinglet_kernels::reduce_max::{self, ReduceMax};
use kinglet_kernels::resample::{Resample, resample_f32, resample_i8};
use kinglet_kernels::resize_bilinear::{ResizeBilinear, resize_bilinear_i8};
use kinglet_kernels::take::{Take, take};
use kinglet_kernels::{Io, Token};

/// A factor of one, and of a half.
const ONE: [u32; 1] = [1 << 30];
const HALF: [u32; 1] = [0];

/// `factor` is `ONE` or `HALF`: the multiplier is `2^30` and the relative shift in the top bits 1 or 0.
fn requant(factor: &[u32]) -> Requant<'_> {
    Requant { words: factor, shift_base: 0, extra: &[] }
}

fn geometry(input: [usize; 3], output: [usize; 3], kernel: [usize; 2]) -> Geometry {
    Geometry { input, output, kernel, stride: [1, 1], dilation: [1, 1], pad: [0, 0], groups: 1 }
}

const UNCLAMPED: ClampF32 = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };

/// The output of `run` on `input`.
fn output_of<T: Copy + Default>(input: &[T], len: usize, run: impl FnOnce(&mut Io<T>)) -> Vec<T> {
    let mut output = vec![T::default(); len];
    run(&mut Io::split(input, &mut output));
    output
}

#[test]
fn conv2d_pads_with_the_zero_point() {
    // A 2x2 image, zero point 10, under a 3x3 window of ones: each output sees all four pixels.
    let layer = Conv2dI8 {
        geometry: Geometry { pad: [1, 1], ..geometry([2, 2, 1], [2, 2, 1], [3, 3]) },
        padding_value: 10,
        stage: OutputStage::unclamped(-1),
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &[1; 9],
        bias: &[-90],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    // (1 + 2 + 3 + 4) - 4 * 10, less the output's zero point.
    let expected = vec![-31; 4];
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8(&layer, io, &mut [0; 9])), expected);
}

#[test]
fn conv2d_strides_dilates_and_rounds() {
    // One row 1 2 3 4 5 6 7, taps two apart, output pixels three apart, weights 1 and 10, halved.
    let layer = Conv2dI8 {
        geometry: Geometry { stride: [1, 3], dilation: [1, 2], ..geometry([1, 7, 1], [1, 2, 1], [1, 2]) },
        padding_value: 0,
        stage: OutputStage::unclamped(0),
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &[1, 10],
        bias: &[0],
        requant: requant(&HALF),
        token: Token::detect(),
    };
    // 1 + 30 = 31 and 4 + 60 = 64; a half goes up.
    let expected = [16, 32];
    assert_eq!(output_of(&[1, 2, 3, 4, 5, 6, 7], 2, |io| conv2d::conv2d_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&[1, 2, 3, 4, 5, 6, 7], 2, |io| conv2d::conv2d_i8(&layer, io, &mut [0; 2])), expected);
}

#[test]
fn conv2d_groups_see_their_own_channels() {
    let layer = Conv2dI8 {
        geometry: Geometry { groups: 2, ..geometry([1, 1, 4], [1, 1, 4], [1, 1]) },
        padding_value: 0,
        stage: OutputStage { zero_point: 0, min: -20, max: 30 },
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &[1, 0, 0, 1, 1, 1, 1, -10],
        bias: &[0, 0, 100, 0],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    let expected = [1, 2, 30, -20];
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8(&layer, io, &mut [0; 4])), expected);
}

#[test]
fn asymmetric_weights_are_distances_from_their_zero_points() {
    // Window of two columns over 10 - 2, 20 - 2 and, outside of the image, nothing; weights 1 - 5, 7 - 5 and 3 + 1, 4 + 1.
    let layer = AsymmetricConv2dI8 {
        geometry: geometry([1, 2, 1], [1, 2, 2], [1, 2]),
        input_zero_point: 2,
        stage: OutputStage::unclamped(1),
        zero_points: &[5, -1],
        weights: &[1, 7, 3, 4],
        bias: &[0, -100],
        requant: requant(&ONE),
    };
    let first = [1 + 8 * -4 + 18 * 2, 1 + 8 * 4 + 18 * 5 - 100];
    let second = [1 + 18 * -4, 1 + 18 * 4 - 100];
    let expected: Vec<i8> = [first, second].concat();
    for run in [conv2d::asymmetric_conv2d_i8, conv2d::asymmetric_conv2d_i8_reference] {
        assert_eq!(output_of(&[10, 20], 4, |io| run(&layer, io)), expected);
    }
}

#[test]
fn conv2d_of_floats_starts_at_the_bias() {
    // 2^24 + 1 is not a float: starting at the bias loses both ones, adding it last would keep them.
    let layer = Conv2dF32 {
        geometry: geometry([1, 1, 2], [1, 1, 1], [1, 1]),
        clamp: UNCLAMPED,
        weights: &[1.0, 1.0],
        bias: &[16_777_216.0],
        token: Token::detect(),
    };
    assert_eq!(output_of(&[1.0, 1.0], 1, |io| conv2d::conv2d_f32(&layer, io)), [16_777_216.0]);
}

#[test]
fn depthwise_output_channels_share_an_input_channel() {
    let layer = DepthwiseI8 {
        geometry: Geometry { pad: [0, 1], ..geometry([1, 1, 2], [1, 1, 4], [1, 2]) },
        multiplier: 2,
        padding_value: -3,
        stage: OutputStage::unclamped(0),
        packing: DepthwisePacking::RowMajor,
        storage: Storage::Bits8,
        // The first tap lies in the padding, the second on the pixel (5, 7).
        weights: &[1, 1, 1, 10, 1, 2, 3, 4],
        bias: &[0, 0, 0, 1],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    let expected = [2, 7, 18, -1];
    assert_eq!(output_of(&[5, 7], 4, |io| depthwise::depthwise_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&[5, 7], 4, |io| depthwise::depthwise_i8(&layer, io, &mut [])), expected);
}

#[test]
fn fully_connected_computes_each_row() {
    let layer = FullyConnectedI8 {
        rows: 2,
        taps: 3,
        outputs: 2,
        stage: OutputStage::unclamped(1),
        packing: Packing::RowMajor,
        storage: Storage::Bits8,
        weights: &[1, 2, 3, -1, 0, 1],
        bias: &[10, 0],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    // 1 + 4 + 9 + 10 + 1, -1 + 3 + 1, then 4 - 9 + 10 + 1 and -4 - 3 + 1.
    let expected = [25, 3, 6, -6];
    let input = [1, 2, 3, 4, 0, -3];
    assert_eq!(output_of(&input, 4, |io| fully_connected::fully_connected_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&input, 4, |io| fully_connected::fully_connected_i8(&layer, io, &mut [])), expected);
}

#[test]
fn averages_round_halves_away_from_zero_and_count_the_image_only() {
    // Windows of two over 1 2 | -1 -2 | 5 (padding): 1.5, -1.5 and 5.
    let geometry = Geometry { stride: [1, 2], ..geometry([1, 5, 1], [1, 3, 1], [1, 2]) };
    let layer = PoolI8 { geometry, min: -128, max: 4 };
    assert_eq!(output_of(&[1, 2, -1, -2, 5], 3, |io| pool::average_pool_i8(&layer, io)), [2, -2, 4]);
    assert_eq!(output_of(&[1, 2, -1, -2, 5], 3, |io| pool::max_pool_i8(&layer, io)), [2, -1, 4]);
    // Just below zero, where the sign decides: -0.5, 0 and -1.
    assert_eq!(output_of(&[0, -1, 1, -1, -1], 3, |io| pool::average_pool_i8(&layer, io)), [-1, 0, -1]);
}

#[test]
fn an_empty_window_is_no_division_by_zero() {
    let geometry = Geometry { pad: [0, 4], ..geometry([1, 1, 1], [1, 1, 1], [1, 2]) };
    let layer = PoolI8 { geometry, min: -100, max: 100 };
    assert_eq!(output_of(&[7], 1, |io| pool::average_pool_i8(&layer, io)), [0]);
    assert_eq!(output_of(&[7], 1, |io| pool::max_pool_i8(&layer, io)), [-100]);
}

/// Scales 0.05, 0.1 and 0.12, zero points 3, -10 and 5; results of the oracle.
#[test]
fn known_sums_and_products() {
    let a = [-128, -1, 0, 50, 127, 100];
    let b = [127, 0, -10, -128, 127, -60];
    let second = Operand::Slice(&b, Broadcast { inner: 1, len: 6 });
    let stage = OutputStage::unclamped(5);
    let (a_zero_point, b_zero_point) = (3, -10);
    let add = AddI8 {
        a_zero_point,
        b_zero_point,
        a_factor: FixedPoint { multiplier: 1 << 30, shift: -1 },
        b_factor: FixedPoint { multiplier: 1 << 30, shift: 0 },
        output_factor: FixedPoint { multiplier: 1_789_569_773, shift: -19 },
        stage,
        token: Token::detect(),
    };
    assert_eq!(output_of(&a, 6, |io| elementwise::add_i8(&add, io, second)), [65, 12, 4, -74, 127, 4]);
    let factor = FixedPoint { multiplier: 1_431_655_840, shift: -4 };
    let mul = MulI8 { a_zero_point, b_zero_point, factor, stage };
    assert_eq!(output_of(&a, 6, |io| elementwise::mul_i8(&mul, io, second)), [-128, 3, 5, -128, 127, -128]);
}

#[test]
fn broadcasts_repeat_the_second_operand() {
    let layer = ElementwiseF32 { clamp: ClampF32 { min: f32::NEG_INFINITY, max: 14.0 }, token: Token::detect() };
    let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let b = [0.0, 10.0];
    let sum = |broadcast: Broadcast| {
        output_of(&a, 6, |io| elementwise::add_f32(&layer, io, Operand::Slice(&b[..broadcast.len], broadcast)))
    };
    assert_eq!(sum(Broadcast { inner: 1, len: 2 }), [1.0, 12.0, 3.0, 14.0, 5.0, 14.0]);
    assert_eq!(sum(Broadcast { inner: 3, len: 2 }), [1.0, 2.0, 3.0, 14.0, 14.0, 14.0]);
    assert_eq!(sum(Broadcast { inner: 6, len: 1 }), a);
    let mut in_place = a;
    elementwise::mul_f32(&layer, &mut Io::in_place(&mut in_place), Operand::SameAsInput);
    assert_eq!(in_place, [1.0, 4.0, 9.0, 14.0, 14.0, 14.0]);
}

/// Scales 0.1 and 0.07, zero points -11 and 4, six values each; results of the oracle.
#[test]
fn known_means() {
    let input = [-100, -90, -95, -99, -80, -128, 1, 2, 3, 4, 5, 6, 100, 127, 127, 90, 80, 3];
    let layer = MeanI8 {
        outer: 3,
        reduced: 6,
        inner: 1,
        input_zero_point: -11,
        factor: FixedPoint { multiplier: 1_022_611_272, shift: -1 },
        stage: OutputStage::unclamped(4),
    };
    assert_eq!(output_of(&input, 3, |io| mean::mean_i8(&layer, io)), [-121, 25, 127]);
}

#[test]
fn known_maxima() {
    let rows = ReduceMax { outer: 2, reduced: 3, inner: 1 };
    let columns = ReduceMax { outer: 1, reduced: 3, inner: 2 };
    for run in [reduce_max::reduce_max_i8, reduce_max::reduce_max_i8_reference] {
        let input = [-128, -128, -128, 5, 127, 6];
        assert_eq!(output_of(&input, 2, |io| run(&rows, io)), [-128, 127]);
        assert_eq!(output_of(&input, 2, |io| run(&columns, io)), [127, 6]);
    }
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for run in [reduce_max::reduce_max_f32, reduce_max::reduce_max_f32_reference] {
        // NaN is never taken, the first of equal values is.
        let input = [f32::NAN, -0.0, 0.0, -2.5, f32::NAN, -7.0];
        assert_eq!(bits(output_of(&input, 2, |io| run(&rows, io))), bits(vec![-0.0, -2.5]));
        assert_eq!(bits(output_of(&input, 2, |io| run(&columns, io))), bits(vec![0.0, -0.0]));
        let lowest = [f32::NAN, f32::NEG_INFINITY, f32::NAN, f32::MIN, f32::NEG_INFINITY, f32::NAN];
        assert_eq!(bits(output_of(&lowest, 2, |io| run(&rows, io))), bits(vec![f32::NEG_INFINITY, f32::MIN]));
    }
}

#[test]
fn known_reductions() {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let (rows, columns) = ([1, 1, 1, 1, 2, 3, 1], [1, 1, 1, 1, 1, 3, 2]);
    // The first and the last axis of [2, 2, 2], which do not lie next to each other.
    let apart = [1, 2, 1, 1, 2, 2, 1];
    for run in [reduce::reduce_f32, reduce::reduce_f32_reference] {
        let of = |kind: Kind, extents: Extents, input: &[f32]| {
            let len = extents.iter().step_by(2).product();
            bits(output_of(input, len, |io| run(&ReduceF32 { kind, extents }, io)))
        };
        let input = [1.0, -2.0, 3.0, 4.0, 0.5, -6.0];
        assert_eq!(of(Kind::Sum, rows, &input), bits(vec![2.0, -1.5]));
        assert_eq!(of(Kind::Mean, columns, &input), bits(vec![4.5 / 3.0, -4.0 / 3.0]));
        assert_eq!(of(Kind::Prod, rows, &input), bits(vec![-6.0, -12.0]));
        assert_eq!(of(Kind::L1, rows, &input), bits(vec![6.0, 10.5]));
        assert_eq!(of(Kind::SumSquare, rows, &input), bits(vec![14.0, 52.25]));
        assert_eq!(of(Kind::Min, columns, &input), bits(vec![0.5, -6.0]));
        assert_eq!(of(Kind::Sum, apart, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]), bits(vec![51.0, 204.0]));
        // NaN is never taken, the first of equal values is.
        assert_eq!(
            of(Kind::Min, rows, &[f32::NAN, -0.0, 0.0, f32::NAN, f32::NAN, f32::NAN]),
            bits(vec![-0.0, f32::INFINITY])
        );
    }
    for run in [reduce::reduce_i8, reduce::reduce_i8_reference] {
        let of = |kind: Kind| {
            let factor = FixedPoint { multiplier: 1 << 30, shift: 0 };
            let layer = ReduceInt { kind, extents: rows, input_zero_point: 1, factor, zero_point: -3 };
            output_of(&[-128, 127, 5, 127, 127, 127], 2, |io| run(&layer, io))
        };
        // (4 - 3) / 2 rounds to 1, 378 / 2 - 3 is beyond the range.
        assert_eq!(of(Kind::Sum), [-2, 127]);
        assert_eq!(of(Kind::Max), [127, 127]);
        assert_eq!(of(Kind::Min), [-128, 127]);
    }
}

/// The middle axis of [2, 3, 1] and of [1, 3, 2], apart and in place.
#[test]
fn known_functions_along_an_axis() {
    let of = |function: Function, [outer, inner]: [usize; 2], input: [f32; 6]| {
        let layer = AlongF32 { function, outer, depth: 3, inner, epsilon: 0.0 };
        let output = output_of(&input, 6, |io| along_f32(&layer, io));
        let mut in_place = input;
        along_f32(&layer, &mut Io::in_place(&mut in_place));
        assert_eq!(in_place.map(f32::to_bits).to_vec(), output.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        output
    };
    let (rows, columns) = ([2, 1], [1, 2]);
    let input = [1.0, 2.0, 4.0, -3.0, 0.0, 4.0];
    assert_eq!(of(Function::SumUpTo, rows, input), [1.0, 3.0, 7.0, -3.0, -3.0, 1.0]);
    assert_eq!(of(Function::SumBefore, rows, input), [0.0, 1.0, 3.0, 0.0, -3.0, -3.0]);
    assert_eq!(of(Function::SumFrom, rows, input), [7.0, 6.0, 4.0, 1.0, 4.0, 4.0]);
    assert_eq!(of(Function::SumBehind, columns, input), [4.0, 1.0, 0.0, 4.0, 0.0, 0.0]);
    assert_eq!(
        of(Function::L1, rows, input),
        [1.0 / 7.0, 2.0 / 7.0, 4.0 * (1.0 / 7.0), -3.0 * (1.0 / 7.0), 0.0, 4.0 * (1.0 / 7.0)]
    );
    assert_eq!(of(Function::L2, rows, [3.0, 0.0, 4.0, 0.0, 0.0, 0.0])[3..], [0.0; 3]);
    assert_eq!(of(Function::L2, rows, [3.0, 0.0, 4.0, 0.0, 0.0, 0.0])[..3], [3.0 * 0.2, 0.0, 4.0 * 0.2]);
    // Variances of 2 and of 6 times one third.
    let scale = 1.0 / float_math::sqrt(6.0_f32 / 3.0);
    assert_eq!(
        of(Function::Standard, rows, [1.0, 2.0, 3.0, 0.0, 3.0, 3.0])[..2],
        [-1.0 / float_math::sqrt(2.0 / 3.0), 0.0]
    );
    assert_eq!(of(Function::Standard, rows, [1.0, 2.0, 3.0, 0.0, 3.0, 3.0])[3..], [-2.0 * scale, scale, scale]);
    assert_eq!(
        of(Function::Rms, rows, [1.0, 1.0, 2.0, 0.0, 3.0, 3.0])[..3],
        [1.0 / float_math::sqrt(2.0), 1.0 / float_math::sqrt(2.0), 2.0 * (1.0 / float_math::sqrt(2.0))]
    );
    // The first of equal elements; a NaN is none.
    assert_eq!(of(Function::Hardmax, rows, [2.0, 2.0, 1.0, f32::NAN, -1.0, -0.5]), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(
        of(Function::Softmax, columns, [5.0, 0.0, 5.0, f32::NEG_INFINITY, 5.0, f32::NEG_INFINITY]),
        [1.0 / 3.0, 1.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]
    );
    let third = of(Function::LogSoftmax, rows, [5.0, 5.0, 5.0, 100.0, 0.0, 0.0]);
    assert!((third[0] + 3.0_f32.ln()).abs() < 1e-6 && third[3..] == [0.0, -100.0, -100.0], "{third:?}");
}

/// Two by two times two by two, plain and with the second factor transposed.
#[test]
fn known_products() {
    let plain = MatMulShape { batch: [1; 3], rows: 2, depth: 2, columns: 2, a: [0, 0, 0, 2, 1], b: [0, 0, 0, 2, 1] };
    let transposed = MatMulShape { b: [0, 0, 0, 1, 2], ..plain };
    for run in [mat_mul::mat_mul_f32, mat_mul::mat_mul_f32_reference] {
        let of = |shape: MatMulShape| {
            let layer = MatMulF32 { shape, clamp: ClampF32 { min: 0.0, max: 40.0 } };
            let mut output = [f32::NAN; 4];
            assert!(run(&layer, &[1.0, 2.0, 3.0, -4.0], &[5.0, 6.0, 7.0, 8.0], &mut output));
            output
        };
        assert_eq!(of(plain), [19.0, 22.0, 0.0, 0.0]);
        assert_eq!(of(transposed), [17.0, 23.0, 0.0, 0.0]);
    }
    let (factor, stage) = (FixedPoint { multiplier: 1 << 30, shift: 0 }, OutputStage::unclamped(-1));
    let layer = MatMulI8 { shape: plain, a_zero_point: 1, b_zero_point: -1, factor, stage };
    for run in [mat_mul::mat_mul_i8, mat_mul::mat_mul_i8_reference] {
        let mut output = [0; 4];
        assert!(run(&layer, &[2, 3, -127, 1], &[1, 2, 3, 127], &mut output));
        // [1, 2; -128, 0] times [2, 3; 4, 128], halved, less 1.
        assert_eq!(output, [4, 127, -128, -128]);
    }
    let layer = MatMulI16 { shape: plain, factor, min: -30_000, max: i16::MAX };
    for run in [mat_mul::mat_mul_i16, mat_mul::mat_mul_i16_reference] {
        let mut output = [0; 4];
        assert!(run(&layer, &[1, 2, -32768, -32768], &[2, 3, 4, 32767], &mut output));
        assert_eq!(output, [5, 32767, -30_000, -30_000]);
    }
}

#[test]
fn pad_surrounds_the_input() {
    let geometry = PadGeometry { input: [1, 2, 1, 2], before: [0, 1, 1, 0], output: [1, 3, 3, 3] };
    let got = output_of(&[1, 2, 3, 4], 27, |io| pad(&geometry, 9, io));
    let row = |pixels: [i8; 3]| [9, 9, 9, pixels[0], pixels[1], pixels[2], 9, 9, 9];
    assert_eq!(got, [row([9, 9, 9]), row([1, 2, 9]), row([3, 4, 9])].concat());
}

#[test]
fn concat_is_two_copies() {
    // [2, 2] and [2, 1] side by side.
    let mut output = [0; 6];
    let first = CopyBlocks { blocks: 2, block_len: 2, input_stride: 2, output_stride: 3, output_offset: 0 };
    copy_blocks(&first, &mut Io::split(&[1, 2, 3, 4], &mut output));
    let second = CopyBlocks { blocks: 2, block_len: 1, input_stride: 1, output_stride: 3, output_offset: 2 };
    copy_blocks(&second, &mut Io::split(&[10, 20], &mut output));
    assert_eq!(output, [1, 2, 10, 3, 4, 20]);
}

/// Elements of `1 ..= count` at strides, as six axes have them.
fn rearranged(count: i8, axes: [(usize, isize, usize); 3], output_len: usize) -> Vec<i8> {
    let input: Vec<i8> = (1..=count).collect();
    let [a, b, c] = axes;
    let layer = Rearrange {
        extents: [1, a.0, 1, b.0, 1, c.0],
        input_strides: [0, a.1, 0, b.1, 0, c.1],
        output_strides: [0, a.2, 0, b.2, 0, c.2],
    };
    let got = output_of(&input, output_len, |io| rearrange(&layer, io));
    assert_eq!(got, output_of(&input, output_len, |io| rearrange_reference(&layer, io)));
    got
}

#[test]
fn rearranging_is_reading_at_strides() {
    // [2, 3] transposed.
    assert_eq!(rearranged(6, [(1, 0, 0), (3, 1, 2), (2, 3, 1)], 6), [1, 4, 2, 5, 3, 6]);
    // Backwards, each row twice.
    assert_eq!(rearranged(4, [(2, 2, 4), (2, 0, 2), (2, -1, 1)], 8), [2, 1, 2, 1, 4, 3, 4, 3]);
    // All of it backwards: the lowest element comes last.
    assert_eq!(rearranged(4, [(1, 0, 0), (2, -2, 2), (2, -1, 1)], 4), [4, 3, 2, 1]);
    // One element four times; what lies between the elements stays.
    assert_eq!(rearranged(1, [(1, 0, 0), (1, 0, 0), (4, 0, 1)], 4), [1; 4]);
    let gaps = rearranged(3, [(1, 0, 0), (1, 0, 0), (3, 1, 2)], 5);
    assert_eq!([gaps[0], gaps[2], gaps[4]], [1, 2, 3]);
}

#[test]
fn taking_looks_indices_up() {
    let layer = Take { outer: 2, extent: 3, inner: 2, indices: &[2, 0, 0, 1] };
    let input: Vec<i8> = (0..12).collect();
    let got = output_of(&input, 16, |io| take(&layer, io));
    assert_eq!(got, [4, 5, 0, 1, 0, 1, 2, 3, 10, 11, 6, 7, 6, 7, 8, 9]);
    // An index of another axis.
    let outside = Take { indices: &[3], ..layer };
    let mut output = [0; 4];
    let mut io = Io::split(&input, &mut output);
    take(&outside, &mut io);
    assert!(io.is_refused());
}

#[test]
fn resampling_is_a_weighted_sum() {
    let (outer, extent, inner, count, taps) = (1, 2, 1, 3, 2);
    let indices = [0, 1, 0, 1, 1, 0];
    let layer =
        Resample { outer, extent, inner, count, taps, indices: &indices, weights: &[1.0, 0.0, 0.5, 0.5, 1.5, -0.5] };
    assert_eq!(output_of(&[1.0, 3.0], 3, |io| resample_f32(&layer, io)), [1.0, 2.0, 4.0]);
    // In units of 2^-14: halves go up, sums saturate, and what weighs nothing is the zero point.
    let layer =
        Resample { outer, extent, inner, count, taps, indices: &indices, weights: &[8192, 8192, 24576, -8192, 0, 0] };
    assert_eq!(output_of(&[100, 101], 3, |io| resample_i8(&layer, -3, io)), [101, 100, -3]);
    assert_eq!(output_of(&[-128, 127], 3, |io| resample_i8(&layer, 0, io)), [0, -128, 0]);
}

#[test]
fn bilinear_resizing_lies_between_pixels() {
    // Two pixels of a row to four: halves away from zero.
    let columns = [0, 0, -256, 0, 1, 256, 0, 1, 512, 1, 1, 0];
    let layer =
        ResizeBilinear { batch: 1, input: [1, 2], output: [1, 4], channels: 1, rows: &[0, 0, 0], columns: &columns };
    assert_eq!(output_of(&[-3, 2], 4, |io| resize_bilinear_i8(&layer, io)), [-3, -2, -1, 2]);
    assert_eq!(output_of(&[3, -2], 4, |io| resize_bilinear_i8(&layer, io)), [3, 2, 1, -2]);
}

/// Four bits: the layers of two tests above, with weights in two halves of four bytes.
#[test]
fn weights_of_four_bits() {
    let layer = FullyConnectedI8 {
        rows: 2,
        taps: 3,
        outputs: 2,
        stage: OutputStage::unclamped(1),
        packing: Packing::RowMajor,
        storage: Storage::Bits4,
        // 1, 2, 3, -1, 0, 1, each plus 8: the fifth is the upper half of the first byte.
        weights: &[0x89, 0x9a, 0x0b, 0x07].map(|byte: u8| byte as i8),
        bias: &[10, 0],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    let (input, expected) = ([1, 2, 3, 4, 0, -3], [25, 3, 6, -6]);
    assert_eq!(output_of(&input, 4, |io| fully_connected::fully_connected_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&input, 4, |io| fully_connected::fully_connected_i8(&layer, io, &mut [0; 32])), expected);
    let layer = Conv2dI8 {
        geometry: Geometry { groups: 2, ..geometry([1, 1, 4], [1, 1, 4], [1, 1]) },
        padding_value: 0,
        stage: OutputStage::unclamped(0),
        packing: Packing::RowMajor,
        storage: Storage::Bits4,
        // 1, 0, 0, 1, 1, 1, 1, -8.
        weights: &[0x99, 0x98, 0x98, 0x09].map(|byte: u8| byte as i8),
        bias: &[0, 0, 100, 0],
        requant: requant(&ONE),
        token: Token::detect(),
    };
    let expected = [1, 2, 107, -29];
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8_reference(&layer, io)), expected);
    assert_eq!(output_of(&[1, 2, 3, 4], 4, |io| conv2d::conv2d_i8(&layer, io, &mut [0; 36])), expected);
}

/// Sums of a chunk must stay below 2^20: 64 taps of 127 do, 72 do not.
#[test]
fn chunk_lengths_that_do_not_fit_their_weights() {
    let (taps, row_major) = (72, [127; 72]);
    let mut packed = vec![0; Packing::FourChannels.weight_len(Storage::Bits8, 1, taps)];
    Packing::FourChannels.pack(Storage::Bits8, 1, Taps::flat(taps), &row_major, &mut packed);
    let judged = |chunk: u32| {
        let mut packed = packed.clone();
        packed[..4].copy_from_slice(&chunk.to_le_bytes().map(|byte| byte as i8));
        let packing = Packing::FourChannels;
        (packing.takes_head(&packed), packing.is_head_of(&packed, taps, &row_major))
    };
    assert_eq!(
        [0, 12, 64, 72, 1 << 30].map(judged),
        [(false, false), (false, false), (true, true), (true, false), (true, false)]
    );
    assert!(Packing::FourChannels.is_head_of(&packed, taps, &row_major), "as it was packed");
    assert!(Packing::RowMajor.takes_head(&[]), "which has no head");
}

/// Of a cropped image the pixel below is not the next one in memory.
#[test]
fn hybrid_layers_find_their_pixels_in_a_cropped_image() {
    let layer = Conv2dHybrid {
        geometry: geometry([2, 3, 1], [2, 1, 1], [1, 1]),
        clamp: UNCLAMPED,
        storage: Storage::Bits8,
        weights: &[2],
        scales: &[0.5],
        zero_points: &[],
        bias: &[],
    };
    let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let kernels: [fn(&Conv2dHybrid, &mut Io<f32>); 2] = [conv2d::conv2d_hybrid, conv2d::conv2d_hybrid_reference];
    for run in kernels {
        assert_eq!(output_of(&input, 2, |io| run(&layer, io)), [1.0, 4.0]);
    }
}

/// Every combination of extremes, over numbers of taps around a vector's length and numbers of channels around a
/// block's: kernels for unsigned activations add 128 to them, and no product or sum may saturate.
#[test]
fn extremes_of_weights_and_activations() {
    // Miri is some thousand times slower, and looks at addresses: which numbers are multiplied is the same to it.
    let is_short = cfg!(miri);
    let all = [(-128, -128), (-128, 127), (127, -128), (127, 127)];
    let extremes = if is_short { &all[..1] } else { &all[..] };
    let lens: &[usize] = if is_short { &[33] } else { &[1, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 640] };
    // More channels than some kernels have stack for.
    let many: &[(usize, usize)] = if is_short { &[] } else { &[(3, 1024), (65, 1025)] };
    // One pixel, and more than are computed at a time.
    let pixels = [1, 11];
    for ((taps, outputs), &(weight, activation)) in lens
        .iter()
        .flat_map(|&taps| [(taps, 1), (taps, 17)])
        .chain(many.iter().copied())
        .flat_map(|shape| extremes.iter().map(move |numbers| (shape, numbers)))
    {
        let (weights, bias) = (vec![weight; taps * outputs], vec![0; outputs]);
        // 128 * 128 for each tap, times 2^-13 or less: sums of both signs are told apart from saturated ones.
        let (words, shift_base) = ([ONE[0] & 0x3fff_ffff], -13);
        let requant = Requant { words: &words, shift_base, extra: &[] };
        for (token, pixels) in Token::all().flat_map(|token| pixels.map(|pixels| (token, pixels))) {
            let layer = Conv2dI8 {
                geometry: geometry([1, pixels, taps], [1, pixels, outputs], [1, 1]),
                padding_value: 0,
                stage: OutputStage::unclamped(0),
                packing: Packing::RowMajor,
                storage: Storage::Bits8,
                weights: &weights,
                bias: &bias,
                requant,
                token,
            };
            let input = vec![activation; pixels * taps];
            let len = pixels * outputs;
            let expected = output_of(&input, len, |io| conv2d::conv2d_i8_reference(&layer, io));
            let actual = output_of(&input, len, |io| conv2d::conv2d_i8(&layer, io, &mut vec![0; taps]));
            assert_eq!(actual, expected, "{token:?}: {pixels} pixels, {taps} taps, {weight} * {activation}");
        }
    }
}
