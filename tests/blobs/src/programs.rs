//! The programs that tests run over: every opcode by itself, operators in place, whole networks.

mod boxes;
mod grid;
mod in_place;
mod int16;
mod matrix;
mod networks;
mod recurrent;
mod rows;
mod trees;

pub use in_place::in_place;
pub use networks::{network_f32, network_i8};

use kinglet_blob::constants::{NO_BIAS, PER_TENSOR, ZERO_POINTS};
use kinglet_blob::records::Window;
use kinglet_blob::{DType, MapFunction, OpCode};
use kinglet_kernels::packing::{DepthwisePacking, Packing, Storage};

use crate::op::{Factors, geometry, operand_arena, operand_constant, operand_same};
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
    all.extend(hybrid());
    all.extend(transposed());
    all.extend(dense());
    all.extend(pools());
    all.extend(elementwise());
    all.extend(int16::all());
    all.extend(matrix::all());
    all.extend(grid::all());
    all.extend(rows::all());
    all.extend(boxes::all());
    all.extend(recurrent::all());
    all.extend(trees::all());
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
    let (per_tensor, extra) =
        (Factors { per_tensor: true, ..Factors::default() }, Factors { extra: true, ..Factors::default() });
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
    let mut all = vec![
        conv("conv2d-i8 groups, batch", batch, grouped, Packing::RowMajor, extra),
        single("conv2d-f32", F32, same, |p, input, output| p.conv2d_f32(input, output, same_padded())),
        single("conv2d-f32 groups, batch", F32, batch, |p, input, output| p.conv2d_f32(input, output, grouped)),
        single("depthwise-f32", F32, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, input, output| {
            p.depthwise_f32(input, output, doubled);
        }),
    ];
    let asymmetric = |name: &str, shapes: [&[u32]; 2], window: Window, factors: Factors| {
        single(name, I8, shapes, |p, input, output| p.asymmetric_conv2d_i8(input, output, window, factors))
    };
    all.push(asymmetric("asymmetric-conv2d-i8", same, same_padded(), plain));
    all.push(asymmetric("asymmetric-conv2d-i8 groups, batch", batch, grouped, extra));
    let short = Factors { short: true, ..plain };
    all.push(conv("conv2d-i8 short tables", same, same_padded(), Packing::RowMajor, short));
    let one = Factors { per_tensor: true, ..short };
    all.push(conv("conv2d-i8 short tables, per tensor", same, same_padded(), Packing::FourBySixteen, one));
    all.push(single("conv2d-i8 short tables, 4-bit, batch", I8, batch, |p, i, o| {
        p.conv2d_i8(i, o, grouped, Storage::Bits4, Factors { extra: true, ..short });
    }));
    let depthwise = (DepthwisePacking::FourHalfwordPlanes, Storage::Bits2);
    let window = taken(depthwise.0, doubled);
    let [input, output] = [window.input, window.output].map(|[h, w, c]| [2, h.into(), w.into(), c.into()]);
    all.push(single("depthwise-i8 short tables, 2-bit", I8, [&input, &output], |p, i, o| {
        p.depthwise_i8(i, o, window, depthwise, short);
    }));
    for storage in narrow_storages() {
        let name = format!("conv2d-i8 {}", storage.name());
        all.push(single(&name, I8, same, |p, i, o| p.conv2d_i8(i, o, same_padded(), storage, plain)));
        all.push(single(&format!("{name}, groups, batch"), I8, batch, |p, i, o| {
            p.conv2d_i8(i, o, grouped, storage, per_tensor);
        }));
        let name = format!("depthwise-i8 {}", storage.name());
        all.push(single(&name, I8, [&[2, 5, 4, 5], &[2, 3, 2, 10]], |p, i, o| {
            p.depthwise_i8(i, o, doubled, (DepthwisePacking::RowMajor, storage), plain);
        }));
    }
    all.extend(packed_convolutions(doubled));
    all
}

