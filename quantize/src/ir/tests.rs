//! Shapes, invariants and the text form.

use kinglet_kernels::packing::Storage;

use super::sketch::{Sketch, int8};
use super::{
    Activation, DType, Elements, Graph, GraphError, Node, Op, Padding, Port, Quantization, VALUE_LEN_MAX, ValueId,
    Window, broadcast, checked_len, infer_shapes, interpret,
};
use crate::op::{
    Add, AveragePool2D, Concat, Conv2D, Cut, FullyConnected, MaxPool2D, Mean, Pad, Relu, Slice, Softmax, Split,
    Transpose,
};

const NONE: Activation = Activation::None;

fn conv(stride: [usize; 2], dilation: [usize; 2], padding: Padding, groups: usize) -> Op {
    Op::Conv2D(Conv2D { stride, dilation, padding, groups, activation: NONE })
}

#[test]
fn windows_count_their_positions() {
    let padding = Padding { top: 1, bottom: 2, left: 0, right: 1 };
    let shape = infer_shapes(&conv([2, 1], [1, 2], padding, 2), &[&[1, 7, 6, 4], &[6, 3, 2, 2], &[6]]);
    // (7 + 3 - 3) / 2 + 1 rows, (6 + 1 - 3) / 1 + 1 columns.
    assert_eq!(shape, Ok(vec![vec![1, 4, 5, 6]]));
    let window = Window { size: [3, 2], stride: [2, 2], padding: Padding::default() };
    assert_eq!(
        infer_shapes(&Op::MaxPool2D(MaxPool2D { window, activation: NONE }), &[&[2, 7, 7, 3]]),
        Ok(vec![vec![2, 3, 3, 3]])
    );
}

#[test]
fn operators_state_what_they_need() {
    let refused = |op: Op, inputs: &[&[usize]], word: &str| {
        let error = infer_shapes(&op, inputs).expect_err("does not fit").to_string();
        assert!(error.contains(word), "{error}");
    };
    let plain = || conv([1, 1], [1, 1], Padding::default(), 1);
    refused(plain(), &[&[1, 4, 4, 3]], "takes 2 or 3 operands, has 1");
    refused(plain(), &[&[1, 4, 4], &[1, 3, 3, 3]], "4 axes [N, H, W, C]");
    refused(plain(), &[&[1, 4, 4, 2], &[1, 3, 3, 3]], "do not fit 1 groups");
    refused(plain(), &[&[1, 4, 4, 3], &[2, 3, 3, 3], &[3]], "bias has shape [3], [2] is needed");
    refused(plain(), &[&[1, 2, 4, 3], &[2, 3, 3, 3]], "larger than the padded input");
    refused(conv([0, 1], [1, 1], Padding::default(), 1), &[&[1, 4, 4, 3], &[2, 3, 3, 3]], "must not be zero");
    let huge = Padding { top: usize::MAX, ..Padding::default() };
    refused(conv([1, 1], [1, 1], huge, 1), &[&[1, 4, 4, 3], &[2, 3, 3, 3]], "larger than the padded input");
    let padding = Padding { top: 2, ..Padding::default() };
    let window = Window { size: [2, 2], stride: [1, 1], padding };
    refused(
        Op::AveragePool2D(AveragePool2D { window, activation: NONE }),
        &[&[1, 4, 4, 3]],
        "reaches the window's size",
    );
    refused(Op::FullyConnected(FullyConnected { activation: NONE }), &[&[1, 4], &[3, 5]], "differ in depth");
    refused(Op::Concat(Concat { axis: 1 }), &[&[1, 4], &[2, 4]], "differ outside axis 1");
    let split = |axis, sizes: &[usize]| Op::Split(Split { axis, sizes: sizes.to_vec() });
    refused(split(2, &[1]), &[&[1, 4]], "axis 2");
    refused(split(1, &[1, 2]), &[&[1, 4]], "cannot be split");
    refused(split(1, &[4, 0]), &[&[1, 4]], "cannot be split");
    refused(split(1, &[usize::MAX, 5]), &[&[1, 4]], "cannot be split");
    let slice = |begin, end, stride| Op::Slice(Slice { cuts: vec![Cut::ALL, Cut { begin, end, stride }] });
    refused(Op::Slice(Slice { cuts: vec![Cut::ALL] }), &[&[1, 4]], "1 cuts for 2 axes");
    refused(slice(4, None, 1), &[&[1, 4]], "takes nothing");
    refused(slice(2, Some(2), 1), &[&[1, 4]], "takes nothing");
    refused(slice(0, Some(5), 1), &[&[1, 4]], "more than there is");
    refused(slice(0, None, 0), &[&[1, 4]], "takes nothing");
    refused(Op::Mean(Mean { axes: vec![1, 1], keep_dims: false }), &[&[1, 4]], "ascending");
    refused(Op::Transpose(Transpose { permutation: vec![0, 0] }), &[&[1, 4]], "no permutation");
    refused(Op::Pad(Pad { before: vec![0], after: vec![0, 0], value: 0.0 }), &[&[1, 4]], "paddings");
    refused(Op::Add(Add { activation: NONE }), &[&[1, 4], &[3, 5]], "do not broadcast");
}

