//! Random graphs keep their meaning.
//!
//! The generator knows nothing of the passes: it strings together operators that fit, transpositions and
//! reshapes most of all, so that it writes combinations nobody would think of.

use super::optimized;
use crate::ir::sketch::Sketch;
use crate::ir::{Activation, Graph, Op, Padding, ValueId, Window};
use crate::op::{
    Add, AveragePool2D, BatchNorm, Clip, Combine, Concat, Conv2D, Cut, DepthwiseConv2D, FullyConnected, Function,
    Logistic, Map, MapFunction, MatMul, MaxPool2D, Mean, Mul, Pad, Reduce, Reduction, Relu, Relu6, Resample, Slice,
    Softmax, Split, Take, Tanh, Transpose,
};

const GRAPH_COUNT: u32 = 3000;

#[test]
fn random_graphs_compute_the_same_before_and_after() {
    for seed in 0..GRAPH_COUNT {
        let graph = random_graph(seed);
        // A failure prints both graphs; the seed repeats it.
        let outcome = std::panic::catch_unwind(|| optimized(&graph));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

fn random_graph(seed: u32) -> Graph {
    let mut sketch = Sketch::new(seed);
    let mut values = vec![sketch.input(&[1, 3, 4, 2])];
    if seed.is_multiple_of(3) {
        values.push(sketch.input(&[1, 4, 2, 3]));
    }
    for _ in 0..3 + sketch.numbers.below(12) {
        // Mostly the newest value, so that chains grow.
        let back = sketch.numbers.below(3).min(values.len() - 1);
        let x = values[values.len() - 1 - back];
        if let Some(y) = grow(&mut sketch, x, &values) {
            values.push(y);
        }
    }
    let last = *values.last().expect("an input");
    let mut outputs = vec![last];
    let other = values[sketch.numbers.below(values.len())];
    if seed.is_multiple_of(4) && other != last {
        outputs.push(other);
    }
    sketch.finish(&outputs)
}

fn activation(sketch: &mut Sketch) -> Activation {
    [Activation::None, Activation::None, Activation::Relu, Activation::Relu6][sketch.numbers.below(4)]
}

/// Applies a random operator that fits `x`.
fn grow(sketch: &mut Sketch, x: ValueId, values: &[ValueId]) -> Option<ValueId> {
    let shape = sketch.graph.value(x).shape.clone();
    let (rank, last) = (shape.len(), *shape.last()?);
    let axis = sketch.numbers.below(rank);
    Some(match sketch.numbers.below(23) {
        0..=3 => {
            let permutation = shuffled(sketch, rank);
            sketch.node(Op::Transpose(Transpose { permutation }), &[x])
        }
        4 | 5 => {
            let shape = random_shape(sketch, &shape)?;
            sketch.reshape(x, &shape)
        }
        6 => mapped(sketch, x),
        7 => with_constant(sketch, x, &shape),
        8 => {
            let like = |&&other: &&ValueId| sketch.graph.value(other).shape == shape;
            let other = *values.iter().rev().find(like)?;
            sketch.node(Op::Add(Add { activation: Activation::None }), &[x, other])
        }
        9 => {
            let w = sketch.random(&[3, last]);
            sketch.node(Op::FullyConnected(FullyConnected { activation: Activation::None }), &[x, w])
        }
        10 => normalised(sketch, x, last),
        11 if rank > 1 => reduced(sketch, x, axis),
        19 if rank > 1 => {
            let b = if sketch.numbers.below(2) == 0 { x } else { sketch.random(&[3, last]) };
            let op = MatMul { transpose_a: false, transpose_b: true, activation: Activation::None };
            sketch.node(Op::MatMul(op), &[x, b])
        }
        12 => padded(sketch, x, rank, axis),
        13 => sketch.node(Op::Concat(Concat { axis }), &[x, x]),
        15 => {
            let mut cuts = vec![Cut::ALL; rank];
            let begin = sketch.numbers.below(shape[axis]);
            cuts[axis] = Cut { begin, end: None, stride: 1 + sketch.numbers.below(2) };
            sketch.node(Op::Slice(Slice { cuts }), &[x])
        }
        16 if shape[axis] > 1 => {
            let first = 1 + sketch.numbers.below(shape[axis] - 1);
            let parts = sketch.parts(Split { axis, sizes: vec![first, shape[axis] - first] }, x);
            parts[sketch.numbers.below(2)]
        }
        17 => combined(sketch, x, values),
        18 => {
            let like = |&&other: &&ValueId| sketch.graph.value(other).shape == shape;
            let other = *values.iter().rev().find(like)?;
            let constant = sketch.random(&shape);
            let condition = sketch.truths(Combine::new(Function::Less), [x, constant]);
            sketch.select([condition, x, other])
        }
        20 => {
            let mut indices = vec![None; rank];
            indices[axis] = Some((0..1 + sketch.numbers.below(5)).map(|_| sketch.numbers.below(shape[axis])).collect());
            sketch.node(Op::Take(Take { indices }), &[x])
        }
        21 => {
            let other = sketch.numbers.below(shape[axis]);
            let taps = (0..3).map(|_| vec![(0, 0.25), (other, 0.75)]).collect();
            sketch.node(Op::Resample(Resample { axis, taps }), &[x])
        }
        14 => sketch.node(Op::Softmax(Softmax { beta: 1.0 }), &[x]),
        _ if rank == 4 => windowed(sketch, x, &shape)?,
        _ => return None,
    })
}

/// A function of each element.
fn mapped(sketch: &mut Sketch, x: ValueId) -> ValueId {
    let ops = [
        Op::Relu(Relu),
        Op::Relu6(Relu6),
        Op::Clip(Clip { low: -0.5, high: 0.75 }),
        Op::Map(Map::plain(MapFunction::Softplus)),
        Op::Map(Map::with(MapFunction::LeakyRelu, 0.1)),
        Op::Tanh(Tanh),
        Op::Logistic(Logistic),
    ];
    let op = ops[sketch.numbers.below(ops.len())].clone();
    sketch.node(op, &[x])
}

fn reduced(sketch: &mut Sketch, x: ValueId, axis: usize) -> ValueId {
    let keep_dims = sketch.numbers.below(2) == 0;
    let axes = vec![axis];
    match sketch.numbers.below(3) {
        0 => sketch.node(Op::Mean(Mean { axes, keep_dims }), &[x]),
        _ => {
            let kind = Reduction::ALL[sketch.numbers.below(Reduction::ALL.len())];
            sketch.node(Op::Reduce(Reduce { kind, axes, keep_dims }), &[x])
        }
    }
}

/// A function of `x` and a value of the same shape, or a constant that repeats along some axes, on either side.
fn combined(sketch: &mut Sketch, x: ValueId, values: &[ValueId]) -> ValueId {
    let shape = sketch.graph.value(x).shape.clone();
    let function =
        [Function::Sub, Function::Max, Function::PRelu, Function::SquaredDifference][sketch.numbers.below(4)];
    let op = Op::Combine(Combine { function, activation: activation(sketch) });
    let other = values.iter().copied().find(|&other| sketch.graph.value(other).shape == shape);
    match other.filter(|_| sketch.numbers.below(2) == 0) {
        Some(other) => sketch.node(op, &[x, other]),
        None => {
            let repeated: Vec<usize> =
                shape.iter().map(|&extent| if sketch.numbers.below(2) == 0 { 1 } else { extent }).collect();
            let constant = sketch.random(&repeated);
            let is_first = sketch.numbers.below(2) == 0;
            sketch.node(op, &if is_first { [constant, x] } else { [x, constant] })
        }
    }
}

fn shuffled(sketch: &mut Sketch, rank: usize) -> Vec<usize> {
    let mut axes: Vec<usize> = (0..rank).collect();
    for at in (1..rank).rev() {
        axes.swap(at, sketch.numbers.below(at + 1));
    }
    axes
}

/// Other shapes of as many elements: flat rows, one axis more, one less.
fn random_shape(sketch: &mut Sketch, shape: &[usize]) -> Option<Vec<usize>> {
    let len: usize = shape.iter().product();
    let mut other = shape.to_vec();
    match sketch.numbers.below(4) {
        0 => other = vec![shape[0], len / shape[0]],
        1 if shape.len() < 5 => other.insert(sketch.numbers.below(shape.len() + 1), 1),
        2 => {
            let one = other.iter().position(|&extent| extent == 1)?;
            other.remove(one);
        }
        _ => other.reverse(),
    }
    (!other.is_empty()).then_some(other)
}

fn with_constant(sketch: &mut Sketch, x: ValueId, shape: &[usize]) -> ValueId {
    let mut constant = shape.to_vec();
    for extent in &mut constant {
        if sketch.numbers.below(2) == 0 {
            *extent = 1;
        }
    }
    let constant = sketch.random(&constant);
    let activation = activation(sketch);
    let op = if sketch.numbers.below(2) == 0 { Op::Add(Add { activation }) } else { Op::Mul(Mul { activation }) };
    sketch.node(op, &[x, constant])
}

fn normalised(sketch: &mut Sketch, x: ValueId, channels: usize) -> ValueId {
    let [scale, shift, mean] = [(); 3].map(|()| sketch.random(&[channels]));
    let variance = (0..channels).map(|_| sketch.numbers.float().abs() + 0.1).collect();
    let variance = sketch.floats(&[channels], variance);
    sketch.node(Op::BatchNorm(BatchNorm { epsilon: 0.01 }), &[x, scale, shift, mean, variance])
}

fn padded(sketch: &mut Sketch, x: ValueId, rank: usize, axis: usize) -> ValueId {
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    before[axis] = 1;
    after[sketch.numbers.below(rank)] = 1;
    let value = if sketch.numbers.below(3) == 0 { 0.5 } else { 0.0 };
    sketch.node(Op::Pad(Pad { before, after, value }), &[x])
}

fn windowed(sketch: &mut Sketch, x: ValueId, shape: &[usize]) -> Option<ValueId> {
    let activation = activation(sketch);
    let (channels, pad) = (shape[3], sketch.numbers.below(2));
    let padding = Padding { top: pad, bottom: 0, left: 0, right: pad };
    if shape[1] < 2 || shape[2] < 2 || channels > 12 {
        return None;
    }
    let window = Window { size: [2, 2], stride: [1, 2], padding };
    Some(match sketch.numbers.below(4) {
        0 => sketch.node(Op::MaxPool2D(MaxPool2D { window, activation }), &[x]),
        1 => sketch.node(Op::AveragePool2D(AveragePool2D { window, activation }), &[x]),
        2 => {
            let w = sketch.random(&[1, 2, 2, channels * 2]);
            let (stride, dilation, multiplier) = ([1, 1], [1, 1], 2);
            sketch.node(
                Op::DepthwiseConv2D(DepthwiseConv2D { stride, dilation, padding, multiplier, activation }),
                &[x, w],
            )
        }
        _ => {
            let groups = if channels % 2 == 0 { 2 } else { 1 };
            let (w, b) = (sketch.random(&[4, 2, 1, channels / groups]), sketch.random(&[4]));
            let (stride, dilation) = ([1, 2], [1, 1]);
            sketch.node(Op::Conv2D(Conv2D { stride, dilation, padding, groups, activation }), &[x, w, b])
        }
    })
}
