//! From a planned operator to the bytes of its record.

use core::ops::RangeInclusive;

use kinglet_blob::constants::{EXTRA_SHIFTS, PER_TENSOR, SHORT_BIAS, SHORT_FACTORS};
use kinglet_blob::records::{
    BinaryF32, BinaryI8, Broadcast, Cast, Combine, CombineF32, CombineQuantized, Conv2dF32, Conv2dI8, Convert, Copy,
    FullyConnectedF32, FullyConnectedI8, Grid, LayerQuant, Lookup, MapF32, MeanF32, MeanI8, Pad, PoolF32, PoolI8,
    Rearrange, ReduceMax, Select, SoftmaxF32, SoftmaxI8, UnaryF32, Window,
};
use kinglet_blob::{DType, Function, MapFunction, OpCode, Operand, Operands, WeightForm, operator_bytes};
use kinglet_kernels::packing::{DepthwisePacking, Packing, Storage};

use crate::plan::{self, Factor, Operator, OperatorI16, Place, Quant};

/// The arena that places are brought into: tensors, then scratch.
pub(crate) struct Memory {
    pub(crate) tensor_bytes: u32,
    pub(crate) scratch_bytes: u32,
}

/// An operator's addresses.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) scratch: u32,
    pub(crate) constants: u32,
}

impl Addresses {
    /// One tensor in, one out.
    pub(crate) fn unary(&self, dtype: DType) -> Operands {
        Operands::unary((dtype, self.input), (dtype, self.output))
    }
}

/// A record without weights.
pub(crate) fn plain<R: kinglet_blob::Field>(opcode: OpCode, operands: &Operands, record: &R) -> Vec<u8> {
    operator_bytes(opcode, WeightForm::default(), operands, record)
}

/// int8 or float.
pub(crate) fn dtype(is_float: bool) -> DType {
    if is_float { DType::F32 } else { DType::I8 }
}

impl Memory {
    /// `at` brought to where `bytes` bytes fit, a multiple of `align`; 0 where they do not fit at all.
    pub(crate) fn fit(&self, at: u16, bytes: u32, align: u32) -> u32 {
        let room = self.tensor_bytes.saturating_sub(bytes);
        (u32::from(at) % (room + 1)) / align * align
    }

    /// Addresses for an input and an output of so many elements of so many bytes.
    pub(crate) fn addresses(&self, place: Place, (input, output): (u32, u32), (from, to): (u32, u32)) -> Addresses {
        let at = self.fit(place.input, input.saturating_mul(from), from);
        let over = place.overlap.is_multiple_of(4);
        Addresses {
            input: at,
            output: if over { at / to * to } else { self.fit(place.output, output.saturating_mul(to), to) },
            scratch: self.tensor_bytes + u32::from(place.scratch) * 4 % (self.scratch_bytes / 2),
            constants: u32::from(place.constants) * 4,
        }
    }

