//! Operators that move elements, on the numbers 0, 1, ..

use super::slices::of_numbers;
use super::writer::{Table, Tflite};
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
