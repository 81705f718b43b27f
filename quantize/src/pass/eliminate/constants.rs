//! Which channels of an int8 graph hold one value at every position, whatever the input is.
//!
//! A channel is an index of a value's last axis. The analysis runs forward once, in execution order, with the
//! arithmetic of the kernels: what it calls constant is equal to the bit at every position, borders included.
//! What it cannot show it calls unknown.

use kinglet_kernels::lookup::{logistic_i8_reference, relu_i8_reference, requantize_i8_reference, tanh_i8_reference};
use kinglet_kernels::numerics::OutputStage;

use super::weighted::Weighted;
use crate::affine::fixed;
use crate::ir::{Activation, DType, Elements, Graph, Node, Op, Quantization, Value, ValueId};

/// For each channel of a value the int8 it always holds, if it is known to hold one.
pub(super) type Channels = Vec<Option<i8>>;

/// Extent of the last axis; 1 for a scalar.
pub(super) fn channel_count(value: &Value) -> usize {
    value.shape.last().copied().unwrap_or(1)
}

/// The constant channels of every value of `graph`, by the value's index.
pub(super) fn constant_channels(graph: &Graph) -> Vec<Channels> {
    let mut known: Vec<Channels> = graph.values.iter().map(of_value).collect();
    for node in &graph.nodes {
        let &[result] = node.outputs.as_slice() else { continue };
        if graph.value(result).dtype == DType::I8 {
            let found = of_node(graph, node, &known);
            if let Some(found) = found {
                known[result.0 as usize] = found;
            }
        }
    }
    known
}

/// What is known of a value before any node has run: everything of a constant, nothing else.
fn of_value(value: &Value) -> Channels {
    let channels = channel_count(value);
    let Some(Elements::I8(elements)) = &value.elements else { return vec![None; channels] };
    let same = |channel: usize| {
        let mut all = elements.iter().skip(channel).step_by(channels);
        let first = *all.next()?;
        all.all(|&element| element == first).then_some(first)
    };
    (0..channels).map(same).collect()
}

/// The constant channels a node computes; `None` when nothing is known of its operator.
fn of_node(graph: &Graph, node: &Node, known: &[Channels]) -> Option<Channels> {
    if let Some(layer) = Weighted::new(graph, node) {
        let input = &known[layer.input.0 as usize];
        return Some((0..layer.outputs).map(|output| layer.constant_output(output, input)).collect());
    }
    let of = |position: usize| node.inputs.get(position).map(|id| &known[id.0 as usize]);
    let output = graph.value(node.output());
    let quantization = |id: &ValueId| graph.value(*id).quantization.as_ref();
    let (x, y) = (quantization(node.inputs.first()?), output.quantization.as_ref()?);
    let each = |function: &dyn Fn(i8) -> i8| Some(of(0)?.iter().map(|c| c.map(function)).collect());
    match &node.op {
        Op::Relu => each(&|q| x.map_or(q, |x| relu_i8_reference(&fixed::relu(x, y), q))),
        Op::Relu6 => each(&|q| x.map_or(q, |x| requantize_i8_reference(&fixed::relu6(x), q))),
        Op::Logistic => each(&|q| x.map_or(q, |x| logistic_i8_reference(&fixed::sigmoid(x), q))),
        Op::Tanh => each(&|q| x.map_or(q, |x| tanh_i8_reference(&fixed::sigmoid(x), q))),
        // From floats nothing is known.
        Op::Quantize => each(&|q| x.map_or(q, |x| requantize_i8_reference(&fixed::requantize(x, y), q))),
        // The mean and the maximum of equal values are that value, at the borders as well.
        Op::AveragePool2D { activation, .. } | Op::MaxPool2D { activation, .. } => {
            let stage = fixed::output_stage(*activation, y);
            each(&|q| i32::from(q).max(stage.min).min(stage.max) as i8)
        }
        Op::Mean { axes, .. } => mean(graph, node, axes, of(0)?),
        Op::Pad { before, after, value } => pad(before, after, fixed::quantize_real(*value, y), of(0)?),
        Op::Reshape => Some(reshape(of(0)?, channel_count(output))),
        Op::Concat { axis } => concat(graph, node, *axis, known),
        Op::Transpose { permutation } if keeps_last(permutation) => of(0).cloned(),
        Op::Add { activation } => add(graph, node, *activation, known),
        Op::Mul { activation } => mul(graph, node, *activation, known),
        _ => None,
    }
}

/// True when the last axis stays where it is.
pub(super) fn keeps_last(permutation: &[usize]) -> bool {
    permutation.last() == Some(&permutation.len().wrapping_sub(1))
}

