//! Elimination removes what it can and changes no bit of any output.

mod interpreter;
mod random_graph;

use kinglet_quantize::ir::{Activation, DType, Elements, Graph, Node, Op, Padding, Port, Quantization, Value, ValueId};
use kinglet_quantize::op::{Add, Concat, Conv2D, DepthwiseConv2D, FullyConnected, Mul, Relu, Relu6, Reshape};
use kinglet_quantize::pass::eliminate::eliminate;
use proptest::prelude::*;
use random_graph::{Random, Step, grow};

/// Random inputs and the two ends of the range.
fn inputs(graph: &Graph, seed: u64) -> Vec<Vec<Vec<i8>>> {
    let mut random = Random::new(seed);
    let len = |port: &Port| graph.value(port.value).len();
    let mut sets: Vec<Vec<Vec<i8>>> = (0..2)
        .map(|_| graph.inputs.iter().map(|port| (0..len(port)).map(|_| random.int8()).collect()).collect())
        .collect();
    sets.extend([i8::MIN, i8::MAX].map(|end| graph.inputs.iter().map(|port| vec![end; len(port)]).collect()));
    sets
}

/// Eliminates a copy and compares outputs; returns channels removed.
fn check(graph: &Graph, seed: u64) -> usize {
    let mut smaller = graph.clone();
    let report = eliminate(&mut smaller).expect("a valid graph");
    for inputs in inputs(graph, seed) {
        let (before, after) = (interpreter::outputs(graph, &inputs), interpreter::outputs(&smaller, &inputs));
        assert_eq!(before, after, "before:\n{graph}\nafter:\n{smaller}");
    }
    assert!(report.after().macs <= report.before().macs);
    let again = eliminate(&mut smaller).expect("a valid graph");
    assert_eq!(again.channels_removed(), 0, "a fixed point");
    report.channels_removed()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((any::<u8>(), any::<u32>()), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_keep_every_output_bit(seed in any::<u64>(), steps in steps()) {
        check(&grow(seed, &steps, 6), seed);
    }
}

/// The random graphs are worth testing with: many lose channels.
#[test]
fn random_graphs_do_lose_channels() {
    let losing = (0..200).filter(|&seed| {
        let mut random = Random::new(seed);
        let steps: Vec<Step> = (0..10).map(|_| (random.next() as u8, random.next())).collect();
        check(&grow(seed, &steps, 6), seed) > 0
    });
    let count = losing.count();
    println!("{count} of 200 random graphs lose channels");
    assert!(count >= 60, "only {count} of 200 graphs lost a channel");
}

/// Builds small chains of layers by hand.
struct Chain {
    graph: Graph,
    last: ValueId,
}

impl Chain {
    fn new(shape: [usize; 4]) -> Self {
        let mut graph = Graph::default();
        let quantization = Some(Quantization::per_tensor(0.05, 3));
        let value = Value { name: "x".into(), dtype: DType::I8, shape: shape.into(), quantization, elements: None };
        let last = graph.add_value(value);
        graph.inputs.push(Port { value: last, name: "x".into(), source_shape: shape.into(), permutation: None });
        Chain { graph, last }
    }

    fn layer(&mut self, op: Op, shape: &[usize], weights: Vec<i8>, bias: Vec<i32>, zero_point: i32) -> &mut Self {
        let weights = self.graph.add_constant("w", shape.into(), Elements::I8(weights));
        self.graph.value_mut(weights).quantization = Some(Quantization::per_tensor(0.02, 0));
        let bias = self.graph.add_constant("b", vec![bias.len()], Elements::I32(bias));
        self.node(op, vec![self.last, weights, bias], Quantization::per_tensor(0.1, zero_point))
    }

    fn node(&mut self, op: Op, inputs: Vec<ValueId>, quantization: Quantization) -> &mut Self {
        let shape = kinglet_quantize::ir::infer_one(&self.graph, &op, &inputs).expect("fits");
        let name = format!("v{}", self.graph.values.len());
        let quantization = Some(quantization);
        let output = self.graph.add_value(Value { name, dtype: DType::I8, shape, quantization, elements: None });
        self.graph.nodes.push(Node { name: format!("n{}", self.graph.nodes.len()), op, inputs, outputs: vec![output] });
        self.last = output;
        self
    }

    fn finish(&mut self) -> Graph {
        let source_shape = self.graph.value(self.last).shape.clone();
        self.graph.outputs = vec![Port { value: self.last, name: "y".into(), source_shape, permutation: None }];
        self.graph.clone()
    }
}

fn conv(padding: usize) -> Op {
    let padding = Padding { top: padding, bottom: padding, left: padding, right: padding };
    Op::Conv2D(Conv2D { stride: [1, 1], dilation: [1, 1], padding, groups: 1, activation: Activation::None })
}

fn depthwise(padding: usize) -> Op {
    let padding = Padding { top: padding, bottom: padding, left: padding, right: padding };
    Op::DepthwiseConv2D(DepthwiseConv2D {
        stride: [1, 1],
        dilation: [1, 1],
        padding,
        multiplier: 1,
        activation: Activation::Relu,
    })
}

/// Three layers of 1, 3 and 1 rows; channel 1 of 3 is dead in the first.
fn separable(bias: i32, padding: usize) -> Graph {
    let mut chain = Chain::new([1, 5, 5, 2]);
    chain.layer(conv(0), &[3, 1, 1, 2], vec![9, -8, 0, 0, 7, 6], vec![100, bias, -50], -10);
    let spatial = (0..27).map(|i| (i * 37 % 251) as u8 as i8).collect();
    chain.layer(depthwise(padding), &[1, 3, 3, 3], spatial, vec![5, 600, 7], -20);
    chain.layer(conv(0), &[2, 1, 1, 3], vec![1, 20, -3, 4, 50, -60], vec![1, -1], 0);
    chain.finish()
}

#[test]
fn dead_channel_goes_through_depthwise_and_pointwise() {
    let graph = separable(4000, 0);
    assert_eq!(check(&graph, 1), 2);
    let mut smaller = graph.clone();
    let report = eliminate(&mut smaller).expect("valid");
    let channels: Vec<_> = report.layers.iter().map(|layer| (layer.input_channels, layer.output_channels)).collect();
    assert_eq!(channels, [([2, 2], [3, 2]), ([3, 2], [3, 2]), ([3, 2], [2, 2])]);
    assert_eq!((report.before().weight_bytes, report.after().weight_bytes), (6 + 27 + 6, 4 + 18 + 4));
    assert_eq!((report.before().macs, report.after().macs), (150 + 243 + 54, 100 + 162 + 36));
}

#[test]
fn constant_that_padding_interrupts_stays() {
    // 4000 * 0.05 * 0.02 / 0.1 = 40 above the zero point: the borders see zeros, the middle does not.
    assert_eq!(check(&separable(4000, 1), 2), 0);
    // A bias of zero makes the constant the zero point, which is what padding stands for.
    assert_eq!(check(&separable(0, 1), 3), 2);
}

#[test]
fn channel_that_only_meets_zero_weights_goes() {
    let mut chain = Chain::new([1, 4, 4, 2]);
    chain.layer(conv(1), &[3, 3, 3, 2], (0..54).map(|i| i as i8 - 20).collect(), vec![1, 2, 3], 5);
    chain.layer(conv(1), &[2, 1, 1, 3], vec![1, 0, 3, 4, 0, 6], vec![0, 0], 0);
    assert_eq!(check(&chain.finish(), 4), 1);
}

#[test]
fn overflowing_bias_is_not_folded() {
    let build = |bias: i32| {
        let mut chain = Chain::new([1, 2, 2, 1]);
        chain.layer(conv(0), &[2, 1, 1, 1], vec![3, 0], vec![0, 90_000], 0);
        chain.layer(conv(0), &[1, 1, 1, 2], vec![5, 127], vec![bias], 0);
        chain.finish()
    };
    assert_eq!(check(&build(i32::MAX - 127 * 127), 5), 1);
    assert_eq!(check(&build(i32::MAX - 127 * 127 + 1), 6), 0);
}

#[test]
fn wholly_dead_layer_keeps_a_channel() {
    let mut chain = Chain::new([1, 2, 2, 3]);
    chain.layer(conv(0), &[4, 1, 1, 3], vec![0; 12], vec![10, 2000, -300, 4], 0);
    chain.layer(conv(0), &[2, 1, 1, 4], vec![1, 2, 3, 4, 5, 6, 7, 8], vec![0, 0], 0);
    assert_eq!(check(&chain.finish(), 7), 3);
}

#[test]
fn residual_sum_keeps_its_channels_in_step() {
    let mut chain = Chain::new([1, 3, 3, 2]);
    chain.layer(conv(0), &[3, 1, 1, 2], vec![1, 2, 0, 0, 5, 6], vec![0, 900, 0], 0);
    let trunk = chain.last;
    // Channel 1 of the branch is alive: the sum's channel 1 is not constant, so the dead one stays as well.
    chain.layer(conv(0), &[3, 1, 1, 3], vec![1, 2, 3, 4, 5, 6, 7, 8, 9], vec![0, 0, 0], 0);
    let branch = chain.last;
    let add = Op::Add(Add { activation: Activation::None });
    chain.node(add.clone(), vec![trunk, branch], Quantization::per_tensor(0.2, 0));
    chain.layer(conv(0), &[2, 1, 1, 3], vec![1, 2, 3, 4, 5, 6], vec![0, 0], 0);
    let alive = chain.finish();
    assert_eq!(check(&alive, 8), 0);
    // With a dead channel 1 on both sides, both go, and the sum's with them.
    let branch_weights = alive.nodes[1].inputs[1];
    let mut dead = alive.clone();
    dead.value_mut(branch_weights).elements = Some(Elements::I8(vec![1, 2, 3, 0, 0, 0, 7, 8, 9]));
    assert_eq!(check(&dead, 9), 2);
}

#[test]
fn flattened_channel_goes_from_the_dense_layer() {
    let mut chain = Chain::new([1, 2, 2, 2]);
    chain.layer(conv(0), &[3, 1, 1, 2], vec![1, 2, 0, 0, 5, 6], vec![0, 900, 0], 0);
    let quantization = Quantization::per_tensor(0.1, 0);
    let input = chain.last;
    chain.node(Op::Reshape(Reshape), vec![input], quantization);
    let flat = chain.last;
    chain.graph.value_mut(flat).shape = vec![1, 12];
    let op = Op::FullyConnected(FullyConnected { activation: Activation::None });
    chain.layer(op, &[2, 12], (0..24).collect(), vec![0, 0], 0);
    let mut graph = chain.finish();
    assert_eq!(check(&graph, 10), 1);
    eliminate(&mut graph).expect("valid");
    assert_eq!(graph.value(flat).shape, [1, 8]);
}

/// Channel 1 of three holds `quantize(bias)`; the input follows, for a second operand.
fn one_dead(bias: i32) -> (Chain, ValueId, Quantization) {
    let mut chain = Chain::new([1, 3, 3, 2]);
    chain.layer(conv(0), &[3, 1, 1, 2], vec![1, 2, 0, 0, 5, 6], vec![0, bias, 0], 0);
    let dead = chain.last;
    (chain, dead, Quantization::per_tensor(0.1, 0))
}

/// A layer that reads all three channels.
fn read_all(chain: &mut Chain) -> Graph {
    chain.layer(conv(0), &[2, 1, 1, 3], vec![1, 22, 3, 4, 55, 6], vec![0, 0], 0);
    chain.finish()
}

#[test]
fn constant_is_clamped_by_relu6() {
    // 10000 * 0.05 * 0.02 / 0.1 = 100 in steps of 0.1 is above six.
    let (mut chain, dead, quantization) = one_dead(10_000);
    chain.node(Op::Relu6(Relu6), vec![dead], quantization);
    assert_eq!(check(&read_all(&mut chain), 11), 1);
}

#[test]
fn product_is_constant_if_both_are_or_one_is_zero() {
    for (bias, other_dead, removed) in [(0, false, 2), (900, false, 0), (900, true, 2)] {
        let (mut chain, dead, quantization) = one_dead(bias);
        let middle = if other_dead { [0, 0, 0] } else { [3, -4, 5] };
        let weights = [[10, 20, 30], middle, [-7, 8, 9]].concat();
        chain.layer(conv(0), &[3, 1, 1, 3], weights, vec![50, 400, 70], 0);
        let other = chain.last;
        chain.node(Op::Mul(Mul { activation: Activation::None }), vec![dead, other], quantization);
        assert_eq!(check(&read_all(&mut chain), 12), removed, "bias {bias}, other dead: {other_dead}");
    }
}

#[test]
fn rows_of_different_constants_are_not_constant() {
    let scale_ratio = 2; // The second layer's input scale is 0.1, the first one's 0.05.
    for (bias, removed) in [(9000 / scale_ratio, 2), (9100 / scale_ratio, 0)] {
        let (mut chain, dead, quantization) = one_dead(9000);
        chain.layer(conv(0), &[3, 1, 1, 3], vec![10, 0, 30, 0, 0, 0, -7, 0, 9], vec![50, bias, 70], 0);
        let other = chain.last;
        chain.node(Op::Concat(Concat { axis: 1 }), vec![dead, other], quantization);
        assert_eq!(check(&read_all(&mut chain), 13), removed, "bias {bias}");
    }
}

#[test]
fn unread_node_goes() {
    let mut chain = Chain::new([1, 2, 2, 2]);
    let input = chain.last;
    chain.layer(conv(0), &[3, 1, 1, 2], vec![1; 6], vec![0; 3], 0);
    chain.last = input;
    chain.layer(conv(0), &[2, 1, 1, 2], vec![1; 4], vec![0; 2], 0);
    let mut graph = chain.finish();
    let report = eliminate(&mut graph).expect("valid");
    assert_eq!(report.removed_nodes, ["n0"]);
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(report.layers[0].output_channels, [3, 0]);
}

#[test]
fn long_dead_chain_goes_whole() {
    let mut chain = Chain::new([1, 2, 2, 1]);
    let dense = [3, 5, -7, 9];
    chain.layer(conv(0), &[2, 1, 1, 1], vec![1, 2], vec![0, 0], 0);
    for _ in 0..200 {
        chain.layer(conv(0), &[2, 1, 1, 2], dense.to_vec(), vec![0, 1], 0);
    }
    chain.layer(conv(0), &[1, 1, 1, 2], vec![4, 0], vec![0], 0);
    // Channel 1 of the last value is not read; before it, both are. Then a chain of channels of their own.
    assert_eq!(check(&chain.finish(), 14), 1);
    let mut chain = Chain::new([1, 2, 2, 1]);
    chain.layer(conv(0), &[2, 1, 1, 1], vec![1, 2], vec![0, 0], 0);
    for _ in 0..200 {
        chain.layer(conv(0), &[2, 1, 1, 2], vec![3, 0, 0, 5], vec![0, 1], 0);
    }
    chain.layer(conv(0), &[1, 1, 1, 2], vec![4, 0], vec![0], 0);
    assert_eq!(check(&chain.finish(), 15), 201);
}

#[test]
fn huge_values_are_left_alone() {
    let mut chain = Chain::new([1, 1, 1, 1 << 23]);
    let input = chain.last;
    chain.node(Op::Relu(Relu), vec![input], Quantization::per_tensor(0.05, 3));
    let mut graph = chain.finish();
    let before = graph.clone();
    eliminate(&mut graph).expect("valid");
    assert_eq!(graph, before);
}

#[test]
fn malformed_graph_is_refused() {
    let mut graph = separable(0, 0);
    graph.nodes[0].inputs[0] = ValueId(9999);
    assert!(eliminate(&mut graph).is_err_and(|error| error.stage == "given"));
}
