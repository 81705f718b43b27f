//! Every kernel of the registry on one layer of a size that occurs in keyword spotting and image models.
//!
//! `cargo bench -p kinglet-kernels --bench kernels [FILTER]` prints the median of eleven samples, single thread:
//! nanoseconds a call, and multiply-accumulates (or elements) a nanosecond.

use core::hint::black_box;
use kinglet_kernels::conv2d::{Conv2dF32, Conv2dI8, Geometry, conv2d_i8_scratch_len};
use kinglet_kernels::copy::CopyBlocks;
use kinglet_kernels::depthwise::{DepthwiseF32, DepthwiseI8, depthwise_i8_scratch_len};
use kinglet_kernels::elementwise::{AddI8, Broadcast, ElementwiseF32, MulI8, Operand};
use kinglet_kernels::fully_connected::{FullyConnectedF32, FullyConnectedI8, fully_connected_i8_scratch_len};
use kinglet_kernels::mat_mul::{MatMulF32, MatMulI8, MatMulShape};
use kinglet_kernels::mean::{MeanF32, MeanI8};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::{Packing, Storage, Taps};
use kinglet_kernels::pad::PadGeometry;
use kinglet_kernels::pool::{PoolF32, PoolI8};
use kinglet_kernels::rearrange::Rearrange;
use kinglet_kernels::reduce::{Kind, ReduceF32, ReduceInt};
use kinglet_kernels::reduce_max::ReduceMax;
use kinglet_kernels::registry::{Isa, Kernel, kernels};
use kinglet_kernels::resample::Resample;
use kinglet_kernels::resize_bilinear::ResizeBilinear;
use kinglet_kernels::take::Take;
use kinglet_kernels::{Io, Token};
use std::time::Instant;

const SAMPLES: usize = 11;
const SAMPLE_NS: u128 = 4_000_000;

/// 16x16x32 to 16x16x32 under a 3x3 window: ResNet on CIFAR-10.
const WINDOW: Geometry = square(16, 32, 3);
/// 24x24x32 pointwise: MobileNet.
const POINT: Geometry = square(24, 32, 1);
const CLAMP: ClampF32 = ClampF32 { min: 0.0, max: 6.0 };
const STAGE: OutputStage = OutputStage::unclamped(-3);
const FACTOR: FixedPoint = FixedPoint { multiplier: 1_500_000_000, shift: -9 };

/// Four matrices of 32 by 32 elements.
const HEADS: MatMulShape =
    MatMulShape { batch: [1, 1, 4], rows: 32, depth: 32, columns: 32, a: [0, 0, 1024, 32, 1], b: [0, 0, 1024, 32, 1] };

const fn square(size: usize, channels: usize, kernel: usize) -> Geometry {
    Geometry {
        input: [size, size, channels],
        output: [size, size, channels],
        kernel: [kernel, kernel],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [kernel / 2, kernel / 2],
        groups: 1,
    }
}

fn main() {
    // Cargo passes `--bench` before the arguments of the user.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    println!("{:<70} {:>12} {:>10}", "kernel", "ns", "per ns");
    for row in kernels() {
        let name = row.packing.map_or(row.name().to_owned(), |packing| format!("{} ({packing})", row.name()));
        match row.kernel {
            _ if !name.contains(&filter) => {}
            // Kernels whose instruction is found at run time, with each that this machine has.
            Some(kernel) if row.isa == Isa::X86_64 => {
                Token::all().for_each(|token| bench(format!("{name} {}", token.name()).trim_end(), kernel, token));
            }
            Some(kernel) => bench(&name, kernel, Token::PLAIN),
            None => println!("{name:<70} skipped: not in this build"),
        }
    }
}

/// Deterministic numbers in the range of `i8`.
fn bytes(len: usize) -> Vec<i8> {
    let mut state = 1_u32;
    core::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 24) as i8).max(-127)
    })
    .take(len)
    .collect()
}

fn floats(len: usize) -> Vec<f32> {
    bytes(len).into_iter().map(|byte| f32::from(byte) / 64.0).collect()
}

/// Prints the median time of `run`, which does `work` units of work.
fn measure(name: &str, work: usize, mut run: impl FnMut()) {
    run();
    let once = Instant::now();
    run();
    let repeats = (SAMPLE_NS / once.elapsed().as_nanos().max(1)).clamp(1, 1_000_000) as u32;
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..repeats).for_each(|_| run());
            start.elapsed().as_nanos() as f64 / f64::from(repeats)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    let median = samples[SAMPLES / 2];
    println!("{name:<70} {median:>12.0} {:>10.2}", work as f64 / median);
}