#[test]
fn shapes_are_bounded() {
    assert_eq!(checked_len(&[]), Ok(1));
    assert_eq!(checked_len(&[VALUE_LEN_MAX]), Ok(VALUE_LEN_MAX));
    assert!(checked_len(&[VALUE_LEN_MAX, 2]).is_err());
    assert!(checked_len(&[usize::MAX, usize::MAX]).is_err());
    assert!(checked_len(&[1; 9]).is_err());
    assert!(checked_len(&[3, 0]).is_err());
    assert_eq!(broadcast(&[2, 1, 4], &[3, 1]), Ok(vec![2, 3, 4]));
}

/// A dense layer and a Relu.
fn small() -> Graph {
    let mut sketch = Sketch::new(1);
    let (x, w) = (sketch.input(&[1, 4]), sketch.random(&[3, 4]));
    let y = sketch.node(Op::FullyConnected(FullyConnected { activation: NONE }), &[x, w]);
    let y = sketch.node(Op::Relu(Relu), &[y]);
    sketch.finish(&[y])
}

/// The invariant that `small`, after `change`, breaks.
fn broken(change: impl FnOnce(&mut Graph)) -> GraphError {
    let mut graph = small();
    change(&mut graph);
    graph.verify().expect_err("the change breaks the graph")
}

#[test]
fn order_and_identity_are_checked() {
    assert!(matches!(broken(|g| g.nodes.swap(0, 1)), GraphError::NotComputed { .. }));
    assert!(matches!(broken(|g| g.nodes[0].inputs[0] = ValueId(99)), GraphError::DanglingValue { index: 99, .. }));
    assert!(matches!(broken(|g| g.nodes[1].outputs = g.nodes[0].outputs.clone()), GraphError::ComputedTwice { .. }));
    assert!(matches!(broken(|g| g.nodes[1].outputs = vec![g.nodes[0].inputs[1]]), GraphError::ComputedTwice { .. }));
    assert!(matches!(broken(|g| g.values[1].name = g.values[0].name.clone()), GraphError::BadValue { .. }));
    assert!(matches!(broken(|g| g.nodes[0].name.clear()), GraphError::BadNode { .. }));
    let ghost = broken(|g| {
        let id = g.add_intermediate("ghost", vec![1]);
        g.outputs[0].value = id;
    });
    assert!(ghost.to_string().contains("nothing computes"), "{ghost}");
    let twice = broken(|g| g.inputs.push(g.inputs[0].clone()));
    assert!(matches!(twice, GraphError::BadPort { .. }), "{twice}");
}

#[test]
fn shapes_and_ports_are_checked() {
    let error = broken(|g| g.values[2].shape = vec![1, 4]).to_string();
    assert!(error.contains("computes shape [1, 3] but its result is declared [1, 4]"), "{error}");
    let error = broken(|g| g.values[1].elements = Some(Elements::F32(vec![0.0]))).to_string();
    assert!(error.contains("has 1 elements, its shape [3, 4] holds 12"), "{error}");
    let error = broken(|g| g.inputs[0].source_shape = vec![4, 1]).to_string();
    assert!(error.contains("its value has [1, 4]"), "{error}");
    let mut graph = small();
    graph.inputs[0].source_shape = vec![4, 1];
    graph.inputs[0].permutation = Some(vec![1, 0]);
    assert_eq!(graph.verify(), Ok(()));
    graph.inputs[0].permutation = Some(vec![1, 1]);
    assert!(graph.verify().is_err());
}

