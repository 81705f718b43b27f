//! Operators on int16 activations.

use kinglet_blob::constants::{LONG_BIAS, ROUND_TWICE};
use kinglet_blob::records::{
    BinaryI16, Conv2dI16, Convert, FullyConnectedI16, LayerQuantI16, Requantize, TransposeConvI16, Window,
};
use kinglet_blob::{DType, Field, OpCode, Operands};
use kinglet_kernels::elementwise::{self, AddI16, MulI16};
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::FixedPoint;
use kinglet_kernels::quantize::{self, Affine};
use kinglet_kernels::{Io, conv2d, depthwise, fully_connected, transpose_conv};

use super::elementwise::kernel_operand;
use super::grid::read_i32;
use super::layer::Constants;
use super::transpose_conv::transposed;
use super::{batch_lens, each_image, geometry, read_f32, read_i8, read_i16, unary_i16, write_f32, write_i8, write_i16};
use crate::program::Apply;
use crate::{Factors, Program, Second};

/// How a layer's sums become outputs.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    /// Rounded twice, in 32 bits.
    pub twice: bool,
    /// With upper halves of the biases.
    pub long_bias: bool,
}

/// A layer's constants as the references take them.
pub(super) struct Layer {
    pub(super) constants: Constants,
    high: Vec<i32>,
    pub(super) quant: LayerQuantI16,
}

impl Layer {
    pub(super) fn stage(&self) -> StageI16<'_> {
        StageI16 {
            bias: LongBias { low: &self.constants.bias, high: &self.high },
            requant: self.constants.requant(),
            rounding: if self.quant.flags & ROUND_TWICE != 0 { Rounding::Twice } else { Rounding::Once },
            min: self.quant.min,
            max: self.quant.max,
        }
    }
}

impl Program {
    /// Random constants for `outputs` channels of `taps` weights, and where they stand.
    pub(super) fn layer_i16(&mut self, outputs: usize, taps: usize, factors: Factors, sums: Sums) -> (Layer, u32) {
        let mut constants = self.constants_i8(outputs, taps, factors);
        constants.quant.shift_base = -9;
        let high: Vec<i32> = if sums.long_bias { (0..outputs).map(|o| o as i32 % 3 - 1).collect() } else { Vec::new() };
        let flags = [(sums.twice, ROUND_TWICE), (sums.long_bias, LONG_BIAS)];
        let flags = flags.into_iter().filter(|(on, _)| *on).fold(constants.quant.flags, |all, (_, flag)| all | flag);
        let quant =
            LayerQuantI16 { shift_base: constants.quant.shift_base, flags, min: -32_000, max: 31_000, reserved: 0 };
        let mut bytes = Vec::new();
        high.iter().for_each(|half| half.put(&mut bytes));
        let at = self.constants(&bytes);
        // The rest follows without a gap.
        let stored = self.store(&constants, &constants.weights);
        assert_eq!(stored, at + bytes.len() as u32);
        (Layer { constants, high, quant }, at)
    }

    /// TransposeConv2D, int16.
    pub fn transpose_conv_i16(&mut self, input: u32, output: u32, window: Window, factors: Factors, sums: Sums) {
        let geometry = transposed(&window);
        // Random in any order.
        let (layer, constants) = self.layer_i16(geometry.output[2], geometry.taps(), factors, sums);
        let record = TransposeConvI16 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let weights = &layer.constants.weights;
            let params = transpose_conv::TransposeConvI16 { geometry, weights, stage: layer.stage() };
            let images = read_i16(arena, input, batch_lens(&window).0);
            let run = |from: &[i16], to: &mut [i16]| {
                transpose_conv::transpose_conv_i16_reference(&params, &mut Io::split(from, to));
            };
            write_i16(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::TransposeConv, &unary_i16(input, output), &record, reference);
    }

