//! Quantized files: what they become, and what is refused. That the codes are right is held by cases of onnxruntime.

use super::import;
use super::writer::{Attr, Onnx};
use crate::import::{Kind, from_bytes};
use crate::ir::{DType, Graph};
use crate::pass::{integers, optimize, recode};

const UINT8: u64 = 2;
const INT8: u64 = 3;

/// The graph after all passes.
fn compiled(onnx: Onnx) -> Graph {
    let mut graph = import(onnx);
    optimize(&mut graph).expect("optimized");
    integers(&mut graph).expect("on integers");
    optimize(&mut graph).expect("optimized");
    recode(&mut graph).expect("recoded");
    graph
}

/// What is refused of a file.
fn refusal(onnx: Onnx) -> String {
    match from_bytes(&onnx.bytes(), Kind::Onnx, "test") {
        Ok(graph) => panic!("taken: {graph}"),
        Err(error) => error.to_string(),
    }
}

/// `x`, quantized, as `dx`; scales and zero points of uint8.
fn quantized_input(shape: &[i64]) -> Onnx {
    Onnx::new(17)
        .input("x", shape)
        .floats("s", &[], &[0.05])
        .raw("z", UINT8, &[], &[120])
        .node("QuantizeLinear", &["x", "s", "z"], "qx", &[])
        .node("DequantizeLinear", &["qx", "s", "z"], "dx", &[])
}

/// `y` quantized and handed out as reals.
fn quantized_output(onnx: Onnx) -> Onnx {
    onnx.floats("sy", &[], &[0.1])
        .raw("zy", UINT8, &[], &[0])
        .node("QuantizeLinear", &["y", "sy", "zy"], "qy", &[])
        .node("DequantizeLinear", &["qy", "sy", "zy"], "dy", &[])
        .output("dy")
}

/// Weights `w` of a convolution with this zero point.
fn weights(onnx: Onnx, zero: u8) -> Onnx {
    let codes: Vec<u8> = (0..2 * 3 * 9).map(|index: usize| (index * 37 % 251) as u8).collect();
    onnx.raw("qw", UINT8, &[2, 3, 3, 3], &codes).floats("sw", &[], &[0.01]).raw("zw", UINT8, &[], &[zero]).node(
        "DequantizeLinear",
        &["qw", "sw", "zw"],
        "w",
        &[],
    )
}

#[test]
fn a_convolution_with_relu_computes_on_codes() {
    let onnx = weights(quantized_input(&[1, 3, 5, 5]), 128);
    let onnx = onnx.node("Conv", &["dx", "w"], "c", &[]).node("Relu", &["c"], "y", &[]);
    let graph = compiled(quantized_output(onnx));
    assert_eq!(graph.operators(), ["Quantize", "Conv2D", "Dequantize"]);
    let weights = graph.value(graph.nodes[1].inputs[1]);
    assert_eq!(weights.dtype, DType::I8);
    assert_eq!(weights.quantization.as_ref().map(|q| q.zero_point()), Some(0));
}

#[test]
fn weights_far_from_their_zero_point_keep_it() {
    let onnx = weights(quantized_input(&[1, 3, 5, 5]), 30).node("Conv", &["dx", "w"], "y", &[]);
    let graph = compiled(quantized_output(onnx));
    assert_eq!(graph.operators(), ["Quantize", "Conv2D", "Dequantize"]);
    let quantization = graph.value(graph.nodes[1].inputs[1]).quantization.as_ref().expect("int8 weights");
    assert_ne!(quantization.zero_point(), 0);
}

#[test]
fn functions_in_a_row_are_one_table() {
    let onnx = quantized_input(&[1, 8]).node("Sigmoid", &["dx"], "g", &[]).node("Mul", &["dx", "g"], "y", &[]);
    let graph = compiled(quantized_output(onnx));
    assert_eq!(graph.operators(), ["Quantize", "Table", "Dequantize"]);
}

