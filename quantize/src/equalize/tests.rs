//! Graphs with equalized channels compute what they did.

use super::*;
use crate::calibrate::EngineRunner;
use crate::ir::sketch::Sketch;
use crate::ir::{Op, Padding, interpret};
use crate::op::{Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean};

const PADDING: Padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };

fn conv(activation: Activation) -> Op {
    Conv2D { stride: [1, 1], dilation: [1, 1], padding: PADDING, groups: 1, activation }.into()
}

fn depthwise(activation: Activation) -> Op {
    DepthwiseConv2D { stride: [1, 1], dilation: [1, 1], padding: PADDING, multiplier: 1, activation }.into()
}

/// A residual block with a depthwise filter, of channels that differ a lot; the first layer has `activation`.
fn block(activation: Activation) -> Graph {
    let mut sketch = Sketch::new(3);
    let x = sketch.input(&[1, 5, 5, 2]);
    let uneven: Vec<f32> = (0..4).flat_map(|o| vec![[8.0, 1.0, 0.25, 0.05][o]; 18]).collect();
    let weights = sketch.numbers.floats(72).iter().zip(&uneven).map(|(a, b)| a * b).collect();
    let weights = sketch.floats(&[4, 3, 3, 2], weights);
    let a = sketch.node(conv(activation), &[x, weights]);
    let filter = sketch.random(&[1, 3, 3, 4]);
    let b = sketch.node(depthwise(Activation::Relu), &[a, filter]);
    let square = sketch.numbers.floats(144).iter().enumerate().map(|(at, a)| a * uneven[at / 2]).collect();
    let square = sketch.floats(&[4, 3, 3, 4], square);
    let c = sketch.node(conv(Activation::None), &[b, square]);
    let sum = sketch.node(Add { activation: Activation::Relu }.into(), &[a, c]);
    let mean = sketch.node(Mean { axes: vec![1, 2], keep_dims: false }.into(), &[sum]);
    let last = sketch.random(&[5, 4]);
    let y = sketch.node(FullyConnected { activation: Activation::None }.into(), &[mean, last]);
    sketch.finish(&[y])
}

fn scaled(graph: &Graph) -> Equalized {
    let elements: Vec<f32> = (0..32).flat_map(|seed| graph.sample(seed).concat()).collect();
    let samples = Samples::from_elements(graph, &[elements]).expect("fits");
    let mut runner = EngineRunner::new(graph).expect("runs");
    equalize(graph, &mut runner, &samples).expect("finite").expect("channels that differ")
}

fn same(graph: &Graph, other: &Graph) {
    other.verify().expect("valid");
    for seed in 100..108 {
        let input = graph.sample(seed);
        let [a, b] = [graph, other].map(|graph| interpret(graph, &input).expect("floats").concat());
        let size = a.iter().fold(0.0, |size: f32, a| size.max(a.abs()));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-5 * size), "{a:?} {b:?}");
    }
}

#[test]
fn channels_are_scaled_through_filters_and_joins_and_outputs_stay() {
    let graph = block(Activation::Relu);
    let equalized = scaled(&graph);
    same(&graph, &equalized.graph);
    let named: Vec<ValueId> = graph.nodes[..5].iter().map(Node::output).collect();
    assert_eq!(equalized.values, named, "all but the input and the output");
    // Channels of the first result, 160 times apart, come nearer.
    let spread = |graph: &Graph| {
        let weights = graph.constant_f32(graph.nodes[0].inputs[1]).expect("constant");
        let sizes: Vec<f32> = weights.chunks(18).map(|own| own.iter().fold(0.0, |a: f32, b| a.max(b.abs()))).collect();
        sizes[0] / sizes[3]
    };
    assert!(spread(&equalized.graph) < spread(&graph) / 3.0, "{} {}", spread(&graph), spread(&equalized.graph));
}

#[test]
fn what_relu6_bounds_stays() {
    let graph = block(Activation::Relu6);
    let equalized = scaled(&graph);
    same(&graph, &equalized.graph);
    let first = graph.nodes[0].output();
    assert!(
        !equalized.values.contains(&first) && !equalized.values.contains(&graph.nodes[3].output()),
        "6 is a number"
    );
    assert!(equalized.values.contains(&graph.nodes[1].output()), "the depthwise filter's own result may be scaled");
}
