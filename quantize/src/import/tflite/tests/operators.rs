//! Every supported operator: attributes, explicit padding, constants and quantization.

use super::writer::{Field, INT8, INT16, Table, Tflite, small_network};
use super::{import, problems};
use crate::ir::{Activation, Elements, Op, Padding, Quantization, Window, interpret};
use crate::op::{
    Add, Along, AveragePool2D, Clip, Concat, Conv2D, DepthwiseConv2D, LineFunction, Map, MapFunction, MaxPool2D, Mean,
    Pad, Reduce, Reduction, Softmax,
};

const SAME: i8 = 0;
const VALID: i8 = 1;
const RELU: i8 = 1;
const RELU6: i8 = 3;

fn padding(top: usize, bottom: usize, left: usize, right: usize) -> Padding {
    Padding { top, bottom, left, right }
}

/// Attributes of a convolution: padding, strides `[h, w]`, activation, dilations `[h, w]`.
fn conv_options(pad: i8, stride: [i32; 2], activation: i8, dilation: [i32; 2]) -> (i8, Table) {
    let fields = vec![
        (0, Field::I8(pad)),
        (1, Field::I32(stride[1])),
        (2, Field::I32(stride[0])),
        (3, Field::I8(activation)),
        (4, Field::I32(dilation[1])),
        (5, Field::I32(dilation[0])),
    ];
    (1, fields)
}

#[test]
fn an_int8_network_keeps_its_numbers() {
    let graph = import(&small_network());
    assert_eq!(graph.operators(), ["Conv2D", "Reshape", "FullyConnected", "Softmax"]);
    let conv = &graph.nodes[0];
    assert_eq!(conv.name, "0:a");
    // SAME, 4 rows, kernel 3, stride 2: one row more, at the end.
    let op = Op::Conv2D(Conv2D {
        stride: [2, 2],
        dilation: [1, 1],
        padding: padding(0, 1, 0, 1),
        groups: 1,
        activation: Activation::Relu,
    });
    assert_eq!(conv.op, op);
    let weights = graph.value(conv.inputs[1]);
    let quantization = weights.quantization.as_ref().expect("quantized");
    assert_eq!((quantization.axis, quantization.scales.as_slice()), (Some(0), &[0.1, 0.2, 0.3][..]));
    assert_eq!(graph.value(conv.inputs[2]).elements, Some(Elements::I32(vec![10, -20, 30])));
    let output = graph.value(conv.output()).quantization.as_ref().expect("quantized");
    assert_eq!((output.scale(0), output.zero_point(), output.axis), (0.25, -128, None));
    assert_eq!(graph.nodes[2].inputs.len(), 2, "an omitted bias stays omitted");
}

#[test]
fn same_padding_with_stride_and_dilation() {
    // (rows, kernel, stride, dilation) -> rows above and below, by TensorFlow's rule.
    let cases = [
        ((5, 3, 1, 1), (1, 1)),
        ((6, 3, 2, 1), (0, 1)),
        ((7, 4, 1, 1), (1, 2)),
        ((7, 1, 3, 1), (0, 0)),
        ((9, 3, 1, 2), (2, 2)),
        ((9, 3, 2, 3), (3, 3)),
    ];
    for ((rows, kernel, stride, dilation), (top, bottom)) in cases {
        let mut file = Tflite::new();
        let x = file.float("x", &[1, rows, 1, 2]);
        let w = file.floats("w", &[1, kernel, 1, 2], &vec![1.0; 2 * kernel as usize]);
        let y = file.float("y", &[1, (rows + stride - 1) / stride, 1, 1]);
        file.operator(3, &[x, w], y, conv_options(SAME, [stride, 1], RELU6, [dilation, 1]));
        let graph = import(&file.bytes(&[x], &[y]));
        let op = Op::Conv2D(Conv2D {
            stride: [stride as usize, 1],
            dilation: [dilation as usize, 1],
            padding: padding(top, bottom, 0, 0),
            groups: 1,
            activation: Activation::Relu6,
        });
        assert_eq!(graph.nodes[0].op, op);
    }
}

