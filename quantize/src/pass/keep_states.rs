//! Layers that go over time keep their states from run to run, when the user wants it: a run is then a frame, or some.
//!
//! ```text
//! y = GRU(x)      line = GRU(x, state)      y = Slice(line)      next of state = Slice(line)
//! ```
//!
//! What a layer is at first it stays: zeros. One that is given its states is left alone, its user keeps them.

use super::{PassError, PassReport};
use crate::ir::{DType, Elements, Graph, Node, State, Value, ValueId};
use crate::op::{Cut, Op, Slice};

/// The pass in reports.
pub(super) const NAME: &str = "keep-states";

/// Gives the layers of a float graph states; what stands in the way of one is among what is left.
pub fn keep_states(graph: &mut Graph) -> Result<PassReport, PassError> {
    let mut report = PassReport::new(NAME);
    for node in core::mem::take(&mut graph.nodes) {
        let mut op = node.op.clone();
        match op.operator_mut().keep_states(&node.operand_shapes(graph)) {
            None => graph.nodes.push(node),
            Some(Err(reason)) => {
                report.miss(&node.name, reason);
                graph.nodes.push(node);
            }
            Some(Ok(states)) => {
                report.change(&node.name, "keeps its states from run to run");
                keep(graph, node, op, states);
            }
        }
    }
    Ok(report)
}

/// Replaces a node by `op`, which has its `states` as a second operand and behind its result.
pub(crate) fn keep(graph: &mut Graph, node: Node, op: Op, states: usize) {
    let name = graph.unique_name(&format!("{}/state", node.name));
    let value = |name: &str, len: usize| Value {
        name: name.into(),
        dtype: DType::F32,
        shape: vec![len],
        quantization: None,
        elements: None,
    };
    let state = graph.add_value(value(&name, states));
    let mut inputs = node.inputs.clone();
    inputs.push(state);
    let shapes: Vec<&[usize]> = inputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
    let len = op.operator().infer(&shapes).map_or(0, |shapes| shapes[0][0]);
    let line = graph.unique_name(&format!("{}/line", node.name));
    let line = graph.add_value(value(&line, len));
    graph.nodes.push(Node { name: node.name.clone(), op, inputs, outputs: vec![line] });
    let before = graph.value(node.outputs[0]).len();
    slice(graph, &format!("{}/result", node.name), (line, 0, before), node.outputs[0]);
    let next_name = graph.unique_name(&format!("{name}/next"));
    let next = graph.add_value(value(&next_name, states));
    slice(graph, &next_name, (line, len.saturating_sub(states), len), next);
    graph.states.push(State { name, value: state, next, initial: Elements::F32(vec![0.0; states]) });
}

fn slice(graph: &mut Graph, name: &str, (line, begin, end): (ValueId, usize, usize), output: ValueId) {
    let is_rest = graph.value(line).len() == end;
    let cuts = vec![Cut { begin, end: (!is_rest).then_some(end), stride: 1 }];
    graph.nodes.push(Node { name: name.into(), op: Slice { cuts }.into(), inputs: vec![line], outputs: vec![output] });
}
