//! Combine, Select, Cast.

use kinglet_blob::records::{Cast, Combine, CombineF32, CombineQuantized, Grid, Select};
use kinglet_blob::{DType, Function, OpCode, Operand, Operands};
use kinglet_kernels::combine::quantized::{CombinesCodes, Scaling};
use kinglet_kernels::combine::{Combines, functions};
use kinglet_kernels::numerics::FixedPoint;

use super::{read_f32, write_f32};
use crate::Program;
use crate::program::{Apply, integer};

/// Where an operand of an operator on several is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// In the arena at this byte.
    Arena(u32),
    /// Random elements in WEIGHTS.
    Constant,
}

/// Where an operand that repeats along these axes is read for element `flat` of the result.
fn place(grid: &Grid, operand: usize, flat: usize) -> usize {
    let (mut rest, mut at, mut step) = (flat, 0, 1);
    for (axis, &extent) in grid.extents.iter().enumerate().rev() {
        if grid.repeats[operand] >> axis & 1 == 0 {
            at += rest % extent as usize * step;
            step *= extent as usize;
        }
        rest /= extent as usize;
    }
    at
}

fn len(grid: &Grid) -> usize {
    grid.extents.iter().product::<u32>() as usize
}

fn operand_len(grid: &Grid, operand: usize) -> usize {
    let own = grid.extents.iter().enumerate().filter(|(axis, _)| grid.repeats[operand] >> axis & 1 == 0);
    own.map(|(_, &extent)| extent as usize).product()
}

pub(super) fn read_i32(arena: &[u8], at: u32, len: usize) -> Vec<i32> {
    arena[at as usize..][..4 * len].as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect()
}

/// The functions that programs have, by their formula.
fn of_floats(function: Function, a: f32, b: f32) -> f32 {
    match function {
        Function::Sub => functions::Sub::of(a, b),
        Function::Pow => functions::Pow::of(a, b),
        _ => functions::Max::of(a, b),
    }
}

/// The same for integers.
fn of_integers(function: Function, a: i32, b: i32) -> i32 {
    match function {
        Function::FloorDiv => functions::FloorDiv::of(a, b),
        _ => functions::Mul::of(a, b),
    }
}

impl Program {
    /// An operand of `len` elements, and its elements when it is a constant.
    pub(crate) fn operand(&mut self, at: At, dtype: DType, len: usize) -> (Operand, Vec<u8>) {
        match at {
            At::Arena(offset) => (Operand { offset, ..Operand::unplaced(dtype) }, Vec::new()),
            At::Constant => {
                let bytes: Vec<u8> = match dtype {
                    DType::F32 => {
                        (0..len).flat_map(|_| (self.random.range(-900, 900) as f32 / 300.0).to_le_bytes()).collect()
                    }
                    DType::I32 => (0..len).flat_map(|_| integer(&mut self.random).to_le_bytes()).collect(),
                    DType::Bool => (0..len).map(|_| (self.random.next() & 1) as u8).collect(),
                    _ => (0..len * dtype.size_bytes()).map(|_| self.random.next() as u8).collect(),
                };
                (Operand::constant(dtype, self.constants(&bytes)), bytes)
            }
        }
    }

