//! Add, Mul, Lookup, Clamp, Logistic, Tanh, Quantize, Dequantize.

use kinglet_blob::OpCode;
use kinglet_blob::records::{
    BinaryF32, BinaryI8, Convert, LookupI8, OPERAND_ARENA, OPERAND_CONSTANT, OPERAND_SAME, Operands, UnaryF32,
};
use kinglet_kernels::Io;
use kinglet_kernels::elementwise::{self, AddI8, Broadcast, ElementwiseF32, MulI8, Operand};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::quantize::Affine;
use kinglet_kernels::{lookup, quantize, unary_f32};

use super::{read_f32, read_i8, write_f32, write_i8};
use crate::Program;
use crate::program::Apply;

/// The second operand stands in the arena at byte `b`; see [`Operands`] for `inner` and `b_len`.
pub fn operand_arena(b: u32, inner: u32, b_len: u32) -> (u8, u32, [u32; 2]) {
    (OPERAND_ARENA, b, [inner, b_len])
}

/// The second operand is random and stands in WEIGHTS.
pub fn operand_constant(inner: u32, b_len: u32) -> (u8, u32, [u32; 2]) {
    (OPERAND_CONSTANT, 0, [inner, b_len])
}

/// The second operand is the first.
pub fn operand_same() -> (u8, u32, [u32; 2]) {
    (OPERAND_SAME, 0, [1, 1])
}

