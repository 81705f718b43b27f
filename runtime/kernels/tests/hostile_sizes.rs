//! Sizes that fit nothing: every kernel must end without a panic and without touching what is not its output.
//!
//! The engine never passes such layers; this is the second line of defence. Debug builds check every addition
//! for overflow, so an unguarded one fails here.

use kinglet_kernels::along::{AlongF32, AlongI8, Function, along_f32, along_i8};
use kinglet_kernels::conv2d::{self, AsymmetricConv2dI8, Conv2dF32, Conv2dHybrid, Conv2dI8, Conv2dI16, Geometry};
use kinglet_kernels::copy::{CopyBlocks, copy_blocks};
use kinglet_kernels::depthwise::{self, DepthwiseF32, DepthwiseI8, DepthwiseI16};
use kinglet_kernels::elementwise::{self, AddI8, AddI16, Broadcast, ElementwiseF32, MulI8, MulI16, Operand};
use kinglet_kernels::fully_connected::{self, FullyConnectedF32, FullyConnectedI8, FullyConnectedI16};
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::lookup::lookup_i8;
use kinglet_kernels::map::{FunctionI16, MapI16, map_i16};
use kinglet_kernels::mat_mul::{self, MatMulF32, MatMulI8, MatMulShape};
use kinglet_kernels::mean::{self, MeanF32, MeanI8};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{DepthwisePacking, Packing, Storage};
use kinglet_kernels::pad::{PadGeometry, pad};
use kinglet_kernels::pool::{self, PoolF32, PoolI8, PoolI16};
use kinglet_kernels::rearrange::{Rearrange, rearrange, rearrange_reference};
use kinglet_kernels::reduce::{self, Kind, ReduceF32, ReduceInt};
use kinglet_kernels::reduce_max::{self, ReduceMax};
use kinglet_kernels::resample::{Resample, resample_f32, resample_i8};
use kinglet_kernels::resize_bilinear::{ResizeBilinear, resize_bilinear_i8};
use kinglet_kernels::softmax::{SoftmaxF32, SoftmaxI8, SoftmaxI16, softmax_f32, softmax_i8, softmax_i16};
use kinglet_kernels::take::{Take, take, take_reference};
use kinglet_kernels::transpose_conv::{
    self, TransposeConvF32, TransposeConvI8, TransposeConvI16, TransposeGeometry, transpose_conv_f32, transpose_conv_i8,
};
use kinglet_kernels::{Io, Token};
use proptest::prelude::*;

/// Elements of the one buffer everything is in.
const LEN: usize = 120;
/// What only a kernel writes.
const STALE: i8 = 0x55;

/// Small, zero, or so large that products wrap. Loops run over the small ones only, or tests would not end.
fn small() -> impl Strategy<Value = usize> {
    0..=5_usize
}

/// Sizes that steer addresses but no loop.
fn wild() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..=5_usize, 1 => Just(usize::MAX), 1 => Just(usize::MAX / 2), 1 => Just(1 << 31)]
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let input = (wild(), wild(), small());
    (
        input,
        [small(), small(), small()],
        [small(), small()],
        [wild(), wild()],
        [wild(), wild()],
        [wild(), wild()],
        small(),
    )
        .prop_map(|(input, output, kernel, stride, dilation, pad, groups)| Geometry {
            input: input.into(),
            output,
            kernel,
            stride,
            dilation,
            pad,
            groups,
        })
}

/// Numbers of any size.
#[derive(Clone, Debug)]
struct Numbers {
    factor: FixedPoint,
    stage: OutputStage,
    bytes: Vec<i8>,
    words: Vec<u32>,
    bias: Vec<i32>,
    floats: Vec<f32>,
    extra: Vec<u8>,
    zero_point: i32,
}

impl Numbers {
    /// A stage of int16 operators.
    fn stage_i16(&self) -> StageI16<'_> {
        let requant = Requant { words: &self.words, shift_base: self.factor.shift, extra: &self.extra };
        let rounding = if self.zero_point < 0 { Rounding::Once } else { Rounding::Twice };
        let (min, max) = (self.stage.min as i16, self.stage.max as i16);
        StageI16 { bias: LongBias { low: &self.bias, high: &self.bias }, requant, rounding, min, max }
    }
}

