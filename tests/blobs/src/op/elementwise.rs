//! Add, Mul, Lookup, Clamp, Logistic, Tanh, Map, Quantize, Dequantize.

use kinglet_blob::records::{BinaryF32, BinaryI8, Broadcast, Convert, Lookup, MapF32, MapI16, UnaryF32};
use kinglet_blob::{DType, MapFunction, OpCode, Operand, Operands, for_each_function};
use kinglet_kernels::elementwise::{self, AddI8, ElementwiseF32, MulI8};
use kinglet_kernels::map::FunctionI16;
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage};
use kinglet_kernels::quantize::Affine;
use kinglet_kernels::{Io, Token};
use kinglet_kernels::{lookup, map, quantize, unary_f32};

use super::{read_f32, read_i8, read_i16, unary_f32, unary_i8, unary_i16, write_f32, write_i8, write_i16};
use crate::Program;
use crate::program::Apply;

/// Where a second operand is, and how it is read.
#[derive(Clone, Copy, Debug)]
pub enum Second {
    /// In the arena at this byte, see [`Broadcast`] for `inner` and `b_len`.
    Arena(u32, [u32; 2]),
    /// Random elements in WEIGHTS.
    Constant([u32; 2]),
    /// It is the first.
    Same,
}

/// The second operand stands in the arena at byte `b`; see [`Broadcast`] for `inner` and `b_len`.
pub fn operand_arena(b: u32, inner: u32, b_len: u32) -> Second {
    Second::Arena(b, [inner, b_len])
}

/// The second operand is random and stands in WEIGHTS.
pub fn operand_constant(inner: u32, b_len: u32) -> Second {
    Second::Constant([inner, b_len])
}

/// The second operand is the first.
pub fn operand_same() -> Second {
    Second::Same
}

impl Second {
    /// How many elements of a constant there are.
    pub(super) fn constant_len(self) -> usize {
        if let Second::Constant([_, b_len]) = self { b_len as usize } else { 0 }
    }

    /// The operands of a record, and how the second one is read. `constant` is where a constant stands.
    pub(super) fn operands(
        self,
        dtype: DType,
        [a, output]: [u32; 2],
        len: usize,
        constant: u32,
    ) -> (Operands, Broadcast) {
        let len = len as u32;
        let (b, [inner, b_len]) = match self {
            Second::Arena(at, period) => (Operand { offset: at, ..Operand::unplaced(dtype) }, period),
            Second::Constant(period) => (Operand::constant(dtype, constant), period),
            Second::Same => (Operand { offset: a, ..Operand::unplaced(dtype) }, [1, len]),
        };
        let mut operands = Operands::unary((dtype, a), (dtype, output));
        operands.inputs.push(b);
        (operands, Broadcast { len, inner, b_len })
    }
}

