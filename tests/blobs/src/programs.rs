//! The programs that tests run over: every opcode by itself, operators in place, whole networks.

mod in_place;
mod networks;

pub use in_place::in_place;
pub use networks::{network_f32, network_i8};

use kinglet_blob::records::Window;
use kinglet_blob::{DType, OpCode};
use kinglet_kernels::conv2d::Packing;
use kinglet_kernels::depthwise::DepthwisePacking;

use crate::op::{Factors, operand_arena, operand_constant, operand_same};
use crate::program::Program;

/// A pointwise window on one image; tests change what they are about.
pub(crate) fn window(input: [u16; 3], output: [u16; 3]) -> Window {
    let one = [1, 1];
    Window { input, output, kernel: one, stride: one, dilation: one, pad: [0, 0], batch: 1, groups: 1 }
}

/// A program of one operator with one input and one output: `build(program, input, output)` adds it.
pub(crate) fn single(
    name: &str,
    dtypes: [DType; 2],
    shapes: [&[u32]; 2],
    build: impl FnOnce(&mut Program, u32, u32),
) -> Program {
    let mut program = Program::new(name);
    let bytes = |index: usize| shapes[index].iter().product::<u32>() as usize * dtypes[index].size_bytes();
    let (input, output) = (program.memory(bytes(0)), program.memory(bytes(1)));
    program.input(dtypes[0], shapes[0], input);
    program.output(dtypes[1], shapes[1], output);
    build(&mut program, input, output);
    program
}

/// Every opcode at least once, by itself.
pub fn every_opcode() -> Vec<Program> {
    let mut all = convolutions();
    all.extend(dense());
    all.extend(pools());
    all.extend(elementwise());
    all.extend(shapes());
    all
}

const I8: [DType; 2] = [DType::I8; 2];
const F32: [DType; 2] = [DType::F32; 2];

/// 3x3 on 4x5x3 with padding, to 4x5x4.
fn same_padded() -> Window {
    Window { kernel: [3, 3], pad: [1, 1], ..window([4, 5, 3], [4, 5, 4]) }
}

fn convolutions() -> Vec<Program> {
    let plain = Factors::default();
    let (per_tensor, extra) = (Factors { per_tensor: true, extra: false }, Factors { per_tensor: false, extra: true });
    // Stride 2, dilation 2 in height, two groups, two images.
    let grouped = Window {
        kernel: [2, 3],
        stride: [2, 2],
        dilation: [2, 1],
        pad: [1, 1],
        batch: 2,
        groups: 2,
        ..window([5, 5, 4], [2, 3, 6])
    };
    let conv = |name: &str, shapes: [&[u32]; 2], window: Window, packing: Packing, factors: Factors| {
        single(name, I8, shapes, |p, input, output| p.conv2d_i8(input, output, window, packing, factors))
    };
    let same: [&[u32]; 2] = [&[4, 5, 3], &[4, 5, 4]];
    let batch: [&[u32]; 2] = [&[2, 5, 5, 4], &[2, 2, 3, 6]];
    // 3x3 with stride 2 and multiplier 2, two images.
    let doubled =
        Window { kernel: [3, 3], stride: [2, 2], pad: [1, 1], batch: 2, groups: 2, ..window([5, 4, 5], [3, 2, 10]) };
    let deep = |name: &str, packing: DepthwisePacking, factors: Factors| {
        single(name, I8, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, input, output| {
            p.depthwise_i8(input, output, doubled, packing, factors);
        })
    };
    vec![
        conv("conv2d-i8", same, same_padded(), Packing::RowMajor, plain),
        conv("conv2d-i8 per tensor", same, same_padded(), Packing::RowMajor, per_tensor),
        conv("conv2d-i8 groups, batch", batch, grouped, Packing::RowMajor, extra),
        conv("conv2d-i8 paired", same, same_padded(), Packing::Paired, plain),
        conv("conv2d-i8 paired, extra shifts", same, same_padded(), Packing::Paired, extra),
        conv("conv2d-i8 interleaved", same, same_padded(), Packing::Interleaved, plain),
        conv("conv2d-i8 interleaved, extra shifts", same, same_padded(), Packing::Interleaved, extra),
        conv("conv2d-i8 quads", same, same_padded(), Packing::Quads, plain),
        conv("conv2d-i8 quads, extra shifts", same, same_padded(), Packing::Quads, extra),
        conv("conv2d-i8 quads, per tensor", same, same_padded(), Packing::Quads, per_tensor),
        conv("conv2d-i8 lanes", same, same_padded(), Packing::Lanes, plain),
        conv("conv2d-i8 wide lanes, extra shifts", same, same_padded(), Packing::WideLanes, extra),
        single("conv2d-f32", F32, same, |p, input, output| p.conv2d_f32(input, output, same_padded())),
        single("conv2d-f32 groups, batch", F32, batch, |p, input, output| p.conv2d_f32(input, output, grouped)),
        deep("depthwise-i8", DepthwisePacking::RowMajor, plain),
        deep("depthwise-i8 planar", DepthwisePacking::Planar, extra),
        deep("depthwise-i8 triples", DepthwisePacking::Triples, extra),
        single("depthwise-i8 windows", I8, [&[2, 5, 4, 8], &[2, 3, 2, 8]], |p, input, output| {
            let window = Window { groups: 1, input: [5, 4, 8], output: [3, 2, 8], ..doubled };
            p.depthwise_i8(input, output, window, DepthwisePacking::Windows, extra);
        }),
        single("depthwise-i8 lanes", I8, [&[2, 5, 4, 17], &[2, 3, 2, 17]], |p, input, output| {
            let window = Window { groups: 1, input: [5, 4, 17], output: [3, 2, 17], ..doubled };
            p.depthwise_i8(input, output, window, DepthwisePacking::Lanes, extra);
        }),
        deep("depthwise-i8 word-plane", DepthwisePacking::WordPlane, extra),
        single("depthwise-f32", F32, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, input, output| {
            p.depthwise_f32(input, output, doubled);
        }),
    ]
}