    /// The record with its head.
    pub(crate) fn record(&self, operator: &Operator) -> Vec<u8> {
        match *operator {
            Operator::Conv { is_float, is_depthwise, window, quant, place } => {
                self.conv(is_float, is_depthwise, &window, &quant, place)
            }
            Operator::FullyConnected { is_float, shape, quant, place } => {
                self.fully_connected(is_float, shape, &quant, place)
            }
            Operator::Pool { is_float, is_max, window, clamp, place } => {
                self.pool(is_float, is_max, &window, clamp, place)
            }
            Operator::Binary { is_float, is_mul, source, lens, factors, quant, place } => {
                let (operands, broadcast) = self.operands(dtype(is_float), source % 3, lens, place);
                binary(is_mul, &operands, broadcast, factors, &quant)
            }
            Operator::Softmax { is_float, shape, factor, diff_min, beta, place } => {
                self.softmax(is_float, shape, (factor, diff_min), beta, place)
            }
            Operator::Pad { is_float, input, before, after, value, place } => {
                self.pad(dtype(is_float), [input, before, after], value, place)
            }
            Operator::Copy { blocks, block_bytes, strides, place } => self.copy(blocks, block_bytes, strides, place),
            Operator::Rearrange { axes, place } => self.rearrange(axes, place),
            Operator::Mean { is_float, shape, factor, zero_points, place } => {
                self.mean(is_float, shape, factor, zero_points, place)
            }
            Operator::ReduceMax { is_float, shape, place } => self.reduce_max(is_float, shape, place),
            Operator::Unary { kind, len, clamp, place } => self.unary(kind % 4, len, clamp, place),
            Operator::Convert { is_dequantize, len, scale, zero_point, place } => {
                self.convert(is_dequantize, len, scale, zero_point, place)
            }
            Operator::TransposeConv { is_float, window, quant, place } => {
                self.transpose_conv(is_float, &window, &quant, place)
            }
            Operator::AsymmetricConv { window, quant, place } => self.asymmetric_conv(&window, &quant, place),
            Operator::Reduce { kind, shape, factor, zero_points, place } => {
                self.reduce(kind, shape, factor, zero_points, place)
            }
            Operator::Along { function, shape, epsilon, place } => self.along(function, shape, epsilon, place),
            Operator::AlongI8 { function, shape, factors, zero_points, diff_min, place } => {
                self.along_i8(function, shape, (factors, diff_min), zero_points, place)
            }
            Operator::MatMul { kind, shape, factor, quant, place } => self.mat_mul(kind, shape, factor, quant, place),
            Operator::Combine { kind, function, extents, repeats, sources, clamp, place } => {
                self.grid((kind, function), (extents, repeats), sources, clamp, place)
            }
            Operator::Rows { kind, dtype, shape, sources, place } => self.rows(kind, dtype, shape, sources, place),
            Operator::Recurrent { kind, shape, functions, flags, bound, place } => {
                self.recurrent((kind, functions), shape, (flags, bound), place)
            }
            Operator::Boxes { detects, shape, flag, bounds, place } => self.boxes(detects, shape, flag, bounds, place),
            Operator::Rank { dtype, shape, order, place } => self.rank(dtype, shape, order, place),
            Operator::Trees { shape, nodes, leaf_rows, aggregate, place } => {
                self.trees(shape, [nodes, leaf_rows, aggregate], place)
            }
            Operator::Cast { from, to, len, place } => self.cast([from, to], len, place),
            Operator::Hybrid { window, quant, place } => self.hybrid(&window, &quant, place),
            Operator::I16(operator) => self.record_i16(operator),
            Operator::Requantize { from, to, len, factor, zero_points, place } => {
                self.requantize([from, to], len, factor, zero_points, place)
            }
            Operator::Map { function, len, parameters, place } => self.map(function, len, parameters, place),
        }
    }

    fn record_i16(&self, operator: OperatorI16) -> Vec<u8> {
        match operator {
            OperatorI16::Conv { is_depthwise, window, quant, place } => {
                self.conv_i16(is_depthwise, &window, &quant, place)
            }
            OperatorI16::FullyConnected { shape, quant, place } => self.fully_connected_i16(shape, &quant, place),
            OperatorI16::Binary { is_mul, source, lens, factors, clamp, place } => {
                self.binary_i16(is_mul, source % 3, lens, factors, (clamp, place))
            }
            OperatorI16::Pool { is_max, window, clamp, place } => self.pool_i16(is_max, &window, clamp, place),
            OperatorI16::Pad { input, before, after, value, place } => {
                self.pad(DType::I16, [input, before, after], value, place)
            }
            OperatorI16::TransposeConv { window, quant, place } => self.transpose_conv_i16(&window, &quant, place),
            OperatorI16::Convert { is_dequantize, len, scale, place } => {
                self.convert_i16(is_dequantize, len, scale, place)
            }
            OperatorI16::Map { function, len, factors, clamp, place } => {
                self.map_i16(function, len, factors, clamp, place)
            }
            OperatorI16::Softmax { shape, factor, place } => self.softmax_i16(shape, factor, place),
        }
    }