fn mean(graph: &Graph, node: &Node, axes: &[usize], input: &Channels) -> Option<Channels> {
    let (x, y) = (graph.value(node.inputs[0]), graph.value(node.output()));
    if axes.last() == Some(&x.shape.len().wrapping_sub(1)) {
        return None;
    }
    let (qx, qy) = (x.quantization.as_ref()?, y.quantization.as_ref()?);
    let count: usize = axes.iter().map(|&axis| x.shape[axis]).product();
    let factor = fixed::mean_factor(qx, qy, count);
    let stage = OutputStage::unclamped(qy.zero_point());
    let of = |q: i8| stage.apply(((i64::from(q) - i64::from(qx.zero_point())) * count as i64) as i32, factor);
    Some(input.iter().map(|channel| channel.map(of)).collect())
}

fn pad(before: &[usize], after: &[usize], value: i8, input: &Channels) -> Option<Channels> {
    let (&channels_before, rows_before) = before.split_last()?;
    let (&channels_after, rows_after) = after.split_last()?;
    let positions = rows_before.iter().chain(rows_after).any(|&extent| extent != 0);
    let inner = input.iter().map(|&channel| channel.filter(|&q| !positions || q == value));
    let padded = |count: usize| core::iter::repeat_n(Some(value), count);
    Some(padded(channels_before).chain(inner).chain(padded(channels_after)).collect())
}

/// New channel `j` holds elements of the old channels that are `j` modulo the greatest common divisor of both
/// extents.
fn reshape(input: &Channels, channels: usize) -> Channels {
    let step = gcd(input.len(), channels);
    let of_residue = |residue: usize| {
        let mut all = input.iter().skip(residue).step_by(step);
        let first = (*all.next()?)?;
        all.all(|&channel| channel == Some(first)).then_some(first)
    };
    let residues: Channels = (0..step).map(of_residue).collect();
    (0..channels).map(|channel| residues[channel % step]).collect()
}

pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn concat(graph: &Graph, node: &Node, axis: usize, known: &[Channels]) -> Option<Channels> {
    let mut parts = node.inputs.iter().map(|id| &known[id.0 as usize]);
    if axis + 1 == graph.value(node.output()).shape.len() {
        return Some(parts.flatten().copied().collect());
    }
    let mut channels = parts.next()?.clone();
    for part in parts {
        for (channel, other) in channels.iter_mut().zip(part) {
            *channel = channel.filter(|q| Some(*q) == *other);
        }
    }
    Some(channels)
}

/// The operands' channels that meet in each channel of an elementwise result.
fn pairs(graph: &Graph, node: &Node, known: &[Channels]) -> Vec<(Option<i8>, Option<i8>)> {
    let channels = channel_count(graph.value(node.output()));
    let of = |position: usize, channel: usize| {
        let operand = &known[node.inputs[position].0 as usize];
        operand[if operand.len() == 1 { 0 } else { channel }]
    };
    (0..channels).map(|channel| (of(0, channel), of(1, channel))).collect()
}

fn operands<'g>(graph: &'g Graph, node: &Node) -> Option<[&'g Quantization; 3]> {
    let of = |id: ValueId| graph.value(id).quantization.as_ref();
    Some([of(node.inputs[0])?, of(node.inputs[1])?, of(node.output())?])
}

fn add(graph: &Graph, node: &Node, activation: Activation, known: &[Channels]) -> Option<Channels> {
    let [a, b, y] = operands(graph, node)?;
    let params = fixed::add(a, b, y, activation).ok()?;
    Some(pairs(graph, node, known).into_iter().map(|(a, b)| Some(params.apply(a?, b?))).collect())
}

fn mul(graph: &Graph, node: &Node, activation: Activation, known: &[Channels]) -> Option<Channels> {
    let [a, b, y] = operands(graph, node)?;
    let params = fixed::mul(a, b, y, activation);
    let zero = |q: Option<i8>, zero_point: i32| q.is_some_and(|q| i32::from(q) == zero_point);
    let of = |(qa, qb): (Option<i8>, Option<i8>)| match (qa, qb) {
        (Some(qa), Some(qb)) => Some(params.apply(qa, qb)),
        // A real zero makes every product zero, whatever the other operand is.
        _ if zero(qa, a.zero_point()) => Some(params.apply(a.zero_point() as i8, 0)),
        _ if zero(qb, b.zero_point()) => Some(params.apply(0, b.zero_point() as i8)),
        _ => None,
    };
    Some(pairs(graph, node, known).into_iter().map(of).collect())
}