#[test]
fn groups_and_multipliers_follow_from_the_shapes() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 4, 4, 4]);
    let w = file.floats("w", &[6, 1, 1, 2], &[1.0; 12]);
    let a = file.float("a", &[1, 4, 4, 6]);
    file.operator(3, &[x, w], a, conv_options(VALID, [1, 1], 0, [1, 1]));
    let w = file.floats("dw", &[1, 3, 3, 12], &[1.0; 108]);
    let y = file.float("y", &[1, 2, 2, 12]);
    let options = vec![(0, Field::I8(VALID)), (1, Field::I32(1)), (2, Field::I32(1)), (4, Field::I8(RELU))];
    file.operator(4, &[a, w], y, (2, options));
    let graph = import(&file.bytes(&[x], &[y]));
    assert!(matches!(graph.nodes[0].op, Op::Conv2D(Conv2D { groups: 2, .. })));
    let (activation, multiplier) = (Activation::Relu, 2);
    let op = Op::DepthwiseConv2D(DepthwiseConv2D {
        stride: [1, 1],
        dilation: [1, 1],
        padding: Padding::default(),
        multiplier,
        activation,
    });
    assert_eq!(graph.nodes[1].op, op);
}

#[test]
fn weights_of_a_hybrid_file_are_widened() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let w = file.tensor("w", &[2, 2], INT8, &[1, 2, 0xff, 0x80]);
    let w = file.quantize(w, (&[0.5, 0.25], &[0, 0], 0));
    let b = file.floats("b", &[2], &[1.0, -1.0]);
    let y = file.float("y", &[1, 2]);
    file.operator(9, &[x, w, b], y, (8, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    let weights = graph.nodes[0].inputs[1];
    assert_eq!(graph.constant_f32(weights), Some(&[0.5, 1.0, -0.25, -32.0][..]));
    assert_eq!(graph.value(weights).codes().map(|(codes, _)| codes), Some(vec![1, 2, -1, -128]));
    assert_eq!(interpret(&graph, &[vec![2.0, 4.0]]), Ok(vec![vec![6.0, -129.5]]));
}

#[test]
fn a_dense_layer_flattens_its_operand_when_it_has_to() {
    let dense = |x_shape: &[i32], y_shape: &[i32]| {
        let mut file = Tflite::new();
        let x = file.float("x", x_shape);
        let w = file.floats("w", &[3, 4], &[1.0; 12]);
        let y = file.float("y", y_shape);
        file.operator(9, &[x, w], y, (8, vec![(2, Field::I8(1))]));
        import(&file.bytes(&[x], &[y]))
    };
    assert_eq!(dense(&[1, 4], &[1, 3]).operators(), ["FullyConnected"]);
    assert_eq!(dense(&[1, 5, 4], &[1, 5, 3]).operators(), ["FullyConnected"]);
    assert_eq!(dense(&[1, 5, 4], &[5, 3]).operators(), ["Reshape", "FullyConnected"]);
    assert_eq!(dense(&[1, 2, 2], &[1, 3]).operators(), ["Reshape", "FullyConnected"]);
}

#[test]
fn pools_and_reductions() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 5, 6, 2]);
    let options = |kernel: [i32; 2], pad| {
        let strides = [(1, Field::I32(2)), (2, Field::I32(1))];
        let size = [(3, Field::I32(kernel[1])), (4, Field::I32(kernel[0]))];
        (5, [(0, Field::I8(pad)), (5, Field::I8(RELU))].into_iter().chain(strides).chain(size).collect::<Table>())
    };
    let a = file.float("a", &[1, 5, 3, 2]);
    file.operator(17, &[x], a, options([3, 3], SAME));
    let b = file.float("b", &[1, 4, 1, 2]);
    file.operator(1, &[a], b, options([2, 3], VALID));
    let axes = file.ints("axes", &[-2, 1]);
    let c = file.float("c", &[1, 1, 1, 2]);
    file.operator(40, &[b, axes], c, (27, vec![(0, Field::I8(1))]));
    let axes = file.ints("last", &[-1, -2, 3]);
    let y = file.float("y", &[1, 1]);
    file.operator(82, &[c, axes], y, (27, vec![(0, Field::I8(0))]));
    let graph = import(&file.bytes(&[x], &[y]));
    let activation = Activation::Relu;
    let window = Window { size: [3, 3], stride: [1, 2], padding: padding(1, 1, 0, 1) };
    assert_eq!(graph.nodes[0].op, Op::MaxPool2D(MaxPool2D { window, activation }));
    let window = Window { size: [2, 3], stride: [1, 2], padding: Padding::default() };
    assert_eq!(graph.nodes[1].op, Op::AveragePool2D(AveragePool2D { window, activation }));
    assert_eq!(graph.nodes[2].op, Op::Mean(Mean { axes: vec![1, 2], keep_dims: true }));
    assert_eq!(graph.nodes[3].op, Op::Reduce(Reduce { kind: Reduction::Max, axes: vec![2, 3], keep_dims: false }));
}