/// Runs a kernel with a fresh view of the same memory each time.
fn with_io<T: Copy + Default>(
    name: &str,
    work: usize,
    input: &[T],
    output_len: usize,
    mut run: impl FnMut(&mut Io<T>),
) {
    let mut output = vec![T::default(); output_len];
    measure(name, work, || run(&mut Io::split(black_box(input), black_box(&mut output))));
}

fn len(shape: [usize; 3]) -> usize {
    shape.iter().product()
}

fn bench(name: &str, kernel: Kernel, token: Token) {
    match kernel {
        Kernel::Conv2dI8(packing, storage, run) => {
            for (label, geometry) in [("3x3", WINDOW), ("1x1", POINT)] {
                let (outputs, taps) = (geometry.output[2], geometry.taps());
                let mut weights = vec![0; packing.weight_len(storage, outputs, taps)];
                packing.pack(storage, outputs, geometry.runs(), &bytes(outputs * taps), &mut weights);
                let (bias, words) = (vec![5; outputs], vec![0x2000_0000; outputs]);
                let requant = Requant { words: &words, shift_base: -9, extra: &[] };
                let (padding_value, stage) = (3, STAGE);
                let weights = &weights;
                let layer =
                    Conv2dI8 { geometry, padding_value, stage, packing, storage, weights, bias: &bias, requant, token };
                let mut scratch = vec![0; conv2d_i8_scratch_len(&geometry, packing, storage)];
                let macs = geometry.pixels() * outputs * taps;
                with_io(&format!("{name} {label}"), macs, &bytes(len(geometry.input)), len(geometry.output), |io| {
                    run(&layer, io, &mut scratch);
                });
            }
        }
        Kernel::Conv2dF32(run) => {
            for (label, geometry) in [("3x3", WINDOW), ("1x1", POINT)] {
                let (outputs, taps) = (geometry.output[2], geometry.taps());
                let (weights, bias) = (floats(outputs * taps), floats(outputs));
                let layer = Conv2dF32 { geometry, clamp: CLAMP, weights: &weights, bias: &bias, token };
                let macs = geometry.pixels() * outputs * taps;
                with_io(&format!("{name} {label}"), macs, &floats(len(geometry.input)), len(geometry.output), |io| {
                    run(&layer, io);
                });
            }
        }
        Kernel::DepthwiseI8(packing, run) => {
            let (geometry, outputs) = (WINDOW, WINDOW.output[2]);
            let weights = bytes(packing.weight_len(Storage::Bits8, outputs, 9));
            let (bias, words) = (vec![5; outputs], vec![0x2000_0000; outputs]);
            let requant = Requant { words: &words, shift_base: -9, extra: &[] };
            let (padding_value, stage, multiplier) = (3, STAGE, 1);
            let layer = DepthwiseI8 {
                geometry,
                multiplier,
                padding_value,
                stage,
                packing,
                storage: Storage::Bits8,
                weights: &weights,
                bias: &bias,
                requant,
                token,
            };
            let mut scratch = vec![0; depthwise_i8_scratch_len(&geometry, 1, packing, Storage::Bits8)];
            with_io(name, len(geometry.output) * 9, &bytes(len(geometry.input)), len(geometry.output), |io| {
                run(&layer, io, &mut scratch);
            });
        }
        Kernel::DepthwiseF32(run) => {
            let (weights, bias) = (floats(9 * WINDOW.output[2]), floats(WINDOW.output[2]));
            let layer =
                DepthwiseF32 { geometry: WINDOW, multiplier: 1, clamp: CLAMP, weights: &weights, bias: &bias, token };
            with_io(name, len(WINDOW.output) * 9, &floats(len(WINDOW.input)), len(WINDOW.output), |io| {
                run(&layer, io);
            });
        }
        Kernel::FullyConnectedI8(packing, storage, run) => {
            bench_fully_connected_i8(name, (packing, storage), run, token)
        }
        Kernel::FullyConnectedF32(run) => {
            let (rows, taps, outputs) = (1, 640, 128);
            let (weights, bias) = (floats(taps * outputs), floats(outputs));
            let layer = FullyConnectedF32 { rows, taps, outputs, clamp: CLAMP, weights: &weights, bias: &bias, token };
            with_io(name, taps * outputs, &floats(taps), outputs, |io| run(&layer, io));
        }
        _ => bench_small(name, kernel, token),
    }
}