impl Program {
    /// Add or Mul of `len` int8 elements; `b` comes from one of the `operand` functions.
    pub fn binary_i8(&mut self, opcode: OpCode, a: u32, output: u32, len: usize, b: Second) {
        let mut constant = vec![0i8; b.constant_len()];
        self.random.fill(&mut constant);
        let stored = self.constants(&constant.iter().map(|&value| value as u8).collect::<Vec<_>>());
        let (operands, broadcast) = b.operands(DType::I8, [a, output], len, stored);
        let record = BinaryI8 {
            broadcast,
            a_multiplier: 1_300_000_000,
            b_multiplier: 1_900_000_000,
            output_multiplier: 1_400_000_000,
            a_shift: -1,
            b_shift: -2,
            output_shift: if opcode == OpCode::Add { -18 } else { -6 },
            a_zero_point: 5,
            b_zero_point: -11,
            zero_point: 3,
            min: -120,
            max: 110,
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_i8(arena, a, len), vec![0; len]);
            let b_len = broadcast.b_len as usize;
            let values = if let Second::Arena(at, _) = b { read_i8(arena, at, b_len) } else { constant.clone() };
            let operand = kernel_operand(b, &values, &broadcast);
            binary_i8_reference(opcode, &mut Io::split(&from, &mut to), operand);
            write_i8(arena, output, &to);
        });
        self.push(opcode, &operands, &record, reference);
    }

    /// Add or Mul of `len` floats; `b` comes from one of the `operand` functions.
    pub fn binary_f32(&mut self, opcode: OpCode, a: u32, output: u32, len: usize, b: Second) {
        let count = b.constant_len();
        let constant: Vec<f32> = (0..count).map(|_| self.random.range(-900, 900) as f32 / 300.0).collect();
        let stored = self.constants(&constant.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        let (operands, broadcast) = b.operands(DType::F32, [a, output], len, stored);
        let clamp = ClampF32 { min: -4.5, max: 5.0 };
        let record = BinaryF32 { broadcast, min: clamp.min, max: clamp.max };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, a, len), vec![0.0; len]);
            let b_len = broadcast.b_len as usize;
            let values = if let Second::Arena(at, _) = b { read_f32(arena, at, b_len) } else { constant.clone() };
            let operand = kernel_operand(b, &values, &broadcast);
            let kernel = match opcode {
                OpCode::Add => elementwise::add_f32_reference,
                _ => elementwise::mul_f32_reference,
            };
            kernel(&ElementwiseF32 { clamp, token: Token::PLAIN }, &mut Io::split(&from, &mut to), operand);
            write_f32(arena, output, &to);
        });
        self.push(opcode, &operands, &record, reference);
    }

    /// A random table over `len` elements.
    pub fn lookup_i8(&mut self, input: u32, output: u32, len: usize) {
        let mut table = vec![0i8; lookup::TABLE_LEN];
        self.random.fill(&mut table);
        let constants = self.constants(&table.iter().map(|&value| value as u8).collect::<Vec<_>>());
        let record = Lookup { len: len as u32, constants };
        let reference: Apply = Box::new(move |arena| {
            let from = read_i8(arena, input, len);
            let to: Vec<i8> = from.iter().map(|&x| table[(i32::from(x) + 128) as usize]).collect();
            write_i8(arena, output, &to);
        });
        self.push(OpCode::Lookup, &unary_i8(input, output), &record, reference);
    }

    /// Clamp, Logistic or Tanh of `len` floats.
    pub fn unary_f32(&mut self, opcode: OpCode, input: u32, output: u32, len: usize) {
        let clamp = ClampF32 { min: -0.5, max: 6.0 };
        let record = UnaryF32 { len: len as u32, min: clamp.min, max: clamp.max };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, input, len), vec![0.0; len]);
            let io = &mut Io::split(&from, &mut to);
            match opcode {
                OpCode::Clamp => unary_f32::clamp_f32(clamp, io),
                OpCode::Logistic => unary_f32::logistic_f32(io),
                _ => unary_f32::tanh_f32(io),
            }
            write_f32(arena, output, &to);
        });
        self.push(opcode, &unary_f32(input, output), &record, reference);
    }

    /// A function of `len` floats, with 0.75 and 0.5 for the parameters that it has.
    pub fn map_f32(&mut self, function: MapFunction, input: u32, output: u32, len: usize) {
        let parameter = |at: usize, value: f32| if at < function.parameters() { value } else { 0.0 };
        let params = map::MapF32 { alpha: parameter(0, 0.75), beta: parameter(1, 0.5) };
        let record = MapF32 {
            len: len as u32,
            function: function as u8,
            reserved: [0; 3],
            alpha: params.alpha,
            beta: params.beta,
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_f32(arena, input, len), vec![0.0; len]);
            map::map_f32(&params, kernel(function), &mut Io::split(&from, &mut to));
            write_f32(arena, output, &to);
        });
        self.push(OpCode::Map, &unary_f32(input, output), &record, reference);
    }

    /// A function of `len` int16 elements; what its table says is of no account.
    pub fn map_i16(&mut self, function: FunctionI16, input: u32, output: u32, len: usize) {
        let none = FixedPoint { multiplier: 0, shift: 0 };
        let factor = FixedPoint { multiplier: 1_500_000_000, shift: -1 };
        let factors = match function {
            FunctionI16::Rescale => [factor, FixedPoint { multiplier: 1_200_000_000, shift: -3 }],
            FunctionI16::Abs => [factor, none],
            FunctionI16::Rsqrt => [FixedPoint { shift: 19, ..factor }, none],
            FunctionI16::Logistic | FunctionI16::Tanh => [FixedPoint { multiplier: 20_000, shift: -13 }, none],
            FunctionI16::Table => [none; 2],
        };
        let (min, max) = (-30_000, 31_000);
        let table: Vec<i16> = (0..function.table_len()).map(|at| (at * 127) as i16).collect();
        let bytes: Vec<u8> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let constants = if table.is_empty() { 0 } else { self.constants(&bytes) };
        let record = MapI16 {
            len: len as u32,
            function: function as u8,
            shifts: factors.map(|factor| factor.shift as i8),
            reserved: 0,
            multipliers: factors.map(|factor| factor.multiplier),
            min,
            max,
            constants,
        };
        let reference: Apply = Box::new(move |arena| {
            let (from, mut to) = (read_i16(arena, input, len), vec![0; len]);
            let layer = map::MapI16 { function, factors, min, max, table: &table };
            map::map_i16(&layer, &mut Io::split(&from, &mut to));
            write_i16(arena, output, &to);
        });
        self.push(OpCode::Map, &unary_i16(input, output), &record, reference);
    }

    /// Float to int8 or back, `len` elements.
    pub fn convert(&mut self, opcode: OpCode, input: u32, output: u32, len: usize) {
        let params = Affine { scale: 0.037, zero_point: -4 };
        let operands = match opcode {
            OpCode::Quantize => Operands::unary((DType::F32, input), (DType::I8, output)),
            _ => Operands::unary((DType::I8, input), (DType::F32, output)),
        };
        let record = Convert { len: len as u32, scale: params.scale, zero_point: params.zero_point };
        let reference: Apply = Box::new(move |arena| {
            if opcode == OpCode::Quantize {
                let mut to = vec![0; len];
                assert!(quantize::quantize_f32_i8(&params, &read_f32(arena, input, len), &mut to));
                write_i8(arena, output, &to);
            } else {
                let mut to = vec![0.0; len];
                assert!(quantize::dequantize_i8_f32(&params, &read_i8(arena, input, len), &mut to));
                write_f32(arena, output, &to);
            }
        });
        self.push(opcode, &operands, &record, reference);
    }
}