#[test]
fn elementwise_operators_and_moves() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2, 3]);
    let c = file.floats("c", &[3], &[1.0, 2.0, 3.0]);
    let [a, b, d, e, f, g] = ["a", "b", "d", "e", "f", "g"].map(|name| file.float(name, &[1, 2, 3]));
    file.operator(0, &[x, c], a, (11, vec![(0, Field::I8(RELU))]));
    file.operator(18, &[a, x], b, (21, vec![(0, Field::I8(RELU6))]));
    file.operator(14, &[b], d, (0, Vec::new()));
    file.operator(28, &[d], e, (0, Vec::new()));
    file.operator(19, &[e], f, (0, Vec::new()));
    file.operator(21, &[f], g, (0, Vec::new()));
    let pads = file.tensor("pads", &[3, 2], 2, &[0, 0, 1, 0, 2, 0].map(|v: i32| v.to_le_bytes()).concat());
    let h = file.float("h", &[1, 3, 5]);
    file.operator(34, &[g, pads], h, (0, Vec::new()));
    let joined = file.float("joined", &[1, 3, 10]);
    file.operator(2, &[h, h], joined, (10, vec![(0, Field::I32(-1))]));
    let squeezed = file.float("squeezed", &[3, 10]);
    file.operator(43, &[joined], squeezed, (0, Vec::new()));
    let y = file.float("y", &[3, 10]);
    file.operator(25, &[squeezed], y, (9, vec![(0, Field::F32(0.5))]));
    let graph = import(&file.bytes(&[x], &[y]));
    let expected = ["Add", "Mul", "Logistic", "Tanh", "Relu", "Relu6", "Pad", "Concat", "Reshape", "Softmax"];
    assert_eq!(graph.operators(), expected);
    assert_eq!(graph.value(graph.nodes[0].inputs[1]).shape, [1, 1, 3], "ranks are aligned");
    assert_eq!(graph.nodes[6].op, Op::Pad(Pad { before: vec![0, 1, 2], after: vec![0; 3], value: 0.0 }));
    assert_eq!(graph.nodes[7].op, Op::Concat(Concat { axis: 2 }));
    assert_eq!(graph.nodes[9].op, Op::Softmax(Softmax { beta: 0.5 }));
}