    fn conv(&self, is_float: bool, is_depthwise: bool, plan: &plan::Window, quant: &Quant, place: Place) -> Vec<u8> {
        let mut window = window(plan);
        let dense = pick(Packing::ALL.into_iter().filter(|packing| packing.is_for_conv2d()), quant.packing);
        let depthwise = pick(DepthwisePacking::ALL.into_iter(), quant.packing);
        if is_depthwise {
            window.groups = u16::from(extent(plan.groups, 3));
            window.output[2] = window.input[2] * window.groups;
            if !is_float {
                window = kinglet_test_blobs::programs::taken(depthwise, window);
            }
        } else if is_float || dense.runs_conv2d(2) {
            // Groups that divide both sides.
            let groups = u16::from(extent(plan.groups, 3));
            window.groups = if plan.groups > 128 { groups } else { 1 };
            window.input[2] = window.input[2].next_multiple_of(window.groups);
            window.output[2] = window.output[2].next_multiple_of(window.groups);
        }
        let size = if is_float { 4 } else { 1 };
        let at = self.addresses(place, batch_lens(&window), (size, size));
        let (operands, constants) = (at.unary(dtype(is_float)), at.constants);
        let opcode = if is_depthwise { OpCode::Depthwise } else { OpCode::Conv2d };
        if is_float {
            let (min, max) = clamp_f32(quant.clamp);
            return plain(opcode, &operands, &Conv2dF32 { constants, window, min, max });
        }
        let (packing, shifts) =
            if is_depthwise { (depthwise as u8, depthwise.shifts()) } else { (dense as u8, dense.shifts()) };
        let record = Conv2dI8 { constants, window, quant: maybe_short(quant, layer_quant(quant, shifts)) };
        let form = WeightForm { packing, storage: storage(quant.packing) };
        operator_bytes(opcode, form, &operands.with_scratch(at.scratch), &record)
    }

    fn fully_connected(&self, is_float: bool, shape: [u8; 3], quant: &Quant, place: Place) -> Vec<u8> {
        let [rows, taps, outputs] = [extent(shape[0], 4), extent(shape[1], 64), extent(shape[2], 32)].map(u32::from);
        let size = if is_float { 4 } else { 1 };
        let lens = (rows * taps, rows * outputs);
        let at = self.addresses(place, lens, (size, size));
        let (operands, constants) = (at.unary(dtype(is_float)), at.constants);
        if is_float {
            let (min, max) = clamp_f32(quant.clamp);
            let record = FullyConnectedF32 { constants, rows, taps, outputs, min, max };
            return plain(OpCode::FullyConnected, &operands, &record);
        }
        let packing = pick(Packing::ALL.into_iter().filter(|packing| packing.is_for_fully_connected()), quant.packing);
        let form = WeightForm { packing: packing as u8, storage: storage(quant.packing) };
        let quant = maybe_short(quant, layer_quant(quant, packing.shifts()));
        let record = FullyConnectedI8 { constants, rows, taps, outputs, quant };
        operator_bytes(OpCode::FullyConnected, form, &operands.with_scratch(at.scratch), &record)
    }

    fn pool(&self, is_float: bool, is_max: bool, plan: &plan::Window, bounds: (i8, i8), place: Place) -> Vec<u8> {
        let mut window = window(plan);
        window.output[2] = window.input[2];
        let size = if is_float { 4 } else { 1 };
        let operands = self.addresses(place, batch_lens(&window), (size, size)).unary(dtype(is_float));
        let opcode = if is_max { OpCode::MaxPool } else { OpCode::AveragePool };
        if is_float {
            let (min, max) = clamp_f32(bounds);
            return plain(opcode, &operands, &PoolF32 { window, min, max });
        }
        let (min, max) = clamp(bounds);
        plain(opcode, &operands, &PoolI8 { window, min, max, reserved: 0 })
    }