/// What only a kernel writes to int16 outputs.
const STALE_I16: i16 = 0x5555;

fn numbers() -> impl Strategy<Value = Numbers> {
    use proptest::collection::vec;
    let slices = (
        vec(any::<i8>(), 0..90),
        vec(any::<u32>(), 0..4),
        vec(any::<i32>(), 0..4),
        vec(any::<f32>(), 0..90),
        vec(any::<u8>(), 0..4),
    );
    (any::<[i32; 6]>(), slices).prop_map(|([multiplier, shift, zero_point, min, max, other], slices)| {
        let (bytes, words, bias, floats, extra) = slices;
        let stage = OutputStage { zero_point, min, max };
        Numbers {
            factor: FixedPoint { multiplier, shift },
            stage,
            bytes,
            words,
            bias,
            floats,
            extra,
            zero_point: other,
        }
    })
}

/// Where input and output lie in the buffer; `None` is apart.
fn places() -> impl Strategy<Value = (Option<(usize, usize)>, (usize, usize))> {
    let place = || (0..=LEN + 9, prop_oneof![9 => 0..=LEN, 1 => Just(usize::MAX)]);
    (proptest::option::of(place()), place())
}

/// Runs `kernel` on the places and checks that nothing outside the output has changed.
fn run<T: Copy + Default + PartialEq + core::fmt::Debug>(
    (input, output): (Option<(usize, usize)>, (usize, usize)),
    stale: T,
    kernel: impl Fn(&mut Io<T>),
) -> Result<(), TestCaseError> {
    let elements = [stale; LEN];
    let mut buffer = [stale; LEN];
    let end = output.0.saturating_add(output.1);
    match input {
        Some(input) => kernel(&mut Io::Overlapped { buffer: &mut buffer, input, output }),
        None => kernel(&mut Io::split(&elements, buffer.get_mut(output.0..end).unwrap_or_default())),
    }
    let outside = buffer.iter().enumerate().filter(|(index, _)| *index < output.0 || *index >= end);
    for (index, element) in outside {
        prop_assert_eq!(*element, stale, "element {} outside {:?} was written", index, output);
    }
    Ok(())
}

