//! Element types that files keep numbers in, and what they become.

use super::writer::{FLOAT16, Field, INT8, Tflite};
use super::{import, problems};
use crate::ir::{DType, Elements, interpret};

/// Half-precision floats.
const ONE: [u8; 2] = [0x00, 0x3c];
const MINUS_TWO: [u8; 2] = [0x00, 0xc0];
const HALF: [u8; 2] = [0x00, 0x38];

#[test]
fn weights_in_half_precision_are_constants_behind_their_dequantize() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let halves = file.tensor("w", &[2, 2], FLOAT16, &[ONE, MINUS_TWO, HALF, ONE].concat());
    let (w, b) = (file.float("w/float", &[2, 2]), file.float("b/float", &[2]));
    let bias = file.tensor("b", &[2], FLOAT16, &[ONE, HALF].concat());
    let y = file.float("y", &[1, 2]);
    file.operator(6, &[halves], w, (0, Vec::new()));
    file.operator(6, &[bias], b, (0, Vec::new()));
    file.operator(9, &[x, w, b], y, (8, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["FullyConnected"]);
    assert_eq!(graph.constant_f32(graph.nodes[0].inputs[1]), Some(&[1.0, -2.0, 0.5, 1.0][..]));
    assert_eq!(interpret(&graph, &[vec![2.0, 4.0]]), Ok(vec![vec![-5.0, 5.5]]));
}

#[test]
fn activations_in_half_precision_are_floats() {
    let mut file = Tflite::new();
    let x = file.tensor("x", &[1, 2], FLOAT16, &[]);
    let (a, y) = (file.float("a", &[1, 2]), file.float("y", &[1, 2]));
    file.operator(6, &[x], a, (0, Vec::new()));
    file.operator(19, &[a], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Relu"]);
    assert_eq!(graph.value(graph.inputs[0].value).dtype, DType::F32);
    assert_eq!(graph.inputs[0].name, "x");
}

#[test]
fn an_int8_constant_is_widened_where_it_is_dequantized() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let codes = file.tensor("c", &[1, 2], INT8, &[3, 0xff]);
    let codes = file.quantize(codes, (&[0.5], &[1], 0));
    let (c, y) = (file.float("c/float", &[1, 2]), file.float("y", &[1, 2]));
    file.operator(6, &[codes], c, (0, Vec::new()));
    file.operator(0, &[x, c], y, (11, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Add"]);
    assert_eq!(graph.value(graph.nodes[0].inputs[1]).elements, Some(Elements::F32(vec![1.0, -1.0])));
}

#[test]
fn a_result_that_contradicts_its_constant_is_refused() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let halves = file.tensor("w", &[1, 2], FLOAT16, &[ONE, ONE].concat());
    let (w, y) = (file.float("w/float", &[2, 1]), file.float("y", &[1, 2]));
    file.operator(6, &[halves], w, (0, Vec::new()));
    file.operator(0, &[x, w], y, (11, vec![(0, Field::I8(0))]));
    assert!(problems(&file.bytes(&[x], &[y]))[0].problem.contains("declared as F32 [2, 1]"));
    // And bytes that are no whole number of elements.
    let mut file = Tflite::new();
    let halves = file.tensor("w", &[1], FLOAT16, &[0, 0, 0]);
    let y = file.float("y", &[1]);
    file.operator(19, &[halves], y, (0, Vec::new()));
    assert!(problems(&file.bytes(&[], &[y]))[0].problem.contains("3 bytes of FLOAT16"));
}