    /// The second operand is in the arena, a constant, or the first.
    pub(crate) fn operands(&self, dtype: DType, source: u8, lens: [u8; 3], place: Place) -> (Operands, Broadcast) {
        let [len, inner, b_len] = [1 + u32::from(lens[0]), 1 + u32::from(lens[1] % 16), 1 + u32::from(lens[2] % 64)];
        let size = dtype.size_bytes() as u32;
        let at = self.addresses(place, (len, len), (size, size));
        let mut operands = at.unary(dtype);
        let (b, broadcast) = match source {
            0 => (Operand { offset: at.scratch, ..Operand::unplaced(dtype) }, Broadcast { len, inner, b_len }),
            1 => (Operand::constant(dtype, at.constants), Broadcast { len, inner, b_len }),
            _ => (operands.inputs[0], Broadcast { len, inner: 1, b_len: len }),
        };
        operands.inputs.push(b);
        (operands, broadcast)
    }

    fn softmax(
        &self,
        is_float: bool,
        shape: [u8; 2],
        (factor, diff_min): (Factor, i16),
        beta: f32,
        place: Place,
    ) -> Vec<u8> {
        let [rows, depth] = shape.map(|each| u32::from(extent(each, 12)));
        let size = if is_float { 4 } else { 1 };
        let operands = self.addresses(place, (rows * depth, rows * depth), (size, size)).unary(dtype(is_float));
        if is_float {
            return plain(OpCode::Softmax, &operands, &SoftmaxF32 { rows, depth, beta });
        }
        let (multiplier, shift) = (multiplier(factor), shift(factor).into());
        let diff_min = -i32::from(diff_min).abs();
        plain(OpCode::Softmax, &operands, &SoftmaxI8 { rows, depth, multiplier, shift, diff_min })
    }

    fn pad(&self, dtype: DType, [input, before, after]: [[u8; 4]; 3], value: u32, place: Place) -> Vec<u8> {
        let input_dims = input.map(|each| u16::from(extent(each, 4)));
        let before = before.map(|each| u16::from(each % 3));
        let mut output_dims = input_dims;
        for (axis, extent) in output_dims.iter_mut().enumerate() {
            *extent += before[axis] + u16::from(after[axis] % 3);
        }
        let len = |dims: [u16; 4]| dims.iter().map(|&each| u32::from(each)).product();
        let size = dtype.size_bytes() as u32;
        let at = self.addresses(place, (len(input_dims), len(output_dims)), (size, size));
        plain(OpCode::Pad, &at.unary(dtype), &Pad { input_dims, before, output_dims, value })
    }

    fn copy(&self, blocks: u8, block_bytes: u8, strides: [u8; 2], place: Place) -> Vec<u8> {
        let (blocks, block_bytes) = (u32::from(extent(blocks, 9)), u32::from(extent(block_bytes, 40)));
        let [input_stride, more] = strides.map(|each| u32::from(each % 64));
        let output_stride = block_bytes + more;
        let reach = |stride: u32| (blocks - 1) * stride + block_bytes;
        let lens = (reach(input_stride), reach(output_stride));
        // Every type, by the bits of a number that decides something else too.
        let dtype = DType::ALL[usize::from(blocks as u8 ^ block_bytes as u8) % DType::ALL.len()];
        let size = dtype.size_bytes() as u32;
        let mut operands = self.addresses(place, lens, (1, 1)).unary(dtype);
        operands.inputs[0].offset &= !(size - 1);
        operands.outputs[0].offset &= !(size - 1);
        plain(OpCode::Copy, &operands, &Copy { blocks, block_bytes, input_stride, output_stride })
    }

    /// Axes apart or over each other, of every type.
    fn rearrange(&self, axes: [(u8, i8, u8); 4], place: Place) -> Vec<u8> {
        let mut record = Rearrange { extents: [1; 6], input_strides: [0; 6], output_strides: [0; 6] };
        let (mut read, mut written) = (1, 1);
        for (axis, (count, stride, gap)) in axes.into_iter().enumerate().rev() {
            let place = axis + usize::from(gap & 1) * 2;
            let last = u32::from(extent(count, 5)) - 1;
            record.extents[place] = last + 1;
            record.input_strides[place] = i32::from(stride % 24);
            record.output_strides[place] = written + u32::from(gap % 8 / 4);
            read += last * record.input_strides[place].unsigned_abs();
            written += last * record.output_strides[place];
        }
        let dtype = DType::ALL[usize::from(axes[0].2) % DType::ALL.len()];
        let size = dtype.size_bytes() as u32;
        let operands = self.addresses(place, (read, written), (size, size)).unary(dtype);
        plain(OpCode::Rearrange, &operands, &record)
    }