/// A program for each packing and each kind of factors; depthwise ones with a window like `doubled`.
fn packed_convolutions(doubled: Window) -> Vec<Program> {
    let plain = Factors::default();
    let (per_tensor, extra) =
        (Factors { per_tensor: true, ..Factors::default() }, Factors { extra: true, ..Factors::default() });
    let conv = |name: &str, shapes: [&[u32]; 2], window: Window, packing: Packing, factors: Factors| {
        single(name, I8, shapes, |p, input, output| p.conv2d_i8(input, output, window, packing, factors))
    };
    let same: [&[u32]; 2] = [&[4, 5, 3], &[4, 5, 4]];
    let mut all = Vec::new();
    for packing in Packing::ALL.into_iter().filter(|packing| packing.is_for_conv2d()) {
        let name = packed("conv2d-i8", packing.name());
        all.push(conv(&name, same, same_padded(), packing, plain));
        all.push(conv(&format!("{name}, per tensor"), same, same_padded(), packing, per_tensor));
        all.push(conv(&format!("{name}, extra shifts"), same, same_padded(), packing, extra));
        if packing != Packing::RowMajor {
            all.push(single(&format!("{name}, 4-bit"), I8, same, |p, i, o| {
                p.conv2d_i8(i, o, same_padded(), (packing, Storage::Bits4), plain);
            }));
        }
    }
    for packing in DepthwisePacking::ALL {
        let name = packed("depthwise-i8", packing.name());
        for (name, factors) in [(name.clone(), plain), (format!("{name}, extra shifts"), extra)] {
            let window = taken(packing, doubled);
            let [input, output] = [window.input, window.output].map(|[h, w, c]| [2, h.into(), w.into(), c.into()]);
            all.push(single(&name, I8, [&input, &output], |p, input, output| {
                p.depthwise_i8(input, output, window, packing, factors);
            }));
        }
    }
    all
}

/// Storages of weights that are not a byte each.
fn narrow_storages() -> impl Iterator<Item = Storage> {
    Storage::ALL.into_iter().filter(|storage| storage.bits() < 8).chain([Storage::Sparse])
}

/// The name of a program of one operator: row-major weights go without saying.
pub(crate) fn packed(operator: &str, packing: &str) -> String {
    if packing == Packing::RowMajor.name() { operator.to_owned() } else { format!("{operator} {packing}") }
}

/// A depthwise window like this one that the packing takes.
pub fn taken(packing: DepthwisePacking, window: Window) -> Window {
    let (geometry, multiplier) = packing.nearest(&geometry(&window, window.input[2].into()), window.groups.into());
    let wide = |shape: [usize; 3]| shape.map(|extent| extent as u16);
    let pair = |extents: [usize; 2]| extents.map(|extent| extent as u8);
    Window {
        input: wide(geometry.input),
        output: wide(geometry.output),
        kernel: pair(geometry.kernel),
        stride: pair(geometry.stride),
        dilation: pair(geometry.dilation),
        pad: pair(geometry.pad),
        groups: multiplier as u16,
        ..window
    }
}

/// Layers of floats with integer weights, in every storage.
fn hybrid() -> Vec<Program> {
    let grouped =
        Window { kernel: [2, 3], stride: [2, 2], pad: [1, 1], batch: 2, groups: 2, ..window([5, 5, 4], [2, 3, 6]) };
    let depthwise = Window { kernel: [3, 3], pad: [1, 1], groups: 3, ..window([4, 5, 3], [4, 5, 6]) };
    let shapes: [&[u32]; 2] = [&[2, 5, 5, 4], &[2, 2, 3, 6]];
    let mut all = vec![
        single("hybrid-conv2d", F32, [&[4, 5, 3], &[4, 5, 4]], |p, i, o| {
            p.conv2d_hybrid(i, o, same_padded(), Storage::Bits8, 0);
        }),
        single("hybrid-conv2d zero points", F32, shapes, |p, i, o| {
            p.conv2d_hybrid(i, o, grouped, Storage::Bits8, ZERO_POINTS);
        }),
        single("hybrid-conv2d without biases", F32, shapes, |p, i, o| {
            p.conv2d_hybrid(i, o, grouped, Storage::Bits4, ZERO_POINTS | NO_BIAS);
        }),
        single("hybrid-conv2d depthwise", F32, [&[4, 5, 3], &[4, 5, 6]], |p, i, o| {
            p.conv2d_hybrid(i, o, depthwise, Storage::Bits8, PER_TENSOR | ZERO_POINTS);
        }),
    ];
    for storage in narrow_storages().filter(|storage| *storage != Storage::Sparse) {
        // Rows of nineteen weights start anywhere in a byte.
        let dense = window([1, 2, 19], [1, 2, 5]);
        all.push(single(&format!("hybrid-conv2d {}", storage.name()), F32, [&[2, 19], &[2, 5]], |p, i, o| {
            p.conv2d_hybrid(i, o, dense, storage, PER_TENSOR);
        }));
    }
    all
}