    /// Max, Sub or Pow of floats, within -4.5 and 5.
    pub(crate) fn combine_f32(&mut self, function: Function, operands: [At; 2], output: u32, mut grid: Grid) {
        grid.function = function as u8;
        let lens = [0, 1].map(|operand| operand_len(&grid, operand));
        let found = [0, 1].map(|index| self.operand(operands[index], DType::F32, lens[index]));
        let inputs = found.iter().map(|(operand, _)| *operand).collect();
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(DType::F32) }];
        let reference: Apply = Box::new(move |arena| {
            let read = |index: usize| match operands[index] {
                At::Arena(at) => read_f32(arena, at, lens[index]),
                At::Constant => read_f32(&found[index].1, 0, lens[index]),
            };
            let (a, b) = (read(0), read(1));
            let of = |flat| of_floats(function, a[place(&grid, 0, flat)], b[place(&grid, 1, flat)]).clamp(-4.5, 5.0);
            let y: Vec<f32> = (0..len(&grid)).map(of).collect();
            write_f32(arena, output, &y);
        });
        let operands = Operands { inputs, outputs, ..Operands::default() };
        self.push(OpCode::Combine, &operands, &CombineF32 { grid, min: -4.5, max: 5.0 }, reference);
    }

    /// FloorDiv or Mul of integers.
    pub(crate) fn combine_i32(&mut self, function: Function, [a_at, b_at]: [u32; 2], output: u32, mut grid: Grid) {
        grid.function = function as u8;
        let place_of = |offset: u32| Operand { offset, ..Operand::unplaced(DType::I32) };
        let operands = Operands {
            inputs: vec![place_of(a_at), place_of(b_at)],
            outputs: vec![place_of(output)],
            ..Operands::default()
        };
        let reference: Apply = Box::new(move |arena| {
            let [a, b] = [(a_at, 0), (b_at, 1)].map(|(at, index)| read_i32(arena, at, operand_len(&grid, index)));
            for flat in 0..len(&grid) {
                let y = of_integers(function, a[place(&grid, 0, flat)], b[place(&grid, 1, flat)]);
                arena[output as usize + 4 * flat..][..4].copy_from_slice(&y.to_le_bytes());
            }
        });
        self.push(OpCode::Combine, &operands, &Combine { grid }, reference);
    }

    /// Sub of codes of type `dtype`, int8 or int16.
    pub(crate) fn combine_codes(&mut self, dtype: DType, [a_at, b_at]: [u32; 2], output: u32, mut grid: Grid) {
        grid.function = Function::Sub as u8;
        let place_of = |offset: u32| Operand { offset, ..Operand::unplaced(dtype) };
        let operands = Operands {
            inputs: vec![place_of(a_at), place_of(b_at)],
            outputs: vec![place_of(output)],
            ..Operands::default()
        };
        let is_i8 = dtype == DType::I8;
        let (min, max) = if is_i8 { (-120, 110) } else { (-30000, 31000) };
        let record = CombineQuantized {
            grid,
            a_multiplier: 1_300_000_000,
            b_multiplier: 1_900_000_000,
            output_multiplier: 1_400_000_000,
            a_shift: -1,
            b_shift: -2,
            output_shift: if is_i8 { -18 } else { -14 },
            left_shift: if is_i8 { 20 } else { 15 },
            a_zero_point: if is_i8 { 5 } else { 0 },
            b_zero_point: if is_i8 { -11 } else { 0 },
            zero_point: if is_i8 { 3 } else { 0 },
            min,
            max,
            reserved: 0,
        };
        let scaling = Scaling {
            a_zero_point: record.a_zero_point.into(),
            b_zero_point: record.b_zero_point.into(),
            left_shift: record.left_shift.into(),
            a_factor: FixedPoint { multiplier: 1_300_000_000, shift: -1 },
            b_factor: FixedPoint { multiplier: 1_900_000_000, shift: -2 },
            output_factor: FixedPoint { multiplier: 1_400_000_000, shift: record.output_shift.into() },
            zero_point: record.zero_point.into(),
            min: min.into(),
            max: max.into(),
        };
        let reference: Apply = Box::new(move |arena| {
            let size = dtype.size_bytes();
            let code = |arena: &[u8], at: u32, index: usize| {
                let bytes = &arena[at as usize + index * size..];
                if is_i8 { i32::from(bytes[0] as i8) } else { i32::from(i16::from_le_bytes([bytes[0], bytes[1]])) }
            };
            for flat in 0..len(&grid) {
                let (a, b) = (code(arena, a_at, place(&grid, 0, flat)), code(arena, b_at, place(&grid, 1, flat)));
                let y = functions::Sub::of_codes(&scaling, a, b);
                arena[output as usize + flat * size..][..size].copy_from_slice(&y.to_le_bytes()[..size]);
            }
        });
        self.push(OpCode::Combine, &operands, &record, reference);
    }

    /// Xor of truth values.
    pub(crate) fn combine_bool(&mut self, [a_at, b_at]: [u32; 2], output: u32, mut grid: Grid) {
        grid.function = Function::Xor as u8;
        let place_of = |offset: u32| Operand { offset, ..Operand::unplaced(DType::Bool) };
        let operands = Operands {
            inputs: vec![place_of(a_at), place_of(b_at)],
            outputs: vec![place_of(output)],
            ..Operands::default()
        };
        let reference: Apply = Box::new(move |arena| {
            for flat in 0..len(&grid) {
                let [a, b] = [(a_at, 0), (b_at, 1)].map(|(at, index)| arena[at as usize + place(&grid, index, flat)]);
                arena[output as usize + flat] = u8::from((a != 0) != (b != 0));
            }
        });
        self.push(OpCode::Combine, &operands, &Combine { grid }, reference);
    }

    /// Elements of type `dtype`, by a condition.
    pub(crate) fn select(&mut self, dtype: DType, operands: [At; 3], output: u32, grid: Grid) {
        let lens = [0, 1, 2].map(|operand| operand_len(&grid, operand));
        let types = [DType::Bool, dtype, dtype];
        let found = [0, 1, 2].map(|index| self.operand(operands[index], types[index], lens[index]));
        let inputs = found.iter().map(|(operand, _)| *operand).collect();
        let outputs = vec![Operand { offset: output, ..Operand::unplaced(dtype) }];
        let size = dtype.size_bytes();
        let reference: Apply = Box::new(move |arena| {
            let element = |arena: &[u8], index: usize, flat: usize, size: usize| -> Vec<u8> {
                let at = place(&grid, index, flat) * size;
                match operands[index] {
                    At::Arena(start) => arena[start as usize + at..][..size].to_vec(),
                    At::Constant => found[index].1[at..][..size].to_vec(),
                }
            };
            for flat in 0..len(&grid) {
                let chosen = if element(arena, 0, flat, 1)[0] != 0 { 1 } else { 2 };
                let bytes = element(arena, chosen, flat, size);
                arena[output as usize + flat * size..][..size].copy_from_slice(&bytes);
            }
        });
        let operands = Operands { inputs, outputs, ..Operands::default() };
        self.push(OpCode::Select, &operands, &Select { grid }, reference);
    }

    /// `len` numbers of one type as numbers of another.
    pub(crate) fn cast(&mut self, [from, to]: [DType; 2], input: u32, output: u32, len: usize) {
        let reference: Apply = Box::new(move |arena| {
            for flat in 0..len {
                let bytes = &arena[input as usize + flat * from.size_bytes()..];
                let float = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                let (real, integer) = match from {
                    DType::F32 => (float(bytes), float(bytes) as i32),
                    DType::I32 => (float(bytes).to_bits() as i32 as f32, float(bytes).to_bits() as i32),
                    DType::I16 => {
                        let code = i16::from_le_bytes([bytes[0], bytes[1]]);
                        (code.into(), code.into())
                    }
                    DType::I8 => ((bytes[0] as i8).into(), (bytes[0] as i8).into()),
                    _ => (bytes[0].into(), bytes[0].into()),
                };
                let made = match to {
                    DType::F32 => real.to_le_bytes().to_vec(),
                    DType::Bool => vec![u8::from(real != 0.0)],
                    _ => integer.to_le_bytes()[..to.size_bytes()].to_vec(),
                };
                arena[output as usize + flat * to.size_bytes()..][..made.len()].copy_from_slice(&made);
            }
        });
        self.push(OpCode::Cast, &Operands::unary((from, input), (to, output)), &Cast { len: len as u32 }, reference);
    }
}
