//! Reduce, MatMul: operators on whole axes and matrices.

use kinglet_blob::records::{AlongF32, AlongI8, MatMulF32, MatMulI8, MatMulI16, MatMulShape, ReduceF32, ReduceInt};
use kinglet_blob::{DType, OpCode, Operand, Operands};
use kinglet_kernels::Io;
use kinglet_kernels::along::{self, Function};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::reduce::{self, Kind};
use kinglet_kernels::{mat_mul, reduce::Extents};

use super::{read_f32, read_i8, read_i16, unary_f32, unary_i8, unary_i16, write_f32, write_i8, write_i16};
use crate::Program;
use crate::program::Apply;

/// Elements before and after a reduction.
fn lens(extents: &Extents) -> [usize; 2] {
    let [k0, _, k1, _, k2, _, k3] = *extents;
    [extents.iter().product(), k0 * k1 * k2 * k3]
}

/// What a reduction of integers in a program has beside its kind and extents.
const FACTOR: FixedPoint = FixedPoint { multiplier: 1_700_000_000, shift: -2 };
const ZERO_POINTS: [i8; 2] = [7, -9];

/// The same of a product.
const PRODUCT: FixedPoint = FixedPoint { multiplier: 1_500_000_000, shift: -7 };
const FACTORS: [i8; 2] = [5, -11];
const CLAMP: ClampF32 = ClampF32 { min: -4.5, max: 5.0 };

impl Program {
    /// A reduction of floats.
    pub fn reduce_f32(&mut self, input: u32, output: u32, kind: Kind, extents: Extents) {
        let record = ReduceF32 { extents: extents.map(|extent| extent as u32), kind: kind as u8, reserved: [0; 3] };
        let reference: Apply = Box::new(move |arena| {
            let [read, written] = lens(&extents);
            let (from, mut to) = (read_f32(arena, input, read), vec![0.0; written]);
            let layer = reduce::ReduceF32 { kind, extents };
            reduce::reduce_f32_reference(&layer, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::Reduce, &unary_f32(input, output), &record, reference);
    }

    /// A reduction of int8 or int16.
    pub fn reduce_int(&mut self, dtype: DType, input: u32, output: u32, kind: Kind, extents: Extents) {
        let [input_zero_point, zero_point] = if dtype == DType::I8 { ZERO_POINTS } else { [0; 2] };
        let record = ReduceInt {
            extents: extents.map(|extent| extent as u32),
            multiplier: FACTOR.multiplier,
            shift: FACTOR.shift as i8,
            kind: kind as u8,
            input_zero_point,
            zero_point,
        };
        let (input_zero_point, zero_point) = (input_zero_point.into(), zero_point.into());
        let layer = reduce::ReduceInt { kind, extents, input_zero_point, factor: FACTOR, zero_point };
        let reference: Apply = Box::new(move |arena| {
            let [read, written] = lens(&extents);
            if dtype == DType::I8 {
                let (from, mut to) = (read_i8(arena, input, read), vec![0; written]);
                reduce::reduce_i8_reference(&layer, &mut Io::split(&from, &mut to));
                write_i8(arena, output, &to);
            } else {
                let (from, mut to) = (read_i16(arena, input, read), vec![0; written]);
                reduce::reduce_i16_reference(&layer, &mut Io::split(&from, &mut to));
                write_i16(arena, output, &to);
            }
        });
        let operands = if dtype == DType::I8 { unary_i8(input, output) } else { unary_i16(input, output) };
        self.push(OpCode::Reduce, &operands, &record, reference);
    }

    /// A function along the middle axis of `[outer, depth, inner]`.
    pub fn along_f32(&mut self, input: u32, output: u32, function: Function, [outer, depth, inner]: [usize; 3]) {
        let epsilon = 0.125;
        let record = AlongF32 {
            outer: outer as u32,
            depth: depth as u32,
            inner: inner as u32,
            epsilon,
            function: function as u8,
            reserved: [0; 3],
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, input, outer * depth * inner), vec![0.0; outer * depth * inner]);
            let layer = along::AlongF32 { function, outer, depth, inner, epsilon };
            along::along_f32(&layer, &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::Along, &unary_f32(input, output), &record, reference);
    }

    /// The same of int8.
    pub fn along_i8(&mut self, input: u32, output: u32, function: Function, [outer, depth, inner]: [usize; 3]) {
        let none = FixedPoint { multiplier: 0, shift: 0 };
        let (is_log, is_root) = (function == Function::LogSoftmax, function == Function::L2);
        let factor = match function {
            Function::L2 => none,
            Function::LogSoftmax => FixedPoint { multiplier: 1_500_000_000, shift: 22 },
            _ => FixedPoint { multiplier: 1_700_000_000, shift: -20 },
        };
        let reverse = if is_log { FixedPoint { multiplier: 1_537_228_672, shift: -21 } } else { none };
        let diff_min = if is_log { -400 } else { 0 };
        let [input_zero_point, zero_point] = if is_log { [0; 2] } else { ZERO_POINTS };
        let zero_point = if is_root { 0 } else { zero_point };
        let record = AlongI8 {
            outer: outer as u32,
            depth: depth as u32,
            inner: inner as u32,
            diff_min,
            multiplier: factor.multiplier,
            reverse_multiplier: reverse.multiplier,
            shift: factor.shift as i8,
            reverse_shift: reverse.shift as i8,
            function: function as u8,
            reserved: 0,
            input_zero_point,
            zero_point,
            unused: [0; 2],
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_i8(arena, input, outer * depth * inner), vec![0; outer * depth * inner]);
            let (input_zero_point, zero_point) = (input_zero_point.into(), zero_point.into());
            let layer = along::AlongI8 {
                function,
                outer,
                depth,
                inner,
                input_zero_point,
                zero_point,
                factor,
                reverse,
                diff_min,
            };
            along::along_i8(&layer, &mut Io::split(&from, &mut to));
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Along, &unary_i8(input, output), &record, reference);
    }

