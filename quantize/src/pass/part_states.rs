//! Copies what leaves the run and is in no place of its own: what a state was, as an output or as what another state
//! becomes, and constants.
//!
//! ```text
//! y = state                    y = Slice(state)
//! next of b = Reshape(a)  -->  next of b = Slice(Reshape(a))
//! y = constant                 y = Concat(constant)
//! ```
//!
//! When a run ends, a state's place holds what it becomes. A model that gives a state out, or hands it down a line of states,
//! means what it was before. Lowering could copy as well, but every value has one place: what needs two must be two values.
//!
//! Copies move bytes and nothing else, so all this holds for int8 graphs bit for bit.

use std::collections::HashMap;

use super::edit::state_under;
use super::{Pass, PassError, PassReport};
use crate::ir::{Graph, Node, Value, ValueId};
use crate::op::{Concat, Cut, Slice};

/// See the module's head.
pub(super) struct PartStates;

impl Pass for PartStates {
    fn name(&self) -> &'static str {
        "part-states"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut copies = HashMap::new();
        for index in 0..graph.outputs.len() {
            let value = graph.outputs[index].value;
            if graph.value(value).elements.is_some() {
                let name = graph.outputs[index].name.clone();
                report.change(&name, "is a copy of a constant");
                graph.outputs[index].value = *copies.entry(value).or_insert_with(|| stored(graph, value));
            } else if state_under(graph, value).is_some() {
                let name = graph.outputs[index].name.clone();
                report.change(&name, "is a copy of what a state was");
                graph.outputs[index].value = *copies.entry(value).or_insert_with(|| copied(graph, value));
            }
        }
        for index in 0..graph.states.len() {
            let (own, next) = (graph.states[index].value, graph.states[index].next);
            if state_under(graph, next).is_some_and(|state| state != own) {
                let name = graph.states[index].name.clone();
                report.change(&name, "becomes a copy of what another state was");
                graph.states[index].next = *copies.entry(next).or_insert_with(|| copied(graph, next));
            }
        }
        Ok(report)
    }
}

/// A new value that is all of `id`.
fn copied(graph: &mut Graph, id: ValueId) -> ValueId {
    let mut copy = graph.value(id).clone();
    copy.name = graph.unique_name(&format!("{}/copy", copy.name));
    let (name, cuts) = (copy.name.clone(), vec![Cut::ALL; copy.shape.len()]);
    let output = graph.add_value(copy);
    graph.nodes.push(Node { name, op: Slice { cuts }.into(), inputs: vec![id], outputs: vec![output] });
    output
}

/// A new value that the run fills with a constant.
fn stored(graph: &mut Graph, id: ValueId) -> ValueId {
    let mut copy = Value { elements: None, ..graph.value(id).clone() };
    copy.name = graph.unique_name(&format!("{}/copy", copy.name));
    let name = copy.name.clone();
    let output = graph.add_value(copy);
    graph.nodes.push(Node { name, op: Concat { axis: 0 }.into(), inputs: vec![id], outputs: vec![output] });
    output
}