#[test]
fn codes_are_moved_without_a_quantization_between() {
    let onnx = quantized_input(&[1, 2, 4])
        .ints("shape", &[2], &[1, 8])
        .node("Transpose", &["dx"], "t", &[("perm", Attr::Ints(&[0, 2, 1]))])
        .node("Reshape", &["t", "shape"], "y", &[]);
    let graph = compiled(quantized_output(onnx));
    let reals = graph.nodes.iter().filter(|node| graph.value(node.outputs[0]).dtype == DType::F32);
    assert_eq!(reals.count(), 1, "{graph}");
}

#[test]
fn what_is_not_quantized_stays_on_reals_and_is_named() {
    let onnx = weights(quantized_input(&[1, 3, 5, 5]), 128).node("Conv", &["dx", "w"], "c", &[]).node(
        "Sigmoid",
        &["c"],
        "y",
        &[],
    );
    let graph = compiled(quantized_output(onnx));
    assert!(graph.operators().contains(&"Logistic"));
    let warnings = crate::warning::of(&graph, false);
    assert!(matches!(warnings.as_slice(), [one] if one.contains("on floats between quantized ones")), "{warnings:?}");
}

#[test]
fn operators_on_codes_are_taken_apart() {
    let onnx = quantized_input(&[1, 3, 5, 5])
        .raw("w", INT8, &[2, 3, 1, 1], &[1, 2, 253, 4, 251, 127])
        .floats("sw", &[2], &[0.01, 0.02])
        .raw("zw", INT8, &[2], &[0, 0])
        .floats("sc", &[], &[0.02])
        .raw("zc", UINT8, &[], &[10])
        .raw("b", 6, &[2], &[100, 0, 0, 0, 255, 255, 255, 255])
        .node("QLinearConv", &["qx", "s", "z", "w", "sw", "zw", "sc", "zc", "b"], "c", &[])
        .foreign_node("com.microsoft", "QLinearGlobalAveragePool", &["c", "sc", "zc", "sc", "zc"], &["g"], &[])
        .typed_output("g", UINT8);
    let graph = compiled(onnx);
    assert_eq!(graph.operators(), ["Quantize", "Conv2D", "Mean", "Quantize"]);
    assert_eq!(graph.value(graph.outputs[0].value).dtype, DType::U8);
    let bias = graph.value(graph.nodes[1].inputs[2]);
    assert_eq!(bias.elements.as_ref().and_then(|bias| bias.i32s()), Some(&[100, -1][..]));
}

#[test]
fn inputs_of_codes_mean_what_their_reader_says() {
    for (code, operators) in [(UINT8, &["Quantize", "Dequantize"][..]), (INT8, &["Dequantize"])] {
        let onnx = Onnx::new(17)
            .typed_input("x", &[1, 4], code)
            .floats("s", &[], &[0.5])
            .raw("z", code, &[], &[7])
            .node("DequantizeLinear", &["x", "s", "z"], "y", &[])
            .output("y");
        let graph = compiled(onnx);
        assert_eq!(graph.operators(), operators);
        let input = graph.value(graph.inputs[0].value).quantization.as_ref().expect("codes");
        assert_eq!((input.scale(0), input.zero_point()), (0.5, 7));
    }
}

