//! Records of reductions over any axes and of products of matrices.

use kinglet_blob::records::{
    AlongF32, AlongI8 as RecordI8, MatMulF32, MatMulI8, MatMulI16, MatMulShape, ReduceF32, ReduceInt,
};
use kinglet_blob::{DType, OpCode, Operand};
use kinglet_kernels::along::{AlongI8, Function};
use kinglet_kernels::reduce::Kind;

use crate::plan::{Factor, Place, Quant};
use crate::record::{Memory, clamp, clamp_f32, extent, multiplier, plain, shift};

/// float, int8 or int16.
fn dtype(index: u8) -> DType {
    [DType::F32, DType::I8, DType::I16][usize::from(index % 3)]
}

impl Memory {
    pub(crate) fn reduce(
        &self,
        [index, kind]: [u8; 2],
        shape: [u8; 7],
        factor: Factor,
        [input_zero_point, zero_point]: [i8; 2],
        place: Place,
    ) -> Vec<u8> {
        let (dtype, extents) = (dtype(index), shape.map(|each| u32::from(extent(each, 4))));
        let [k0, _, k1, _, k2, _, k3] = extents;
        let size = dtype.size_bytes() as u32;
        let lens = (extents.iter().product(), k0 * k1 * k2 * k3);
        let operands = self.addresses(place, lens, (size, size)).unary(dtype);
        let integers = if dtype == DType::F32 { Kind::ALL.len() } else { 4 };
        let kind = kind % integers as u8;
        if dtype == DType::F32 {
            return plain(OpCode::Reduce, &operands, &ReduceF32 { extents, kind, reserved: [0; 3] });
        }
        let (multiplier, shift) = (multiplier(factor), shift(factor));
        let record = ReduceInt { extents, multiplier, shift, kind, input_zero_point, zero_point };
        plain(OpCode::Reduce, &operands, &record)
    }

    pub(crate) fn along(&self, function: u8, shape: [u8; 3], epsilon: f32, place: Place) -> Vec<u8> {
        let [outer, depth, inner] = shape.map(|each| u32::from(extent(each, 7)));
        let len = outer * depth * inner;
        let operands = self.addresses(place, (len, len), (4, 4)).unary(DType::F32);
        let (function, epsilon) = (function % Function::ALL.len() as u8, epsilon.abs());
        plain(OpCode::Along, &operands, &AlongF32 { outer, depth, inner, epsilon, function, reserved: [0; 3] })
    }

    /// One of the functions that int8 has; what it has no use for is zero.
    pub(crate) fn along_i8(
        &self,
        function: u8,
        shape: [u8; 3],
        (factors, diff_min): ([Factor; 2], i16),
        [input_zero_point, zero_point]: [i8; 2],
        place: Place,
    ) -> Vec<u8> {
        let known: Vec<Function> = Function::ALL.iter().copied().filter(|it| AlongI8::has(*it)).collect();
        let function = known[usize::from(function) % known.len()];
        let (is_log, is_root) = (function == Function::LogSoftmax, function == Function::L2);
        let of = |is_used: bool, factor: Factor| if is_used { (multiplier(factor), shift(factor)) } else { (0, 0) };
        let (multiplier, shift) = of(!is_root, factors[0]);
        let (reverse_multiplier, reverse_shift) = of(is_log, factors[1]);
        let [outer, depth, inner] = shape.map(|each| u32::from(extent(each, 7)));
        let len = outer * depth * inner;
        let record = RecordI8 {
            outer,
            depth,
            inner,
            diff_min: if is_log { -i32::from(diff_min).abs() } else { 0 },
            multiplier,
            reverse_multiplier,
            shift,
            reverse_shift,
            function: function as u8,
            reserved: 0,
            input_zero_point: if is_log { 0 } else { input_zero_point },
            zero_point: if is_log || is_root { 0 } else { zero_point },
            unused: [0; 2],
        };
        plain(OpCode::Along, &self.addresses(place, (len, len), (1, 1)).unary(DType::I8), &record)
    }

    /// Factors are stored as they are, transposed, or the same for all matrices.
    pub(crate) fn mat_mul(
        &self,
        [index, order, source]: [u8; 3],
        shape: [u8; 6],
        factor: Factor,
        quant: Quant,
        place: Place,
    ) -> Vec<u8> {
        let dtype = dtype(index);
        let [x, y, z, rows, depth, columns] = shape.map(|each| u32::from(extent(each, 5)));
        let strides = |extents: [u32; 2], order: u8| {
            let inner = if order & 1 == 0 { [extents[1], 1] } else { [1, extents[0]] };
            let matrix = if order & 2 == 0 { extents[0] * extents[1] } else { 0 };
            [y * z * matrix, z * matrix, matrix, inner[0], inner[1]]
        };
        let (a_strides, b_strides) = (strides([rows, depth], order), strides([depth, columns], order / 4));
        let shape = MatMulShape { batch: [x, y, z], rows, depth, columns, a_strides, b_strides };
        let size = dtype.size_bytes() as u32;
        let at = self.addresses(place, (x * y * z * rows * depth, x * y * z * rows * columns), (size, size));
        let mut operands = at.unary(dtype);
        let first = operands.inputs[0];
        match source % 4 {
            0 => operands.inputs.push(first),
            1 => operands.inputs.push(Operand::constant(dtype, at.constants)),
            2 => operands.inputs.insert(0, Operand::constant(dtype, at.constants)),
            _ => operands.inputs.push(Operand { offset: at.scratch, ..first }),
        }
        let (multiplier, shift) = (multiplier(factor), shift(factor));
        match dtype {
            DType::F32 => {
                let (min, max) = clamp_f32(quant.clamp);
                plain(OpCode::MatMul, &operands, &MatMulF32 { shape, min, max })
            }
            DType::I8 => {
                let (min, max) = clamp(quant.clamp);
                let record = MatMulI8 {
                    shape,
                    multiplier,
                    shift,
                    a_zero_point: quant.padding_value,
                    b_zero_point: quant.shift_base,
                    zero_point: quant.zero_point,
                    min,
                    max,
                    reserved: 0,
                };
                plain(OpCode::MatMul, &operands, &record)
            }
            _ => {
                let (min, max) = clamp(quant.clamp);
                let (min, max) = (i16::from(min) * 256, i16::from(max) * 256);
                let record = MatMulI16 { shape, multiplier, shift: shift.min(14), reserved: 0, min, max, padding: 0 };
                plain(OpCode::MatMul, &operands, &record)
            }
        }
    }
}