    /// Conv2D, int16.
    pub fn conv2d_i16(&mut self, input: u32, output: u32, window: Window, factors: Factors, sums: Sums) {
        let geometry = geometry(&window, window.groups.into());
        let (layer, constants) = self.layer_i16(geometry.output[2], geometry.taps(), factors, sums);
        let record = Conv2dI16 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let params = conv2d::Conv2dI16 { geometry, weights: &layer.constants.weights, stage: layer.stage() };
            let images = read_i16(arena, input, batch_lens(&window).0);
            let run = |from: &[i16], to: &mut [i16]| conv2d::conv2d_i16_reference(&params, &mut Io::split(from, to));
            write_i16(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::Conv2d, &unary_i16(input, output), &record, reference);
    }

    /// DepthwiseConv2D, int16; `window.groups` is the multiplier.
    pub fn depthwise_i16(&mut self, input: u32, output: u32, window: Window, factors: Factors, sums: Sums) {
        let geometry = geometry(&window, window.input[2].into());
        let multiplier = usize::from(window.groups);
        let (layer, constants) = self.layer_i16(geometry.output[2], geometry.taps(), factors, sums);
        let record = Conv2dI16 { constants, window, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let weights = &layer.constants.weights;
            let params = depthwise::DepthwiseI16 { geometry, multiplier, weights, stage: layer.stage() };
            let images = read_i16(arena, input, batch_lens(&window).0);
            let run =
                |from: &[i16], to: &mut [i16]| depthwise::depthwise_i16_reference(&params, &mut Io::split(from, to));
            write_i16(arena, output, &each_image(&window, &images, run));
        });
        self.push(OpCode::Depthwise, &unary_i16(input, output), &record, reference);
    }

    /// FullyConnected, int16, of shape `[rows, taps, outputs]`.
    pub fn fully_connected_i16(
        &mut self,
        input: u32,
        output: u32,
        [rows, taps, outputs]: [usize; 3],
        factors: Factors,
        sums: Sums,
    ) {
        let (layer, constants) = self.layer_i16(outputs, taps, factors, sums);
        let [rows_u32, taps_u32, outputs_u32] = [rows, taps, outputs].map(|extent| extent as u32);
        let record =
            FullyConnectedI16 { constants, rows: rows_u32, taps: taps_u32, outputs: outputs_u32, quant: layer.quant };
        let reference: Apply = Box::new(move |arena| {
            let (weights, stage) = (&layer.constants.weights, layer.stage());
            let params = fully_connected::FullyConnectedI16 { rows, taps, outputs, weights, stage };
            let (from, mut to) = (read_i16(arena, input, rows * taps), vec![0; rows * outputs]);
            fully_connected::fully_connected_i16_reference(&params, &mut Io::split(&from, &mut to));
            write_i16(arena, output, &to);
        });
        self.push(OpCode::FullyConnected, &unary_i16(input, output), &record, reference);
    }

    /// Add or Mul of `len` int16 elements; `b` comes from one of the `operand` functions.
    pub fn binary_i16(&mut self, opcode: OpCode, a: u32, output: u32, len: usize, b: Second) {
        let constant: Vec<i16> = (0..b.constant_len()).map(|_| self.random.range(-32_768, 32_767) as i16).collect();
        let stored = self.constants(&constant.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        let (operands, broadcast) = b.operands(DType::I16, [a, output], len, stored);
        let layer = AddI16 {
            a_factor: FixedPoint { multiplier: 1_300_000_000, shift: -1 },
            b_factor: FixedPoint { multiplier: 1_900_000_000, shift: -2 },
            output_factor: FixedPoint { multiplier: 1_400_000_000, shift: -14 },
            min: -32_000,
            max: 31_000,
        };
        let record = BinaryI16 {
            broadcast,
            a_multiplier: layer.a_factor.multiplier,
            b_multiplier: layer.b_factor.multiplier,
            output_multiplier: layer.output_factor.multiplier,
            a_shift: layer.a_factor.shift as i8,
            b_shift: layer.b_factor.shift as i8,
            output_shift: layer.output_factor.shift as i8,
            reserved: 0,
            min: layer.min,
            max: layer.max,
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_i16(arena, a, len), vec![0; len]);
            let b_len = broadcast.b_len as usize;
            let values = if let Second::Arena(at, _) = b { read_i16(arena, at, b_len) } else { constant.clone() };
            let operand = kernel_operand(b, &values, &broadcast);
            let io = &mut Io::split(&from, &mut to);
            if opcode == OpCode::Add {
                elementwise::add_i16_reference(&layer, io, operand);
            } else {
                let AddI16 { output_factor: factor, min, max, .. } = layer;
                elementwise::mul_i16_reference(&MulI16 { factor, min, max }, io, operand);
            }
            write_i16(arena, output, &to);
        });
        self.push(opcode, &operands, &record, reference);
    }

    /// Float to int16 or back, `len` elements.
    pub fn convert_i16(&mut self, opcode: OpCode, input: u32, output: u32, len: usize) {
        let params = Affine { scale: 0.0037, zero_point: 0 };
        let [float, int16] = [DType::F32, DType::I16];
        let operands = match opcode {
            OpCode::Quantize => Operands::unary((float, input), (int16, output)),
            _ => Operands::unary((int16, input), (float, output)),
        };
        let record = Convert { len: len as u32, scale: params.scale, zero_point: params.zero_point };
        let reference: Apply = Box::new(move |arena| {
            if opcode == OpCode::Quantize {
                let mut to = vec![0; len];
                assert!(quantize::quantize_f32_i16(&params, &read_f32(arena, input, len), &mut to));
                write_i16(arena, output, &to);
            } else {
                let mut to = vec![0.0; len];
                assert!(quantize::dequantize_i16_f32(&params, &read_i16(arena, input, len), &mut to));
                write_f32(arena, output, &to);
            }
        });
        self.push(opcode, &operands, &record, reference);
    }

    /// From codes of type `from` to codes of type `to`, `len` elements; not both are int8, nor both int32.
    pub fn requantize(&mut self, [from, to]: [DType; 2], input: u32, output: u32, len: usize) {
        let zero_point = |dtype: DType, zero: i8| if dtype == DType::I8 { zero } else { 0 };
        let (input_zero_point, zero_point) = (zero_point(from, 7), zero_point(to, -9));
        let factor = FixedPoint { multiplier: 1_400_000_000, shift: if to == DType::I8 { -8 } else { 0 } };
        let (multiplier, shift) = (factor.multiplier, factor.shift as i8);
        let record = Requantize { len: len as u32, multiplier, shift, input_zero_point, zero_point, reserved: 0 };
        let reference: Apply = Box::new(move |arena| {
            let (input_zero_point, zero_point) = (input_zero_point.into(), zero_point.into());
            let params = quantize::Requantize { input_zero_point, factor, zero_point };
            let read: Vec<i32> = match from {
                DType::I8 => read_i8(arena, input, len).into_iter().map(i32::from).collect(),
                DType::I16 => read_i16(arena, input, len).into_iter().map(i32::from).collect(),
                _ => read_i32(arena, input, len),
            };
            match to {
                DType::I8 => write_i8(arena, output, &read.iter().map(|&q| params.to_i8(q)).collect::<Vec<_>>()),
                DType::I16 => write_i16(arena, output, &read.iter().map(|&q| params.to_i16(q)).collect::<Vec<_>>()),
                _ => write_i32(arena, output, &read.iter().map(|&q| params.to_i32(q)).collect::<Vec<_>>()),
            }
        });
        self.push(OpCode::Quantize, &Operands::unary((from, input), (to, output)), &record, reference);
    }
}

fn write_i32(arena: &mut [u8], at: u32, values: &[i32]) {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    arena[at as usize..].iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
}