    /// Combine and Select: operands that repeat along some axes, in the arena or in WEIGHTS.
    fn grid(
        &self,
        (kind, function): (u8, u8),
        (extents, repeats): ([u8; 6], [u8; 3]),
        sources: u8,
        bounds: (i8, i8),
        place: Place,
    ) -> Vec<u8> {
        let extents = extents.map(|each| u32::from(extent(each, 4)));
        // Operands that repeat along the same axis are refused, and that is not what is looked for most of the time.
        let [a, b, c] = repeats.map(|bits| bits & 63);
        let is_select = kind % 4 == 3;
        let repeats = if is_select { [a, b & !a, c] } else { [a, b & !a, 0] };
        let function = Function::ALL[usize::from(function) % Function::ALL.len()];
        let dtype = [
            DType::F32,
            [DType::I32, DType::I8][usize::from(sources & 1)],
            [DType::Bool, DType::I16][usize::from(sources & 1)],
            DType::ALL[usize::from(kind / 4) % DType::ALL.len()],
        ][usize::from(kind % 4)];
        let result = if is_select { dtype } else { function.result(dtype).unwrap_or(dtype) };
        let len = |bits: u8| {
            let own = extents.iter().enumerate().filter(|(axis, _)| bits >> axis & 1 == 0);
            own.map(|(_, &extent)| extent).product::<u32>()
        };
        let at = self.addresses(place, (len(repeats[0]), len(0)), (4, 4));
        let types = if is_select { vec![DType::Bool, dtype, dtype] } else { vec![dtype, dtype] };
        let operand = |(index, &dtype): (usize, &DType)| match sources >> (2 * index) & 3 {
            0 => Operand::constant(dtype, at.constants),
            1 => Operand { offset: at.scratch, ..Operand::unplaced(dtype) },
            _ => Operand { offset: at.input, ..Operand::unplaced(dtype) },
        };
        let operands = Operands {
            inputs: types.iter().enumerate().map(operand).collect(),
            outputs: vec![Operand { offset: at.output, ..Operand::unplaced(result) }],
            ..Operands::default()
        };
        let grid = Grid { function: if is_select { 0 } else { function as u8 }, repeats, extents };
        let (min, max) = clamp_f32(bounds);
        let (low, high) = clamp(bounds);
        match kind % 4 {
            _ if !is_select && matches!(dtype, DType::I8 | DType::I16) => {
                // The factors follow from what else there is.
                let multiplier = i32::from(place.scratch) << 15 | i32::from(place.constants);
                let record = CombineQuantized {
                    grid,
                    a_multiplier: multiplier,
                    b_multiplier: multiplier ^ 0x2a55_0f0f,
                    output_multiplier: multiplier ^ 0x1234_5678,
                    a_shift: (bounds.0 % 31),
                    b_shift: (bounds.1 % 31),
                    output_shift: (bounds.0 ^ bounds.1) % 31,
                    left_shift: sources % 21,
                    a_zero_point: bounds.0.into(),
                    b_zero_point: bounds.1.into(),
                    zero_point: low.into(),
                    min: low.into(),
                    max: high.into(),
                    reserved: 0,
                };
                plain(OpCode::Combine, &operands, &record)
            }
            0 => plain(OpCode::Combine, &operands, &CombineF32 { grid, min, max }),
            3 => plain(OpCode::Select, &operands, &Select { grid }),
            _ => plain(OpCode::Combine, &operands, &Combine { grid }),
        }
    }

    /// Operands and extents of what reduces the middle axis.
    fn reduction(&self, is_float: bool, shape: [u8; 3], place: Place) -> (Operands, [u32; 3]) {
        let [outer, reduced, inner] = shape.map(|each| u32::from(extent(each, 9)));
        let size = if is_float { 4 } else { 1 };
        let lens = (outer * reduced * inner, outer * inner);
        (self.addresses(place, lens, (size, size)).unary(dtype(is_float)), [outer, reduced, inner])
    }