fn dense() -> Vec<Program> {
    let i8s = |name: &str, packing: Packing, factors: Factors| {
        single(name, I8, [&[3, 9], &[3, 5]], |p, input, output| {
            p.fully_connected_i8(input, output, [3, 9, 5], packing, factors);
        })
    };
    vec![
        i8s("fully-connected-i8", Packing::RowMajor, Factors { per_tensor: false, extra: true }),
        i8s("fully-connected-i8 quads", Packing::Quads, Factors { per_tensor: false, extra: true }),
        i8s("fully-connected-i8 paired", Packing::PairedBlocks, Factors::default()),
        i8s("fully-connected-i8 octets", Packing::Octets, Factors::default()),
        i8s("fully-connected-i8 fours", Packing::Fours, Factors { per_tensor: false, extra: true }),
        single("fully-connected-f32", F32, [&[3, 9], &[3, 5]], |p, input, output| {
            p.fully_connected_f32(input, output, [3, 9, 5]);
        }),
    ]
}

fn pools() -> Vec<Program> {
    let pool = Window { kernel: [3, 2], stride: [2, 1], pad: [1, 0], batch: 2, ..window([4, 4, 3], [2, 3, 3]) };
    let shapes: [&[u32]; 2] = [&[2, 4, 4, 3], &[2, 2, 3, 3]];
    let i8s = |name, opcode| single(name, I8, shapes, |p, i, o| p.pool_i8(opcode, i, o, pool));
    let f32s = |name, opcode| single(name, F32, shapes, |p, i, o| p.pool_f32(opcode, i, o, pool));
    let mean: [&[u32]; 2] = [&[2, 6, 3], &[2, 3]];
    vec![
        i8s("average-pool-i8", OpCode::AveragePool),
        f32s("average-pool-f32", OpCode::AveragePool),
        i8s("max-pool-i8", OpCode::MaxPool),
        f32s("max-pool-f32", OpCode::MaxPool),
        single("mean-i8", I8, mean, |p, i, o| p.mean_i8(i, o, [2, 6, 3])),
        single("mean-f32", F32, mean, |p, i, o| p.mean_f32(i, o, [2, 6, 3])),
        single("softmax-i8", I8, [&[3, 7], &[3, 7]], |p, i, o| p.softmax_i8(i, o, [3, 7])),
        single("softmax-f32", F32, [&[3, 7], &[3, 7]], |p, i, o| p.softmax_f32(i, o, [3, 7])),
    ]
}