#[test]
fn types_and_quantizations_are_checked() {
    let error = broken(|g| g.values[3].dtype = DType::I32).to_string();
    assert!(error.contains("F32"), "{error}");
    let error = broken(|g| g.values[3].quantization = Some(Quantization::per_tensor(1.0, 0))).to_string();
    assert!(error.contains("cannot have a quantization"), "{error}");
    let error = broken(|g| g.values[3].dtype = DType::I8).to_string();
    assert!(error.contains("int8 without a quantization"), "{error}");

    // int8 throughout: each rule on one value of a max pool.
    let pooled = |scale: f32| {
        let mut graph = Graph { name: "pool".into(), ..Graph::default() };
        let x = graph.add_value(int8("x", &[1, 2, 2, 3], 0.5, 3));
        let output = graph.add_value(int8("y", &[1, 1, 1, 3], scale, 3));
        let window = Window { size: [2, 2], stride: [1, 1], padding: Padding::default() };
        let op = Op::MaxPool2D(MaxPool2D { window, activation: NONE });
        graph.nodes.push(Node { name: "pool".into(), op, inputs: vec![x], outputs: vec![output] });
        let port =
            |value, shape: &[usize]| Port { value, name: "p".into(), source_shape: shape.to_vec(), permutation: None };
        graph.inputs.push(port(x, &[1, 2, 2, 3]));
        graph.outputs.push(port(output, &[1, 1, 1, 3]));
        graph
    };
    assert_eq!(pooled(0.5).verify(), Ok(()));
    assert!(pooled(0.25).verify().is_err_and(|error| error.to_string().contains("does not rescale")));
    let mut graph = pooled(0.5);
    graph.values[0].quantization =
        Some(Quantization { scales: vec![0.5; 2], zero_points: vec![3; 2], axis: Some(3), storage: Storage::Bits8 });
    assert!(graph.verify().is_err_and(|error| error.to_string().contains("3 of each are needed")));
}

#[test]
fn the_text_form_shows_everything_but_numbers() {
    let mut sketch = Sketch::new(2);
    let (x, w) = (sketch.input(&[1, 5, 5, 2]), sketch.random(&[4, 3, 3, 1]));
    let padding = Padding { top: 1, bottom: 0, left: 1, right: 0 };
    let y = sketch.node(conv([2, 2], [1, 1], padding, 2), &[x, w]);
    let y = sketch.node(Op::Mean(Mean { axes: vec![1, 2], keep_dims: false }), &[y]);
    let y = sketch.node(Op::Softmax(Softmax { beta: 0.5 }), &[y]);
    let mut graph = sketch.finish(&[y]);
    graph.inputs[0].source_shape = vec![1, 2, 5, 5];
    graph.inputs[0].permutation = Some(vec![0, 2, 3, 1]);
    let expected = "\
graph sketch
  in  input#0: f32[1, 5, 5, 2] = source [1, 2, 5, 5] permuted by [0, 2, 3, 1]
  Conv2D0#2: f32[1, 2, 2, 4] = Conv2D(input#0, const f32[4, 3, 3, 1]) stride [2, 2] padding 1,0,1,0 groups 2
  Mean1#3: f32[1, 4] = Mean(Conv2D0#2) axes [1, 2]
  Softmax2#4: f32[1, 4] = Softmax(Mean1#3) beta 0.5
  out Softmax2#4: f32[1, 4]
";
    assert_eq!(graph.to_string(), expected);
}

#[test]
fn the_interpreter_computes_by_hand_checked_numbers() {
    let mut sketch = Sketch::new(3);
    let x = sketch.input(&[1, 1, 3, 1]);
    let (w, b) = (sketch.floats(&[1, 1, 2, 1], vec![1.0, 10.0]), sketch.floats(&[1], vec![-20.0]));
    let padding = Padding { right: 1, ..Padding::default() };
    let y = sketch.node(conv([1, 1], [1, 1], padding, 1), &[x, w, b]);
    let window = Window { size: [1, 2], stride: [1, 1], padding: Padding { left: 1, ..Padding::default() } };
    let mean = sketch.node(Op::AveragePool2D(AveragePool2D { window, activation: Activation::Relu }), &[y]);
    let graph = sketch.finish(&[y, mean]);
    // Taps [1, 10] over [1, 2, 3, 0], less 20; then means that count real elements only.
    let result = interpret(&graph, &[vec![1.0, 2.0, 3.0]]);
    assert_eq!(result, Ok(vec![vec![1.0, 12.0, -17.0], vec![1.0, 6.5, 0.0]]));
    assert!(interpret(&graph, &[vec![1.0]]).is_err());
}
