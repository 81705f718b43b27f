//! Records of transposed convolutions, of weights with zero points and of operators on int16 activations.

use kinglet_blob::constants::{EXTRA_SHIFTS, LONG_BIAS, NO_BIAS, PER_TENSOR, ROUND_TWICE, ZERO_POINTS};
use kinglet_blob::records::{
    AsymmetricConv2dI8, BinaryI16, Conv2dI16, Convert, FullyConnectedI16, HybridConv2d, LayerQuantI16, MapI16, PoolI16,
    Requantize, SoftmaxI16, TransposeConvF32, TransposeConvI8, TransposeConvI16, Window,
};
use kinglet_blob::{DType, OpCode, Operands, WeightForm, operator_bytes};
use kinglet_kernels::map::FunctionI16;
use kinglet_kernels::numerics::ALL_SHIFTS;

use crate::plan::{self, Factor, Place, Quant};
use crate::record::{
    Memory, batch_lens, clamp, clamp_f32, dtype, extent, layer_quant, multiplier, plain, shift, window,
};

impl Memory {
    pub(crate) fn transpose_conv(&self, is_float: bool, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let window = spread(plan);
        let size = if is_float { 4 } else { 1 };
        let at = self.addresses(place, batch_lens(&window), (size, size));
        let (operands, constants) = (at.unary(dtype(is_float)), at.constants);
        if is_float {
            let (min, max) = clamp_f32(quant.clamp);
            return plain(OpCode::TransposeConv, &operands, &TransposeConvF32 { constants, window, min, max });
        }
        let quant = layer_quant(quant, ALL_SHIFTS);
        plain(OpCode::TransposeConv, &operands, &TransposeConvI8 { constants, window, quant })
    }

    pub(crate) fn asymmetric_conv(&self, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let mut window = window(plan);
        window.groups = u16::from(extent(plan.groups, 3));
        window.input[2] = window.input[2].next_multiple_of(window.groups);
        window.output[2] = window.output[2].next_multiple_of(window.groups);
        let at = self.addresses(place, batch_lens(&window), (1, 1));
        let record = AsymmetricConv2dI8 { constants: at.constants, window, quant: layer_quant(quant, ALL_SHIFTS) };
        plain(OpCode::AsymmetricConv2d, &at.unary(DType::I8), &record)
    }

    pub(crate) fn conv_i16(&self, is_depthwise: bool, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let mut window = window(plan);
        window.groups = u16::from(extent(plan.groups, 3));
        if is_depthwise {
            window.output[2] = window.input[2] * window.groups;
        } else {
            window.input[2] = window.input[2].next_multiple_of(window.groups);
            window.output[2] = window.output[2].next_multiple_of(window.groups);
        }
        let at = self.addresses(place, batch_lens(&window), (2, 2));
        let opcode = if is_depthwise { OpCode::Depthwise } else { OpCode::Conv2d };
        let record = Conv2dI16 { constants: at.constants, window, quant: quant_i16(quant) };
        plain(opcode, &at.unary(DType::I16), &record)
    }

    pub(crate) fn fully_connected_i16(&self, shape: [u8; 3], quant: &Quant, place: Place) -> Vec<u8> {
        let [rows, taps, outputs] = [extent(shape[0], 4), extent(shape[1], 64), extent(shape[2], 32)].map(u32::from);
        let at = self.addresses(place, (rows * taps, rows * outputs), (2, 2));
        let record = FullyConnectedI16 { constants: at.constants, rows, taps, outputs, quant: quant_i16(quant) };
        plain(OpCode::FullyConnected, &at.unary(DType::I16), &record)
    }

    pub(crate) fn binary_i16(
        &self,
        is_mul: bool,
        source: u8,
        lens: [u8; 3],
        factors: [Factor; 3],
        (bounds, place): ((i8, i8), Place),
    ) -> Vec<u8> {
        let (operands, broadcast) = self.operands(DType::I16, source, lens, place);
        let [a_multiplier, b_multiplier, output_multiplier] = factors.map(multiplier);
        let [a_shift, b_shift, output_shift] = factors.map(|factor| shift(factor).min(0));
        let (min, max) = clamp_i16(bounds);
        let record = BinaryI16 {
            broadcast,
            a_multiplier,
            b_multiplier,
            output_multiplier,
            a_shift,
            b_shift,
            output_shift,
            reserved: 0,
            min,
            max,
        };
        plain(if is_mul { OpCode::Mul } else { OpCode::Add }, &operands, &record)
    }

    pub(crate) fn hybrid(&self, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let mut window = window(plan);
        window.groups = u16::from(extent(plan.groups, 3));
        window.input[2] = window.input[2].next_multiple_of(window.groups);
        window.output[2] = window.output[2].next_multiple_of(window.groups);
        if plan.groups > 200 {
            // A depthwise one.
            window.groups = window.input[2];
            window.output[2] = window.output[2].next_multiple_of(window.groups);
        }
        let at = self.addresses(place, batch_lens(&window), (4, 4));
        let (min, max) = clamp_f32(quant.clamp);
        let flags = quant.flags & (PER_TENSOR | ZERO_POINTS | NO_BIAS);
        let record = HybridConv2d { constants: at.constants, window, min, max, flags, reserved: [0; 3] };
        let form = WeightForm { packing: 0, storage: quant.packing % 4 };
        operator_bytes(OpCode::HybridConv2d, form, &at.unary(DType::F32), &record)
    }

