//! Trees.

use kinglet_blob::DType;

use super::single;
use crate::program::Program;

pub(super) fn all() -> Vec<Program> {
    let trees = |name: &str, shape: [u32; 4], leaves: (u32, u8)| {
        let [rows, features, targets, _] = shape;
        single(name, [DType::F32; 2], [&[rows, features], &[rows, targets]], |p, i, o| p.trees(i, o, shape, leaves))
    };
    let codes = |name: &str, shape: [u32; 4], leaf_rows: u32| {
        let [rows, features, targets, _] = shape;
        let shapes: [&[u32]; 2] = [&[rows, features], &[rows, targets]];
        single(name, [DType::I16, DType::I32], shapes, |p, i, o| p.trees_i16(i, o, shape, leaf_rows))
    };
    vec![
        codes("trees-i16", [2, 5, 3, 4], 0),
        codes("trees-i16: rows", [3, 4, 3, 5], 6),
        codes("trees-i16: many rows", [2, 1, 2, 3], 300),
        trees("trees", [2, 5, 3, 4], (0, 0)),
        trees("trees: rows", [3, 4, 3, 5], (6, 0)),
        trees("trees: least", [4, 3, 2, 2], (9, 1)),
        trees("trees: greatest", [2, 3, 1, 6], (0, 2)),
    ]
}
