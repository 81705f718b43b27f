//! The host's picture of a network: a flat graph of values and nodes.
//!
//! Every importer produces it, every pass rewrites it, lowering reads it. Its invariants are checked by
//! [`Graph::verify`] after each step:
//!
//! - nodes stand in an order in which every input is computed before it is used;
//! - every value is produced by at most one node, and a constant or a graph input by none;
//! - shapes and types agree with what the operator computes from its inputs.
//!
//! Operators have one meaning each, in channels-last layout (`[N, H, W, C]`). A model written channels-first
//! is imported with explicit [`Op::Transpose`] nodes around such operators, and the layout pass cancels
//! them: every step in between is an ordinary graph that can be run and compared.

mod dump;
mod interpret;
mod shape;
#[cfg(test)]
pub(crate) mod sketch;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use interpret::evaluate;
pub use interpret::{InterpretError, interpret};
pub use shape::{infer, infer_one, infer_shapes};
pub use verify::GraphError;

use crate::op::FeatureCode;
use crate::op::rule::memory::Placement;
use crate::op::rule::moves::Moves;
pub use crate::op::{Activation, Op, Padding, Window, broadcast};
pub use crate::value::{
    DType, Elements, Quantization, RANK_MAX, Shape, ShapeError, VALUE_LEN_MAX, Value, ValueId, checked_len, inverse,
    is_permutation, transposed,
};

/// One operator application.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The source model's name of it, for messages and reports; not empty.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands in the order [`Op`] documents; an optional trailing operand (a bias) is simply absent.
    pub inputs: Vec<ValueId>,
    /// What it computes, in the order [`Op`] documents; a verified node has at least one result.
    pub outputs: Vec<ValueId>,
}

/// A model's input or output as its user sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// The graph value behind it.
    pub value: ValueId,
    /// The source model's name.
    pub name: String,
    /// The source model's shape of it, for example `[1, 3, 32, 32]`.
    pub source_shape: Vec<usize>,
    /// `Some(perm)` when the graph's value is the source tensor transposed: axis `i` of the value is axis
    /// `perm[i]` of the source (`[0, 2, 3, 1]` for an image that was channels-first). The caller's data is
    /// always in the source's layout.
    pub permutation: Option<Vec<usize>>,
}

/// A tensor that a model keeps from run to run.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The source model's name.
    pub name: String,
    /// What it is while a run computes: no node computes this value.
    pub value: ValueId,
    /// What it is after the run: a value of the same type and shape.
    pub next: ValueId,
    /// What it is before the first run.
    pub initial: Elements,
}

/// A whole network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The model's name, for the manifest.
    pub name: String,
    /// All values; unused ones may remain.
    pub values: Vec<Value>,
    /// In execution order.
    pub nodes: Vec<Node>,
    /// What the caller supplies.
    pub inputs: Vec<Port>,
    /// What the caller reads.
    pub outputs: Vec<Port>,
    /// What is kept from run to run.
    pub states: Vec<State>,
    /// Names of the classes by index, where the source has some.
    pub labels: Vec<String>,
    /// Whether inputs and outputs keep the axes of the source in their order: its user has them as they are there.
    pub keeps_port_layout: bool,
    /// Whether its scales are the compiler's choice, from calibration data: factors and biases may be rounded. Those of a
    /// model that came quantized have to give every code that the model gives.
    pub has_own_scales: bool,
}

impl Node {
    /// The result of an operator that has one.
    ///
    /// Whoever asks has looked at the operator: where any may come, [`Node::outputs`] is what counts.
    pub fn output(&self) -> ValueId {
        debug_assert_eq!(self.outputs.len(), 1, "`{}` has several results", self.name);
        self.outputs[0]
    }
}

impl Node {
    /// The shapes of its operands.
    pub(crate) fn operand_shapes<'g>(&self, graph: &'g Graph) -> Vec<&'g [usize]> {
        self.inputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect()
    }

    /// Where every element of its results comes from, when it only moves elements.
    pub(crate) fn moves(&self, graph: &Graph) -> Option<Moves> {
        let shapes: Vec<&[usize]> = self.outputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
        self.op.operator().moves(&self.operand_shapes(graph), &shapes)
    }

    /// Which of its results and operands can be the same memory.
    pub(crate) fn placement(&self, graph: &Graph) -> Placement {
        self.op.operator().placement(&self.operand_shapes(graph))
    }

    /// True when its result is its operand under another shape.
    pub(crate) fn renames(&self, graph: &Graph) -> bool {
        self.placement(graph) == Placement::Renamed
    }
}

impl Graph {
    /// The value behind an id. Ids come from this graph only, so a foreign id is a programming error.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// Mutable access to a value.
    pub fn value_mut(&mut self, id: ValueId) -> &mut Value {
        &mut self.values[id.0 as usize]
    }

    /// Adds a value and returns its id.
    pub fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() as u32 - 1)
    }

    /// A value name that is not taken: `name`, with a number behind it.
    pub fn unique_name(&self, name: &str) -> String {
        let stem = match name.rsplit_once('#') {
            Some((stem, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
            _ => name,
        };
        // The value's index is free but for values renumbered by earlier passes.
        let mut number = self.values.len();
        loop {
            let unique = format!("{stem}#{number}");
            if self.values.iter().all(|value| value.name != unique) {
                return unique;
            }
            number += 1;
        }
    }

    /// Adds a constant under a name made unique.
    pub fn add_constant(&mut self, name: &str, shape: Vec<usize>, elements: Elements) -> ValueId {
        let name = self.unique_name(name);
        self.add_value(Value { name, dtype: elements.dtype(), shape, quantization: None, elements: Some(elements) })
    }

    /// Adds a float intermediate result under a name made unique.
    pub fn add_intermediate(&mut self, name: &str, shape: Vec<usize>) -> ValueId {
        let name = self.unique_name(name);
        self.add_value(Value { name, dtype: DType::F32, shape, quantization: None, elements: None })
    }

    /// How the reals of each column of an input become codes, where they have not one scale.
    pub fn feature_codes(&self, input: ValueId) -> &[FeatureCode] {
        let forest = |index: usize| self.nodes[index].op.operator().coded_forest();
        self.consumers(input).into_iter().find_map(forest).map_or(&[], |forest| &forest.features)
    }

    /// The elements of a float constant; `None` for anything else.
    pub fn constant_f32(&self, id: ValueId) -> Option<&[f32]> {
        match &self.value(id).elements {
            Some(Elements::F32(elements)) => Some(elements),
            _ => None,
        }
    }

    /// Index of the node that computes `id`, if one does.
    pub fn producer(&self, id: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.outputs.contains(&id))
    }

    /// Indices of the nodes that read `id`.
    pub fn consumers(&self, id: ValueId) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.nodes[index].inputs.contains(&id)).collect()
    }

    /// True when some node computes a value of this type.
    pub fn computes_on(&self, dtype: DType) -> bool {
        self.nodes.iter().flat_map(|node| &node.outputs).any(|&id| self.value(id).dtype == dtype)
    }

    /// Every value that is there when a run begins: inputs, then states.
    pub fn sources(&self) -> impl Iterator<Item = ValueId> {
        self.inputs.iter().map(|port| port.value).chain(self.states.iter().map(|state| state.value))
    }

    /// Every value that is needed when a run ends: outputs, then what states become.
    pub fn sinks(&self) -> impl Iterator<Item = ValueId> {
        self.outputs.iter().map(|port| port.value).chain(self.states.iter().map(|state| state.next))
    }

    /// True when the caller reads `id`, or the model keeps it for its next run.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.sinks().any(|sink| sink == id)
    }
}
