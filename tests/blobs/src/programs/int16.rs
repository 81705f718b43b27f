//! Every operator on int16 activations.

use kinglet_blob::records::Window;
use kinglet_blob::{DType, OpCode};
use kinglet_kernels::map::FunctionI16;

use super::{same_padded, single, two_inputs, window};
use crate::{Factors, Program, Second, Sums, operand_arena, operand_constant, operand_same};

const I16: [DType; 2] = [DType::I16; 2];
const ONCE: Sums = Sums { twice: false, long_bias: false };
const LONG: Sums = Sums { twice: false, long_bias: true };
const TWICE: Sums = Sums { twice: true, long_bias: false };

/// The programs.
pub(super) fn all() -> Vec<Program> {
    weighted().into_iter().chain(weightless()).chain(functions()).collect()
}

/// Functions of an element, and the softmax.
fn functions() -> Vec<Program> {
    let (long, rows): ([&[u32]; 2], [&[u32]; 2]) = ([&[70], &[70]], [&[3, 7], &[3, 7]]);
    let mut all = vec![single("softmax-i16", I16, rows, |p, i, o| p.softmax_i16(i, o, [3, 7]))];
    for &function in FunctionI16::ALL {
        let name = format!("map-i16 {function:?}");
        all.push(single(&name, I16, long, |p, i, o| p.map_i16(function, i, o, 70)));
    }
    all
}

/// Sums of products with weights.
fn weighted() -> Vec<Program> {
    let plain = Factors::default();
    let (per_tensor, extra) =
        (Factors { per_tensor: true, ..Factors::default() }, Factors { extra: true, ..Factors::default() });
    let same: [&[u32]; 2] = [&[4, 5, 3], &[4, 5, 4]];
    let grouped = Window {
        kernel: [2, 3],
        stride: [2, 2],
        dilation: [2, 1],
        pad: [1, 1],
        batch: 2,
        groups: 2,
        ..window([5, 5, 4], [2, 3, 6])
    };
    let doubled =
        Window { kernel: [3, 3], stride: [2, 2], pad: [1, 1], batch: 2, groups: 2, ..window([5, 4, 5], [3, 2, 10]) };
    let conv = |name: &str, factors: Factors, sums: Sums| {
        single(name, I16, same, |p, i, o| p.conv2d_i16(i, o, same_padded(), factors, sums))
    };
    let dense = |name: &str, factors: Factors, sums: Sums| {
        single(name, I16, [&[3, 9], &[3, 5]], |p, i, o| p.fully_connected_i16(i, o, [3, 9, 5], factors, sums))
    };
    let spread =
        Window { kernel: [3, 2], stride: [2, 3], pad: [1, 0], batch: 2, groups: 2, ..window([3, 2, 4], [5, 6, 6]) };
    let transposed = |name: &str, sums: Sums| {
        single(name, I16, [&[2, 3, 2, 4], &[2, 5, 6, 6]], |p, i, o| p.transpose_conv_i16(i, o, spread, extra, sums))
    };
    vec![
        conv("conv2d-i16", plain, ONCE),
        conv("conv2d-i16 per tensor, long biases", per_tensor, LONG),
        conv("conv2d-i16 rounded twice", plain, TWICE),
        single("conv2d-i16 groups, batch", I16, [&[2, 5, 5, 4], &[2, 2, 3, 6]], |p, i, o| {
            p.conv2d_i16(i, o, grouped, extra, ONCE);
        }),
        single("depthwise-i16", I16, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, i, o| {
            p.depthwise_i16(i, o, doubled, extra, LONG);
        }),
        dense("fully-connected-i16", extra, ONCE),
        dense("fully-connected-i16 long biases", plain, LONG),
        dense("fully-connected-i16 rounded twice", per_tensor, TWICE),
        transposed("transpose-conv-i16", ONCE),
        transposed("transpose-conv-i16 long biases", LONG),
    ]
}

/// Elementwise operators, pools, pads and conversions.
fn weightless() -> Vec<Program> {
    let shapes: [&[u32]; 2] = [&[2, 3, 4], &[2, 3, 4]];
    let binary =
        |name: &str, opcode: OpCode, b: Second| single(name, I16, shapes, |p, i, o| p.binary_i16(opcode, i, o, 24, b));
    let pool = Window { kernel: [3, 2], stride: [2, 1], pad: [1, 0], batch: 2, ..window([4, 4, 3], [2, 3, 3]) };
    let pooled = |name: &str, opcode: OpCode| {
        single(name, I16, [&[2, 4, 4, 3], &[2, 2, 3, 3]], |p, i, o| p.pool_i16(opcode, i, o, pool))
    };
    let long: [&[u32]; 2] = [&[70], &[70]];
    let requantized =
        |name: &str, types: [DType; 2]| single(name, types, long, |p, i, o| p.requantize(types, i, o, 70));
    vec![
        two_inputs("add-i16", DType::I16, |p, a, b, o| p.binary_i16(OpCode::Add, a, o, 24, operand_arena(b, 1, 24))),
        binary("add-i16 constant", OpCode::Add, operand_constant(4, 3)),
        binary("add-i16 same", OpCode::Add, operand_same()),
        two_inputs("mul-i16", DType::I16, |p, a, b, o| p.binary_i16(OpCode::Mul, a, o, 24, operand_arena(b, 1, 24))),
        binary("mul-i16 constant", OpCode::Mul, operand_constant(4, 3)),
        pooled("average-pool-i16", OpCode::AveragePool),
        pooled("max-pool-i16", OpCode::MaxPool),
        single("pad-i16", I16, [&[2, 3, 2], &[4, 5, 3]], |p, i, o| {
            p.pad(DType::I16, i, o, [1, 2, 3, 2], ([0, 1, 2, 0], [0, 1, 0, 1]));
        }),
        single("quantize to int16", [DType::F32, DType::I16], long, |p, i, o| {
            p.convert_i16(OpCode::Quantize, i, o, 70);
        }),
        single("dequantize-i16", [DType::I16, DType::F32], long, |p, i, o| {
            p.convert_i16(OpCode::Dequantize, i, o, 70);
        }),
        requantized("requantize", I16),
        requantized("requantize to int8", [DType::I16, DType::I8]),
        requantized("requantize from int8", [DType::I8, DType::I16]),
        requantized("requantize from int32", [DType::I32, DType::I16]),
        requantized("requantize from int32 to int8", [DType::I32, DType::I8]),
        requantized("requantize to int32", [DType::I16, DType::I32]),
        requantized("requantize from int8 to int32", [DType::I8, DType::I32]),
    ]
}
