//! Tensors that are stored sparse.

use super::writer::{FLOAT16, FLOAT32, Field, Table, Tflite};
use super::{import, problems};
use crate::ir::Elements;

/// A level with all of its positions.
fn all(extent: i32) -> Table {
    vec![(0, Field::I8(0)), (1, Field::I32(extent))]
}

/// A level that lists those that are there; `kind` is the type of the lists: 1 for i32, 3 for u8.
fn listed(kind: i8, segments: &[u8], indices: &[u8]) -> Table {
    let list = |numbers: &[u8]| {
        let values = match kind {
            1 => Field::I32s(numbers.iter().map(|&number| number.into()).collect()),
            _ => Field::Bytes(numbers.to_vec()),
        };
        Field::Table(vec![(0, values)])
    };
    vec![(0, Field::I8(1)), (2, Field::I8(kind)), (3, list(segments)), (4, Field::I8(kind)), (5, list(indices))]
}

/// A file that adds a sparse constant of `shape` to its input.
fn file(dtype: i8, data: &[u8], shape: &[i32], order: &[i32], blocks: &[i32], levels: Vec<Table>) -> Vec<u8> {
    let mut file = Tflite::new();
    let x = file.float("x", shape);
    let stored = file.tensor("stored", shape, dtype, data);
    let sparsity =
        vec![(0, Field::I32s(order.to_vec())), (1, Field::I32s(blocks.to_vec())), (2, Field::Tables(levels))];
    file.set(stored, 6, Field::Table(sparsity));
    let (dense, y) = (file.tensor("dense", shape, dtype, &[]), file.float("y", shape));
    file.operator(124, &[stored], dense, (0, Vec::new()));
    let mut last = dense;
    if dtype == FLOAT16 {
        last = file.float("float", shape);
        file.operator(6, &[dense], last, (0, Vec::new()));
    }
    file.operator(0, &[x, last], y, (11, Vec::new()));
    file.bytes(&[x], &[y])
}

fn elements(bytes: &[u8]) -> Vec<f32> {
    let graph = import(bytes);
    assert_eq!(graph.operators(), ["Add"]);
    match &graph.value(graph.nodes[0].inputs[1]).elements {
        Some(Elements::F32(elements)) => elements.clone(),
        other => panic!("{other:?}"),
    }
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn compressed_rows_are_rows() {
    for kind in [1, 3] {
        let levels = vec![all(3), listed(kind, &[0, 1, 1, 3], &[2, 0, 3])];
        let bytes = file(FLOAT32, &floats(&[5.0, 6.0, 7.0]), &[3, 4], &[0, 1], &[], levels);
        assert_eq!(elements(&bytes), [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 7.0]);
    }
    // Columns first.
    let levels = vec![all(2), listed(3, &[0, 1, 2], &[1, 0])];
    let bytes = file(FLOAT32, &floats(&[5.0, 6.0]), &[2, 2], &[1, 0], &[], levels);
    assert_eq!(elements(&bytes), [0.0, 6.0, 5.0, 0.0]);
}

#[test]
fn blocks_are_levels_of_their_own() {
    let levels = vec![all(2), listed(3, &[0, 1, 2], &[1, 0]), all(2), all(2)];
    let data: Vec<f32> = (1..=8).map(|number| number as f32).collect();
    let bytes = file(FLOAT32, &floats(&data), &[4, 4], &[0, 1, 2, 3], &[0, 1], levels);
    let rows = [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 3.0, 4.0], [5.0, 6.0, 0.0, 0.0], [7.0, 8.0, 0.0, 0.0]];
    assert_eq!(elements(&bytes), rows.concat());
    // Blocks along one axis, in half precision: 1 and -2.
    let levels = vec![all(1), listed(3, &[0, 1], &[1]), all(2)];
    let bytes = file(FLOAT16, &[0x00, 0x3c, 0x00, 0xc0], &[2, 2], &[0, 1, 2], &[0], levels);
    assert_eq!(elements(&bytes), [0.0, 1.0, 0.0, -2.0]);
}

#[test]
fn trees_that_contradict_themselves_are_refused() {
    let refused = |data: &[f32], shape: &[i32], order: &[i32], blocks: &[i32], levels: Vec<Table>| {
        let problems = problems(&file(FLOAT32, &floats(data), shape, order, blocks, levels));
        assert!(problems[0].problem.contains("contradicts itself"), "{problems:?}");
    };
    let rows = |segments: &[u8], indices: &[u8]| vec![all(2), listed(3, segments, indices)];
    // A number of elements that the lists do not have, an index behind the end, one that comes twice, lists that end.
    refused(&[1.0], &[2, 2], &[0, 1], &[], rows(&[0, 1, 2], &[0, 1]));
    refused(&[1.0, 2.0], &[2, 2], &[0, 1], &[], rows(&[0, 1, 2], &[0, 2]));
    refused(&[1.0, 2.0], &[2, 2], &[0, 1], &[], rows(&[0, 2, 2], &[1, 1]));
    refused(&[1.0, 2.0], &[2, 2], &[0, 1], &[], rows(&[0, 2], &[0, 1]));
    refused(&[1.0, 2.0], &[2, 2], &[0, 1], &[], rows(&[0, 2, 1], &[0, 1]));
    // An order that is none, extents of other axes, blocks that do not divide.
    refused(&[1.0, 2.0], &[2, 2], &[0, 0], &[], rows(&[0, 1, 2], &[0, 1]));
    refused(&[1.0, 2.0], &[3, 2], &[0, 1], &[], rows(&[0, 1, 2], &[0, 1]));
    refused(&[1.0, 2.0], &[2, 3], &[0, 1, 2], &[1], vec![all(2), all(1), all(2)]);
    refused(&[1.0, 2.0], &[2, 2], &[0, 1, 2], &[7], vec![all(2), all(1), all(2)]);
    // Thousands of positions above an empty list.
    refused(&[1.0], &[128, 64, 2], &[0, 1, 2], &[], vec![all(128), all(64), listed(3, &[0, 1], &[0])]);
}
