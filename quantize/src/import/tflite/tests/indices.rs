//! Elements by indices, indices of elements, and what is known on import.

use super::import;
use super::writer::{Field, Table, Tflite};
use crate::ir::interpret;

const INT32: i8 = 2;

/// The result of one operator on `x`, the numbers 0, 1, .., and int32 indices that are another input.
fn computed(code: i32, shapes: [&[i32]; 3], indices: &[f32], options: (i8, Table)) -> Vec<f32> {
    let mut file = Tflite::new();
    let (x, i) = (file.float("x", shapes[0]), file.tensor("i", shapes[1], INT32, &[]));
    let y = file.float("y", shapes[2]);
    file.operator(code, &[x, i], y, options);
    run(&file.bytes(&[x, i], &[y]), shapes[0], indices).remove(0)
}

fn run(bytes: &[u8], shape: &[i32], indices: &[f32]) -> Vec<Vec<f32>> {
    let graph = import(bytes);
    graph.verify().expect("a sound graph");
    let numbers = (0..shape.iter().product::<i32>()).map(|number| number as f32).collect();
    let inputs = [numbers, indices.to_vec()];
    interpret(&graph, &inputs[..graph.inputs.len()]).expect("a float graph")
}

#[test]
fn gathered() {
    let gather = |axis: i32, batch: i32| (23, vec![(0, Field::I32(axis)), (1, Field::I32(batch))]);
    let rows = computed(36, [&[3, 2], &[2], &[2, 2]], &[2.0, 0.0], gather(0, 0));
    assert_eq!(rows, [4.0, 5.0, 0.0, 1.0]);
    let columns = computed(36, [&[2, 3], &[1, 2], &[2, 1, 2]], &[2.0, 1.0], gather(1, 0));
    assert_eq!(columns, [2.0, 1.0, 5.0, 4.0]);
    let batches = computed(36, [&[2, 3], &[2, 1], &[2, 1]], &[2.0, 1.0], gather(1, 1));
    assert_eq!(batches, [2.0, 4.0]);
    let tuples = computed(107, [&[2, 3], &[2, 2], &[2]], &[1.0, 2.0, 0.0, 1.0], (0, Table::new()));
    assert_eq!(tuples, [5.0, 1.0]);
}

#[test]
fn an_embedding() {
    let mut file = Tflite::new();
    let i = file.tensor("i", &[2], INT32, &[]);
    let (table, y) = (file.floats("table", &[3, 1], &[7.0, 8.0, 9.0]), file.float("y", &[2, 1]));
    file.operator(7, &[i, table], y, (0, Table::new()));
    let graph = import(&file.bytes(&[i], &[y]));
    assert_eq!(interpret(&graph, &[vec![2.0, 0.0]]).expect("a float graph"), [[9.0, 7.0]]);
}

#[test]
fn rows_are_added_to_zeros() {
    let mut file = Tflite::new();
    let (x, i) = (file.float("x", &[3]), file.tensor("i", &[3, 1], INT32, &[]));
    let (shape, y) = (file.ints("shape", &[4]), file.float("y", &[4]));
    file.operator(122, &[i, x, shape], y, (0, Table::new()));
    assert_eq!(run(&file.bytes(&[x, i], &[y]), &[3], &[3.0, 1.0, 3.0]), [[0.0, 1.0, 0.0, 2.0]]);
}

/// The results of one operator on `x` and constant integers.
fn found(code: i32, shape: &[i32], numbers: &[i32], results: &[(&[i32], i8)]) -> Vec<Vec<f32>> {
    let mut file = Tflite::new();
    let (x, numbers) = (file.float("x", shape), file.ints("numbers", numbers));
    let outputs: Vec<i32> = results.iter().map(|(shape, dtype)| file.tensor("y", shape, *dtype, &[])).collect();
    file.operator_of(code, &[x, numbers], &outputs, (0, Table::new()));
    run(&file.bytes(&[x], &outputs), shape, &[])
}

#[test]
fn the_greatest() {
    assert_eq!(found(56, &[2, 3], &[1], &[(&[2], INT32)]), [[2.0, 2.0]]);
    assert_eq!(found(79, &[2, 3], &[-1], &[(&[2], INT32)]), [[0.0, 0.0]]);
    let two = found(48, &[2, 3], &[2], &[(&[2, 2], 0), (&[2, 2], INT32)]);
    assert_eq!(two, [[2.0, 1.0, 5.0, 4.0], [2.0, 1.0, 2.0, 1.0]]);
}

#[test]
fn one_hot() {
    let mut file = Tflite::new();
    let i = file.tensor("i", &[2], INT32, &[]);
    let (on, off) = (file.floats("on", &[], &[1.0]), file.floats("off", &[], &[-1.0]));
    let (depth, y) = (file.ints("depth", &[3]), file.float("y", &[2, 3]));
    file.operator(85, &[i, depth, on, off], y, (61, vec![(0, Field::I32(-1))]));
    let graph = import(&file.bytes(&[i], &[y]));
    let expected = [-1.0, -1.0, 1.0, -1.0, -1.0, -1.0];
    assert_eq!(interpret(&graph, &[vec![2.0, -1.0]]).expect("a float graph"), [expected]);
}

