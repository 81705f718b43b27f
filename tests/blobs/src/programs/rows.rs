//! Gather, Scatter, Rank.

use kinglet_blob::DType;
use kinglet_blob::records::{Gather, Rank};
use kinglet_kernels::gather::Update;

use crate::op::{At, row_lens};
use crate::program::Program;

use super::single;

/// Two rows of three elements of five.
fn plain() -> Gather {
    Gather { batches: 1, outer: 1, extents: [1, 1, 1, 5], depth: 1, count: 2, inner: 3 }
}

/// Two batches of three tensors, pairs of indices.
fn pairs() -> Gather {
    Gather { batches: 2, outer: 3, extents: [1, 1, 2, 4], depth: 2, count: 5, inner: 1 }
}

/// A program with inputs of these types and lengths, and one output.
fn program(
    name: &str,
    inputs: &[(DType, usize)],
    (output, len): (DType, usize),
    build: impl FnOnce(&mut Program, Vec<u32>, u32),
) -> Program {
    let mut program = Program::new(name);
    let mut places = Vec::new();
    for &(dtype, len) in inputs {
        let place = program.memory(len * dtype.size_bytes());
        program.input(dtype, &[len as u32], place);
        places.push(place);
    }
    let place = program.memory(len * output.size_bytes());
    program.output(output, &[len as u32], place);
    build(&mut program, places, place);
    program
}

pub(super) fn all() -> Vec<Program> {
    let mut all = gathers();
    all.extend(scatters());
    all.extend(ranks());
    all
}

fn gathers() -> Vec<Program> {
    let gather = |name: &str, dtype: DType, rows: Gather| {
        let [data, indices, len] = row_lens(&rows);
        program(name, &[(dtype, data), (DType::I32, indices)], (dtype, len), |p, at, o| {
            p.gather(dtype, [At::Arena(at[0]), At::Arena(at[1])], o, rows);
        })
    };
    let [_, indices, len] = row_lens(&plain());
    vec![
        gather("gather-i8", DType::I8, plain()),
        gather("gather-f32", DType::F32, pairs()),
        gather("gather-i16", DType::I16, pairs()),
        gather("gather-i32", DType::I32, plain()),
        gather("gather-u8", DType::U8, plain()),
        gather("gather-bool", DType::Bool, plain()),
        program("gather table", &[(DType::I32, indices)], (DType::F32, len), |p, at, o| {
            p.gather(DType::F32, [At::Constant, At::Arena(at[0])], o, plain());
        }),
    ]
}

fn scatters() -> Vec<Program> {
    let scatter = |name: &str, dtype: DType, rows: Gather, update: Update| {
        let [data, indices, len] = row_lens(&rows);
        let inputs = [(dtype, data), (DType::I32, indices), (dtype, len)];
        program(name, &inputs, (dtype, data), |p, at, o| {
            p.scatter(dtype, [0, 1, 2].map(|index| At::Arena(at[index])), o, (rows, update));
        })
    };
    let [data, _, len] = row_lens(&plain());
    vec![
        scatter("scatter-i8", DType::I8, plain(), Update::Replace),
        scatter("scatter-f32", DType::F32, pairs(), Update::Replace),
        scatter("scatter-i16", DType::I16, pairs(), Update::Replace),
        scatter("scatter-i32", DType::I32, pairs(), Update::Add),
        scatter("scatter-u8", DType::U8, plain(), Update::Replace),
        scatter("scatter-bool", DType::Bool, plain(), Update::Replace),
        program("scatter constant", &[(DType::F32, len)], (DType::F32, data), |p, at, o| {
            p.scatter(DType::F32, [At::Constant, At::Constant, At::Arena(at[0])], o, (plain(), Update::Replace));
        }),
    ]
}

fn ranks() -> Vec<Program> {
    let rank = |name: &str, dtype: DType, [is_least, is_last]: [u8; 2], [outer, extent, inner, count]: [u32; 4]| {
        let record = Rank { outer, extent, inner, count, is_least, is_last, reserved: [0; 2] };
        let shapes: [&[u32]; 2] = [&[outer, extent, inner], &[outer, count, inner]];
        single(name, [dtype, DType::I32], shapes, |p, i, o| p.rank(dtype, i, o, record))
    };
    vec![
        rank("rank-i8", DType::I8, [0, 0], [2, 9, 3, 4]),
        rank("rank-f32", DType::F32, [0, 1], [4, 7, 1, 1]),
        rank("rank-i16", DType::I16, [1, 0], [1, 6, 2, 6]),
        rank("rank-i32", DType::I32, [1, 1], [3, 5, 1, 2]),
        rank("rank-u8", DType::U8, [0, 0], [1, 40, 1, 3]),
    ]
}