#[test]
fn functions_of_one_element() {
    let known = [(47, MapFunction::Exp), (73, MapFunction::Log), (76, MapFunction::Rsqrt), (116, MapFunction::Round)];
    for (code, function) in known.into_iter().chain([(117, MapFunction::HardSwish), (158, MapFunction::Sign)]) {
        let mut file = Tflite::new();
        let [x, y] = ["x", "y"].map(|name| file.float(name, &[1, 4]));
        file.operator(code, &[x], y, (0, Vec::new()));
        assert_eq!(import(&file.bytes(&[x], &[y])).nodes[0].op, Op::Map(Map::plain(function)), "{code}");
    }
    let mut file = Tflite::new();
    let [x, a, b, c, d, y] = ["x", "a", "b", "c", "d", "y"].map(|name| file.float(name, &[1, 4]));
    file.operator(98, &[x], a, (75, vec![(0, Field::F32(0.25))]));
    file.operator(111, &[a], b, (0, Vec::new()));
    file.operator(150, &[b], c, (116, vec![(0, Field::I8(1))]));
    file.operator(20, &[c], d, (0, Vec::new()));
    file.operator(0, &[d, x], y, (11, vec![(0, Field::I8(2))]));
    let graph = import(&file.bytes(&[x], &[y]));
    let ops: Vec<Op> = graph.nodes.iter().map(|node| node.op.clone()).collect();
    let expected = [
        Op::Map(Map::with(MapFunction::LeakyRelu, 0.25)),
        Op::Map(Map { function: MapFunction::Elu, parameters: [1.0, 1.0] }),
        Op::Map(Map::plain(MapFunction::GeluTanh)),
        Op::Clip(Clip { low: -1.0, high: 1.0 }),
        Op::Add(Add { activation: Activation::clip(-1.0, 1.0) }),
    ];
    assert_eq!(ops, expected);
}

#[test]
fn conversions_between_floats_and_int8() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let (a, b) = (file.int8("a", &[1, 2], 0.5, 1), file.int8("b", &[1, 2], 0.25, -3));
    let y = file.float("y", &[1, 2]);
    file.operator(114, &[x], a, (0, Vec::new()));
    file.operator(114, &[a], b, (0, Vec::new()));
    file.operator(6, &[b], y, (0, Vec::new()));
    assert_eq!(import(&file.bytes(&[x], &[y])).operators(), ["Quantize", "Quantize", "Dequantize"]);
}

#[test]
fn shape_arithmetic_of_the_open_batch_is_dead() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2, 3]);
    let x = file.set(x, 7, Field::I32s(vec![-1, 2, 3]));
    let shape = file.tensor("shape", &[3], 2, &[]);
    // SHAPE and STRIDED_SLICE would be refused, were they needed.
    file.operator(77, &[x], shape, (0, Vec::new()));
    let sliced = file.tensor("sliced", &[2], 2, &[]);
    file.operator(45, &[shape], sliced, (0, Vec::new()));
    let y = file.float("y", &[1, 6]);
    file.operator(22, &[x, sliced], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Reshape"]);
    assert_eq!(graph.nodes[0].name, "2:y");
}

#[test]
fn names_are_short_and_unique() {
    let mut file = Tflite::new();
    let x = file.float("x", &[1, 2]);
    let a = file.float("block/Relu;block/BatchNorm;block/Conv", &[1, 2]);
    let b = file.float("block/Relu;other", &[1, 2]);
    let y = file.float("", &[1, 2]);
    file.operator(19, &[x], a, (0, Vec::new()));
    file.operator(28, &[a], b, (0, Vec::new()));
    file.operator(19, &[b], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    let nodes: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(nodes, ["0:block/Relu", "1:block/Relu", "2:tensor 3"]);
    assert_ne!(graph.value(graph.nodes[0].output()).name, graph.value(graph.nodes[1].output()).name);
}

#[test]
fn functions_along_an_axis() {
    let mut file = Tflite::new();
    let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| file.float(name, &[2, 3]));
    let axis = file.ints("axis", &[-2]);
    file.operator(11, &[x], a, (12, Vec::new()));
    file.operator(50, &[a], b, (0, Vec::new()));
    file.operator(128, &[b, axis], y, (102, vec![(0, Field::I8(1)), (1, Field::I8(1))]));
    let graph = import(&file.bytes(&[x], &[y]));
    let along = |function, axis, epsilon| Op::from(Along { function, axes: vec![axis], epsilon });
    let ops: Vec<Op> = graph.nodes.iter().map(|node| node.op.clone()).collect();
    let expected = [
        along(LineFunction::L2, 1, 1e-6),
        along(LineFunction::LogSoftmax, 1, 0.0),
        along(LineFunction::SumBehind, 0, 0.0),
    ];
    assert_eq!(ops, expected);
}

