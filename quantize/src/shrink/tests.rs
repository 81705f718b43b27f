//! What a layer reads, and what is made of it.

use super::*;
use crate::ir::sketch::Sketch;
use crate::ir::{Op, Padding, Quantization, ValueId, evaluate};
use crate::op::common::attributes::Activation;
use crate::op::common::real::Real;
use crate::op::{Conv2D, DepthwiseConv2D, FullyConnected};

const SAMPLES: usize = 3;
const STEP: f32 = 0.5;
const ZERO: i32 = -7;

/// A graph of one layer on codes, with the shapes of operand and weights.
fn layer(op: Op, shapes: [&[usize]; 2]) -> (Graph, [ValueId; 2]) {
    let mut sketch = Sketch::new(7);
    let operands = [sketch.input(shapes[0]), sketch.random(shapes[1])];
    let result = sketch.node(op, &operands);
    let mut graph = sketch.finish(&[result]);
    graph.value_mut(operands[0]).quantization = Some(Quantization::per_tensor(STEP, ZERO));
    (graph, operands)
}

fn layers_of_all_kinds() -> Vec<(Graph, [ValueId; 2])> {
    let padding = Padding { top: 1, bottom: 2, left: 2, right: 0 };
    let [stride, dilation] = [[2, 1], [1, 2]];
    let none = Activation::None;
    vec![
        layer(Conv2D { stride, dilation, padding, groups: 2, activation: none }.into(), [&[1, 6, 7, 4], &[6, 3, 2, 2]]),
        layer(
            DepthwiseConv2D { stride, dilation, padding, multiplier: 2, activation: none }.into(),
            [&[2, 5, 7, 3], &[1, 2, 3, 6]],
        ),
        layer(FullyConnected { activation: none }.into(), [&[2, 2, 5], &[3, 5]]),
    ]
}

#[test]
fn patches_times_weights_are_what_the_layer_computes() {
    for (graph, [x, w]) in layers_of_all_kinds() {
        let node = &graph.nodes[0];
        let len = graph.value(x).len();
        let codes: Vec<u8> = (0..SAMPLES * len).map(|index| (index * 37 % 251) as u8).collect();
        let patches = Patches::of(&graph, node, &codes).expect("a layer");
        let (weights, order) =
            (graph.constant_f32(w).expect("constant"), node.op.operator().layer().expect("a layer").order);
        let outputs = patches.groups * patches.outputs;
        for sample in 0..SAMPLES {
            let real = |&code: &u8| (i32::from(code as i8) - ZERO) as f32 * STEP;
            let data: Vec<f32> = codes[sample * len..][..len].iter().map(real).collect();
            let operand = |id: ValueId, data| {
                let value = graph.value(id);
                Real { shape: &value.shape, dtype: value.dtype, data }
            };
            let shape = graph.value(node.output()).shape.as_slice();
            let results = evaluate(&node.op, &[operand(x, &data), operand(w, weights)], &[shape]).expect("on reals");
            assert_eq!(patches.positions * outputs, results[0].len());
            for position in 0..patches.positions {
                let mut patch = vec![0.0; patches.groups * patches.taps];
                patches.unfold(sample * patches.positions + position, |row, code| patch[row] = f32::from(code) * STEP);
                for output in 0..outputs {
                    let (group, own) = (output / patches.outputs, output % patches.outputs);
                    let taps = patch[group * patches.taps..].iter().zip(patches.weights(order, group, own));
                    let sum: f32 = taps.map(|(x, at)| x * weights[at]).sum();
                    let wanted = results[0][position * outputs + output];
                    assert!((sum - wanted).abs() < 1e-3, "{} at {position}: {sum} {wanted}", node.op.name());
                }
            }
        }
    }
}

#[test]
fn moments_do_not_depend_on_how_positions_are_shared_out() {
    for (graph, [x, _]) in layers_of_all_kinds() {
        let codes: Vec<u8> = (0..SAMPLES * graph.value(x).len()).map(|index| (index * 91 % 253) as u8).collect();
        let patches = Patches::of(&graph, &graph.nodes[0], &codes).expect("a layer");
        let all = patches.chosen(SAMPLES, usize::MAX);
        let results: Vec<f32> =
            (0..all.len() * patches.groups * patches.outputs).map(|at| (at % 17) as f32 - 8.0).collect();
        let whole = Moments::of(&patches, &all, &results);
        // In another order: other blocks, and other threads for them.
        let backwards: Vec<usize> = all.iter().rev().copied().collect();
        let other = Moments::of(&patches, &backwards, &results);
        for group in 0..patches.groups {
            let [whole, other] = [&whole, &other].map(|moments| moments.group(group));
            assert_eq!(whole.covariances, other.covariances);
            assert_eq!((whole.crossed, whole.result_means), (other.crossed, other.result_means));
        }
        // Some of many: in order, each once, from the first to the last sample.
        let some = patches.chosen(SAMPLES, 4);
        assert!(some.len() == 4 && some.is_sorted_by(|a, b| a < b) && some[3] / patches.positions == SAMPLES - 1);
    }
}
