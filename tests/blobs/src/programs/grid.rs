//! Combine, Select, Cast.

use kinglet_blob::records::Grid;
use kinglet_blob::{DType, Function};

use super::{F32, single};
use crate::op::At;
use crate::program::Program;

/// A result of `[2, 3, 4]`, and the axes along which operands repeat: bit 3 is the outermost of these.
fn grid(repeats: [u8; 3]) -> Grid {
    Grid { function: 0, repeats, extents: [1, 1, 1, 2, 3, 4] }
}

/// Along the outer, the middle and the inner axis.
const OUTER: u8 = 1 << 3;
const MIDDLE: u8 = 1 << 4;
const INNER: u8 = 1 << 5;

/// A program with an input for each of `lens` and one output of 24 elements.
fn several(
    name: &str,
    inputs: &[(DType, u32)],
    output: DType,
    build: impl FnOnce(&mut Program, Vec<u32>, u32),
) -> Program {
    let mut program = Program::new(name);
    let mut places = Vec::new();
    for &(dtype, len) in inputs {
        let place = program.memory(len as usize * dtype.size_bytes());
        program.input(dtype, &[len], place);
        places.push(place);
    }
    let place = program.memory(24 * output.size_bytes());
    program.output(output, &[2, 3, 4], place);
    build(&mut program, places, place);
    program
}

pub(super) fn all() -> Vec<Program> {
    let whole: [&[u32]; 2] = [&[2, 3, 4], &[2, 3, 4]];
    let long: [&[u32]; 2] = [&[70], &[70]];
    let floats = |a, b| [(DType::F32, a), (DType::F32, b)];
    let integers = |a, b| [(DType::I32, a), (DType::I32, b)];
    let truths = |a, b| [(DType::Bool, a), (DType::Bool, b)];
    let mut all = vec![
        several("combine-f32", &floats(24, 24), DType::F32, |p, at, o| {
            p.combine_f32(Function::Sub, [At::Arena(at[0]), At::Arena(at[1])], o, grid([0; 3]));
        }),
        several("combine-f32 repeated", &floats(8, 3), DType::F32, |p, at, o| {
            p.combine_f32(Function::Max, [At::Arena(at[0]), At::Arena(at[1])], o, grid([MIDDLE, OUTER | INNER, 0]));
        }),
        single("combine-f32 constant", F32, whole, |p, i, o| {
            p.combine_f32(Function::Sub, [At::Constant, At::Arena(i)], o, grid([OUTER | MIDDLE, 0, 0]));
        }),
        single("combine-f32 same", F32, whole, |p, i, o| {
            p.combine_f32(Function::Pow, [At::Arena(i), At::Arena(i)], o, grid([0; 3]));
        }),
        several("combine-i8", &[(DType::I8, 24), (DType::I8, 6)], DType::I8, |p, at, o| {
            p.combine_codes(DType::I8, [at[0], at[1]], o, grid([0, INNER, 0]));
        }),
        several("combine-i16", &[(DType::I16, 24), (DType::I16, 24)], DType::I16, |p, at, o| {
            p.combine_codes(DType::I16, [at[0], at[1]], o, grid([0; 3]));
        }),
        several("combine-i32", &integers(24, 6), DType::I32, |p, at, o| {
            p.combine_i32(Function::FloorDiv, [at[0], at[1]], o, grid([0, INNER, 0]));
        }),
        several("combine-i32 repeated", &integers(4, 24), DType::I32, |p, at, o| {
            p.combine_i32(Function::Mul, [at[0], at[1]], o, grid([OUTER | MIDDLE, 0, 0]));
        }),
        several("combine-bool", &truths(24, 12), DType::Bool, |p, at, o| {
            p.combine_bool([at[0], at[1]], o, grid([0, OUTER, 0]));
        }),
        several("select", &[(DType::Bool, 6), (DType::I16, 24)], DType::I16, |p, at, o| {
            let operands = [At::Arena(at[0]), At::Arena(at[1]), At::Constant];
            p.select(DType::I16, operands, o, grid([INNER, 0, OUTER | MIDDLE | INNER]));
        }),
        single("select constant", F32, whole, |p, i, o| {
            p.select(DType::F32, [At::Constant, At::Arena(i), At::Constant], o, grid([OUTER, 0, INNER]));
        }),
        single("select bytes", [DType::I8; 2], whole, |p, i, o| {
            p.select(DType::I8, [At::Constant, At::Constant, At::Arena(i)], o, grid([0, MIDDLE, 0]));
        }),
    ];
    for from in DType::ALL {
        // Random numbers are hardly ever 0, so as truth values they would be a constant.
        for to in DType::ALL.iter().filter(|&&to| to != DType::Bool || *from == DType::Bool) {
            let name = if (from, to) == (&DType::F32, &DType::I32) {
                "cast".into()
            } else {
                format!("cast {} to {}", from.name(), to.name())
            };
            all.push(single(&name, [*from, *to], long, |p, i, o| p.cast([*from, *to], i, o, 70)));
        }
    }
    all
}
