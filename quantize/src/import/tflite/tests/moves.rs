//! Operators that move elements, on the numbers 0, 1, ..

use super::slices::of_numbers;
use super::writer::{Field, Table, Tflite};
use super::{import, problems};

/// A file of one operator on `x` of `shape`, with constant integers as its other operands.
fn file(code: i32, shape: &[i32], lists: &[&[i32]], result: &[i32], options: (i8, Table)) -> Vec<u8> {
    let mut file = Tflite::new();
    let mut operands = vec![file.float("x", shape)];
    operands.extend(lists.iter().map(|list| file.ints("numbers", list)));
    let y = file.float("y", result);
    file.operator(code, &operands, y, options);
    file.bytes(&[operands[0]], &[y])
}

fn moved(code: i32, shape: &[i32], lists: &[&[i32]], result: &[i32]) -> Vec<f32> {
    of_numbers(&import(&file(code, shape, lists, result, (0, Table::new())))).remove(0)
}

#[test]
fn transpose() {
    assert_eq!(moved(39, &[2, 3], &[&[1, 0]], &[3, 2]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(moved(39, &[1, 2, 2], &[&[-1, 0, 1]], &[2, 1, 2]), [0.0, 2.0, 1.0, 3.0]);
    let twice = file(39, &[2, 2], &[&[1, 1]], &[2, 2], (0, Table::new()));
    assert!(problems(&twice)[0].problem.contains("permutation"));
}

#[test]
fn repeated_and_gathered() {
    assert_eq!(moved(69, &[1, 2], &[&[2, 2]], &[2, 4]), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(moved(130, &[2, 1], &[&[2, 2, 2]], &[2, 2, 2]), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(moved(105, &[2, 2], &[&[-1]], &[2, 2]), [1.0, 0.0, 3.0, 2.0]);
    let gather = |shape: &[i32], list: &[i32], result: &[i32]| {
        of_numbers(&import(&file(36, shape, &[list], result, (23, vec![(0, Field::I32(1))])))).remove(0)
    };
    assert_eq!(gather(&[2, 3], &[2, 0, 2], &[2, 3]), [2.0, 0.0, 2.0, 5.0, 3.0, 5.0]);
    let outside = file(36, &[2, 3], &[&[3]], &[2, 1], (23, vec![(0, Field::I32(1))]));
    assert!(problems(&outside)[0].problem.contains("index 3"));
}

#[test]
fn mirrored_borders() {
    let padded = |mode: i8, result: &[i32], pads: &[i32]| {
        of_numbers(&import(&file(100, &[1, 3], &[pads], result, (77, vec![(0, Field::I8(mode))])))).remove(0)
    };
    assert_eq!(padded(0, &[1, 6], &[0, 0, 2, 1]), [2.0, 1.0, 0.0, 1.0, 2.0, 1.0]);
    assert_eq!(padded(1, &[1, 6], &[0, 0, 2, 1]), [1.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
    let too_far = file(100, &[1, 3], &[&[0, 0, 3, 0]], &[1, 6], (77, vec![(0, Field::I8(0))]));
    assert!(problems(&too_far)[0].problem.contains("mirrors more"));
}

#[test]
fn blocks_of_images() {
    let block = |code: i32, kind: i8, shape: &[i32], result: &[i32]| {
        of_numbers(&import(&file(code, shape, &[], result, (kind, vec![(0, Field::I32(2))])))).remove(0)
    };
    assert_eq!(block(5, 94, &[1, 1, 2, 4], &[1, 2, 4, 1]), [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    assert_eq!(block(26, 19, &[1, 2, 4, 1], &[1, 1, 2, 4]), [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    // Zeros in front, and cut again.
    let batches = moved(38, &[1, 1, 3, 1], &[&[1, 2], &[0, 0, 1, 0]], &[2, 1, 2, 1]);
    assert_eq!(batches, [0.0, 1.0, 0.0, 2.0]);
    assert_eq!(moved(37, &[2, 1, 2, 1], &[&[1, 2], &[0, 0, 1, 0]], &[1, 1, 3, 1]), [2.0, 1.0, 3.0]);
}

#[test]
fn resized_images() {
    let nearest = |corners: i8, half: i8| {
        let options = (74, vec![(0, Field::I8(corners)), (1, Field::I8(half))]);
        of_numbers(&import(&file(97, &[1, 1, 3, 1], &[&[1, 5]], &[1, 1, 5, 1], options))).remove(0)
    };
    assert_eq!(nearest(0, 0), [0.0, 0.0, 1.0, 1.0, 2.0]);
    assert_eq!(nearest(1, 0), [0.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(nearest(0, 1), [0.0, 0.0, 1.0, 2.0, 2.0]);
    let bilinear = |corners: i8, half: i8| {
        let options = (15, vec![(2, Field::I8(corners)), (3, Field::I8(half))]);
        of_numbers(&import(&file(23, &[1, 1, 2, 1], &[&[1, 4]], &[1, 1, 4, 1], options))).remove(0)
    };
    assert_eq!(bilinear(0, 0), [0.0, 0.5, 1.0, 1.0]);
    assert_eq!(bilinear(0, 1), [0.0, 0.25, 0.75, 1.0]);
    assert!((bilinear(1, 0)[1] - 1.0 / 3.0).abs() < 1e-6);
}