const CLAMP: ClampF32 = ClampF32 { min: -1.0, max: 1.0 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows(geometry in geometry(), multiplier in wild(), numbers in numbers(), places in places(), scratch_len in 0..200_usize) {
        let Numbers { stage, bytes, words, bias, floats, extra, .. } = &numbers;
        let requant = Requant { words, shift_base: numbers.factor.shift, extra };
        let padding_value = STALE;
        let token = Token::detect();
        for packing in Packing::ALL {
            for storage in Storage::ALL {
                let layer = Conv2dI8 { geometry, padding_value, stage: *stage, packing, storage, weights: bytes, bias, requant, token };
                run(places, STALE, |io| conv2d::conv2d_i8(&layer, io, &mut vec![0; scratch_len]))?;
                run(places, STALE, |io| conv2d::conv2d_i8_reference(&layer, io))?;
            }
        }
        let layer = Conv2dF32 { geometry, clamp: CLAMP, weights: floats, bias: floats, token };
        run(places, 0.0, |io| conv2d::conv2d_f32(&layer, io))?;
        for storage in Storage::ALL {
            for zero_points in [bytes.as_slice(), &[]] {
                let layer = Conv2dHybrid { geometry, clamp: CLAMP, storage, weights: bytes, scales: floats, zero_points, bias: floats };
                run(places, 0.0, |io| conv2d::conv2d_hybrid(&layer, io))?;
                run(places, 0.0, |io| conv2d::conv2d_hybrid_reference(&layer, io))?;
            }
        }
        for packing in DepthwisePacking::ALL {
            for storage in Storage::ALL {
                let layer = DepthwiseI8 { geometry, multiplier, padding_value, stage: *stage, packing, storage, weights: bytes, bias, requant, token };
                run(places, STALE, |io| depthwise::depthwise_i8(&layer, io, &mut vec![0; scratch_len]))?;
            }
        }
        let layer = DepthwiseF32 { geometry, multiplier, clamp: CLAMP, weights: floats, bias: floats, token };
        run(places, 0.0, |io| depthwise::depthwise_f32(&layer, io))?;
        let layer = PoolI8 { geometry, min: stage.min, max: stage.max };
        run(places, STALE, |io| pool::average_pool_i8(&layer, io))?;
        run(places, STALE, |io| pool::max_pool_i8(&layer, io))?;
        let layer = PoolI16 { geometry, min: stage.min as i16, max: stage.max as i16 };
        run(places, STALE_I16, |io| pool::average_pool_i16(&layer, io))?;
        run(places, STALE_I16, |io| pool::max_pool_i16(&layer, io))?;
        let layer = Conv2dI16 { geometry, weights: bytes, stage: numbers.stage_i16() };
        run(places, STALE_I16, |io| conv2d::conv2d_i16(&layer, io))?;
        run(places, STALE_I16, |io| conv2d::conv2d_i16_reference(&layer, io))?;
        let layer = DepthwiseI16 { geometry, multiplier, weights: bytes, stage: numbers.stage_i16() };
        run(places, STALE_I16, |io| depthwise::depthwise_i16(&layer, io))?;
        run(places, STALE_I16, |io| depthwise::depthwise_i16_reference(&layer, io))?;
        let layer = AsymmetricConv2dI8 { geometry, input_zero_point: STALE, stage: *stage, zero_points: bytes, weights: bytes, bias, requant };
        run(places, STALE, |io| conv2d::asymmetric_conv2d_i8(&layer, io))?;
        run(places, STALE, |io| conv2d::asymmetric_conv2d_i8_reference(&layer, io))?;
        let Geometry { input, output, kernel, stride, pad, groups, .. } = geometry;
        let geometry_of_transposed = TransposeGeometry { input, output, kernel, stride, pad, groups };
        let layer = TransposeConvI8 { geometry: geometry_of_transposed, input_zero_point: STALE, stage: *stage, weights: bytes, bias, requant };
        run(places, STALE, |io| transpose_conv_i8(&layer, io))?;
        run(places, STALE, |io| transpose_conv::transpose_conv_i8_reference(&layer, io))?;
        let layer = TransposeConvF32 { geometry: geometry_of_transposed, clamp: CLAMP, weights: floats, bias: floats };
        run(places, 0.0, |io| transpose_conv_f32(&layer, io))?;
        let layer = TransposeConvI16 { geometry: geometry_of_transposed, weights: bytes, stage: numbers.stage_i16() };
        run(places, STALE_I16, |io| transpose_conv::transpose_conv_i16(&layer, io))?;
        run(places, STALE_I16, |io| transpose_conv::transpose_conv_i16_reference(&layer, io))?;
        transpose_conv::pack(&geometry_of_transposed, bytes, &mut vec![0; scratch_len]);
        let layer = PoolF32 { geometry, clamp: CLAMP };
        run(places, 0.0, |io| pool::average_pool_f32(&layer, io))?;
        run(places, 0.0, |io| pool::max_pool_f32(&layer, io))?;
    }

    #[test]
    fn rows(shape in (small(), wild(), small()), numbers in numbers(), places in places()) {
        let Numbers { stage, bytes, words, bias, floats, extra, .. } = &numbers;
        let requant = Requant { words, shift_base: numbers.factor.shift, extra };
        let (rows, taps, outputs) = shape;
        let token = Token::detect();
        for packing in Packing::ALL {
            for storage in Storage::ALL {
                let layer = FullyConnectedI8 { rows, taps, outputs, stage: *stage, packing, storage, weights: bytes, bias, requant, token };
                run(places, STALE, |io| fully_connected::fully_connected_i8(&layer, io, &mut []))?;
                run(places, STALE, |io| fully_connected::fully_connected_i8(&layer, io, &mut [0; 300]))?;
            }
        }
        let layer = FullyConnectedI16 { rows, taps, outputs, weights: bytes, stage: numbers.stage_i16() };
        run(places, STALE_I16, |io| fully_connected::fully_connected_i16(&layer, io))?;
        let layer = FullyConnectedF32 { rows, taps, outputs, clamp: CLAMP, weights: floats, bias: floats, token };
        run(places, 0.0, |io| fully_connected::fully_connected_f32(&layer, io))?;
        let layer = SoftmaxI8 { rows, depth: taps, input_factor: numbers.factor, diff_min: numbers.zero_point };
        run(places, STALE, |io| softmax_i8(&layer, io))?;
        run(places, 0.0, |io| softmax_f32(&SoftmaxF32 { rows, depth: taps, beta: f32::NAN }, io))?;
        let [outer, reduced, inner] = [rows, outputs, taps.min(40)];
        let layer = MeanI8 { outer, reduced, inner, input_zero_point: numbers.zero_point, factor: numbers.factor, stage: *stage };
        run(places, STALE, |io| mean::mean_i8(&layer, io))?;
        run(places, 0.0, |io| mean::mean_f32(&MeanF32 { outer, reduced, inner }, io))?;
        let layer = ReduceMax { outer, reduced, inner };
        run(places, STALE, |io| reduce_max::reduce_max_i8(&layer, io))?;
        run(places, 0.0, |io| reduce_max::reduce_max_f32(&layer, io))?;
        let extents = [1, outer, 1, 1, outer, reduced, inner];
        run(places, 0.0, |io| reduce::reduce_f32(&ReduceF32 { kind: Kind::SumSquare, extents }, io))?;
        let (factor, input_zero_point) = (numbers.factor, numbers.zero_point);
        let layer = ReduceInt { kind: Kind::Sum, extents, input_zero_point, factor, zero_point: stage.zero_point };
        run(places, STALE, |io| reduce::reduce_i8(&layer, io))?;
        run(places, STALE_I16, |io| reduce::reduce_i16(&layer, io))?;
        for &function in Function::ALL {
            let layer = AlongF32 { function, outer, depth: reduced, inner, epsilon: f32::NAN };
            run(places, 0.0, |io| along_f32(&layer, io))?;
        }
        for &function in Function::ALL {
            let layer = AlongI8 { function, outer, depth: reduced, inner, input_zero_point, zero_point: stage.zero_point, factor, reverse: factor, diff_min: numbers.zero_point };
            run(places, STALE, |io| along_i8(&layer, io))?;
        }
        let shorts: Vec<i16> = numbers.bytes.iter().map(|byte| i16::from(*byte) << 8).collect();
        let layer = SoftmaxI16 { rows, depth: taps, factor, exponentials: &shorts, inverses: &shorts };
        run(places, STALE_I16, |io| softmax_i16(&layer, io))?;
        for &function in FunctionI16::ALL {
            let layer = MapI16 { function, factors: [factor; 2], min: stage.min as i16, max: stage.max as i16, table: &shorts };
            run(places, STALE_I16, |io| map_i16(&layer, io))?;
        }
        let shape = MatMulShape { batch: [1, 1, outer], rows: reduced, depth: taps, columns: inner, a: [rows; 5], b: [taps; 5] };
        let mut output = vec![0.0; outer.saturating_mul(reduced).saturating_mul(inner).min(1 << 12)];
        // Whether it computes depends on the sizes; that it comes back is what counts.
        let _ = mat_mul::mat_mul_f32(&MatMulF32 { shape, clamp: CLAMP }, floats, floats, &mut output);
        let mut output = vec![0; output.len()];
        let layer = MatMulI8 { shape, a_zero_point: input_zero_point, b_zero_point: input_zero_point, factor, stage: *stage };
        let _ = mat_mul::mat_mul_i8(&layer, bytes, bytes, &mut output);
    }

    #[test]
    fn elements(broadcast in [wild(), wild()], numbers in numbers(), places in places()) {
        let [inner, len] = broadcast;
        let (stage, factor, zero_point) = (numbers.stage, numbers.factor, numbers.zero_point);
        let b = Operand::Slice(&numbers.bytes, Broadcast { inner, len });
        let layer = AddI8 { a_zero_point: zero_point, b_zero_point: zero_point, a_factor: factor, b_factor: factor, output_factor: factor, stage, token: Token::detect() };
        run(places, STALE, |io| elementwise::add_i8(&layer, io, b))?;
        run(places, STALE, |io| elementwise::add_i8_reference(&layer, io, b))?;
        let layer = MulI8 { a_zero_point: zero_point, b_zero_point: zero_point, factor, stage };
        run(places, STALE, |io| elementwise::mul_i8(&layer, io, b))?;
        let shorts: Vec<i16> = numbers.bytes.iter().map(|byte| i16::from(*byte) << 8).collect();
        let layer = AddI16 { a_factor: factor, b_factor: factor, output_factor: factor, min: stage.min as i16, max: stage.max as i16 };
        run(places, STALE_I16, |io| elementwise::add_i16(&layer, io, Operand::Slice(&shorts, Broadcast { inner, len })))?;
        let layer = MulI16 { factor, min: stage.min as i16, max: stage.max as i16 };
        run(places, STALE_I16, |io| elementwise::mul_i16(&layer, io, Operand::Slice(&shorts, Broadcast { inner, len })))?;
        let b = Operand::Slice(&numbers.floats, Broadcast { inner, len });
        run(places, 0.0, |io| elementwise::add_f32(&ElementwiseF32 { clamp: CLAMP, token: Token::detect() }, io, b))?;
        run(places, STALE, |io| lookup_i8(&numbers.bytes, io))?;
    }

    #[test]
    fn copies(input in [wild(), wild(), wild(), wild()], before in [wild(), wild(), wild(), wild()], output in [small(), small(), small(), small()], strides in [wild(), wild(), wild()], places in places()) {
        let geometry = PadGeometry { input, before, output };
        run(places, STALE, |io| pad(&geometry, 7, io))?;
        run(places, STALE_I16, |io| pad(&geometry, 7, io))?;
        let [input_stride, output_stride, output_offset] = strides;
        let layer = CopyBlocks { blocks: output[0], block_len: output[1], input_stride, output_stride, output_offset };
        run(places, STALE, |io| copy_blocks(&layer, io))?;
    }

    #[test]
    fn rearranged(extents in [small(), small(), small(), small()], strides in [wild(), wild(), wild(), wild(), wild(), wild()], places in places()) {
        let layer = Rearrange {
            extents: [extents[0], 1, extents[1], extents[2], 1, extents[3]],
            input_strides: [strides[0] as isize, 0, strides[1] as isize, (strides[2] as isize).wrapping_neg(), 3, 1],
            output_strides: [strides[3], 0, strides[4], strides[5], 7, 1],
        };
        run(places, STALE, |io| rearrange(&layer, io))?;
        run(places, STALE, |io| rearrange_reference(&layer, io))?;
    }

    #[test]
    fn tables(outer in small(), shape in [wild(), wild()], count in small(), taps in small(), numbers in numbers(), places in places()) {
        let [extent, inner] = shape;
        let layer = Take { outer, extent, inner, indices: &numbers.words };
        run(places, STALE, |io| take(&layer, io))?;
        run(places, STALE, |io| take_reference(&layer, io))?;
        let layer = Resample { outer, extent, inner, count, taps, indices: &numbers.words, weights: &numbers.floats };
        run(places, 0.0, |io| resample_f32(&layer, io))?;
        let weights: Vec<i16> = numbers.bytes.iter().map(|byte| i16::from(*byte) << 8).collect();
        let layer = Resample { outer, extent, inner, count, taps, indices: &numbers.words, weights: &weights };
        run(places, STALE, |io| resample_i8(&layer, numbers.zero_point, io))?;
        let (input, output) = ([extent, inner], [count, taps]);
        let layer = ResizeBilinear { batch: outer, input, output, channels: 2, rows: &numbers.bias, columns: &numbers.bias };
        run(places, STALE, |io| resize_bilinear_i8(&layer, io))?;
    }
}
