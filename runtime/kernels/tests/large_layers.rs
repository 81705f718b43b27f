//! Layers that are larger than those of `kernels_match_reference`, on everything that this machine has: images of several bands,
//! rows of several segments, windows of more taps than are transposed together, more channels than a vector has, and shapes just
//! beyond what a kernel takes.
#![allow(missing_docs)]

use kinglet_kernels::conv2d::{
    Conv2dF32, Conv2dI8, Geometry, Packing, conv2d_f32, conv2d_f32_reference, conv2d_i8, conv2d_i8_reference,
    conv2d_i8_scratch_len,
};
use kinglet_kernels::depthwise::{
    DepthwiseF32, DepthwiseI8, DepthwisePacking, depthwise_f32, depthwise_f32_reference, depthwise_i8,
    depthwise_i8_reference, depthwise_i8_scratch_len,
};
use kinglet_kernels::elementwise::{
    AddI8, Broadcast, ElementwiseF32, Operand, add_f32, add_f32_reference, add_i8, add_i8_reference,
};
use kinglet_kernels::fully_connected::{
    FullyConnectedF32, FullyConnectedI8, fully_connected_f32, fully_connected_f32_reference, fully_connected_i8,
    fully_connected_i8_reference, fully_connected_i8_scratch_len,
};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, OutputStage, Requant};
use kinglet_kernels::packing::Storage;
use kinglet_kernels::{Io, Token};

const CLAMP: ClampF32 = ClampF32 { min: -20.0, max: 20.0 };

/// The same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.next() as i8).collect()
    }

    fn integers(&mut self, len: usize) -> Vec<i32> {
        (0..len).map(|_| self.next() as i32 % 5000).collect()
    }

    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() % 4001) as f32 / 1000.0 - 2.0).collect()
    }

    /// Factors that bring sums of some hundred products to a byte, now and then one with another shift.
    fn words(&mut self, len: usize) -> Vec<u32> {
        (0..len).map(|_| Requant::pack((self.next() | 1 << 30) as i32, self.next() % 4)).collect()
    }
}