fn bench_fully_connected_i8(
    name: &str,
    (packing, storage): (Packing, Storage),
    run: fn(&FullyConnectedI8, &mut Io<i8>, &mut [i8]),
    token: Token,
) {
    let (rows, taps, outputs) = (1, 640, 128);
    let mut weights = vec![0; packing.weight_len(storage, outputs, taps)];
    packing.pack(storage, outputs, Taps::flat(taps), &bytes(outputs * taps), &mut weights);
    let (bias, words) = (vec![5; outputs], vec![0x2000_0000; outputs]);
    let requant = Requant { words: &words, shift_base: -10, extra: &[] };
    let (stage, weights, bias) = (STAGE, &weights, &bias);
    let layer = FullyConnectedI8 { rows, taps, outputs, stage, packing, storage, weights, bias, requant, token };
    let mut scratch = vec![0; fully_connected_i8_scratch_len([1, taps, outputs], packing, storage)];
    with_io(name, taps * outputs, &bytes(taps), outputs, |io| run(&layer, io, &mut scratch));
}

/// Two neighbors of one weight for each of 256 indices.
fn taps<W: Copy>(weight: W) -> (Vec<u32>, Vec<W>) {
    let indices = (0..256_u32).flat_map(|index| [index, (index + 1).min(255)]).collect();
    (indices, vec![weight; 512])
}

/// Pools, elementwise kernels and reductions, on 16x16x32 elements.
fn bench_small(name: &str, kernel: Kernel, token: Token) {
    let count = len(WINDOW.input);
    let (integers, reals) = (bytes(count), floats(count));
    let pool = Geometry { output: [8, 8, 32], kernel: [2, 2], stride: [2, 2], pad: [0, 0], ..WINDOW };
    let pool_i8 = PoolI8 { geometry: pool, min: -128, max: 127 };
    let pool_f32 = PoolF32 { geometry: pool, clamp: CLAMP };
    let broadcast = Broadcast { inner: 1, len: count };
    let (b_i8, b_f32) = (Operand::Slice(&integers, broadcast), Operand::Slice(&reals, broadcast));
    let add = AddI8 {
        a_zero_point: 3,
        b_zero_point: -5,
        a_factor: FACTOR,
        b_factor: FACTOR,
        output_factor: FACTOR,
        stage: STAGE,
        token,
    };
    let mul = MulI8 { a_zero_point: 3, b_zero_point: -5, factor: FACTOR, stage: STAGE };
    let float = ElementwiseF32 { clamp: CLAMP, token };
    let (outer, reduced, inner) = (1, 256, 32);
    let mean_i8 = MeanI8 { outer, reduced, inner, input_zero_point: 3, factor: FACTOR, stage: STAGE };
    let mean_f32 = MeanF32 { outer, reduced, inner };
    let reduce_max = ReduceMax { outer, reduced, inner };
    match kernel {
        Kernel::AveragePoolI8(run) | Kernel::MaxPoolI8(run) => {
            with_io(name, count, &integers, count / 4, |io| run(&pool_i8, io));
        }
        Kernel::AveragePoolF32(run) | Kernel::MaxPoolF32(run) => {
            with_io(name, count, &reals, count / 4, |io| run(&pool_f32, io));
        }
        Kernel::AddI8(run) => with_io(name, count, &integers, count, |io| run(&add, io, b_i8)),
        Kernel::MulI8(run) => with_io(name, count, &integers, count, |io| run(&mul, io, b_i8)),
        Kernel::AddF32(run) | Kernel::MulF32(run) => with_io(name, count, &reals, count, |io| run(&float, io, b_f32)),
        Kernel::MeanI8(run) => with_io(name, count, &integers, inner, |io| run(&mean_i8, io)),
        Kernel::MeanF32(run) => with_io(name, count, &reals, inner, |io| run(&mean_f32, io)),
        Kernel::ReduceMaxI8(run) => with_io(name, count, &integers, inner, |io| run(&reduce_max, io)),
        Kernel::ReduceMaxF32(run) => with_io(name, count, &reals, inner, |io| run(&reduce_max, io)),
        Kernel::ReduceI8(run) => {
            let (extents, zero_point) = ([1, 1, 1, 1, outer, reduced, inner], 3);
            let layer = ReduceInt { kind: Kind::Sum, extents, input_zero_point: 3, factor: FACTOR, zero_point };
            with_io(name, count, &integers, inner, |io| run(&layer, io));
        }
        Kernel::ReduceF32(run) => {
            let layer = ReduceF32 { kind: Kind::Sum, extents: [1, 1, 1, 1, outer, reduced, inner] };
            with_io(name, count, &reals, inner, |io| run(&layer, io));
        }
        _ => bench_matrices_and_moves(name, kernel),
    }
}

