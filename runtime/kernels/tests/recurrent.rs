//! Layers that go over time: numbers that are known, slices that are too short, and wild sizes.

use kinglet_kernels::Token;
use kinglet_kernels::int16::{LongBias, Rounding, StageI16};
use kinglet_kernels::numerics::{ClampF32, FixedPoint, Requant};
use kinglet_kernels::recurrent::{
    Cell, Function, Products, RecurrentF32, RecurrentI8, Sequences, recurrent_f32, recurrent_i8,
};
use proptest::prelude::*;

const NO_BOUNDS: ClampF32 = ClampF32 { min: f32::NEG_INFINITY, max: f32::INFINITY };

fn sequences(cell: Cell) -> Sequences {
    Sequences {
        cell,
        steps: 2,
        batch: 1,
        inputs: 1,
        units: 1,
        is_reversed: false,
        is_batch_first: false,
        gives_sequence: true,
        gives_cell_state: cell == Cell::Lstm,
        has_initial: true,
    }
}

/// What a layer of one unit, all of whose numbers are 0 but for these, gives for 1 and 2.
fn run(cell: Cell, functions: [Function; 3], weights: &[f32], recurrent: &[f32], biases: [&[f32]; 2]) -> Vec<f32> {
    let sequences = sequences(cell);
    let lens = sequences.lens().expect("few elements");
    let layer = RecurrentF32 {
        sequences,
        functions,
        clamp: NO_BOUNDS,
        bias: biases[0],
        recurrent_bias: biases[1],
        weights,
        recurrent,
        token: Token::detect(),
    };
    let mut y = vec![f32::NAN; lens.output];
    let mut scratch = vec![f32::NAN; lens.scratch];
    assert!(recurrent_f32(&layer, &[1.0, 2.0], &[0.5, 0.25][..lens.initial], &mut y, &mut scratch));
    for (x, initial, y_len, scratch_len) in [(1, 2, 9, 9), (2, 0, 9, 9), (2, 2, lens.output - 1, 9), (2, 2, 9, 2)] {
        let (mut y, mut scratch) = (vec![7.0; y_len], vec![0.0; scratch_len]);
        assert!(!recurrent_f32(&layer, &[1.0; 2][..x], &[0.0; 2][..initial], &mut y, &mut scratch));
        assert!(y.iter().all(|y| *y == 7.0), "nothing is written");
    }
    y
}

#[test]
fn known_layers() {
    use Function::Relu;
    // h = max(2 x + h + 1, 0).
    let plain = run(Cell::Plain, [Relu; 3], &[2.0], &[1.0], [&[0.5], &[0.5]]);
    assert_eq!(plain, [3.5, 8.5, 8.5]);
    // Gates are 1 by their biases but for the new one, which is x + h: c = c + x + h, h = c.
    let lstm =
        run(Cell::Lstm, [Relu; 3], &[0.0, 0.0, 1.0, 0.0], &[0.0, 0.0, 1.0, 0.0], [&[1.0, 1.0, 0.0, 1.0], &[0.0; 4]]);
    assert_eq!(lstm, [1.75, 5.5, 5.5, 5.5]);
    // z = 0.5, r = 2: n = x + 2 h + 2 (with the bias behind the reset twice), or x + 2 h + 1.
    let biases: [&[f32]; 2] = [&[0.5, 2.0, 0.0], &[0.0, 0.0, 1.0]];
    let behind = run(Cell::GruResetBehind, [Relu; 3], &[0.0, 0.0, 1.0], &[0.0, 0.0, 1.0], biases);
    assert_eq!(behind, [2.25, 5.375, 5.375]);
    let before = run(Cell::Gru, [Relu; 3], &[0.0, 0.0, 1.0], &[0.0, 0.0, 1.0], biases);
    assert_eq!(before, [1.75, 4.125, 4.125]);
}

#[test]
fn order_and_bounds() {
    let of = |is_reversed: bool, is_batch_first: bool, clip: f32| {
        let sequences =
            Sequences { steps: 2, batch: 2, is_reversed, is_batch_first, has_initial: false, ..sequences(Cell::Plain) };
        let layer = RecurrentF32 {
            sequences,
            functions: [Function::Relu; 3],
            clamp: ClampF32 { min: -clip, max: clip },
            bias: &[0.0],
            recurrent_bias: &[0.0],
            weights: &[1.0],
            recurrent: &[10.0],
            token: Token::PLAIN,
        };
        let mut y = [0.0; 6];
        assert!(recurrent_f32(&layer, &[1.0, 2.0, 3.0, 4.0], &[], &mut y, &mut [0.0; 3]));
        y
    };
    assert_eq!(of(false, false, f32::INFINITY), [1.0, 2.0, 13.0, 24.0, 13.0, 24.0]);
    assert_eq!(of(true, false, f32::INFINITY), [31.0, 42.0, 3.0, 4.0, 31.0, 42.0]);
    assert_eq!(of(false, true, f32::INFINITY), [1.0, 12.0, 3.0, 34.0, 12.0, 34.0]);
    assert_eq!(of(false, true, 11.0), [1.0, 11.0, 3.0, 11.0, 11.0, 11.0]);
}

proptest! {
    #[test]
    fn wild_sizes_do_not_panic(
        cell in 0_usize..4,
        extents in prop::array::uniform4(prop_oneof![0..6_usize, Just(usize::MAX), Just(1 << (usize::BITS / 2 + 8))]),
        flags in prop::array::uniform5(any::<bool>()),
        len in 0_usize..64,
    ) {
        let [steps, batch, inputs, units] = extents;
        let [is_reversed, is_batch_first, gives_sequence, gives_cell_state, has_initial] = flags;
        let cell = Cell::ALL[cell];
        let sequences = Sequences {
            cell, steps, batch, inputs, units, is_reversed, is_batch_first, gives_sequence, gives_cell_state, has_initial,
        };
        let numbers = vec![1.0; len];
        let layer = RecurrentF32 {
            sequences,
            functions: [Function::Logistic, Function::Tanh, Function::Tanh],
            clamp: NO_BOUNDS,
            bias: &numbers,
            recurrent_bias: &numbers,
            weights: &numbers,
            recurrent: &numbers,
            token: Token::detect(),
        };
        recurrent_f32(&layer, &numbers, &numbers, &mut [0.0; 64], &mut [0.0; 64]);
        let (codes, wide, words, table) = (vec![1_i8; len], vec![1_i32; len], vec![1_u32; len], [1_i16; 256]);
        let requant = Requant { words: &words, shift_base: -9, extra: &[] };
        let bias = LongBias { low: &wide, high: &[] };
        let stage = StageI16 { bias, requant, rounding: Rounding::Twice, min: i16::MIN, max: i16::MAX };
        let products = Products { weights: &codes, stage };
        let layer = RecurrentI8 {
            sequences,
            functions: layer.functions,
            step: products,
            state: products,
            factors: [FixedPoint { multiplier: i32::MAX, shift: 31 }; 3],
            cell_power: -15,
            cell_clip: 7,
            zero_point: -128,
            table: &table,
        };
        recurrent_i8(&layer, &codes, &mut [0; 64], &mut [0; 64]);
    }
}