#[test]
fn composite_operators_are_taken_apart() {
    let mut file = Tflite::new();
    let [x, y] = [("x", 4), ("y", 2)].map(|(name, extent)| file.float(name, &[1, extent, extent, 1]));
    let two = |slot| (slot, Field::I32(2));
    file.operator(12, &[x], y, (5, vec![(0, Field::I8(1)), two(1), two(2), two(3), two(4), (5, Field::I8(RELU6))]));
    assert_eq!(import(&file.bytes(&[x], &[y])).operators(), ["Map", "AveragePool2D", "Map", "Clip"]);
    for (code, kind) in [(140, Reduction::Min), (91, Reduction::Max)] {
        let mut file = Tflite::new();
        let [x, y] = [("x", vec![2, 3]), ("y", vec![2])].map(|(name, shape)| file.tensor(name, &shape, 6, &[]));
        let axes = file.ints("axes", &[1]);
        file.operator(code, &[x, axes], y, (27, Vec::new()));
        let graph = import(&file.bytes(&[x], &[y]));
        assert_eq!(graph.nodes[1].op, Op::Reduce(Reduce { kind, axes: vec![1], keep_dims: false }), "{code}");
        assert_eq!(graph.operators(), ["Cast", if code == 140 { "ReduceMin" } else { "ReduceMax" }, "Cast"]);
    }
    // Codes of one scale are added at once, those of several are not.
    for (scale, is_read) in [(0.5, true), (0.25, false)] {
        let mut file = Tflite::new();
        let (a, b) = (file.int8("a", &[2, 3], 0.5, 3), file.int8("b", &[2, 3], scale, 3));
        let y = file.int8("y", &[2, 3], 1.0, 0);
        file.operator(106, &[a, b, a], y, (0, Vec::new()));
        let bytes = file.bytes(&[a, b], &[y]);
        if is_read {
            let operators = import(&bytes).operators().join(" ");
            assert!(operators.ends_with("Concat SumUpTo Slice Reshape"), "{operators}");
        } else {
            assert!(problems(&bytes)[0].problem.contains("several scales"));
        }
    }
}

#[test]
fn small_numbers_are_cast_without_a_scale() {
    let mut file = Tflite::new();
    let (x, y) = (file.tensor("x", &[2], INT8, &[]), file.tensor("y", &[2], INT16, &[]));
    file.operator(53, &[x], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.operators(), ["Cast"]);
    assert_eq!(graph.value(graph.outputs[0].value).quantization, Some(Quantization::per_tensor(1.0, 0)));
}

#[test]
fn slopes_of_int16_are_widened() {
    let mut file = Tflite::new();
    let [x, y] = ["x", "y"].map(|name| file.tensor(name, &[1, 2], INT16, &[]));
    let slopes = file.tensor("slopes", &[2], INT8, &[5, 0xfd]);
    for tensor in [x, slopes, y] {
        file.quantize(tensor, (&[0.5], &[0], 0));
    }
    file.operator(54, &[x, slopes], y, (0, Vec::new()));
    let graph = import(&file.bytes(&[x], &[y]));
    assert_eq!(graph.value(graph.nodes[0].inputs[1]).elements, Some(Elements::I16(vec![5, -3])));
}
