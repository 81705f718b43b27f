//! Pruning of small graphs, by random samples.

use super::*;
use crate::affine;
use crate::calibrate::{EngineRunner, Method, calibrate};
use crate::ir::sketch::Sketch;
use crate::ir::{Padding, interpret};
use crate::op::{Activation, Add, Conv2D, FullyConnected, Mean};
use crate::pass::eliminate::eliminate;

fn conv(activation: Activation) -> crate::ir::Op {
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    Conv2D { stride: [1, 1], dilation: [1, 1], padding, groups: 1, activation }.into()
}

/// An image, a residual block of two convolutions, and a dense layer on means. Channels 1 and 3 of the block are others of it
/// times a factor: who reads them can do without.
fn residual() -> Graph {
    let mut sketch = Sketch::new(5);
    let x = sketch.input(&[1, 6, 6, 2]);
    let doubled = |sketch: &mut Sketch, each: usize| {
        let mut weights = sketch.numbers.floats(4 * each);
        for (to, from, factor) in [(1, 0, 0.5), (3, 2, 2.0)] {
            for index in 0..each {
                weights[to * each + index] = factor * weights[from * each + index];
            }
        }
        weights
    };
    let first = doubled(&mut sketch, 18);
    let first = sketch.floats(&[4, 3, 3, 2], first);
    let a = sketch.node(conv(Activation::Relu), &[x, first]);
    let square = sketch.random(&[3, 3, 3, 4]);
    let inner = sketch.node(conv(Activation::Relu), &[a, square]);
    let second = doubled(&mut sketch, 27);
    let second = sketch.floats(&[4, 3, 3, 3], second);
    let b = sketch.node(conv(Activation::None), &[inner, second]);
    let sum = sketch.node(Add { activation: Activation::Relu }.into(), &[a, b]);
    let mean = sketch.node(Mean { axes: vec![1, 2], keep_dims: false }.into(), &[sum]);
    let last = sketch.random(&[5, 4]);
    let y = sketch.node(FullyConnected { activation: Activation::None }.into(), &[mean, last]);
    sketch.finish(&[y])
}

fn samples(graph: &Graph) -> Samples {
    let elements: Vec<f32> = (0..64).flat_map(|seed| graph.sample(seed).concat()).collect();
    Samples::from_elements(graph, &[elements]).expect("fits")
}

#[test]
fn channels_that_others_can_make_up_for_go_through_the_residual_join() {
    let whole = residual();
    let samples = samples(&whole);
    let mut graph = whole.clone();
    let pruned = prune_channels(&mut graph, &samples, 30.0).expect("a plain network");
    assert!(pruned.is_reached && pruned.macs[1] * 10 <= pruned.macs[0] * 7, "{pruned:?}");
    graph.verify().expect("valid");
    // Almost nothing is lost.
    let (mut signal, mut noise) = (0.0, 0.0);
    for seed in 1000..1016 {
        let input = whole.sample(seed);
        let [a, b] = [&whole, &graph].map(|graph| interpret(graph, &input).expect("floats").concat());
        signal += a.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
        noise += a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    }
    assert!(noise < signal * 1e-2, "{} dB", 10.0 * (signal / noise).log10());
    // And the int8 graph is really smaller.
    let mut runner = EngineRunner::new(&graph).expect("runs");
    let calibration = calibrate(&graph, &mut runner, &samples, Method::default(), &mut |_, _| {}).expect("finite");
    let mut int8 = affine::quantize(&graph, &calibration.table).expect("quantizes");
    let report = eliminate(&mut int8).expect("valid");
    let (before, after) = (report.before().macs, report.after().macs);
    assert!(after * 10 <= before * 7, "{before} {after}");
    assert_eq!(int8.value(whole.nodes[0].output()).shape, [1, 6, 6, 2], "channels 1 and 3 or their twins");
}

#[test]
fn more_than_there_is_cannot_go() {
    let mut graph = residual();
    let samples = samples(&graph);
    let pruned = prune_channels(&mut graph, &samples, 99.0).expect("a plain network");
    assert!(!pruned.is_reached && pruned.macs[1] < pruned.macs[0], "{pruned:?}");
    graph.verify().expect("valid");
}