    pub(crate) fn pool_i16(&self, is_max: bool, plan: &plan::Window, bounds: (i8, i8), place: Place) -> Vec<u8> {
        let mut window = window(plan);
        window.output[2] = window.input[2];
        let at = self.addresses(place, batch_lens(&window), (2, 2));
        let opcode = if is_max { OpCode::MaxPool } else { OpCode::AveragePool };
        let (min, max) = clamp_i16(bounds);
        plain(opcode, &at.unary(DType::I16), &PoolI16 { window, min, max })
    }

    pub(crate) fn transpose_conv_i16(&self, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let window = spread(plan);
        let at = self.addresses(place, batch_lens(&window), (2, 2));
        let record = TransposeConvI16 { constants: at.constants, window, quant: quant_i16(quant) };
        plain(OpCode::TransposeConv, &at.unary(DType::I16), &record)
    }

    pub(crate) fn convert_i16(&self, is_dequantize: bool, len: u8, scale: f32, place: Place) -> Vec<u8> {
        let len = 1 + u32::from(len);
        let types = if is_dequantize { [DType::I16, DType::F32] } else { [DType::F32, DType::I16] };
        let opcode = if is_dequantize { OpCode::Dequantize } else { OpCode::Quantize };
        let record = Convert { len, scale: scale.abs(), zero_point: 0 };
        plain(opcode, &self.between(types, len, place), &record)
    }

    /// Between int16 and what each of both is when it is not that.
    pub(crate) fn requantize(
        &self,
        is_int8: [bool; 2],
        len: u8,
        factor: Factor,
        zero_points: [i8; 2],
        place: Place,
    ) -> Vec<u8> {
        let len = 1 + u32::from(len);
        let types = is_int8.map(|is_int8| if is_int8 { DType::I8 } else { DType::I16 });
        let [input_zero_point, zero_point] = [0, 1].map(|end| if is_int8[end] { zero_points[end] } else { 0 });
        let (multiplier, shift) = (multiplier(factor), shift(factor));
        let record = Requantize { len, multiplier, shift, input_zero_point, zero_point, reserved: 0 };
        plain(OpCode::Quantize, &self.between(types, len, place), &record)
    }

    pub(crate) fn map_i16(
        &self,
        function: u8,
        len: u8,
        factors: [Factor; 2],
        bounds: (i8, i8),
        place: Place,
    ) -> Vec<u8> {
        let len = 1 + u32::from(len);
        let function = FunctionI16::ALL[usize::from(function) % FunctionI16::ALL.len()];
        let of = |factor: Factor| (multiplier(factor), shift(factor));
        let [positive, negative] = match function {
            FunctionI16::Rescale => factors.map(of),
            FunctionI16::Abs | FunctionI16::Rsqrt => [of(factors[0]), (0, 0)],
            FunctionI16::Logistic | FunctionI16::Tanh => {
                [(multiplier(factors[0]) >> 16, shift(factors[0]).min(0)), (0, 0)]
            }
            FunctionI16::Table => [(0, 0); 2],
        };
        let (min, max) = clamp_i16(bounds);
        let at = self.addresses(place, (len, len), (2, 2));
        let record = MapI16 {
            len,
            function: function as u8,
            shifts: [positive.1, negative.1],
            reserved: 0,
            multipliers: [positive.0, negative.0],
            min,
            max,
            constants: if function.table_len() == 0 { 0 } else { at.constants },
        };
        plain(OpCode::Map, &at.unary(DType::I16), &record)
    }

    pub(crate) fn softmax_i16(&self, shape: [u8; 2], factor: Factor, place: Place) -> Vec<u8> {
        let [rows, depth] = shape.map(|each| u32::from(extent(each, 12)));
        let at = self.addresses(place, (rows * depth, rows * depth), (2, 2));
        let (multiplier, shift) = (multiplier(factor), i32::from(shift(factor)).min(15));
        let record = SoftmaxI16 { rows, depth, multiplier, shift, constants: at.constants };
        plain(OpCode::Softmax, &at.unary(DType::I16), &record)
    }

    /// `len` elements of one type to as many of another.
    fn between(&self, types: [DType; 2], len: u32, place: Place) -> Operands {
        let [from, to] = types.map(|dtype| dtype.size_bytes() as u32);
        let at = self.addresses(place, (len, len), (from, to));
        Operands::unary((types[0], at.input), (types[1], at.output))
    }
}

/// The window of a transposed convolution.
fn spread(plan: &plan::Window) -> Window {
    let mut window = window(plan);
    window.dilation = [1, 1];
    window.groups = u16::from(extent(plan.groups, 3));
    window.input[2] = window.input[2].next_multiple_of(window.groups);
    window.output[2] = window.output[2].next_multiple_of(window.groups);
    window
}

/// In order, and up to the ends of the range.
fn clamp_i16(bounds: (i8, i8)) -> (i16, i16) {
    let (min, max) = clamp(bounds);
    (i16::from(min) * 256, i16::from(max) * 256 + 255)
}

fn quant_i16(plan: &Quant) -> LayerQuantI16 {
    let (min, max) = clamp_i16(plan.clamp);
    let known = PER_TENSOR | ROUND_TWICE | LONG_BIAS;
    LayerQuantI16 {
        // Random words add up to three.
        shift_base: (i16::from(plan.shift_base).rem_euclid(43) - 31) as i8,
        // Random extra shifts are nearly always too large.
        flags: plan.flags & if plan.flags > 240 { known | EXTRA_SHIFTS } else { known },
        min,
        max,
        reserved: 0,
    }
}