/// `[height, width, channels]`, outputs, window, stride, dilation, padding.
type Shape = ([usize; 3], usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

/// `[height, width, channels]`, window, stride, dilation, padding.
type Windows = ([usize; 3], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

fn geometry((input, outputs, kernel, stride, dilation, pad): Shape) -> Geometry {
    let extent = |axis: usize| {
        let padded = input[axis] + 2 * pad[axis];
        (padded - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
    };
    Geometry { input, output: [extent(0), extent(1), outputs], kernel, stride, dilation, pad, groups: 1 }
}

fn volume(shape: [usize; 3]) -> usize {
    shape.iter().product()
}

/// What `run` writes, which may not write elsewhere.
fn outputs<T: Copy + PartialEq + core::fmt::Debug>(
    input: &[T],
    len: usize,
    stale: T,
    run: impl Fn(&mut Io<T>),
) -> Vec<T> {
    let mut output = vec![stale; len + 128];
    let mut io = Io::split(input, &mut output[64..64 + len]);
    run(&mut io);
    assert!(!io.is_refused());
    assert!(output[..64].iter().chain(&output[64 + len..]).all(|x| *x == stale), "written outside");
    output[64..64 + len].to_vec()
}

const ONE: [usize; 2] = [1, 1];

#[test]
fn convolutions() {
    let shapes: &[Shape] = &[
        // Several bands; the last has fewer rows.
        ([70, 50, 16], 20, [3, 3], ONE, ONE, ONE),
        ([60, 61, 3], 33, [3, 3], [2, 2], ONE, ONE),
        // More windows than a band may have, and a last tile of fewer pixels.
        ([53, 61, 4], 17, ONE, ONE, ONE, [0, 0]),
        ([130, 90, 8], 40, ONE, ONE, ONE, [0, 0]),
        // 576 taps, 720, and more than are transposed.
        ([9, 7, 64], 64, [3, 3], ONE, ONE, ONE),
        ([5, 5, 80], 48, [3, 3], ONE, ONE, ONE),
        ([4, 4, 180], 18, [3, 3], ONE, ONE, ONE),
        // Taps apart, rows of a window apart, one column.
        ([11, 13, 5], 19, [3, 3], ONE, [2, 2], [2, 2]),
        ([11, 13, 5], 19, [3, 1], ONE, [2, 2], [2, 0]),
        ([49, 10, 1], 64, [10, 4], [2, 2], ONE, [4, 1]),
        // Few pixels.
        ([1, 1, 300], 70, ONE, ONE, ONE, [0, 0]),
        ([1, 5, 64], 16, ONE, ONE, ONE, [0, 0]),
        ([3, 3, 20], 30, [3, 3], ONE, ONE, [0, 0]),
    ];
    for shape in shapes {
        let geometry = geometry(*shape);
        let mut numbers = Numbers(volume(geometry.input) as u64);
        let [_, _, channels] = geometry.output;
        let weights = numbers.bytes(channels * geometry.taps());
        let (bias, words) = (numbers.integers(channels), numbers.words(channels));
        let input = numbers.bytes(volume(geometry.input));
        let (weights_f32, bias_f32) = (numbers.floats(weights.len()), numbers.floats(channels));
        let input_f32 = numbers.floats(input.len());
        for (shift_base, stage) in
            [(-14, OutputStage::unclamped(-5)), (-10, OutputStage { zero_point: 9, min: -100, max: 90 })]
        {
            let requant = Requant { words: &words, shift_base, extra: &[] };
            let layer = Conv2dI8 {
                geometry,
                padding_value: 7,
                stage,
                packing: Packing::RowMajor,
                storage: Storage::Bits8,
                weights: &weights,
                bias: &bias,
                requant,
                token: Token::PLAIN,
            };
            let len = volume(geometry.output);
            let expected = outputs(&input, len, 77, |io| conv2d_i8_reference(&layer, io));
            for token in Token::all() {
                let layer = Conv2dI8 { token, ..layer };
                let mut scratch = vec![0; conv2d_i8_scratch_len(&geometry, layer.packing, layer.storage)];
                let scratch = core::cell::RefCell::new(&mut scratch);
                let actual = outputs(&input, len, 77, |io| conv2d_i8(&layer, io, &mut scratch.borrow_mut()));
                assert!(actual == expected, "int8 {token:?} {shape:?}");
            }
        }
        let layer = Conv2dF32 { geometry, clamp: CLAMP, weights: &weights_f32, bias: &bias_f32, token: Token::PLAIN };
        let len = volume(geometry.output);
        let expected = bits(outputs(&input_f32, len, 77.0, |io| conv2d_f32_reference(&layer, io)));
        for token in Token::all() {
            let layer = Conv2dF32 { token, ..layer };
            let actual = bits(outputs(&input_f32, len, 77.0, |io| conv2d_f32(&layer, io)));
            assert!(actual == expected, "float {token:?} {shape:?}");
        }
    }
}

fn bits(numbers: Vec<f32>) -> Vec<u32> {
    numbers.into_iter().map(f32::to_bits).collect()
}

#[test]
fn depthwise_convolutions() {
    let shapes: &[Windows] = &[
        ([40, 41, 24], [3, 3], ONE, ONE, ONE),
        // Few channels: those of several pixels in a vector, and one for which that does not work.
        ([48, 48, 8], [3, 3], ONE, ONE, ONE),
        ([17, 19, 8], [3, 3], ONE, ONE, ONE),
        ([12, 300, 4], [3, 3], ONE, ONE, ONE),
        ([30, 31, 53], [3, 3], [2, 2], ONE, ONE),
        // Rows of several segments, and of more than a band has room for.
        ([6, 130, 40], [3, 3], ONE, ONE, ONE),
        ([4, 120, 96], [3, 3], [2, 2], ONE, ONE),
        ([5, 200, 100], [3, 3], ONE, ONE, ONE),
        // Other windows.
        ([9, 9, 32], [5, 5], ONE, ONE, [2, 2]),
        ([9, 9, 32], [7, 7], ONE, ONE, [3, 3]),
        ([20, 20, 17], [3, 3], ONE, [2, 2], [2, 2]),
        ([30, 1, 64], [5, 1], ONE, ONE, [2, 0]),
        ([30, 1, 64], [21, 1], ONE, ONE, [0, 0]),
        ([1, 33, 20], [1, 9], ONE, ONE, [0, 4]),
        ([4, 4, 520], [3, 3], ONE, ONE, ONE),
        ([2, 2, 40], [3, 3], ONE, ONE, ONE),
    ];
    for &(input, kernel, stride, dilation, pad) in shapes {
        let geometry = geometry((input, input[2], kernel, stride, dilation, pad));
        let (channels, area) = (input[2], kernel[0] * kernel[1]);
        let mut numbers = Numbers(volume(input) as u64 + 3);
        let row_major = numbers.bytes(channels * area);
        let (bias, words) = (numbers.integers(channels), numbers.words(channels));
        let x = numbers.bytes(volume(input));
        let (weights_f32, bias_f32) = (numbers.floats(row_major.len()), numbers.floats(channels));
        let x_f32 = numbers.floats(x.len());
        let len = volume(geometry.output);
        for packing in [DepthwisePacking::RowMajor, DepthwisePacking::TapPairsBy32] {
            let mut weights = row_major.clone();
            if packing != DepthwisePacking::RowMajor {
                packing.pack(Storage::Bits8, channels, area, &row_major, &mut weights);
            }
            for (shift_base, stage) in
                [(-9, OutputStage::unclamped(-5)), (-5, OutputStage { zero_point: 9, min: -100, max: 90 })]
            {
                let layer = DepthwiseI8 {
                    geometry,
                    multiplier: 1,
                    padding_value: 7,
                    stage,
                    packing,
                    storage: Storage::Bits8,
                    weights: &weights,
                    bias: &bias,
                    requant: Requant { words: &words, shift_base, extra: &[] },
                    token: Token::PLAIN,
                };
                let formula = DepthwiseI8 { packing: DepthwisePacking::RowMajor, weights: &row_major, ..layer };
                let expected = outputs(&x, len, 77, |io| depthwise_i8_reference(&formula, io));
                for token in Token::all() {
                    let layer = DepthwiseI8 { token, ..layer };
                    let mut scratch = vec![0; depthwise_i8_scratch_len(&geometry, 1, packing, Storage::Bits8)];
                    let scratch = core::cell::RefCell::new(&mut scratch);
                    if channels < 8 && packing == DepthwisePacking::TapPairsBy32 {
                        continue;
                    }
                    let actual = outputs(&x, len, 77, |io| depthwise_i8(&layer, io, &mut scratch.borrow_mut()));
                    assert!(actual == expected, "int8 {token:?} {packing:?} {geometry:?}");
                }
            }
        }
        depthwise_floats(geometry, (&weights_f32, &bias_f32), &x_f32);
    }
}

/// The same windows on floats.
fn depthwise_floats(geometry: Geometry, (weights, bias): (&[f32], &[f32]), x: &[f32]) {
    let len = volume(geometry.output);
    let layer = DepthwiseF32 { geometry, multiplier: 1, clamp: CLAMP, weights, bias, token: Token::PLAIN };
    let expected = bits(outputs(x, len, 77.0, |io| depthwise_f32_reference(&layer, io)));
    for token in Token::all() {
        let layer = DepthwiseF32 { token, ..layer };
        let actual = bits(outputs(x, len, 77.0, |io| depthwise_f32(&layer, io)));
        assert!(actual == expected, "float {token:?} {geometry:?}");
    }
}

#[test]
fn matrices() {
    for [rows, taps, outputs_of_row] in [
        [1, 640, 128],
        [1, 128, 640],
        [1, 129, 37],
        [3, 64, 70],
        [9, 300, 45],
        [200, 130, 33],
        [2, 5000, 20],
        [7, 1, 1],
    ] {
        let mut numbers = Numbers((rows * taps) as u64);
        let weights = numbers.bytes(outputs_of_row * taps);
        let (bias, words) = (numbers.integers(outputs_of_row), numbers.words(outputs_of_row));
        let x = numbers.bytes(rows * taps);
        let (weights_f32, bias_f32) = (numbers.floats(weights.len()), numbers.floats(outputs_of_row));
        let x_f32 = numbers.floats(x.len());
        let (len, packing) = (rows * outputs_of_row, Packing::RowMajor);
        let layer = FullyConnectedI8 {
            rows,
            taps,
            outputs: outputs_of_row,
            stage: OutputStage::unclamped(3),
            packing,
            storage: Storage::Bits8,
            weights: &weights,
            bias: &bias,
            requant: Requant { words: &words, shift_base: -14, extra: &[] },
            token: Token::PLAIN,
        };
        let float = FullyConnectedF32 {
            rows,
            taps,
            outputs: outputs_of_row,
            clamp: CLAMP,
            weights: &weights_f32,
            bias: &bias_f32,
            token: Token::PLAIN,
        };
        let expected = outputs(&x, len, 77, |io| fully_connected_i8_reference(&layer, io));
        let expected_f32 = bits(outputs(&x_f32, len, 77.0, |io| fully_connected_f32_reference(&float, io)));
        for token in Token::all() {
            let (layer, float) = (FullyConnectedI8 { token, ..layer }, FullyConnectedF32 { token, ..float });
            let mut scratch =
                vec![
                    0;
                    fully_connected_i8_scratch_len([layer.rows, layer.taps, layer.outputs], packing, layer.storage)
                ];
            let scratch = core::cell::RefCell::new(&mut scratch);
            let actual = outputs(&x, len, 77, |io| fully_connected_i8(&layer, io, &mut scratch.borrow_mut()));
            assert!(actual == expected, "int8 {token:?} {rows} {taps} {outputs_of_row}");
            let actual = bits(outputs(&x_f32, len, 77.0, |io| fully_connected_f32(&float, io)));
            assert!(actual == expected_f32, "float {token:?} {rows} {taps} {outputs_of_row}");
        }
    }
}

/// Every pair of codes, apart and in place, with the larger scale on either side and on both.
#[test]
fn sums() {
    let (a, b): (Vec<i8>, Vec<i8>) = (0..=u16::MAX).map(|pair| (pair as i8, (pair >> 8) as i8)).unzip();
    let half = FixedPoint { multiplier: 1 << 30, shift: 0 };
    let less = FixedPoint { multiplier: 1_987_654_321, shift: -2 };
    for (a_factor, b_factor) in [(half, less), (less, half), (half, half), (less, less)] {
        let layer = AddI8 {
            a_zero_point: -7,
            b_zero_point: 100,
            a_factor,
            b_factor,
            output_factor: FixedPoint { multiplier: 1_234_567_890, shift: -18 },
            stage: OutputStage { zero_point: -3, min: -120, max: 125 },
            token: Token::PLAIN,
        };
        let broadcast = Broadcast { inner: 1, len: a.len() };
        let expected = outputs(&a, a.len(), 77, |io| add_i8_reference(&layer, io, Operand::Slice(&b, broadcast)));
        for token in Token::all() {
            let layer = AddI8 { token, ..layer };
            let actual = outputs(&a, a.len(), 77, |io| add_i8(&layer, io, Operand::Slice(&b, broadcast)));
            assert!(actual == expected, "{token:?} {a_factor:?} {b_factor:?}");
            let mut buffer = a.clone();
            add_i8(&layer, &mut Io::in_place(&mut buffer), Operand::Slice(&b, broadcast));
            assert!(buffer == expected, "in place, {token:?} {a_factor:?} {b_factor:?}");
        }
    }
    let mut numbers = Numbers(1);
    let (a, b) = (numbers.floats(1999), numbers.floats(1999));
    let broadcast = Broadcast { inner: 1, len: a.len() };
    let layer = ElementwiseF32 { clamp: ClampF32 { min: -1.0, max: 1.5 }, token: Token::PLAIN };
    let expected = outputs(&a, a.len(), 77.0, |io| add_f32_reference(&layer, io, Operand::Slice(&b, broadcast)));
    for token in Token::all() {
        let layer = ElementwiseF32 { token, ..layer };
        let actual = outputs(&a, a.len(), 77.0, |io| add_f32(&layer, io, Operand::Slice(&b, broadcast)));
        assert_eq!(bits(actual), bits(expected.clone()), "{token:?}");
    }
}