    fn mean(&self, is_float: bool, shape: [u8; 3], factor: Factor, zero_points: [i8; 2], place: Place) -> Vec<u8> {
        let (operands, [outer, reduced, inner]) = self.reduction(is_float, shape, place);
        if is_float {
            return plain(OpCode::Mean, &operands, &MeanF32 { outer, reduced, inner });
        }
        let (multiplier, shift) = (multiplier(factor), shift(factor));
        let [input_zero_point, zero_point] = zero_points;
        let record = MeanI8 { outer, reduced, inner, multiplier, shift, input_zero_point, zero_point, reserved: 0 };
        plain(OpCode::Mean, &operands, &record)
    }

    fn reduce_max(&self, is_float: bool, shape: [u8; 3], place: Place) -> Vec<u8> {
        let (operands, [outer, reduced, inner]) = self.reduction(is_float, shape, place);
        plain(OpCode::ReduceMax, &operands, &ReduceMax { outer, reduced, inner })
    }

    fn convert(&self, is_dequantize: bool, len: u8, scale: f32, zero_point: i8, place: Place) -> Vec<u8> {
        let (len, zero_point) = (1 + u32::from(len), zero_point.into());
        let sizes = if is_dequantize { (1, 4) } else { (4, 1) };
        let Addresses { input, output, .. } = self.addresses(place, (len, len), sizes);
        let opcode = if is_dequantize { OpCode::Dequantize } else { OpCode::Quantize };
        let operands = Operands::unary((dtype(!is_dequantize), input), (dtype(is_dequantize), output));
        plain(opcode, &operands, &Convert { len, scale: scale.abs(), zero_point })
    }

    fn cast(&self, types: [u8; 2], len: u8, place: Place) -> Vec<u8> {
        let [from, to] = types.map(|index| DType::ALL[usize::from(index) % DType::ALL.len()]);
        let len = 1 + u32::from(len);
        let sizes = (from.size_bytes() as u32, to.size_bytes() as u32);
        let Addresses { input, output, .. } = self.addresses(place, (len, len), sizes);
        plain(OpCode::Cast, &Operands::unary((from, input), (to, output)), &Cast { len })
    }

    fn unary(&self, kind: u8, len: u8, bounds: (i8, i8), place: Place) -> Vec<u8> {
        let len = 1 + u32::from(len);
        let size = if kind == 0 { 1 } else { 4 };
        let at = self.addresses(place, (len, len), (size, size));
        let operands = at.unary(dtype(kind != 0));
        let opcode = match kind {
            0 => return plain(OpCode::Lookup, &operands, &Lookup { len, constants: at.constants }),
            1 => OpCode::Clamp,
            2 => OpCode::Logistic,
            _ => OpCode::Tanh,
        };
        let (min, max) = clamp_f32(bounds);
        plain(opcode, &operands, &UnaryF32 { len, min, max })
    }

    fn map(&self, function: u8, len: u8, parameters: [f32; 2], place: Place) -> Vec<u8> {
        let len = 1 + u32::from(len);
        let function = MapFunction::ALL[usize::from(function) % MapFunction::ALL.len()];
        let at = |index: usize| if index < function.parameters() { parameters[index] } else { 0.0 };
        let record = MapF32 { len, function: function as u8, reserved: [0; 3], alpha: at(0), beta: at(1) };
        plain(OpCode::Map, &self.addresses(place, (len, len), (4, 4)).unary(DType::F32), &record)
    }
}