fn transposed() -> Vec<Program> {
    let extra = Factors { extra: true, ..Factors::default() };
    // 3x2 with strides 2 and 3, two groups, two images; the output's last columns see nothing.
    let grouped =
        Window { kernel: [3, 2], stride: [2, 3], pad: [1, 0], batch: 2, groups: 2, ..window([3, 4, 4], [6, 14, 6]) };
    let plain = Window { kernel: [3, 3], pad: [1, 1], ..window([4, 5, 3], [4, 5, 4]) };
    let shapes: [&[u32]; 2] = [&[2, 3, 4, 4], &[2, 6, 14, 6]];
    vec![
        single("transpose-conv-i8", I8, [&[4, 5, 3], &[4, 5, 4]], |p, i, o| {
            p.transpose_conv_i8(i, o, plain, Factors::default());
        }),
        single("transpose-conv-i8 groups, batch", I8, shapes, |p, i, o| p.transpose_conv_i8(i, o, grouped, extra)),
        single("transpose-conv-f32", F32, shapes, |p, i, o| p.transpose_conv_f32(i, o, grouped)),
    ]
}

fn dense() -> Vec<Program> {
    let mut all = vec![single("fully-connected-f32", F32, [&[3, 9], &[3, 5]], |p, input, output| {
        p.fully_connected_f32(input, output, [3, 9, 5]);
    })];
    let plain = Factors::default();
    for storage in narrow_storages() {
        let name = format!("fully-connected-i8 {}", storage.name());
        // Rows of nineteen weights start anywhere in a word.
        all.push(single(&name, I8, [&[3, 19], &[3, 5]], |p, input, output| {
            p.fully_connected_i8(input, output, [3, 19, 5], storage, plain);
        }));
        // A single row, in blocks of channels.
        all.push(single(&format!("{name}, one row"), I8, [&[1, 300], &[1, 40]], |p, input, output| {
            p.fully_connected_i8(input, output, [1, 300, 40], storage, plain);
        }));
    }
    all.push(single("fully-connected-i8 short tables", I8, [&[3, 9], &[3, 5]], |p, input, output| {
        p.fully_connected_i8(input, output, [3, 9, 5], Packing::RowMajor, Factors { short: true, ..plain });
    }));
    for packing in Packing::ALL.into_iter().filter(|packing| packing.is_for_fully_connected()) {
        let name = packed("fully-connected-i8", packing.name());
        for (name, extra) in [(name.clone(), false), (format!("{name}, extra shifts"), true)] {
            if packing.runs_fully_connected(extra) {
                all.push(single(&name, I8, [&[3, 9], &[3, 5]], |p, input, output| {
                    p.fully_connected_i8(input, output, [3, 9, 5], packing, Factors { extra, ..Factors::default() });
                }));
            }
        }
    }
    all
}