/// The operand as the kernels take it.
pub(super) fn kernel_operand<'x, T>(b: Second, values: &'x [T], broadcast: &Broadcast) -> elementwise::Operand<'x, T> {
    let period = elementwise::Broadcast { inner: broadcast.inner as usize, len: broadcast.b_len as usize };
    match b {
        Second::Same => elementwise::Operand::SameAsInput,
        Second::Arena(..) | Second::Constant(_) => elementwise::Operand::Slice(values, period),
    }
}

/// Declares which kernel computes a function.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $kernel:ident $text:literal $parameters:literal $feature:literal,)*) => {
        fn kernel(function: MapFunction) -> map::Function {
            match function {
                $(MapFunction::$name => map::$kernel,)*
            }
        }
    };
}
for_each_function!(kernels);

/// The reference of [`Program::binary_i8`], with the numbers of its record written once more.
fn binary_i8_reference(opcode: OpCode, io: &mut Io<i8>, b: elementwise::Operand<'_, i8>) {
    let stage = OutputStage { zero_point: 3, min: -120, max: 110 };
    if opcode == OpCode::Add {
        let params = AddI8 {
            a_zero_point: 5,
            b_zero_point: -11,
            a_factor: FixedPoint { multiplier: 1_300_000_000, shift: -1 },
            b_factor: FixedPoint { multiplier: 1_900_000_000, shift: -2 },
            output_factor: FixedPoint { multiplier: 1_400_000_000, shift: -18 },
            stage,
            token: Token::PLAIN,
        };
        elementwise::add_i8_reference(&params, io, b);
    } else {
        let factor = FixedPoint { multiplier: 1_400_000_000, shift: -6 };
        elementwise::mul_i8_reference(&MulI8 { a_zero_point: 5, b_zero_point: -11, factor, stage }, io, b);
    }
}