/// `x` through QuantizeLinear with these parameters.
fn quantize(scale: &[f32], zero: (u64, &[u8]), attributes: &[(&str, Attr<'_>)]) -> Onnx {
    let shape: &[i64] = if scale.len() == 1 { &[] } else { &[2] };
    Onnx::new(21)
        .input("x", &[1, 2])
        .floats("s", shape, scale)
        .raw("z", zero.0, shape, zero.1)
        .node("QuantizeLinear", &["x", "s", "z"], "q", attributes)
        .node("DequantizeLinear", &["q", "s", "z"], "y", attributes)
        .output("y")
}

#[test]
fn unsound_scales_are_refused() {
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let text = refusal(quantize(&[scale], (UINT8, &[0]), &[]));
        assert!(text.contains("node_q"), "{scale}: {text}");
    }
    assert!(refusal(quantize(&[0.5, 0.5], (UINT8, &[0, 0]), &[])).contains("per tensor"));
    assert!(refusal(quantize(&[0.5], (5, &[0, 0]), &[])).contains("INT16"));
    assert!(refusal(quantize(&[0.5], (UINT8, &[0]), &[("block_size", Attr::Int(16))])).contains("in blocks"));
}

#[test]
fn unsound_weights_are_refused() {
    let file = |scales: &[f32], zeros: &[u8], axis: i64| {
        Onnx::new(17)
            .input("x", &[1, 2])
            .raw("q", INT8, &[2, 2], &[1, 2, 3, 4])
            .floats("s", &[scales.len() as i64], scales)
            .raw("z", INT8, &[zeros.len() as i64], zeros)
            .node("DequantizeLinear", &["q", "s", "z"], "w", &[("axis", Attr::Int(axis))])
            .node("MatMul", &["x", "w"], "y", &[])
            .output("y")
    };
    for (scales, zeros, axis, what) in [
        (&[1.0, 2.0, 3.0][..], &[0, 0, 0][..], 1, "3 scales"),
        (&[1.0, 2.0], &[0], 1, "zero points"),
        (&[1.0, 2.0], &[0, 0], 5, "axis 5"),
        (&[1.0, 0.0], &[0, 0], 1, "scale 0"),
        (&[1.0, f32::NAN], &[0, 0], 1, "NaN"),
    ] {
        let text = refusal(file(scales, zeros, axis));
        assert!(text.contains(what), "{text}");
    }
    from_bytes(&file(&[1.0, 2.0], &[0, 0], -1).bytes(), Kind::Onnx, "test").expect("the last axis");
}

#[test]
fn weights_of_four_bits_stay_so() {
    // 9 inputs and 7 outputs: the last byte has one weight.
    let file = |bytes: usize| {
        let packed: Vec<u8> = (0..bytes).map(|index| (index * 29 % 256) as u8 & 0x77 | 0x80).collect();
        let onnx = quantized_input(&[1, 9])
            .raw("qw", 22, &[7, 9], &packed)
            .floats("sw", &[], &[0.1])
            .node("DequantizeLinear", &["qw", "sw"], "w", &[])
            .node("Gemm", &["dx", "w"], "y", &[("transB", Attr::Int(1))]);
        quantized_output(onnx)
    };
    let graph = compiled(file(32));
    assert_eq!(graph.operators(), ["Quantize", "FullyConnected", "Dequantize"]);
    let quantization = graph.value(graph.nodes[1].inputs[1]).quantization.as_ref().expect("int8 weights");
    assert_eq!(quantization.storage, kinglet_kernels::packing::Storage::Bits4);
    for bytes in [31, 33] {
        assert!(refusal(file(bytes)).contains("`qw`"));
    }
}

#[test]
fn a_cast_rounds_to_no_code() {
    // Towards zero, where a quantization rounds to the nearest.
    let onnx = Onnx::new(17)
        .typed_input("x", &[1, 4], INT8)
        .floats("half", &[], &[0.5])
        .node("Cast", &["x"], "real", &[("to", Attr::Int(1))])
        .node("Mul", &["real", "half"], "y", &[])
        .node("Cast", &["y"], "z", &[("to", Attr::Int(3))])
        .output("z");
    assert!(!compiled(onnx).operators().contains(&"Table"));
    let onnx = quantized_input(&[1, 4]).node("Cast", &["qx"], "y", &[("to", Attr::Int(1))]).output("y");
    assert!(refusal(onnx).contains("casts the codes"));
}

/// Codes of the weights of node `index`, when these are floats that codes stand for.
fn codes_of_weights(graph: &Graph, index: usize) -> Option<Vec<i8>> {
    graph.value(graph.nodes[index].inputs[1]).codes().map(|(codes, _)| codes)
}

#[test]
fn weights_that_alone_are_quantized_stay_integers() {
    let onnx = weights(Onnx::new(17).input("x", &[1, 3, 5, 5]), 128)
        .node("Conv", &["x", "w"], "c", &[])
        .floats("scale", &[2], &[0.7, 1.9])
        .floats("shift", &[2], &[0.1, 0.2])
        .floats("mean", &[2], &[0.3, -0.4])
        .floats("variance", &[2], &[0.9, 2.5])
        .node("BatchNormalization", &["c", "scale", "shift", "mean", "variance"], "y", &[])
        .output("y");
    let graph = compiled(onnx);
    assert_eq!(graph.operators(), ["Conv2D"]);
    let codes = codes_of_weights(&graph, 0).expect("codes");
    // The first channel's first weight: code 0 less 128, in the order of the file.
    assert_eq!(codes.first(), Some(&-128));
}

#[test]
fn weights_behind_a_flattened_image_stay_integers() {
    let codes: Vec<u8> = (0..5 * 18).map(|index: usize| (index * 37 % 251) as u8).collect();
    let onnx = weights(Onnx::new(17).input("x", &[1, 3, 5, 5]), 128)
        .node("Conv", &["x", "w"], "c", &[])
        .node("Flatten", &["c"], "f", &[])
        .raw("qg", UINT8, &[5, 18], &codes)
        .floats("sg", &[], &[0.02])
        .raw("zg", UINT8, &[], &[120])
        .node("DequantizeLinear", &["qg", "sg", "zg"], "g", &[])
        .node("Gemm", &["f", "g"], "y", &[("transB", Attr::Int(1))])
        .output("y");
    let graph = compiled(onnx);
    let dense = graph.operators().iter().position(|name| *name == "FullyConnected").expect("a dense layer");
    assert!(codes_of_weights(&graph, dense).is_some(), "{graph}");
}

#[test]
fn what_is_scaled_by_input_channel_is_scaled_before_integer_weights() {
    let onnx = weights(Onnx::new(17).input("x", &[1, 3, 5, 5]), 128)
        .floats("each", &[1, 3, 1, 1], &[0.3, 1.7, 2.2])
        .node("Mul", &["x", "each"], "m", &[])
        .node("Conv", &["m", "w"], "y", &[])
        .output("y");
    let graph = compiled(onnx);
    assert_eq!(graph.operators(), ["Mul", "Conv2D"]);
    assert!(codes_of_weights(&graph, 1).is_some(), "{graph}");
}

#[test]
fn codes_of_dynamic_layers_are_whole_numbers_and_their_weights_integers() {
    let codes: Vec<u8> = (0..6 * 4).map(|index: usize| (index * 37 % 251) as u8).collect();
    let onnx = Onnx::new(17)
        .input("x", &[1, 6])
        .node_of("DynamicQuantizeLinear", &["x"], &["q", "s", "z"], &[])
        .raw("w", UINT8, &[6, 4], &codes)
        .raw("zw", UINT8, &[], &[7])
        .node("MatMulInteger", &["q", "w", "z", "zw"], "p", &[])
        .node("Cast", &["p"], "c", &[("to", Attr::Int(1))])
        .node("Mul", &["c", "s"], "y", &[])
        .output("y");
    let graph = compiled(onnx);
    let dense = graph.operators().iter().position(|name| *name == "FullyConnected").expect("a dense layer");
    let (codes, quantization) = graph.value(graph.nodes[dense].inputs[1]).codes().expect("codes");
    assert_eq!((codes.len(), quantization.scale(0)), (24, 1.0));
    assert!(!graph.operators().contains(&"Cast"), "{graph}");
}

#[test]
fn several_zero_points_of_computed_codes_are_refused() {
    let onnx = Onnx::new(17)
        .input("x", &[1, 2])
        .node_of("DynamicQuantizeLinear", &["x"], &["q", "s", "z"], &[])
        .raw("w", UINT8, &[2, 2], &[1, 2, 3, 4])
        .raw("zs", UINT8, &[2], &[7, 8])
        .node("MatMulInteger", &["q", "w", "zs"], "y", &[])
        .output("y");
    assert!(refusal(onnx).contains("several zero points"));
}
