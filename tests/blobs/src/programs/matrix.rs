//! Operators on whole axes and matrices.

use kinglet_blob::DType;
use kinglet_blob::records::MatMulShape;
use kinglet_kernels::along::{AlongI8, Function};
use kinglet_kernels::reduce::Kind;

use super::{F32, I8, single};
use crate::Program;

const I16: [DType; 2] = [DType::I16; 2];

/// The programs.
pub(super) fn all() -> Vec<Program> {
    let mut all = reductions();
    all.extend(functions());
    all.extend(products());
    all
}

fn reductions() -> Vec<Program> {
    // Over the first and the third axis of four, and over rows.
    let apart: [&[u32]; 2] = [&[2, 3, 5, 2], &[3, 2]];
    let (between, rows) = ([1, 1, 1, 2, 3, 5, 2], [1, 1, 1, 1, 3, 20, 1]);
    let of_rows: [&[u32]; 2] = [&[3, 20], &[3]];
    let mut all = Vec::new();
    for &kind in Kind::ALL {
        let name = |dtype: &str, what: &str| format!("reduce-{dtype} {}{what}", kind.name());
        all.push(single(&name("f32", ""), F32, apart, |p, i, o| p.reduce_f32(i, o, kind, between)));
        all.push(single(&name("f32", " of rows"), F32, of_rows, |p, i, o| p.reduce_f32(i, o, kind, rows)));
        if kind.has_integers() {
            all.push(single(&name("i8", ""), I8, apart, |p, i, o| p.reduce_int(DType::I8, i, o, kind, between)));
            all.push(single(&name("i16", ""), I16, of_rows, |p, i, o| p.reduce_int(DType::I16, i, o, kind, rows)));
        }
    }
    all
}

/// Of lines beside each other and of rows, these in place too.
fn functions() -> Vec<Program> {
    let shape: [&[u32]; 2] = [&[2, 7, 3], &[2, 7, 3]];
    let mut all = Vec::new();
    for &function in Function::ALL {
        let name = format!("along-f32 {}", function.name());
        all.push(single(&name, F32, shape, |p, i, o| p.along_f32(i, o, function, [2, 7, 3])));
        all.push(single(&format!("{name} of rows"), F32, shape, |p, i, o| p.along_f32(i, o, function, [14, 3, 1])));
        if AlongI8::has(function) {
            let name = format!("along-i8 {}", function.name());
            all.push(single(&name, I8, shape, |p, i, o| p.along_i8(i, o, function, [2, 7, 3])));
            all.push(single(&format!("{name} of rows"), I8, shape, |p, i, o| p.along_i8(i, o, function, [14, 3, 1])));
        }
    }
    all
}

/// Three by five times five by seven, two of each.
fn plain() -> MatMulShape {
    MatMulShape {
        batch: [1, 1, 2],
        rows: 3,
        depth: 5,
        columns: 7,
        a_strides: [0, 0, 15, 5, 1],
        b_strides: [0, 0, 35, 7, 1],
    }
}

fn products() -> Vec<Program> {
    let mut all = Vec::new();
    // The second factor transposed, and the same for both matrices.
    let shared = MatMulShape { b_strides: [0, 0, 0, 1, 5], ..plain() };
    for (name, dtype) in [("mat-mul-i8", DType::I8), ("mat-mul-f32", DType::F32), ("mat-mul-i16", DType::I16)] {
        let (of_a, of_b, of_y): (&[u32], &[u32], &[u32]) = (&[2, 3, 5], &[2, 5, 7], &[2, 3, 7]);
        all.push(two(name, dtype, [of_a, of_b, of_y], |p, [a, b, o]| p.mat_mul(dtype, [Some(a), Some(b)], o, plain())));
        all.push(single(&format!("{name} constant"), [dtype; 2], [of_a, of_y], |p, i, o| {
            p.mat_mul(dtype, [Some(i), None], o, shared);
        }));
        all.push(single(&format!("{name} constant first"), [dtype; 2], [of_b, of_y], |p, i, o| {
            p.mat_mul(dtype, [None, Some(i)], o, plain());
        }));
        // A matrix times itself, transposed.
        let square = MatMulShape {
            batch: [1; 3],
            rows: 6,
            columns: 6,
            a_strides: [0, 0, 0, 5, 1],
            b_strides: [0, 0, 0, 1, 5],
            ..plain()
        };
        all.push(single(&format!("{name} same"), [dtype; 2], [&[6, 5], &[6, 6]], |p, i, o| {
            p.mat_mul(dtype, [Some(i); 2], o, square);
        }));
    }
    all
}

/// A program with two inputs.
fn two(name: &str, dtype: DType, shapes: [&[u32]; 3], build: impl FnOnce(&mut Program, [u32; 3])) -> Program {
    let mut program = Program::new(name);
    let size = dtype.size_bytes();
    let places = shapes.map(|shape| program.memory(shape.iter().product::<u32>() as usize * size));
    program.input(dtype, shapes[0], places[0]);
    program.input(dtype, shapes[1], places[1]);
    program.output(dtype, shapes[2], places[2]);
    build(&mut program, places);
    program
}
