//! Every supported operator, in the variants that differ in meaning.

use super::writer::{Attr, Onnx};
use super::{agrees, import};
use crate::ir::Op;
use crate::ir::sketch::Numbers;
use crate::op::Pad;

fn numbers(seed: u32, len: usize) -> Vec<f32> {
    Numbers::new(seed).floats(len)
}

/// One node on an input of shape `shape`.
fn single(opset: i64, op_type: &str, shape: &[i64], attributes: &[(&str, Attr<'_>)]) -> Onnx {
    Onnx::new(opset).input("x", shape).node(op_type, &["x"], "y", attributes).output("y")
}

/// A convolution with random weights of shape `weights` and, with `bias`, a random bias.
fn conv(shape: &[i64], weights: &[i64], bias: bool, attributes: &[(&str, Attr<'_>)]) -> Onnx {
    let len = weights.iter().product::<i64>() as usize;
    let inputs: &[&str] = if bias { &["x", "w", "b"] } else { &["x", "w"] };
    Onnx::new(13)
        .floats("w", weights, &numbers(1, len))
        .floats("b", &weights[..1], &numbers(2, weights[0] as usize))
        .input("x", shape)
        .node("Conv", inputs, "y", attributes)
        .output("y")
}

#[test]
fn conv_in_two_dimensions() {
    assert_eq!(agrees(conv(&[0, 3, 7, 6], &[4, 3, 3, 2], true, &[])), ["Conv2D"]);
    let attributes = [
        ("strides", Attr::Ints(&[2, 1])),
        ("dilations", Attr::Ints(&[1, 2])),
        ("pads", Attr::Ints(&[1, 0, 2, 1])),
        ("kernel_shape", Attr::Ints(&[3, 2])),
    ];
    assert_eq!(agrees(conv(&[1, 3, 7, 6], &[4, 3, 3, 2], false, &attributes)), ["Conv2D"]);
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        let attributes = [("auto_pad", Attr::Text(mode)), ("strides", Attr::Ints(&[2, 2]))];
        assert_eq!(agrees(conv(&[1, 2, 7, 6], &[3, 2, 4, 3], true, &attributes)), ["Conv2D"]);
    }
}

/// A transposed convolution with random weights `[C, O / groups, KH, KW]` and a random bias of `outputs`.
fn conv_transpose(shape: &[i64], weights: &[i64], outputs: usize, attributes: &[(&str, Attr<'_>)]) -> Onnx {
    let len = weights.iter().product::<i64>() as usize;
    Onnx::new(13)
        .floats("w", weights, &numbers(1, len))
        .floats("b", &[outputs as i64], &numbers(2, outputs))
        .input("x", shape)
        .node("ConvTranspose", &["x", "w", "b"], "y", attributes)
        .output("y")
}

#[test]
fn conv_transpose_in_two_dimensions() {
    let plain = conv_transpose(&[1, 3, 4, 5], &[3, 2, 3, 2], 2, &[]);
    assert_eq!(agrees(plain), ["TransposeConv2D"]);
    let attributes = [
        ("strides", Attr::Ints(&[2, 3])),
        ("pads", Attr::Ints(&[1, 0, 2, 1])),
        ("output_padding", Attr::Ints(&[1, 2])),
        ("kernel_shape", Attr::Ints(&[4, 3])),
    ];
    assert_eq!(agrees(conv_transpose(&[1, 3, 4, 5], &[3, 2, 4, 3], 2, &attributes)), ["TransposeConv2D"]);
    let groups = [("group", Attr::Int(2)), ("strides", Attr::Ints(&[2, 2]))];
    assert_eq!(agrees(conv_transpose(&[1, 4, 3, 3], &[4, 3, 3, 3], 6, &groups)), ["TransposeConv2D"]);
}

#[test]
fn conv_transpose_of_a_wanted_size() {
    let size = |attributes: &[(&str, Attr<'_>)]| {
        let onnx = conv_transpose(&[1, 2, 4, 5], &[2, 3, 3, 3], 3, attributes);
        let graph = import(onnx);
        let found = graph.nodes.iter().find_map(|node| match &node.op {
            Op::TransposeConv2D(op) => Some((op.pad, op.size)),
            _ => None,
        });
        found.expect("a transposed convolution")
    };
    let strides = || ("strides", Attr::Ints(&[2, 2]));
    // Without attributes 9 rows and 11 columns.
    assert_eq!(size(&[strides()]), ([0, 0], [9, 11]));
    // The odd row is cut off in front unless the mode says otherwise.
    assert_eq!(size(&[strides(), ("output_shape", Attr::Ints(&[8, 8]))]), ([1, 2], [8, 8]));
    assert_eq!(size(&[strides(), ("auto_pad", Attr::Text("SAME_UPPER"))]), ([0, 0], [8, 10]));
    assert_eq!(size(&[strides(), ("auto_pad", Attr::Text("SAME_LOWER"))]), ([1, 1], [8, 10]));
    assert_eq!(size(&[strides(), ("auto_pad", Attr::Text("VALID"))]), ([0, 0], [9, 11]));
    assert_eq!(size(&[strides(), ("output_shape", Attr::Ints(&[12, 11]))]), ([0, 0], [12, 11]));
}

#[test]
fn conv_in_groups() {
    let groups = |count| [("group", Attr::Int(count)), ("pads", Attr::Ints(&[1, 1, 1, 1]))];
    assert_eq!(agrees(conv(&[1, 4, 5, 5], &[6, 2, 3, 3], true, &groups(2))), ["Conv2D"]);
    assert_eq!(agrees(conv(&[1, 4, 5, 5], &[4, 1, 3, 3], true, &groups(4))), ["DepthwiseConv2D"]);
    assert_eq!(agrees(conv(&[1, 4, 5, 5], &[8, 1, 3, 3], false, &groups(4))), ["DepthwiseConv2D"]);
    assert_eq!(agrees(conv(&[1, 1, 5, 5], &[2, 1, 3, 3], true, &groups(1))), ["Conv2D"]);
}

#[test]
fn conv_in_one_dimension() {
    let attributes = [("pads", Attr::Ints(&[1, 2])), ("strides", Attr::Ints(&[2]))];
    assert_eq!(agrees(conv(&[1, 3, 9], &[4, 3, 3], true, &attributes)), ["Reshape", "Conv2D", "Reshape"]);
    // Two of them with everything that stands between them in practice.
    let onnx = Onnx::new(13)
        .floats("w1", &[4, 3, 3], &numbers(1, 36))
        .floats("w2", &[4, 1, 3], &numbers(2, 12))
        .floats("p", &[4], &numbers(3, 4))
        .floats("v", &[4], &[1.0, 0.5, 2.0, 0.1])
        .input("x", &[0, 3, 20])
        .node("Conv", &["x", "w1"], "a", &[])
        .node("BatchNormalization", &["a", "p", "p", "p", "v"], "b", &[])
        .node("Relu", &["b"], "c", &[])
        .node("MaxPool", &["c"], "d", &[("kernel_shape", Attr::Ints(&[2])), ("strides", Attr::Ints(&[2]))])
        .node("Conv", &["d", "w2"], "e", &[("group", Attr::Int(4))])
        .node("GlobalAveragePool", &["e"], "f", &[])
        .node("Flatten", &["f"], "g", &[])
        .output("g");
    assert_eq!(agrees(onnx), ["Reshape", "Conv2D", "MaxPool2D", "DepthwiseConv2D", "Reshape", "Mean"]);
}

#[test]
fn gemm_and_mat_mul() {
    let gemm = |c_shape: &[i64], attributes: &[(&str, Attr<'_>)], w_shape: &[i64]| {
        let c_len = c_shape.iter().product::<i64>() as usize;
        Onnx::new(13)
            .floats("w", w_shape, &numbers(1, 15))
            .floats("c", c_shape, &numbers(2, c_len))
            .input("x", &[0, 5])
            .node("Gemm", &["x", "w", "c"], "y", attributes)
            .output("y")
    };
    let transposed = [("transB", Attr::Int(1)), ("alpha", Attr::Float(0.5)), ("beta", Attr::Float(2.0))];
    assert_eq!(agrees(gemm(&[3], &[], &[5, 3])), ["FullyConnected"]);
    assert_eq!(agrees(gemm(&[1, 3], &transposed, &[3, 5])), ["FullyConnected"]);
    assert_eq!(agrees(gemm(&[1], &transposed, &[3, 5])), ["FullyConnected"]);
    assert_eq!(agrees(gemm(&[], &[], &[5, 3])), ["FullyConnected"]);

    let mat_mul = |x: &[i64], w: &[i64]| {
        Onnx::new(13)
            .floats("w", w, &numbers(1, 15))
            .floats("b", &[3], &numbers(2, 3))
            .input("x", x)
            .node("MatMul", &["x", "w"], "m", &[])
            .node("Add", &["m", "b"], "y", &[])
            .output("y")
    };
    assert_eq!(agrees(mat_mul(&[0, 5], &[5, 3])), ["FullyConnected"]);
    assert_eq!(agrees(mat_mul(&[1, 4, 5], &[5, 3])), ["FullyConnected"]);
    assert_eq!(agrees(mat_mul(&[4, 5], &[1, 5, 3])), ["FullyConnected", "Reshape"]);
}

#[test]
fn batch_normalization_of_every_rank() {
    for shape in [&[0, 4][..], &[1, 4, 5], &[1, 4, 3, 2]] {
        let onnx = Onnx::new(9)
            .floats("s", &[4], &numbers(1, 4))
            .floats("b", &[4], &numbers(2, 4))
            .floats("m", &[4], &numbers(3, 4))
            .floats("v", &[4], &[0.5, 1.0, 2.0, 0.25])
            .input("x", shape)
            .node("BatchNormalization", &["x", "s", "b", "m", "v"], "y", &[("epsilon", Attr::Float(0.01))])
            .output("y");
        assert_eq!(agrees(onnx), ["Mul", "Add"]);
    }
}

#[test]
fn activations() {
    for (op_type, operator) in [("Relu", "Relu"), ("Sigmoid", "Logistic"), ("Tanh", "Tanh")] {
        assert_eq!(agrees(single(13, op_type, &[1, 3, 4], &[])), [operator]);
    }
    let clip = |low: f32, high: f32| [("min", Attr::Float(low)), ("max", Attr::Float(high))];
    assert_eq!(agrees(single(7, "Clip", &[1, 8], &clip(0.0, 6.0))), ["Relu6"]);
    assert_eq!(agrees(single(7, "Clip", &[1, 8], &clip(0.0, f32::MAX))), ["Relu"]);
    let onnx = Onnx::new(13)
        .floats("zero", &[], &[0.0])
        .floats("six", &[], &[6.0])
        .input("x", &[1, 8])
        .node("Clip", &["x", "zero"], "a", &[])
        .node("Clip", &["a", "zero", "six"], "b", &[])
        .node("Tanh", &["b"], "y", &[])
        .output("y");
    assert_eq!(agrees(onnx), ["Relu", "Relu6", "Tanh"]);
}

#[test]
fn softmax_in_both_definitions() {
    assert_eq!(agrees(single(13, "Softmax", &[1, 3, 4], &[])), ["Softmax"]);
    assert_eq!(agrees(single(13, "Softmax", &[1, 3, 4], &[("axis", Attr::Int(1))])), ["Softmax"]);
    assert_eq!(agrees(single(11, "Softmax", &[0, 5], &[])), ["Softmax"]);
    assert_eq!(agrees(single(11, "Softmax", &[1, 3, 4], &[("axis", Attr::Int(1))])), ["Reshape", "Softmax", "Reshape"]);
}

#[test]
fn pools() {
    let kernel = || ("kernel_shape", Attr::Ints(&[3, 2]));
    for op_type in ["MaxPool", "AveragePool"] {
        let operator = if op_type == "MaxPool" { "MaxPool2D" } else { "AveragePool2D" };
        let shape = [1, 3, 7, 8];
        assert_eq!(agrees(single(13, op_type, &shape, &[kernel()])), [operator]);
        let padded = [kernel(), ("strides", Attr::Ints(&[2, 3])), ("pads", Attr::Ints(&[1, 0, 2, 1]))];
        assert_eq!(agrees(single(13, op_type, &shape, &padded)), [operator]);
        let same = [kernel(), ("strides", Attr::Ints(&[2, 3])), ("auto_pad", Attr::Text("SAME_UPPER"))];
        assert_eq!(agrees(single(13, op_type, &shape, &same)), [operator]);
        let rows = [("kernel_shape", Attr::Ints(&[3])), ("strides", Attr::Ints(&[2]))];
        assert_eq!(agrees(single(13, op_type, &[1, 3, 9], &rows)), ["Reshape", operator, "Reshape"]);
    }
    let ceil = [kernel(), ("strides", Attr::Ints(&[2, 3])), ("ceil_mode", Attr::Int(1))];
    assert_eq!(agrees(single(13, "MaxPool", &[1, 3, 8, 9], &ceil)), ["MaxPool2D"]);
    let counted = [kernel(), ("pads", Attr::Ints(&[1, 1, 1, 0])), ("count_include_pad", Attr::Int(1))];
    assert_eq!(agrees(single(13, "AveragePool", &[1, 3, 7, 8], &counted)), ["Pad", "AveragePool2D"]);
    assert_eq!(agrees(single(13, "GlobalAveragePool", &[1, 3, 7, 8], &[])), ["Mean"]);
    assert_eq!(agrees(single(13, "GlobalMaxPool", &[1, 3, 7, 8], &[])), ["ReduceMax"]);
}

#[test]
fn elementwise_arithmetic() {
    for (op_type, operator) in [("Add", "Add"), ("Sub", "Add"), ("Mul", "Mul"), ("Div", "Mul")] {
        let onnx = Onnx::new(13)
            .floats("c", &[3, 1], &[0.5, -2.0, 3.0])
            .input("x", &[1, 3, 4])
            .node(op_type, &["x", "c"], "y", &[])
            .output("y");
        assert_eq!(agrees(onnx), [operator]);
    }
    for (op_type, operators) in [("Add", &["Add"][..]), ("Mul", &["Mul"]), ("Sub", &["Sub"])] {
        let constant_first = Onnx::new(13)
            .floats("c", &[1], &[0.5])
            .input("x", &[1, 3, 4])
            .node(op_type, &["c", "x"], "y", &[])
            .output("y");
        assert_eq!(agrees(constant_first), operators);
        let both_computed =
            Onnx::new(13).input("x", &[1, 3, 4]).input("z", &[4]).node(op_type, &["x", "z"], "y", &[]).output("y");
        let last = *agrees(both_computed).last().expect("not empty");
        assert_eq!(Some(&last), operators.last());
    }
}

#[test]
fn padding_by_attribute_operand_and_axes() {
    let pads = ("pads", Attr::Ints(&[0, 1, 2, 0, 0, 3]));
    assert_eq!(agrees(single(7, "Pad", &[1, 3, 4], &[pads, ("value", Attr::Float(1.5))])), ["Pad"]);
    let onnx = Onnx::new(13)
        .ints("pads", &[6], &[0, 1, 2, 0, 0, 3])
        .input("x", &[1, 3, 4])
        .node("Pad", &["x", "pads"], "y", &[])
        .output("y");
    assert_eq!(agrees(onnx), ["Pad"]);
    let by_axes = Onnx::new(18)
        .ints("pads", &[2], &[1, 2])
        .ints("axes", &[1], &[-1])
        .input("x", &[1, 3, 4])
        .node("Pad", &["x", "pads", "", "axes"], "y", &[])
        .output("y");
    // tract does not read the axes, so the numbers are checked here.
    let graph = import(by_axes);
    let Op::Pad(Pad { before, after, value }) = &graph.nodes[0].op else { panic!("{graph}") };
    assert_eq!((before.as_slice(), after.as_slice(), *value), (&[0, 0, 1][..], &[0, 0, 2][..], 0.0));
}

#[test]
fn moving_and_joining() {
    let onnx = Onnx::new(13)
        .floats("c", &[1, 2, 4], &numbers(1, 8))
        .input("x", &[1, 3, 4])
        .node("Concat", &["x", "c", "x"], "a", &[("axis", Attr::Int(-2))])
        .node("Transpose", &["a"], "b", &[("perm", Attr::Ints(&[0, 2, 1]))])
        .node("Softmax", &["b"], "y", &[])
        .output("y");
    assert_eq!(agrees(onnx), ["Concat", "Softmax"]);
}

#[test]
fn reductions_by_attribute_and_operand() {
    for (op_type, operator) in [("ReduceMean", "Mean"), ("ReduceMax", "ReduceMax")] {
        let along = |axes, keep| [("axes", Attr::Ints(axes)), ("keepdims", Attr::Int(keep))];
        assert_eq!(agrees(single(13, op_type, &[1, 3, 4, 2], &along(&[-1, 1], 0))), [operator]);
        assert_eq!(agrees(single(13, op_type, &[1, 3, 4, 2], &along(&[2], 1))), [operator]);
        for opset in [18, 20] {
            let onnx = Onnx::new(opset)
                .ints("axes", &[2], &[-1, 1])
                .input("x", &[1, 3, 4])
                .node(op_type, &["x", "axes"], "y", &[("keepdims", Attr::Int(0))])
                .output("y");
            assert_eq!(agrees(onnx), [operator]);
            // No axes are all of them, unless the file says that they are none.
            let no_axes = |noop: i64| {
                Onnx::new(opset)
                    .ints("axes", &[0], &[])
                    .input("x", &[2, 3])
                    .node(op_type, &["x", "axes"], "y", &[("noop_with_empty_axes", Attr::Int(noop))])
                    .output("y")
            };
            let graph = import(no_axes(0));
            assert_eq!(graph.operators(), [operator]);
            assert_eq!(graph.value(graph.nodes[0].output()).shape, [1, 1]);
            assert_eq!(import(no_axes(1)).operators(), [""; 0]);
        }
        assert_eq!(agrees(single(18, op_type, &[1, 3, 4], &[])), [operator]);
        assert_eq!(agrees(single(18, op_type, &[1, 3, 4], &[("noop_with_empty_axes", Attr::Int(1))])), [""; 0]);
    }
}

#[test]
fn shapes_by_attribute_and_operand() {
    let onnx = Onnx::new(11)
        .ints("shape", &[3], &[0, -1, 2])
        .input("x", &[1, 3, 4])
        .node("Unsqueeze", &["x"], "a", &[("axes", Attr::Ints(&[1]))])
        .node("Squeeze", &["a"], "b", &[("axes", Attr::Ints(&[1]))])
        .node("Identity", &["b"], "c", &[])
        .node("Dropout", &["c"], "d", &[])
        .node("Reshape", &["d", "shape"], "e", &[])
        .node("Flatten", &["e"], "f", &[("axis", Attr::Int(2))])
        .node("Tanh", &["f"], "y", &[])
        .output("y");
    // Elementwise operators go first, so that reshapes meet.
    assert_eq!(agrees(onnx), ["Tanh", "Reshape"]);
    let onnx = Onnx::new(13)
        .ints("axes", &[2], &[0, -1])
        .input("x", &[3, 4])
        .node("Unsqueeze", &["x", "axes"], "a", &[])
        .node("Squeeze", &["a"], "b", &[])
        .node("Tanh", &["b"], "y", &[])
        .output("y");
    assert_eq!(agrees(onnx), ["Tanh"]);
}

#[test]
fn shape_arithmetic_is_folded() {
    // What torch writes for x.view(x.size(0), -1) and for x.reshape(x.shape[0], x.shape[1] * 2, -1).
    let onnx = Onnx::new(13)
        .ints("zero", &[], &[0])
        .ints("one", &[], &[1])
        .ints("two", &[1], &[2])
        .ints("rest", &[1], &[-1])
        .ints("axis", &[1], &[0])
        .input("x", &[0, 3, 4])
        .node("Shape", &["x"], "s", &[])
        .node("Gather", &["s", "zero"], "n", &[])
        .node("Unsqueeze", &["n", "axis"], "n1", &[])
        .node("Gather", &["s", "one"], "c", &[])
        .node("Unsqueeze", &["c", "axis"], "c1", &[])
        .node("Mul", &["c1", "two"], "c2", &[])
        .node("Cast", &["c2"], "c3", &[("to", Attr::Int(7))])
        .node("Concat", &["n1", "c3", "rest"], "t", &[("axis", Attr::Int(0))])
        .node("Reshape", &["x", "t"], "z", &[])
        .node("Shape", &["z"], "zs", &[])
        .node("Slice", &["zs", "axis", "two"], "lead", &[])
        .node("Constant", &[], "tail", &[("value", Attr::Tensor(&[2]))])
        .node("Concat", &["lead", "tail"], "u", &[("axis", Attr::Int(0))])
        .node("Reshape", &["z", "u"], "v", &[])
        .node("Relu", &["v"], "y", &[])
        .output("y");
    assert_eq!(agrees(onnx), ["Relu", "Reshape"]);
}

#[test]
fn nodes_that_no_output_needs_are_not_even_looked_at() {
    let onnx = Onnx::new(13)
        .input("x", &[1, 3])
        .node("NoSuchOperator", &["x"], "unread", &[])
        .node("Relu", &["x"], "y", &[])
        .output("y");
    assert_eq!(import(onnx).operators(), ["Relu"]);
}
