//! Operators that take tensors apart.

use super::writer::{Field, Table, Tflite};
use super::{import, problems};
use crate::ir::{Graph, interpret};
use crate::op::Op;

/// A STRIDED_SLICE of the numbers 0, 1, .. in `shape`; begins, ends and strides, then the masks of begin, end,
/// ellipsis, new axes and shrunken axes.
fn strided(shape: &[i32], result: &[i32], numbers: [&[i32]; 3], masks: [i32; 5]) -> Vec<u8> {
    let mut file = Tflite::new();
    let x = file.float("x", shape);
    let [begin, end, stride] = numbers.map(|numbers| file.ints("numbers", numbers));
    let y = file.float("y", result);
    let options: Table = masks.into_iter().enumerate().map(|(slot, mask)| (slot, Field::I32(mask))).collect();
    file.operator(45, &[x, begin, end, stride], y, (32, options));
    file.bytes(&[x], &[y])
}

/// What a graph makes of the numbers 0, 1, ..
pub(super) fn of_numbers(graph: &Graph) -> Vec<Vec<f32>> {
    let len = graph.inputs[0].source_shape.iter().product::<usize>();
    interpret(graph, &[(0..len).map(|number| number as f32).collect()]).expect("a float graph")
}

#[test]
fn strided_slices_are_those_of_numpy() {
    let of = |shape: &[i32], result: &[i32], numbers, masks| {
        let mut all = of_numbers(&import(&strided(shape, result, numbers, masks)));
        all.remove(0)
    };
    let none = [0; 5];
    assert_eq!(of(&[2, 3], &[1, 2], [&[1, 0], &[2, 2], &[1, 1]], none), [3.0, 4.0]);
    assert_eq!(of(&[2, 3], &[2, 2], [&[0, 0], &[2, 3], &[1, 2]], none), [0.0, 2.0, 3.0, 5.0]);
    // Counted from the end, and beyond it.
    assert_eq!(of(&[2, 3], &[1, 2], [&[-1, -2], &[9, 9], &[1, 1]], none), [4.0, 5.0]);
    assert_eq!(of(&[2, 3], &[1, 2], [&[-9, 0], &[-1, -1], &[1, 1]], none), [0.0, 1.0]);
    // x[:, 1:], whatever the numbers say; fewer numbers than axes.
    assert_eq!(of(&[2, 3], &[2, 2], [&[7, 1], &[0, 0], &[1, 1]], [1, 3, 0, 0, 0]), [1.0, 2.0, 4.0, 5.0]);
    assert_eq!(of(&[2, 3], &[1, 3], [&[1], &[2], &[1]], none), [3.0, 4.0, 5.0]);
    // Backwards: x[::-1, ::-2], x[:, 2:0:-1].
    assert_eq!(of(&[2, 3], &[2, 2], [&[0, 0], &[0, 0], &[-1, -2]], [3, 3, 0, 0, 0]), [5.0, 3.0, 2.0, 0.0]);
    assert_eq!(of(&[2, 3], &[2, 2], [&[0, 2], &[2, 0], &[1, -1]], none), [2.0, 1.0, 5.0, 4.0]);
    // x[.., 2], x[1, ..], x[1, .., 0], x[.., newaxis].
    assert_eq!(of(&[2, 3], &[2], [&[0, 2], &[0, 0], &[1, 1]], [0, 0, 1, 0, 2]), [2.0, 5.0]);
    assert_eq!(of(&[2, 3], &[3], [&[1], &[0], &[1]], [0, 0, 0, 0, 1]), [3.0, 4.0, 5.0]);
    assert_eq!(of(&[2, 2, 2], &[2], [&[-1, 0, 0], &[0; 3], &[1; 3]], [0, 0, 2, 0, 5]), [4.0, 6.0]);
    assert_eq!(of(&[2, 2], &[2, 2, 1], [&[0, 0], &[0, 0], &[1, 1]], [0, 0, 1, 2, 0]), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(of(&[2, 2], &[1, 1, 2], [&[0, 1], &[0, 2], &[1, 1]], [0, 0, 0, 1, 0]), [2.0, 3.0]);
}

#[test]
fn strided_slices_that_make_no_sense_are_refused() {
    let problem = |shape: &[i32], result: &[i32], numbers, masks| {
        problems(&strided(shape, result, numbers, masks)).remove(0).problem
    };
    let none = [0; 5];
    assert!(problem(&[4], &[1], [&[0], &[3], &[-1]], none).contains("takes nothing"));
    assert!(problem(&[4], &[4], [&[0], &[4], &[0]], none).contains("steps of 0"));
    assert!(problem(&[4], &[1], [&[2], &[2], &[1]], none).contains("takes nothing"));
    assert!(problem(&[4], &[1], [&[0, 0], &[1, 1], &[1, 1]], none).contains("more than the 1 axes"));
    assert!(problem(&[4], &[1], [&[4], &[0], &[1]], [0, 0, 0, 0, 1]).contains("index 4"));
    assert!(problem(&[4], &[1], [&[-5], &[0], &[1]], [0, 0, 0, 0, 1]).contains("index -5"));
    assert!(problem(&[4], &[1], [&[0, 0], &[1], &[1]], none).contains("differ in number"));
    assert!(problem(&[4], &[4], [&[0, 0], &[1, 1], &[1, 1]], [0, 0, 3, 0, 0]).contains("several ellipses"));
    assert!(problem(&[2, 2], &[4], [&[0], &[1], &[1]], [0, 0, 0, 1, 0]).contains("its result has another"));
    let extremes = [i32::MIN, i32::MAX];
    for begin in extremes {
        for end in extremes {
            for mask in [-1, i32::MIN, i32::MAX] {
                let file = strided(&[2, 3], &[2, 3], [&[begin; 2], &[end; 2], &[i32::MAX; 2]], [mask; 5]);
                // Whatever it is taken for, it is taken for something or refused.
                let _ = crate::import::from_bytes(&file, crate::import::Kind::Tflite, "test");
            }
        }
    }
}

#[test]
fn slices_have_begins_and_sizes() {
    let file = |begins: &[i32], sizes: &[i32], result: &[i32]| {
        let mut file = Tflite::new();
        let x = file.float("x", &[2, 3]);
        let (begins, sizes) = (file.ints("begins", begins), file.ints("sizes", sizes));
        let y = file.float("y", result);
        file.operator(65, &[x, begins, sizes], y, (0, Vec::new()));
        file.bytes(&[x], &[y])
    };
    assert_eq!(of_numbers(&import(&file(&[1, 1], &[1, 2], &[1, 2]))), [[4.0, 5.0]]);
    assert_eq!(of_numbers(&import(&file(&[0, 1], &[-1, -1], &[2, 2]))), [[1.0, 2.0, 4.0, 5.0]]);
    let problem = |begins: &[i32], sizes: &[i32]| problems(&file(begins, sizes, &[1, 1])).remove(0).problem;
    assert!(problem(&[-1, 0], &[1, 1]).contains("negative"));
    assert!(problem(&[0, 0], &[-2, 1]).contains("negative"));
    assert!(problem(&[0, 1], &[1, 3]).contains("more than there is"));
    assert!(problem(&[0, 1], &[1, i32::MAX]).contains("more than there is"));
    assert!(problem(&[0], &[1]).contains("1 begins"));
}

#[test]
fn splits_have_a_result_for_each_part() {
    let mut file = Tflite::new();
    let x = file.float("x", &[2, 6]);
    let axis = file.tensor("axis", &[], 2, &(-1i32).to_le_bytes());
    let parts = [0, 1, 2].map(|part| file.float(&format!("part{part}"), &[2, 2]));
    file.operator_of(49, &[axis, x], &parts, (35, vec![(0, Field::I32(3))]));
    let sizes = file.ints("sizes", &[1, -1]);
    let rows = file.ints("rows", &[0]);
    let halves = [0, 1].map(|half| file.float(&format!("half{half}"), &[1, 2]));
    file.operator_of(102, &[parts[2], sizes, rows], &halves, (79, vec![(0, Field::I32(2))]));
    let graph = import(&file.bytes(&[x], &[parts[0], halves[1], halves[0]]));
    assert_eq!(of_numbers(&graph), [vec![0.0, 1.0, 6.0, 7.0], vec![10.0, 11.0], vec![4.0, 5.0]]);
    assert!(graph.nodes.iter().all(|node| matches!(node.op, Op::Split(_))));
}

#[test]
fn splits_whose_parts_do_not_add_up_are_refused() {
    let file = |code: i32, parts: usize, sizes: &[i32], axis: i32, declared: i32| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 6], 0.5, 3);
        let (axis, sizes) = (file.ints("axis", &[axis]), file.ints("sizes", sizes));
        let outputs: Vec<i32> = (0..parts).map(|part| file.int8(&format!("p{part}"), &[1, 2], 0.5, 3)).collect();
        let inputs = if code == 49 { vec![axis, x] } else { vec![x, sizes, axis] };
        let options = if code == 49 { 35 } else { 79 };
        file.operator_of(code, &inputs, &outputs, (options, vec![(0, Field::I32(declared))]));
        file.bytes(&[x], &[outputs[0]])
    };
    let problem = |file: Vec<u8>| problems(&file).remove(0).problem;
    assert!(crate::import::from_bytes(&file(49, 3, &[0], 1, 3), crate::import::Kind::Tflite, "test").is_ok());
    assert!(problem(file(49, 4, &[0], 1, 4)).contains("an extent of 6 into 4"));
    assert!(problem(file(49, 3, &[0], 1, 2)).contains("3 results"));
    assert!(problem(file(49, 3, &[0], 1, -1)).contains("3 results"));
    assert!(problem(file(49, 3, &[0], 2, 3)).contains("axis 2"));
    assert!(problem(file(102, 3, &[2, 2], 1, 3)).contains("3 results for 2 parts"));
    assert!(problem(file(102, 3, &[2, 2, 3], 1, 3)).contains("cannot be split"));
    assert!(problem(file(102, 3, &[2, 4, -1], 1, 3)).contains("cannot be split"));
    assert!(problem(file(102, 3, &[2, i32::MAX, i32::MAX], 1, 3)).contains("cannot be split"));
    assert!(problem(file(102, 3, &[-2, 4, 4], 1, 3)).contains("cannot be split"));
}
