//! int8 operators whose result has a scale of its own, and what files declare that no kernel reads.

use kinglet_kernels::packing::Storage;

use super::import;
use super::writer::{Field, INT4, INT8, Tflite};
use crate::import::{Kind, from_bytes};
use crate::ir::{Activation, Elements, Graph, Op, Quantization};

/// The operator's graph from an int8 image of scale 0.1 to one of another scale.
fn pooled(code: i32, activation: i8) -> Graph {
    let mut file = Tflite::new();
    let x = file.int8("x", &[1, 2, 2, 3], 0.1, 4);
    let y = file.int8("y", &[1, 1, 1, 3], 0.2, -7);
    let extents = [(1, 1), (2, 1), (3, 2), (4, 2)].map(|(slot, extent)| (slot, Field::I32(extent)));
    let options = extents.into_iter().chain([(0, Field::I8(1)), (5, Field::I8(activation))]).collect();
    file.operator(code, &[x], y, (5, options));
    import(&file.bytes(&[x], &[y]))
}

#[test]
fn pooling_into_another_scale_pools_and_rescales() {
    for (code, name) in [(1, "AveragePool2D"), (17, "MaxPool2D")] {
        for (activation, last) in [(0, "Quantize"), (1, "Relu"), (3, "Relu6")] {
            let mut graph = pooled(code, activation);
            assert_eq!(graph.operators(), [name, last]);
            let own = graph.value(graph.nodes[0].output()).quantization.clone();
            assert_eq!(own, Some(Quantization::per_tensor(0.1, 4)), "selected in its operand's scale");
            let fused = graph.nodes[0].op.operator_mut().activation_mut().copied();
            assert_eq!(fused, Some(Activation::None), "the clamp is in the result's scale");
        }
    }
}

#[test]
fn a_maximum_in_another_scale_is_taken_and_rescaled() {
    let reduced = |scale: f32, zero: i64| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 2, 2, 3], 0.1, 4);
        let axes = file.ints("axes", &[1, 2]);
        let y = file.int8("y", &[1, 3], scale, zero);
        file.operator(82, &[x, axes], y, (27, vec![(0, Field::I8(0))]));
        import(&file.bytes(&[x], &[y]))
    };
    assert_eq!(reduced(0.1, 4).operators(), ["ReduceMax"]);
    for (scale, zero) in [(0.2, 4), (0.1, -7)] {
        let graph = reduced(scale, zero);
        assert_eq!(graph.operators(), ["ReduceMax", "Quantize"]);
        let own = graph.value(graph.nodes[0].output()).quantization.clone();
        assert_eq!(own, Some(Quantization::per_tensor(0.1, 4)), "taken in its operand's scale");
    }
}

#[test]
fn operands_of_another_scale_are_rescaled_for_concat() {
    let mut file = Tflite::new();
    let (a, b) = (file.int8("a", &[1, 2], 0.1, 4), file.int8("b", &[1, 2], 0.3, 4));
    let y = file.int8("y", &[1, 6], 0.1, 4);
    file.operator(2, &[a, b, b], y, (10, vec![(0, Field::I32(1))]));
    let graph = import(&file.bytes(&[a, b], &[y]));
    assert_eq!(graph.operators(), ["Quantize", "Quantize", "Concat"]);
    assert_eq!(graph.nodes[2].inputs[0], graph.inputs[0].value, "one of the result's scale is read as it is");
}

#[test]
fn reshape_and_pad_move_codes_into_any_scale() {
    let mut file = Tflite::new();
    let x = file.int8("x", &[2, 2], 0.1, 4);
    let flat = file.int8("flat", &[1, 4], 0.2, 9);
    file.operator(22, &[x], flat, (0, Vec::new()));
    let pads = file.tensor("pads", &[2, 2], 2, &[0, 0, 1, 0].map(|v: i32| v.to_le_bytes()).concat());
    let y = file.int8("y", &[1, 5], 0.4, -3);
    file.operator(34, &[flat, pads], y, (0, Vec::new()));
    assert_eq!(import(&file.bytes(&[x], &[y])).operators(), ["Reshape", "Pad"]);
}

#[test]
fn logistic_and_tanh_take_any_scale() {
    for (code, name) in [(14, "Logistic"), (28, "Tanh")] {
        let mut file = Tflite::new();
        let (x, y) = (file.int8("x", &[1, 4], 0.1, 0), file.int8("y", &[1, 4], 0.01, 3));
        file.operator(code, &[x], y, (0, Vec::new()));
        assert_eq!(import(&file.bytes(&[x], &[y])).operators(), [name]);
    }
}