/// Products of two activations, and what moves or mixes elements.
fn bench_matrices_and_moves(name: &str, kernel: Kernel) {
    let count = len(WINDOW.input);
    let (integers, reals) = (bytes(count), floats(count));
    let pad = PadGeometry { input: [1, 16, 16, 32], before: [0, 1, 1, 0], output: [1, 18, 18, 32] };
    // Channels last to channels first.
    let rearrange = Rearrange {
        extents: [1, 1, 1, 1, 32, 256],
        input_strides: [0, 0, 0, 0, 1, 32],
        output_strides: [0, 0, 0, 0, 256, 1],
    };
    let copy = CopyBlocks { blocks: 256, block_len: 32, input_stride: 32, output_stride: 64, output_offset: 32 };
    match kernel {
        // Four heads of 32 steps by 32 features, as attention has them.
        Kernel::MatMulI8(run) => {
            let layer = MatMulI8 { shape: HEADS, a_zero_point: 3, b_zero_point: -5, factor: FACTOR, stage: STAGE };
            let mut output = vec![0; 4 * 32 * 32];
            measure(name, 4 * 32 * 32 * 32, || assert!(run(&layer, &integers, &integers, &mut output)));
        }
        Kernel::MatMulF32(run) => {
            let layer = MatMulF32 { shape: HEADS, clamp: CLAMP };
            let mut output = vec![0.0; 4 * 32 * 32];
            measure(name, 4 * 32 * 32 * 32, || assert!(run(&layer, &reals, &reals, &mut output)));
        }
        Kernel::PadI8(run) => with_io(name, count, &integers, 18 * 18 * 32, |io| run(&pad, 3, io)),
        Kernel::TakeI8(run) => {
            let indices: Vec<u32> = (0..512).map(|index| index / 2).collect();
            let take = Take { outer: 1, extent: 256, inner: 32, indices: &indices };
            with_io(name, 2 * count, &integers, 2 * count, |io| run(&take, io));
        }
        Kernel::ResampleI8(run) => {
            let (indices, weights) = taps(1 << 13);
            let (outer, extent, inner, count, taps) = (1, 256, 32, 256, 2);
            let layer = Resample { outer, extent, inner, count, taps, indices: &indices, weights: &weights };
            with_io(name, 2 * count * inner, &integers, count * inner, |io| run(&layer, 3, io));
        }
        Kernel::ResampleF32(run) => {
            let (indices, weights) = taps(0.5);
            let (outer, extent, inner, count, taps) = (1, 256, 32, 256, 2);
            let layer = Resample { outer, extent, inner, count, taps, indices: &indices, weights: &weights };
            with_io(name, 2 * count * inner, &reals, count * inner, |io| run(&layer, io));
        }
        Kernel::ResizeBilinearI8(run) => {
            let table: Vec<i32> = (0..16).flat_map(|index| [index, (index + 1).min(15), 512]).collect();
            let (input, output, channels) = ([16, 16], [16, 16], 32);
            let layer = ResizeBilinear { batch: 1, input, output, channels, rows: &table, columns: &table };
            with_io(name, 4 * count, &integers, count, |io| run(&layer, io));
        }
        Kernel::RearrangeI8(run) => with_io(name, count, &integers, count, |io| run(&rearrange, io)),
        Kernel::CopyI8(run) => with_io(name, count, &integers, 2 * count, |io| run(&copy, io)),
        // The others are timed above, or have no kernel but the plain one.
        Kernel::Conv2dI8(..) | Kernel::Conv2dF32(_) | Kernel::DepthwiseI8(..) | Kernel::DepthwiseF32(_) => {}
        Kernel::FullyConnectedI8(..) | Kernel::FullyConnectedF32(_) => {}
        Kernel::AveragePoolI8(_) | Kernel::MaxPoolI8(_) | Kernel::AveragePoolF32(_) | Kernel::MaxPoolF32(_) => {}
        Kernel::AddI8(_) | Kernel::MulI8(_) | Kernel::AddF32(_) | Kernel::MulF32(_) => {}
        Kernel::MeanI8(_) | Kernel::MeanF32(_) | Kernel::ReduceMaxI8(_) | Kernel::ReduceMaxF32(_) => {}
        Kernel::ReduceI8(_) | Kernel::ReduceF32(_) => {}
        Kernel::Conv2dI16(_) | Kernel::DepthwiseI16(_) | Kernel::FullyConnectedI16(_) | Kernel::AddI16(_) => {}
        Kernel::TransposeConvI8(_) | Kernel::TransposeConvF32(_) | Kernel::AsymmetricConv2dI8(_) | Kernel::Formula => {}
        Kernel::ReduceI16(_) | Kernel::MatMulI16(_) => {}
        Kernel::Conv2dHybrid(_) => {}
        Kernel::MulI16(_) | Kernel::AveragePoolI16(_) | Kernel::MaxPoolI16(_) | Kernel::TransposeConvI16(_) => {}
    }
}
