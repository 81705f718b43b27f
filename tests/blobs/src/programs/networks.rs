//! Two networks in which operators hand tensors on, share memory and run in place.

use kinglet_blob::records::Window;
use kinglet_blob::{DType, OpCode};
use kinglet_kernels::packing::{DepthwisePacking, Packing};

use super::window;
use crate::op::{Factors, operand_arena, operand_constant};
use crate::program::Program;

/// Float in, float out, int8 between: every int8 opcode, 15 operators.
pub fn network_i8() -> Program {
    let mut p = Program::new("network-i8");
    let plain = Factors::default();
    let [float_in, image, padded, features, branch, pooled] =
        [4 * 48, 48, 120, 96, 96, 24].map(|bytes| p.memory(bytes));
    p.input(DType::F32, &[1, 4, 4, 3], float_in);
    p.convert(OpCode::Quantize, float_in, image, 48);
    p.pad(DType::I8, image, padded, [1, 4, 4, 3], ([0, 1, 1, 0], [0, 0, 0, 0]));
    let conv = Window { kernel: [2, 2], ..window([5, 5, 3], [4, 4, 6]) };
    p.conv2d_i8(padded, features, conv, Packing::RowMajor, plain);
    let depth = Window { kernel: [3, 3], pad: [1, 1], ..window([4, 4, 6], [4, 4, 6]) };
    p.depthwise_i8(features, branch, depth, DepthwisePacking::FourHalfwordPlanes, plain);
    p.lookup_i8(branch, branch, 96);
    p.binary_i8(OpCode::Add, features, features, 96, operand_arena(branch, 1, 96));
    p.binary_i8(OpCode::Mul, features, features, 96, operand_constant(1, 6));
    let halve = Window { kernel: [2, 2], stride: [2, 2], ..window([4, 4, 6], [2, 2, 6]) };
    p.pool_i8(OpCode::MaxPool, features, pooled, halve);
    p.pool_i8(OpCode::AveragePool, features, branch, halve);
    // Concat of both pools, then the mean over all positions.
    p.copy(pooled, features, [4, 6], [6, 12]);
    p.copy(branch, features + 6, [4, 6], [6, 12]);
    p.mean_i8(features, pooled, [1, 4, 12]);
    p.fully_connected_i8(pooled, image, [1, 12, 5], Packing::ChannelPairsByFour, plain);
    p.softmax_i8(image, image, [1, 5]);
    p.convert(OpCode::Dequantize, image, float_in, 5);
    p.output(DType::F32, &[1, 5], float_in);
    p.output(DType::I8, &[1, 5], image);
    p
}

/// Every float opcode, 14 operators.
pub fn network_f32() -> Program {
    let mut p = Program::new("network-f32");
    let [image, padded, features, branch, pooled] = [48, 75, 96, 96, 48].map(|len| p.memory(4 * len));
    p.input(DType::F32, &[1, 4, 4, 3], image);
    p.pad(DType::F32, image, padded, [1, 4, 4, 3], ([0, 1, 1, 0], [0, 0, 0, 0]));
    p.conv2d_f32(padded, features, Window { kernel: [2, 2], ..window([5, 5, 3], [4, 4, 6]) });
    let depth = Window { kernel: [3, 3], pad: [1, 1], ..window([4, 4, 6], [4, 4, 6]) };
    p.depthwise_f32(features, branch, depth);
    p.unary_f32(OpCode::Logistic, branch, branch, 96);
    p.binary_f32(OpCode::Mul, features, features, 96, operand_arena(branch, 1, 96));
    p.binary_f32(OpCode::Add, features, features, 96, operand_constant(1, 6));
    p.unary_f32(OpCode::Clamp, features, features, 96);
    let halve = Window { kernel: [2, 2], stride: [2, 2], ..window([4, 4, 6], [2, 2, 6]) };
    p.pool_f32(OpCode::MaxPool, features, pooled, halve);
    p.pool_f32(OpCode::AveragePool, features, branch, halve);
    p.copy(branch, pooled + 96, [1, 96], [96, 96]);
    p.mean_f32(pooled, branch, [1, 8, 6]);
    p.unary_f32(OpCode::Tanh, branch, branch, 6);
    p.fully_connected_f32(branch, image, [1, 6, 5]);
    p.softmax_f32(image, image, [1, 5]);
    p.output(DType::F32, &[1, 5], image);
    p
}