fn pools() -> Vec<Program> {
    let pool = Window { kernel: [3, 2], stride: [2, 1], pad: [1, 0], batch: 2, ..window([4, 4, 3], [2, 3, 3]) };
    let shapes: [&[u32]; 2] = [&[2, 4, 4, 3], &[2, 2, 3, 3]];
    let i8s = |name, opcode| single(name, I8, shapes, |p, i, o| p.pool_i8(opcode, i, o, pool));
    let f32s = |name, opcode| single(name, F32, shapes, |p, i, o| p.pool_f32(opcode, i, o, pool));
    let reduced: [&[u32]; 2] = [&[2, 6, 3], &[2, 3]];
    vec![
        i8s("average-pool-i8", OpCode::AveragePool),
        f32s("average-pool-f32", OpCode::AveragePool),
        i8s("max-pool-i8", OpCode::MaxPool),
        f32s("max-pool-f32", OpCode::MaxPool),
        single("mean-i8", I8, reduced, |p, i, o| p.mean_i8(i, o, [2, 6, 3])),
        single("mean-f32", F32, reduced, |p, i, o| p.mean_f32(i, o, [2, 6, 3])),
        single("reduce-max-i8", I8, reduced, |p, i, o| p.reduce_max_i8(i, o, [2, 6, 3])),
        single("reduce-max-f32", F32, reduced, |p, i, o| p.reduce_max_f32(i, o, [2, 6, 3])),
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
    for &function in MapFunction::ALL {
        let name = format!("map-f32 {}", function.name());
        all.push(single(&name, F32, long, |p, i, o| p.map_f32(function, i, o, 70)));
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
    // [2, 3, 4] to [4, 2, 3], the last axis backwards; a row three times.
    let (turned, axes): ([&[u32]; 2], _) = ([&[2, 3, 4], &[4, 2, 3]], [(4, -1, 6), (2, 12, 3), (3, 4, 1)]);
    let repeated = [(3, 0, 4), (4, 1, 1)];
    let (along, resized): ([&[u32]; 2], [&[u32]; 2]) = ([&[2, 3, 4], &[2, 5, 4]], [&[1, 2, 3, 3], &[1, 5, 4, 3]]);
    let mut concat = Program::new("copy: concat");
    let [a, b, output] = [12, 8, 20].map(|bytes| concat.memory(bytes));
    concat.input(DType::I8, &[4, 3], a);
    concat.input(DType::I8, &[4, 2], b);
    concat.output(DType::I8, &[4, 5], output);
    concat.copy(a, output, [4, 3], [3, 5]);
    concat.copy(b, output + 3, [4, 2], [2, 5]);
    let mut joined = Program::new("copy: concat with a constant");
    let [x, y] = [12, 20].map(|bytes| joined.memory(bytes));
    joined.input(DType::I8, &[4, 3], x);
    joined.output(DType::I8, &[4, 5], y);
    joined.copy_constant(y + 3, [4, 2], 5);
    joined.copy(x, y, [4, 3], [3, 5]);
    vec![
        single("pad-i8", I8, padded, |p, i, o| p.pad(DType::I8, i, o, dims, around)),
        single("pad-f32", F32, padded, |p, i, o| p.pad(DType::F32, i, o, dims, around)),
        single("copy", F32, [&[3, 4], &[12]], |p, i, o| p.copy(i, o, [1, 48], [48, 48])),
        single("rearrange-i8", I8, turned, |p, i, o| p.rearrange(DType::I8, i, o, &axes)),
        single("rearrange-i16", [DType::I16; 2], turned, |p, i, o| p.rearrange(DType::I16, i, o, &axes)),
        single("rearrange-f32", F32, turned, |p, i, o| p.rearrange(DType::F32, i, o, &axes)),
        single("take-i8", I8, along, |p, i, o| p.take(DType::I8, i, o, [2, 3, 4, 5])),
        single("take-f32", F32, along, |p, i, o| p.take(DType::F32, i, o, [2, 3, 4, 5])),
        single("resample-i8", I8, along, |p, i, o| p.resample_i8(i, o, [2, 3, 4, 5])),
        single("resample-f32", F32, along, |p, i, o| p.resample_f32(i, o, [2, 3, 4, 5])),
        single("resize-bilinear-i8", I8, resized, |p, i, o| p.resize_bilinear([i, o], [1, 3], [2, 3], [5, 4])),
        single("rearrange: repeated", I8, [&[4], &[3, 4]], |p, i, o| p.rearrange(DType::I8, i, o, &repeated)),
        concat,
        joined,
    ]
}