fn binary(
    is_mul: bool,
    operands: &Operands,
    broadcast: Broadcast,
    [a, b, result]: [Factor; 3],
    quant: &Quant,
) -> Vec<u8> {
    let opcode = if is_mul { OpCode::Mul } else { OpCode::Add };
    if operands.inputs[0].dtype == DType::F32 {
        let (min, max) = clamp_f32(quant.clamp);
        return plain(opcode, operands, &BinaryF32 { broadcast, min, max });
    }
    let (min, max) = clamp(quant.clamp);
    let record = BinaryI8 {
        broadcast,
        a_multiplier: multiplier(a),
        b_multiplier: multiplier(b),
        output_multiplier: multiplier(result),
        a_shift: shift(a),
        b_shift: shift(b),
        output_shift: shift(result),
        a_zero_point: quant.padding_value,
        b_zero_point: quant.shift_base,
        zero_point: quant.zero_point,
        min,
        max,
    };
    plain(opcode, operands, &record)
}

/// `1 ..= max`, from any byte.
pub(crate) fn extent(byte: u8, max: u8) -> u8 {
    1 + byte % max
}

/// In order.
pub(crate) fn clamp((a, b): (i8, i8)) -> (i8, i8) {
    (a.min(b), a.max(b))
}

/// The same as floats, a few units wide.
pub(crate) fn clamp_f32(bounds: (i8, i8)) -> (f32, f32) {
    let (min, max) = clamp(bounds);
    (f32::from(min) / 16.0, f32::from(max) / 16.0)
}

/// `-31 ..= 30`.
pub(crate) fn shift(factor: Factor) -> i8 {
    (i16::from(factor.shift).rem_euclid(62) - 31) as i8
}

pub(crate) fn multiplier(factor: Factor) -> i32 {
    (factor.multiplier & 0x7fff_ffff) as i32
}

/// A window whose output may be what padding and strides would give, or anything else that is small.
pub(crate) fn window(plan: &plan::Window) -> Window {
    let small = |extents: [u8; 3]| extents.map(|each| u16::from(extent(each, 7)));
    Window {
        input: small(plan.input),
        output: small(plan.output),
        kernel: plan.kernel.map(|each| extent(each, 5)),
        stride: plan.stride.map(|each| extent(each, 3)),
        dilation: plan.dilation.map(|each| if each > 200 { 2 } else { 1 }),
        pad: plan.pad.map(|each| each % 4),
        batch: if plan.batch > 200 { 2 } else { 1 },
        groups: 1,
    }
}

/// One of the packings: half of the time the first, which has the fewest conditions.
fn pick<T>(mut packings: impl Iterator<Item = T> + Clone, index: u8) -> T {
    let count = packings.clone().count();
    let at = usize::from(index / 2) % count * usize::from(index & 1);
    packings.nth(at).expect("there is a row-major packing")
}

/// Any storage.
fn storage(index: u8) -> u8 {
    pick(Storage::ALL.into_iter(), index / 16) as u8
}

pub(crate) fn layer_quant(plan: &Quant, shifts: RangeInclusive<i32>) -> LayerQuant {
    let (min, max) = clamp(plan.clamp);
    // Random words add up to three.
    let first = *shifts.start() as i16;
    let count = *shifts.end() as i16 - 3 - first;
    LayerQuant {
        shift_base: (i16::from(plan.shift_base).rem_euclid(count) + first) as i8,
        padding_value: plan.padding_value,
        zero_point: plan.zero_point,
        min,
        max,
        // Random extra shifts are nearly always too large.
        flags: plan.flags & if plan.flags > 240 { PER_TENSOR | EXTRA_SHIFTS } else { PER_TENSOR },
        bias_shift: 0,
    }
}

/// With short tables, sometimes.
fn maybe_short(plan: &Quant, quant: LayerQuant) -> LayerQuant {
    let flags = quant.flags | plan.flags & (SHORT_BIAS | SHORT_FACTORS);
    let bias_shift = if flags & SHORT_BIAS != 0 { u16::from(plan.flags % 16) } else { 0 };
    LayerQuant { flags, bias_shift, ..quant }
}

/// Elements of the input and output of a whole batch.
pub(crate) fn batch_lens(window: &Window) -> (u32, u32) {
    let image = |shape: [u16; 3]| shape.iter().map(|&each| u32::from(each)).product::<u32>();
    let batch = u32::from(window.batch);
    (batch * image(window.input), batch * image(window.output))
}