/// Add and Mul in all their forms of a second operand, and functions of one element.
fn elementwise() -> Vec<Program> {
    let mut all = Vec::new();
    let shapes: [&[u32]; 2] = [&[2, 3, 4], &[2, 3, 4]];
    for (name, opcode) in [("add-i8", OpCode::Add), ("mul-i8", OpCode::Mul)] {
        all.push(two_inputs(name, DType::I8, |p, a, b, o| p.binary_i8(opcode, a, o, 24, operand_arena(b, 1, 24))));
        let build = |b| move |p: &mut Program, i, o| p.binary_i8(opcode, i, o, 24, b);
        all.push(single(&format!("{name} constant"), I8, shapes, build(operand_constant(4, 3))));
        all.push(single(&format!("{name} same"), I8, shapes, build(operand_same())));
    }
    for (name, opcode) in [("add-f32", OpCode::Add), ("mul-f32", OpCode::Mul)] {
        all.push(two_inputs(name, DType::F32, |p, a, b, o| p.binary_f32(opcode, a, o, 24, operand_arena(b, 1, 24))));
        let build = |b| move |p: &mut Program, i, o| p.binary_f32(opcode, i, o, 24, b);
        all.push(single(&format!("{name} constant"), F32, shapes, build(operand_constant(1, 4))));
        all.push(single(&format!("{name} same"), F32, shapes, build(operand_same())));
    }
    // More elements than a kernel's chunk.
    let long: [&[u32]; 2] = [&[70], &[70]];
    all.push(single("lookup-i8", I8, long, |p, i, o| p.lookup_i8(i, o, 70)));
    for (name, opcode) in [("clamp-f32", OpCode::Clamp), ("logistic-f32", OpCode::Logistic), ("tanh-f32", OpCode::Tanh)]
    {
        all.push(single(name, F32, long, |p, i, o| p.unary_f32(opcode, i, o, 70)));
    }
    let [float, int8] = [DType::F32, DType::I8];
    all.push(single("quantize", [float, int8], long, |p, i, o| p.convert(OpCode::Quantize, i, o, 70)));
    all.push(single("dequantize", [int8, float], long, |p, i, o| p.convert(OpCode::Dequantize, i, o, 70)));
    all
}

/// A program with two inputs of 24 elements and one output.
fn two_inputs(name: &str, dtype: DType, build: impl FnOnce(&mut Program, u32, u32, u32)) -> Program {
    let mut program = Program::new(name);
    let [a, b, output] = [(); 3].map(|()| program.memory(24 * dtype.size_bytes()));
    program.input(dtype, &[2, 3, 4], a);
    program.input(dtype, &[24], b);
    program.output(dtype, &[2, 3, 4], output);
    build(&mut program, a, b, output);
    program
}

fn shapes() -> Vec<Program> {
    let (dims, around) = ([1, 2, 3, 2], ([0, 1, 2, 0], [0, 1, 0, 1]));
    let padded: [&[u32]; 2] = [&[2, 3, 2], &[4, 5, 3]];
    let mut concat = Program::new("copy: concat");
    let [a, b, output] = [12, 8, 20].map(|bytes| concat.memory(bytes));
    concat.input(DType::I8, &[4, 3], a);
    concat.input(DType::I8, &[4, 2], b);
    concat.output(DType::I8, &[4, 5], output);
    concat.copy(a, output, [4, 3], [3, 5]);
    concat.copy(b, output + 3, [4, 2], [2, 5]);
    vec![
        single("pad-i8", I8, padded, |p, i, o| p.pad(DType::I8, i, o, dims, around)),
        single("pad-f32", F32, padded, |p, i, o| p.pad(DType::F32, i, o, dims, around)),
        single("copy", F32, [&[3, 4], &[12]], |p, i, o| p.copy(i, o, [1, 48], [48, 48])),
        concat,
    ]
}
