//! Element types that files keep numbers in, and what they become.

use super::writer::{FLOAT16, Field, INT8, INT16, Tflite, UINT8};
use super::{import, problems};
use crate::ir::{DType, Elements, Graph, Port, Quantization, ValueId, interpret};

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

/// A uint8 activation with a scale of 0.5.
fn uint8(file: &mut Tflite, name: &str, zero: i64) -> i32 {
    let tensor = file.tensor(name, &[1, 2], UINT8, &[]);
    file.quantize(tensor, (&[0.5], &[zero], 0))
}

/// The type, the zero point and the name of an input or output.
fn end(graph: &Graph, port: &Port) -> (DType, i32, String) {
    let value = graph.value(port.value);
    (value.dtype, value.quantization.as_ref().map_or(0, Quantization::zero_point), port.name.clone())
}

#[test]
fn a_uint8_model_computes_on_int8_between_its_ends() {
    let mut file = Tflite::new();
    let (x, a, y) = (uint8(&mut file, "x", 10), uint8(&mut file, "a", 128), uint8(&mut file, "y", 0));
    let c = file.tensor("c", &[1, 2], UINT8, &[0, 200]);
    let c = file.quantize(c, (&[0.5], &[128], 0));
    file.operator(0, &[x, c], a, (11, Vec::new()));
    file.operator(0, &[a, x], y, (11, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Quantize", "Add", "Add", "Quantize"]);
    assert_eq!(end(&graph, &graph.inputs[0]), (DType::U8, 10, "x".into()));
    assert_eq!(end(&graph, &graph.outputs[0]), (DType::U8, 0, "y".into()));
    let zero = |id: ValueId| graph.value(id).quantization.as_ref().map(Quantization::zero_point);
    let add = &graph.nodes[1];
    assert_eq!([zero(add.inputs[0]), zero(add.inputs[1]), zero(add.output())], [Some(-118), Some(0), Some(0)]);
    assert_eq!(graph.value(add.inputs[1]).elements, Some(Elements::I8(vec![-128, 72])));
}

#[test]
fn a_quantize_at_a_uint8_end_crosses_over_itself() {
    let mut file = Tflite::new();
    let (x, y) = (uint8(&mut file, "x", 10), uint8(&mut file, "y", 3));
    let (a, b) = (file.int8("a", &[1, 2], 0.5, -118), file.int8("b", &[1, 2], 0.5, 0));
    file.operator(114, &[x], a, (0, Vec::new()));
    file.operator(19, &[a], b, (0, Vec::new()));
    file.operator(114, &[b], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Quantize", "Relu", "Quantize"]);
    // An output that is read in the model as well has its codes behind it.
    let z = file.int8("z", &[1, 2], 0.5, 0);
    file.operator(19, &[y], z, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y, z]));
    assert_eq!(graph.operators(), ["Quantize", "Relu", "Quantize", "Quantize", "Relu"]);
    // From reals, and to them.
    let mut file = Tflite::new();
    let (x, a, y) = (file.float("x", &[1, 2]), uint8(&mut file, "a", 10), file.float("y", &[1, 2]));
    file.operator(114, &[x], a, (0, Vec::new()));
    file.operator(6, &[a], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[a, y]));
    assert_eq!(graph.operators(), ["Quantize", "Dequantize", "Quantize"]);
    assert_eq!(end(&graph, &graph.outputs[0]), (DType::U8, 10, "a".into()));
}

#[test]
fn a_uint8_zero_point_out_of_range_stays_out_of_range() {
    let mut file = Tflite::new();
    let (x, y) = (uint8(&mut file, "x", 256), uint8(&mut file, "y", 0));
    file.operator(19, &[x], y, (0, Vec::new()));
    assert!(problems(&file.bytes(&[x], &[y]))[0].problem.contains("the zero point 256, outside 0 to 255"));
}

/// An int16 activation.
fn int16(file: &mut Tflite, name: &str, shape: &[i32], scale: f32) -> i32 {
    let tensor = file.tensor(name, shape, INT16, &[]);
    file.quantize(tensor, (&[scale], &[0], 0))
}

#[test]
fn int16_goes_to_other_scales_other_types_and_back() {
    let mut file = Tflite::new();
    let (x, y) = (file.float("x", &[1, 2]), file.float("y", &[1, 2]));
    let (a, b) = (int16(&mut file, "a", &[1, 2], 0.5), int16(&mut file, "b", &[1, 2], 0.25));
    let c = file.int8("c", &[1, 2], 0.5, 3);
    let d = int16(&mut file, "d", &[1, 2], 0.125);
    for (from, to) in [(x, a), (a, b), (b, c), (c, d)] {
        file.operator(114, &[from], to, (0, Vec::new()));
    }
    file.operator(6, &[d], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Quantize", "Quantize", "Quantize", "Quantize", "Dequantize"]);
}

#[test]
fn int16_pooled_into_another_scale_is_rescaled() {
    let mut file = Tflite::new();
    let x = int16(&mut file, "x", &[1, 2, 2, 1], 0.5);
    let y = int16(&mut file, "y", &[1, 1, 1, 1], 0.25);
    let fields = [(0, Field::I8(1)), (1, Field::I32(2)), (2, Field::I32(2)), (3, Field::I32(2)), (4, Field::I32(2))];
    file.operator(17, &[x], y, (5, fields.to_vec()));
    assert_eq!(import(&file.bytes(&[x], &[y])).operators(), ["MaxPool2D", "Quantize"]);
}
