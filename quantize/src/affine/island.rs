//! Operators that stay on floats in a quantized graph, and those that have none: integers and truth values.
//!
//! What an operator on floats reads is dequantized once, whoever reads it; what it computes is quantized, unless only
//! such operators read it.

use std::collections::HashMap;

use crate::ir::{DType, Graph, Node, Value, ValueId};
use crate::op::{Dequantize, Quantize};

/// True for a node that computes the same in the quantized graph as in the float graph.
pub(super) fn stays(float: &Graph, node: &Node) -> bool {
    let is_float = |id: &ValueId| float.value(*id).dtype == DType::F32;
    node.op.operator().stays_on_floats() || !node.inputs.iter().chain(&node.outputs).any(is_float)
}

/// True for a value that only such nodes write and read.
pub(super) fn stays_real(float: &Graph, id: ValueId) -> bool {
    let stays = |index: usize| stays(float, &float.nodes[index]);
    !float.is_output(id) && float.producer(id).is_some_and(stays) && float.consumers(id).into_iter().all(stays)
}

/// Values that have been dequantized.
#[derive(Default)]
pub(super) struct Island {
    reals: HashMap<ValueId, ValueId>,
}

impl Island {
    /// Adds a node that stays, with what brings its operands to floats and its results to codes.
    pub(super) fn add(&mut self, graph: &mut Graph, mut node: Node, nodes: &mut Vec<Node>) {
        for operand in &mut node.inputs {
            if graph.value(*operand).dtype == DType::I8 && graph.value(*operand).elements.is_none() {
                *operand = self.real(graph, *operand, nodes);
            }
        }
        let mut behind = Vec::new();
        for output in &mut node.outputs {
            if graph.value(*output).dtype == DType::I8 {
                let real = real_value(graph, *output);
                let name = graph.unique_name(&format!("{}/codes", graph.value(*output).name));
                behind.push(Node { name, op: Quantize.into(), inputs: vec![real], outputs: vec![*output] });
                *output = real;
            }
        }
        nodes.push(node);
        nodes.append(&mut behind);
    }

    fn real(&mut self, graph: &mut Graph, id: ValueId, nodes: &mut Vec<Node>) -> ValueId {
        if let Some(&real) = self.reals.get(&id) {
            return real;
        }
        let real = real_value(graph, id);
        let name = graph.value(real).name.clone();
        nodes.push(Node { name, op: Dequantize.into(), inputs: vec![id], outputs: vec![real] });
        self.reals.insert(id, real);
        real
    }
}

/// A float value like `id`.
fn real_value(graph: &mut Graph, id: ValueId) -> ValueId {
    let Value { name, shape, .. } = graph.value(id).clone();
    let name = graph.unique_name(&format!("{name}/real"));
    graph.add_value(Value { name, dtype: DType::F32, shape, quantization: None, elements: None })
}
