//! Operators whose output lies over their input, as far as their contracts allow.

use kinglet_blob::records::Window;
use kinglet_blob::{DType, MapFunction, OpCode};
use kinglet_kernels::packing::{DepthwisePacking, Packing, WriteOrder};

use super::{packed, taken, window};
use crate::op::{Factors, geometry, operand_constant, operand_same};
use crate::program::Program;

/// A program whose output starts at byte 0 of one piece of memory and whose input starts at byte `lead` of it.
fn overlapped(
    name: &str,
    dtype: DType,
    (lead, shapes): (u32, [&[u32]; 2]),
    build: impl FnOnce(&mut Program, u32, u32),
) -> Program {
    let mut program = Program::new(name);
    let bytes = shapes.map(|shape| shape.iter().product::<u32>() * dtype.size_bytes() as u32);
    assert!(lead < bytes[1], "{name}: input and output would be apart");
    program.memory((lead + bytes[0]).max(bytes[1]) as usize);
    program.input(dtype, shapes[0], lead);
    program.output(dtype, shapes[1], 0);
    build(&mut program, lead, 0);
    program
}

/// Each family of operators with the tightest overlap that its kernels promise to bear.
pub fn in_place() -> Vec<Program> {
    let mut all = layers();
    all.extend(elementwise());
    all
}

fn layers() -> Vec<Program> {
    let plain = Factors::default();
    let pointwise = window([3, 4, 6], [3, 4, 5]);
    // A pixel's output may lie over its own input.
    let conv: (u32, [&[u32]; 2]) = (0, [&[3, 4, 6], &[3, 4, 5]]);
    // Float convolutions write a pixel before they are done with reading it: one pixel of output ahead.
    let conv_f32: (u32, [&[u32]; 2]) = (4 * 5, [&[3, 4, 6], &[3, 4, 5]]);
    let same = Window { kernel: [3, 3], pad: [1, 1], ..window([4, 5, 6], [4, 5, 6]) };
    // The window of a pixel begins a row and a pixel before it, and the pixel itself may not be touched.
    let row_ahead: (u32, [&[u32]; 2]) = (7 * 6, [&[4, 5, 6], &[4, 5, 6]]);
    let pool = Window { kernel: [2, 2], stride: [2, 2], ..window([4, 6, 3], [2, 3, 3]) };
    let pool_ahead: (u32, [&[u32]; 2]) = (3, [&[4, 6, 3], &[2, 3, 3]]);
    let mut all = vec![
        overlapped("in place: conv2d-f32", DType::F32, conv_f32, |p, i, o| p.conv2d_f32(i, o, pointwise)),
        overlapped("in place: depthwise-f32", DType::F32, (4 * row_ahead.0, row_ahead.1), |p, i, o| {
            p.depthwise_f32(i, o, same);
        }),
        overlapped("in place: fully-connected-i8", DType::I8, (5, [&[3, 6], &[3, 5]]), |p, i, o| {
            p.fully_connected_i8(i, o, [3, 6, 5], Packing::RowMajor, plain);
        }),
        overlapped("in place: max-pool-i8", DType::I8, pool_ahead, |p, i, o| {
            p.pool_i8(OpCode::MaxPool, i, o, pool);
        }),
        overlapped("in place: average-pool-f32", DType::F32, (4 * pool_ahead.0, pool_ahead.1), |p, i, o| {
            p.pool_f32(OpCode::AveragePool, i, o, pool);
        }),
    ];
    for packing in Packing::ALL.into_iter().filter(|packing| packing.is_for_conv2d()) {
        let name = format!("in place: {}", packed("conv2d-i8", packing.name()));
        // A pixel's output may lie over its own input, or must begin before that of the first pixel of its tile.
        let order = packing.pixel_order();
        let lead = if order.reads_first() { 0 } else { 5 * order.tile() as u32 };
        all.push(overlapped(&name, DType::I8, (lead, conv.1), |p, i, o| p.conv2d_i8(i, o, pointwise, packing, plain)));
    }
    for packing in DepthwisePacking::ALL {
        let name = format!("in place: {}", packed("depthwise-i8", packing.name()));
        let window = taken(packing, same);
        let shape = window.input.map(u32::from);
        let lead = match packing.write_order(&geometry(&window, shape[2] as usize)) {
            WriteOrder::Bands(_) => 0,
            // As above: a row and two pixels.
            WriteOrder::Pixels(_) => (shape[1] + 2) * shape[2],
        };
        let build = |p: &mut Program, i, o| p.depthwise_i8(i, o, window, packing, plain);
        all.push(overlapped(&name, DType::I8, (lead, [&shape, &shape]), build));
    }
    all
}

fn elementwise() -> Vec<Program> {
    let whole: (u32, [&[u32]; 2]) = (0, [&[70], &[70]]);
    let behind: (u32, [&[u32]; 2]) = (12, [&[70], &[70]]);
    vec![
        overlapped("in place: add-i8", DType::I8, whole, |p, i, o| {
            p.binary_i8(OpCode::Add, i, o, 70, operand_constant(10, 7));
        }),
        overlapped("in place: mul-i8 same", DType::I8, behind, |p, i, o| {
            p.binary_i8(OpCode::Mul, i, o, 70, operand_same());
        }),
        overlapped("in place: mul-f32", DType::F32, behind, |p, i, o| {
            p.binary_f32(OpCode::Mul, i, o, 70, operand_constant(1, 1));
        }),
        overlapped("in place: lookup-i8", DType::I8, behind, |p, i, o| p.lookup_i8(i, o, 70)),
        overlapped("in place: clamp-f32", DType::F32, behind, |p, i, o| p.unary_f32(OpCode::Clamp, i, o, 70)),
        overlapped("in place: tanh-f32", DType::F32, whole, |p, i, o| p.unary_f32(OpCode::Tanh, i, o, 70)),
        overlapped("in place: map-f32", DType::F32, behind, |p, i, o| p.map_f32(MapFunction::Mish, i, o, 70)),
        overlapped("in place: softmax-i8", DType::I8, (3, [&[5, 14], &[5, 14]]), |p, i, o| {
            p.softmax_i8(i, o, [5, 14]);
        }),
        overlapped("in place: softmax-f32", DType::F32, (0, [&[5, 14], &[5, 14]]), |p, i, o| {
            p.softmax_f32(i, o, [5, 14]);
        }),
        // Drops the last two columns of rows of five.
        overlapped("in place: copy", DType::I8, (0, [&[4, 5], &[4, 3]]), |p, i, o| p.copy(i, o, [4, 3], [5, 3])),
    ]
}