/// A dense layer with two weight scales; `bias` declares the bias of codes 1 and 2.
fn dense(bias: impl Fn(&mut Tflite) -> i32) -> Graph {
    let mut file = Tflite::new();
    let x = file.int8("x", &[1, 2], 0.5, 3);
    let w = file.tensor("w", &[2, 2], INT8, &[1; 4]);
    let w = file.quantize(w, (&[0.1, 0.2], &[0, 0], 0));
    let b = bias(&mut file);
    let y = file.int8("y", &[1, 2], 0.5, 3);
    file.operator(9, &[x, w, b], y, (8, Vec::new()));
    import(&file.bytes(&[x], &[y]))
}

#[test]
fn what_is_declared_of_a_bias_is_not_read() {
    let scales = &[0.05, 0.1][..];
    let declared: [(&[f32], &[i64], i32); 6] = [
        (scales, &[0, 0], 0),
        (scales, &[0, 0], 3),
        (scales, &[7, -9], 0),
        (&[5.0, 6.0], &[0, 0], 0),
        (&[0.05], &[0], 0),
        (&[], &[], 0),
    ];
    for quantization in declared {
        let graph = dense(|file| {
            let b = file.ints("b", &[1, 2]);
            file.quantize(b, quantization)
        });
        let bias = graph.value(graph.nodes[0].inputs[2]);
        assert_eq!((&bias.elements, &bias.quantization), (&Some(Elements::I32(vec![1, 2])), &None));
    }
}

#[test]
fn a_bias_may_have_leading_axes_of_one() {
    let raw: Vec<u8> = [1i32, 2].iter().flat_map(|code| code.to_le_bytes()).collect();
    let graph = dense(|file| file.tensor("b", &[1, 1, 2], 2, &raw));
    assert!(matches!(graph.nodes[0].op, Op::FullyConnected(_)));
    assert_eq!(graph.value(graph.nodes[0].inputs[2]).shape, [2]);
}

#[test]
fn weights_whose_axis_cannot_be_meant_go_by_the_one_that_can() {
    let weights = |axis: i32, zero_points: &[i64]| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 3], 0.5, 3);
        let w = file.tensor("w", &[2, 3], INT8, &[1; 6]);
        let w = file.quantize(w, (&[0.1, 0.2], zero_points, axis));
        let y = file.int8("y", &[1, 2], 0.5, 3);
        file.operator(9, &[x, w], y, (8, Vec::new()));
        let graph = import(&file.bytes(&[x], &[y]));
        graph.value(graph.nodes[0].inputs[1]).quantization.clone()
    };
    let right =
        Some(Quantization { scales: vec![0.1, 0.2], zero_points: vec![0, 0], axis: Some(0), storage: Storage::Bits8 });
    for axis in [0, 1, 3, -2, -1, -9] {
        assert_eq!(weights(axis, &[0, 0]), right, "axis {axis}");
    }
    assert_eq!(weights(0, &[0]), right, "one zero point for all");
    assert_eq!(weights(0, &[]), right, "none");
}

#[test]
fn weights_of_four_bits_are_unpacked_and_stay_known_as_such() {
    let dense = |raw: &[u8]| {
        let mut file = Tflite::new();
        let x = file.int8("x", &[1, 3], 0.5, 3);
        let w = file.tensor("w", &[1, 3], INT4, raw);
        let w = file.quantize(w, (&[0.1], &[0], 0));
        let y = file.int8("y", &[1, 1], 0.5, 3);
        file.operator(9, &[x, w], y, (8, Vec::new()));
        from_bytes(&file.bytes(&[x], &[y]), Kind::Tflite, "test")
    };
    let graph = dense(&[0x8f, 0x07]).expect("three weights in two bytes");
    let weights = graph.value(graph.nodes[0].inputs[1]);
    assert_eq!(weights.elements, Some(Elements::I8(vec![-1, -8, 7])));
    assert_eq!(weights.quantization.as_ref().map(|quantization| quantization.storage), Some(Storage::Bits4));
    for raw in [&[0x8f][..], &[0x8f, 0x07, 0]] {
        assert!(dense(raw).unwrap_err().to_string().contains("bytes for 3 INT4"));
    }
}