    /// A product of the matrices at `places`; a factor without a place is random and stands in WEIGHTS.
    pub fn mat_mul(&mut self, dtype: DType, places: [Option<u32>; 2], output: u32, shape: MatMulShape) {
        let layer = mat_mul_shape(&shape);
        let factor_lens = reaches(&layer);
        let operand = |program: &mut Program, index: usize| match places[index] {
            Some(offset) => (Operand { offset, ..Operand::unplaced(dtype) }, Vec::new()),
            None => {
                let mut bytes = vec![0i8; factor_lens[index] * dtype.size_bytes()];
                program.random.fill(&mut bytes);
                let bytes: Vec<u8> = if dtype == DType::F32 {
                    bytes.chunks_exact(4).flat_map(|four| (f32::from(four[0]) / 32.0).to_le_bytes()).collect()
                } else {
                    bytes.into_iter().map(|byte| byte as u8).collect()
                };
                (Operand::constant(dtype, program.constants(&bytes)), bytes)
            }
        };
        let [(a, a_bytes), (b, b_bytes)] = [operand(self, 0), operand(self, 1)];
        let mut operands = Operands::unary((dtype, 0), (dtype, output));
        operands.inputs = vec![a, b];
        let reference: Apply = Box::new(move |arena| {
            let bytes = |arena: &[u8], index: usize, stored: &[u8]| match places[index] {
                Some(at) => arena[at as usize..][..factor_lens[index] * dtype.size_bytes()].to_vec(),
                None => stored.to_vec(),
            };
            let factors = [bytes(arena, 0, &a_bytes), bytes(arena, 1, &b_bytes)];
            product(dtype, layer, &factors, arena, output);
        });
        match dtype {
            DType::F32 => {
                let record = MatMulF32 { shape, min: CLAMP.min, max: CLAMP.max };
                self.push(OpCode::MatMul, &operands, &record, reference);
            }
            DType::I8 => {
                let record = MatMulI8 {
                    shape,
                    multiplier: PRODUCT.multiplier,
                    shift: PRODUCT.shift as i8,
                    a_zero_point: FACTORS[0],
                    b_zero_point: FACTORS[1],
                    zero_point: 3,
                    min: -120,
                    max: 110,
                    reserved: 0,
                };
                self.push(OpCode::MatMul, &operands, &record, reference);
            }
            _ => {
                let (multiplier, shift) = (PRODUCT.multiplier, PRODUCT.shift as i8 - 8);
                let record = MatMulI16 { shape, multiplier, shift, reserved: 0, min: -32_000, max: 31_000, padding: 0 };
                self.push(OpCode::MatMul, &operands, &record, reference);
            }
        }
    }
}

/// The reference's product, with the numbers of its record written once more.
fn product(dtype: DType, shape: mat_mul::MatMulShape, factors: &[Vec<u8>; 2], arena: &mut [u8], output: u32) {
    let len = shape.batch.iter().product::<usize>() * shape.rows * shape.columns;
    let [a, b] = [&factors[0], &factors[1]];
    match dtype {
        DType::F32 => {
            let [a, b] = [a, b].map(|bytes| read_f32(bytes, 0, bytes.len() / 4));
            let mut to = vec![0.0; len];
            assert!(mat_mul::mat_mul_f32_reference(&mat_mul::MatMulF32 { shape, clamp: CLAMP }, &a, &b, &mut to));
            write_f32(arena, output, &to);
        }
        DType::I8 => {
            let [a, b] = [a, b].map(|bytes| read_i8(bytes, 0, bytes.len()));
            let [a_zero_point, b_zero_point] = FACTORS.map(i32::from);
            let stage = OutputStage { zero_point: 3, min: -120, max: 110 };
            let layer = mat_mul::MatMulI8 { shape, a_zero_point, b_zero_point, factor: PRODUCT, stage };
            let mut to = vec![0; len];
            assert!(mat_mul::mat_mul_i8_reference(&layer, &a, &b, &mut to));
            write_i8(arena, output, &to);
        }
        _ => {
            let [a, b] = [a, b].map(|bytes| read_i16(bytes, 0, bytes.len() / 2));
            let factor = FixedPoint { shift: PRODUCT.shift - 8, ..PRODUCT };
            let layer = mat_mul::MatMulI16 { shape, factor, min: -32_000, max: 31_000 };
            let mut to = vec![0; len];
            assert!(mat_mul::mat_mul_i16_reference(&layer, &a, &b, &mut to));
            write_i16(arena, output, &to);
        }
    }
}

/// The shape as the kernels take it.
fn mat_mul_shape(shape: &MatMulShape) -> mat_mul::MatMulShape {
    let wide = |extent: u32| extent as usize;
    mat_mul::MatMulShape {
        batch: shape.batch.map(wide),
        rows: wide(shape.rows),
        depth: wide(shape.depth),
        columns: wide(shape.columns),
        a: shape.a_strides.map(wide),
        b: shape.b_strides.map(wide),
    }
}

/// Elements of both factors, from the first to the last that is read.
fn reaches(shape: &mat_mul::MatMulShape) -> [usize; 2] {
    let [x, y, z] = shape.batch;
    let reach = |extents: [usize; 5], strides: [usize; 5]| {
        1 + extents.iter().zip(strides).map(|(extent, stride)| (extent - 1) * stride).sum::<usize>()
    };
    [reach([x, y, z, shape.rows, shape.depth], shape.a), reach([x, y, z, shape.depth, shape.columns], shape.b)]
}
