//! Carries out a [`Removal`]: shrinks values, slices weights, replaces biases.

use super::plan::Removal;
use super::weighted::Weighted;
use crate::ir::{DType, Elements, Graph, Node, Quantization, Value, ValueId};
use crate::op::rule::layer::WeightOrder;

/// Removes the channels of `removal` from the whole graph.
pub(super) fn apply(graph: &mut Graph, removal: &Removal) {
    for node in 0..graph.nodes.len() {
        let order = Weighted::new(graph, &graph.nodes[node]).map(|layer| layer.order);
        if let Some(order) = order {
            let bias = removal.biases.get(&node);
            rewrite_layer(graph, node, order, removal, bias.map(Vec::as_slice));
        }
    }
    for (value, gone) in graph.values.iter_mut().zip(&removal.gone) {
        if gone.contains(&true) {
            let axis = value.shape.len().saturating_sub(1);
            *value = slice(value, axis, gone);
        }
    }
}

/// Slices the constants of one layer. They are new values, since a constant may serve several layers.
fn rewrite_layer(graph: &mut Graph, index: usize, order: WeightOrder, removal: &Removal, bias: Option<&[i32]>) {
    let node = graph.nodes[index].clone();
    let (output, Node { inputs, name, .. }) = (node.output(), node);
    let none = Vec::new();
    let gone = |id: ValueId| removal.gone.get(id.0 as usize).unwrap_or(&none);
    let (gone_inputs, gone_outputs) = (gone(inputs[0]), gone(output));
    let (any_input, any_output) = (gone_inputs.contains(&true), gone_outputs.contains(&true));
    if any_input || any_output {
        let weights = graph.value(inputs[1]);
        let last = weights.shape.len() - 1;
        let sliced = match order {
            WeightOrder::Dense { .. } => slice(&slice(weights, last, gone_inputs), 0, gone_outputs),
            WeightOrder::Depthwise { .. } => slice(weights, last, gone_outputs),
        };
        graph.nodes[index].inputs[1] = add_named(graph, sliced);
    }
    let replaced = match (bias, inputs.get(2)) {
        (Some(bias), Some(&old)) => {
            Some(Value { elements: Some(Elements::I32(bias.to_vec())), ..graph.value(old).clone() })
        }
        (Some(bias), None) => Some(new_bias(&name, bias)),
        (None, Some(&old)) if any_output => Some(graph.value(old).clone()),
        (None, _) => None,
    };
    if let Some(replaced) = replaced {
        let id = add_named(graph, slice(&replaced, 0, gone_outputs));
        graph.nodes[index].inputs.truncate(2);
        graph.nodes[index].inputs.push(id);
    }
}

/// The bias of a layer that had none.
fn new_bias(layer: &str, bias: &[i32]) -> Value {
    Value {
        name: format!("{layer}/bias"),
        dtype: DType::I32,
        shape: vec![bias.len()],
        quantization: None,
        elements: Some(Elements::I32(bias.to_vec())),
    }
}

/// Adds a constant under a name made unique.
fn add_named(graph: &mut Graph, mut value: Value) -> ValueId {
    value.name = graph.unique_name(&value.name);
    graph.add_value(value)
}

/// `value` without the indices of `axis` that are gone.
fn slice(value: &Value, axis: usize, gone: &[bool]) -> Value {
    let mut sliced = value.clone();
    if !gone.contains(&true) {
        return sliced;
    }
    let kept = |index: usize| gone.get(index).is_none_or(|gone| !gone);
    sliced.shape[axis] = (0..value.shape[axis]).filter(|&index| kept(index)).count();
    let inner: usize = value.shape[axis + 1..].iter().product();
    let keeps = |position: usize| kept(position / inner % value.shape[axis]);
    sliced.elements = value.elements.as_ref().and_then(|elements| {
        Elements::gather(&[elements], (0..elements.len()).filter(|&position| keeps(position)).map(|place| (0, place)))
    });
    if let Some(quantization) = value.quantization.as_ref().filter(|q| q.axis == Some(axis)) {
        sliced.quantization = Some(Quantization {
            scales: pick(&quantization.scales, kept),
            zero_points: pick(&quantization.zero_points, kept),
            axis: Some(axis),
            storage: quantization.storage,
        });
    }
    sliced
}

fn pick<T: Copy>(all: &[T], keeps: impl Fn(usize) -> bool) -> Vec<T> {
    all.iter().enumerate().filter(|(index, _)| keeps(*index)).map(|(_, element)| *element).collect()
}