#[test]
fn sequences_and_sums() {
    let sequences = (87, vec![(0, Field::I32(1)), (1, Field::I32(0))]);
    let turned = computed(112, [&[2, 3], &[2], &[2, 3]], &[2.0, 3.0], sequences);
    assert_eq!(turned, [1.0, 0.0, 2.0, 5.0, 4.0, 3.0]);
    let mut file = Tflite::new();
    let (x, axis, y) = (file.float("x", &[2, 3]), file.ints("axis", &[-1]), file.float("y", &[2, 3]));
    file.operator(128, &[x, axis], y, (102, vec![(0, Field::I8(1))]));
    assert_eq!(run(&file.bytes(&[x], &[y]), &[2, 3], &[]), [[0.0, 0.0, 1.0, 0.0, 3.0, 7.0]]);
}

#[test]
fn numbers_in_a_row() {
    // The operand less 3, 5, 7, and less 2.
    let mut file = Tflite::new();
    let (x, shape) = (file.float("x", &[1, 3]), file.ints("shape", &[1, 3]));
    let (from, by) = (file.floats("from", &[], &[3.0]), file.floats("by", &[], &[2.0]));
    let (row, filled) = (file.float("row", &[3]), file.float("filled", &[1, 3]));
    file.operator(96, &[from, from, by], row, (0, Table::new()));
    file.operator(94, &[shape, by], filled, (0, Table::new()));
    let (less, y) = (file.float("less", &[1, 3]), file.float("y", &[1, 3]));
    file.operator(41, &[x, row], less, (28, Table::new()));
    file.operator(41, &[less, filled], y, (28, Table::new()));
    assert_eq!(run(&file.bytes(&[x], &[y]), &[1, 3], &[]), [[-5.0, -6.0, -7.0]]);
}

#[test]
fn extents_are_numbers() {
    let mut file = Tflite::new();
    let (x, extents) = (file.float("x", &[3, 2]), file.tensor("extents", &[2], INT32, &[]));
    let (reals, y) = (file.float("reals", &[2]), file.float("y", &[3, 2]));
    file.operator(77, &[x], extents, (55, Table::new()));
    file.operator(53, &[extents], reals, (0, Table::new()));
    file.operator(41, &[x, reals], y, (28, Table::new()));
    let found = run(&file.bytes(&[x], &[y]), &[3, 2], &[]);
    assert_eq!(found, [[-3.0, -1.0, -1.0, 1.0, 1.0, 3.0]]);
}

#[test]
fn a_part_takes_a_place_that_is_clamped() {
    let whole = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let updated = |start: [i32; 2], is_constant: bool| {
        let mut file = Tflite::new();
        let (x, part) = (file.float("x", &[2, 3]), file.float("part", &[1, 2]));
        let begin = if is_constant { file.ints("begin", &start) } else { file.tensor("begin", &[2], INT32, &[]) };
        let y = file.float("y", &[2, 3]);
        file.operator(151, &[x, part, begin], y, (0, Table::new()));
        let inputs = if is_constant { vec![x, part] } else { vec![x, part, begin] };
        let graph = import(&file.bytes(&inputs, &[y]));
        let given = [whole.to_vec(), vec![8.0, 9.0], start.map(|at| at as f32).to_vec()];
        interpret(&graph, &given[..inputs.len()]).expect("a float graph").concat()
    };
    for is_constant in [false, true] {
        assert_eq!(updated([1, 0], is_constant), [0.0, 1.0, 2.0, 8.0, 9.0, 5.0]);
        assert_eq!(updated([-4, 7], is_constant), [0.0, 8.0, 9.0, 3.0, 4.0, 5.0]);
    }
}

#[test]
fn boxes_that_share_the_threshold_go_and_zeros_stand_behind_the_last() {
    let mut file = Tflite::new();
    let (boxes, scores) = (file.float("boxes", &[3, 4]), file.float("scores", &[3]));
    let most = file.tensor("most", &[], INT32, &4i32.to_le_bytes());
    let (likeness, least) = (file.floats("likeness", &[1], &[0.5]), file.floats("least", &[1], &[0.1]));
    let sigma = file.floats("sigma", &[1], &[0.0]);
    let outputs = [file.tensor("i", &[4], INT32, &[]), file.float("s", &[4]), file.tensor("n", &[], INT32, &[])];
    file.operator_of(121, &[boxes, scores, most, likeness, least, sigma], &outputs, (0, Table::new()));
    let graph = import(&file.bytes(&[boxes, scores], &outputs));
    // The second box is half of the first, the third is apart.
    let corners = vec![0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0, 1.0, 5.0, 5.0, 6.0, 6.0];
    let found = interpret(&graph, &[corners, vec![0.5, 0.25, 0.75]]).expect("a float graph");
    assert_eq!(found, [vec![2.0, 0.0, 0.0, 0.0], vec![0.75, 0.5, 0.0, 0.0], vec![2.0]]);
}

#[test]
fn integers_have_borders_of_integers() {
    let mut file = Tflite::new();
    let x = file.tensor("x", &[1, 2], INT32, &[]);
    let pads = file.tensor("pads", &[2, 2], INT32, &[1i32, 0, 0, 1].map(i32::to_le_bytes).concat());
    let value = file.tensor("value", &[1], INT32, &(-7i32).to_le_bytes());
    let (zeros, sevens) = (file.tensor("z", &[2, 3], INT32, &[]), file.tensor("s", &[2, 3], INT32, &[]));
    file.operator(34, &[x, pads], zeros, (0, Table::new()));
    file.operator(60, &[x, pads, value], sevens, (0, Table::new()));
    let graph = import(&file.bytes(&[x], &[zeros, sevens]));
    let found = interpret(&graph, &[vec![3.0, 4.0]]).expect("a graph of numbers");
    assert_eq!(found, [[0.0, 0.0, 0.0, 3.0, 4.0, 0.0], [-7.0, -7.0, -7.0, 3.0, 4.0, -7.0]]);
}