impl Program {
    /// Add or Mul of `len` int8 elements; `b` comes from one of the `operand` functions.
    pub fn binary_i8(&mut self, opcode: OpCode, a: u32, output: u32, len: usize, b: (u8, u32, [u32; 2])) {
        let (b_source, mut b, [inner, b_len]) = b;
        let mut constant = vec![0i8; b_len as usize];
        if b_source == OPERAND_CONSTANT {
            self.random.fill(&mut constant);
            b = self.constants(&constant.iter().map(|&value| value as u8).collect::<Vec<_>>());
        }
        let record = BinaryI8 {
            operands: Operands { a, b, output, len: len as u32, inner, b_len },
            a_multiplier: 1_300_000_000,
            b_multiplier: 1_900_000_000,
            output_multiplier: 1_400_000_000,
            a_shift: -1,
            b_shift: -2,
            output_shift: if opcode == OpCode::AddI8 { -18 } else { -6 },
            b_source,
            a_zero_point: 5,
            b_zero_point: -11,
            zero_point: 3,
            min: -120,
            max: 110,
            reserved: [0; 3],
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_i8(arena, a, len), vec![0; len]);
            let values = if b_source == OPERAND_ARENA { read_i8(arena, b, b_len as usize) } else { constant.clone() };
            let broadcast = Broadcast { inner: inner as usize, len: b_len as usize };
            let operand = match b_source {
                OPERAND_SAME => Operand::SameAsInput,
                _ => Operand::Slice(&values, broadcast),
            };
            binary_i8_reference(opcode, &mut Io::split(&from, &mut to), operand);
            write_i8(arena, output, &to);
        });
        self.push(opcode, 0, &record, reference);
    }

    /// Add or Mul of `len` floats; `b` comes from one of the `operand` functions.
    pub fn binary_f32(&mut self, opcode: OpCode, a: u32, output: u32, len: usize, b: (u8, u32, [u32; 2])) {
        let (b_source, mut b, [inner, b_len]) = b;
        let constant: Vec<f32> = (0..b_len).map(|_| self.random.range(-900, 900) as f32 / 300.0).collect();
        if b_source == OPERAND_CONSTANT {
            b = self.constants(&constant.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        }
        let clamp = ClampF32 { min: -4.5, max: 5.0 };
        let operands = Operands { a, b, output, len: len as u32, inner, b_len };
        let record = BinaryF32 { operands, min: clamp.min, max: clamp.max, b_source, reserved: [0; 3] };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, a, len), vec![0.0; len]);
            let values = if b_source == OPERAND_ARENA { read_f32(arena, b, b_len as usize) } else { constant.clone() };
            let broadcast = Broadcast { inner: inner as usize, len: b_len as usize };
            let operand = match b_source {
                OPERAND_SAME => Operand::SameAsInput,
                _ => Operand::Slice(&values, broadcast),
            };
            let kernel = match opcode {
                OpCode::AddF32 => elementwise::add_f32_reference,
                _ => elementwise::mul_f32_reference,
            };
            kernel(&ElementwiseF32 { clamp }, &mut Io::split(&from, &mut to), operand);
            write_f32(arena, output, &to);
        });
        self.push(opcode, 0, &record, reference);
    }

    /// A random table over `len` elements.
    pub fn lookup_i8(&mut self, input: u32, output: u32, len: usize) {
        let mut table = vec![0i8; lookup::TABLE_LEN];
        self.random.fill(&mut table);
        let constants = self.constants(&table.iter().map(|&value| value as u8).collect::<Vec<_>>());
        let record = LookupI8 { input, output, len: len as u32, constants };
        let reference: Apply = Box::new(move |arena| {
            let from = read_i8(arena, input, len);
            let to: Vec<i8> = from.iter().map(|&x| table[(i32::from(x) + 128) as usize]).collect();
            write_i8(arena, output, &to);
        });
        self.push(OpCode::LookupI8, 0, &record, reference);
    }

    /// Clamp, Logistic or Tanh of `len` floats.
    pub fn unary_f32(&mut self, opcode: OpCode, input: u32, output: u32, len: usize) {
        let clamp = ClampF32 { min: -0.5, max: 6.0 };
        let record = UnaryF32 { input, output, len: len as u32, min: clamp.min, max: clamp.max };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, input, len), vec![0.0; len]);
            let io = &mut Io::split(&from, &mut to);
            match opcode {
                OpCode::ClampF32 => unary_f32::clamp_f32(clamp, io),
                OpCode::LogisticF32 => unary_f32::logistic_f32(io),
                _ => unary_f32::tanh_f32(io),
            }
            write_f32(arena, output, &to);
        });
        self.push(opcode, 0, &record, reference);
    }

    /// Float to int8 or back, `len` elements.
    pub fn convert(&mut self, opcode: OpCode, input: u32, output: u32, len: usize) {
        let params = Affine { scale: 0.037, zero_point: -4 };
        let record = Convert { input, output, len: len as u32, scale: params.scale, zero_point: params.zero_point };
        let reference: Apply = Box::new(move |arena| {
            if opcode == OpCode::Quantize {
                let mut to = vec![0; len];
                quantize::quantize_f32_i8(&params, &read_f32(arena, input, len), &mut to);
                write_i8(arena, output, &to);
            } else {
                let mut to = vec![0.0; len];
                quantize::dequantize_i8_f32(&params, &read_i8(arena, input, len), &mut to);
                write_f32(arena, output, &to);
            }
        });
        self.push(opcode, 0, &record, reference);
    }
}

/// The reference of [`Program::binary_i8`], with the numbers of its record written once more.
fn binary_i8_reference(opcode: OpCode, io: &mut Io<i8>, b: Operand<'_, i8>) {
    let stage = OutputStage { zero_point: 3, min: -120, max: 110 };
    if opcode == OpCode::AddI8 {
        let params = AddI8 {
            a_zero_point: 5,
            b_zero_point: -11,
            a_factor: FixedPoint { multiplier: 1_300_000_000, shift: -1 },
            b_factor: FixedPoint { multiplier: 1_900_000_000, shift: -2 },
            output_factor: FixedPoint { multiplier: 1_400_000_000, shift: -18 },
            stage,
        };
        elementwise::add_i8_reference(&params, io, b);
    } else {
        let factor = FixedPoint { multiplier: 1_400_000_000, shift: -6 };
        elementwise::mul_i8_reference(&MulI8 { a_zero_point: 5, b_zero_point: -11, factor, stage }, io, b);
    }
}
