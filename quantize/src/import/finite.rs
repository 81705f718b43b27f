//! Numbers of a model that are none: NaN and infinity.
//!
//! A weight that is no number makes every output of its channel none, on every input. It comes from a training run that
//! diverged, so it is told here by name; left alone it would look like a fault of the calibration data, or like a model
//! that is merely bad.

use super::Problem;
use super::build::Refusal;
use crate::ir::{Elements, Graph};
use crate::op::rule::quantization::Codes;

/// What is wrong with `numbers`, which people know as `what`, if one of them is no finite number.
pub(super) fn refusal(what: &str, numbers: &[f32]) -> Option<Refusal> {
    let index = numbers.iter().position(|number| !number.is_finite())?;
    let (number, count) = (numbers[index], numbers.iter().filter(|number| !number.is_finite()).count());
    let problem = format!("{what} holds {count} that are no finite number, the first is {number} at {index}");
    Some(Refusal { problem, remedy: "the training diverged: train again, or export an earlier checkpoint".into() })
}

/// Every node that reads a constant with such a number, and every tensor that is kept and begins with one.
pub(super) fn problems(graph: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |node: &str, operator: &str, what: &str, elements: Option<&Elements>| {
        let Some(Elements::F32(numbers)) = elements else { return };
        let Some(Refusal { problem, remedy }) = refusal(what, numbers) else { return };
        problems.push(Problem { node: node.into(), operator: operator.into(), problem, remedy });
    };
    for node in &graph.nodes {
        // What only chooses among elements may choose an infinity: a mask before Softmax is made of them.
        let chooses = node.op.operator().codes() == Codes::Joined;
        for value in node.inputs.iter().map(|&id| graph.value(id)) {
            if chooses
                && value.elements.as_ref().and_then(Elements::f32s).is_some_and(|all| !all.iter().any(|x| x.is_nan()))
            {
                continue;
            }
            add(&node.name, node.op.name(), &format!("`{}`", value.name), value.elements.as_ref());
        }
    }
    for state in &graph.states {
        add(&state.name, "variable", "its initial value", Some(&state.initial));
    }
    problems
}
