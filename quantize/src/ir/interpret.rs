//! Runs a float graph node by node, each operator written as its formula.
//!
//! This is what the operators *mean*: sums are kept in `f64`, nothing is blocked, fused or reordered, and
//! it is far too slow for anything else. Passes are tested by running a graph before and after; constant
//! folding computes with it. The engine's kernels share no code with it.

use std::borrow::Cow;

use super::{Elements, Graph, Op, Port, transposed};
use crate::op::common::real::{Real, Reals};

/// Why a graph cannot be interpreted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterpretError {
    /// The model keeps tensors from run to run, which a single run on reals does not show.
    #[error("the model keeps `{state}` from run to run")]
    HasState {
        /// The first of them.
        state: String,
    },
    /// Only float graphs are run here; integer ones by the engine.
    #[error("node `{node}` ({op}) is not a float operator")]
    NotFloat {
        /// The node's name.
        node: String,
        /// Its operator.
        op: &'static str,
    },
    /// The data given does not fill the inputs.
    #[error("inputs have {given:?} elements, the graph takes {needed:?}")]
    WrongInputs {
        /// Elements given for each input.
        given: Vec<usize>,
        /// Elements needed.
        needed: Vec<usize>,
    },
}

/// Runs a verified float graph. Inputs and outputs are row-major in the *source's* layout, one slice for
/// each port, as the user of the model has them.
pub fn interpret(graph: &Graph, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, InterpretError> {
    if let Some(state) = graph.states.first() {
        return Err(InterpretError::HasState { state: state.name.clone() });
    }
    let needed: Vec<usize> = graph.inputs.iter().map(|port| port.source_shape.iter().product()).collect();
    let given: Vec<usize> = inputs.iter().map(Vec::len).collect();
    if needed != given {
        return Err(InterpretError::WrongInputs { given, needed });
    }
    let mut computed: Vec<Option<Vec<f32>>> = vec![None; graph.values.len()];
    let constants: Vec<Option<Cow<'_, [f32]>>> =
        graph.values.iter().map(|value| value.elements.as_ref().and_then(Elements::to_reals)).collect();
    for (port, data) in graph.inputs.iter().zip(inputs) {
        computed[port.value.0 as usize] = Some(from_source(port, data));
    }
    for node in &graph.nodes {
        let not_float = || InterpretError::NotFloat { node: node.name.clone(), op: node.op.name() };
        let operands: Option<Vec<Real<'_>>> = node
            .inputs
            .iter()
            .map(|&id| {
                let (index, value) = (id.0 as usize, graph.value(id));
                let data = computed[index].as_deref().or(constants[index].as_deref())?;
                Some(Real { shape: &value.shape, dtype: value.dtype, data })
            })
            .collect();
        let shapes: Vec<&[usize]> = node.outputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
        let results = operands.and_then(|operands| evaluate(&node.op, &operands, &shapes));
        for (id, result) in node.outputs.iter().zip(results.ok_or_else(not_float)?) {
            computed[id.0 as usize] = Some(result);
        }
    }
    let read = |port: &Port| {
        let id = port.value;
        let data = computed[id.0 as usize].as_deref().or(graph.constant_f32(id)).unwrap_or_default();
        to_source(port, data)
    };
    Ok(graph.outputs.iter().map(read).collect())
}

/// Data in a port's source layout, as the graph's value has it.
fn from_source(port: &Port, data: &[f32]) -> Vec<f32> {
    match &port.permutation {
        None => data.to_vec(),
        Some(permutation) => transposed(data, &port.source_shape, permutation),
    }
}

fn to_source(port: &Port, data: &[f32]) -> Vec<f32> {
    match &port.permutation {
        None => data.to_vec(),
        Some(permutation) => {
            let shape: Vec<usize> = permutation.iter().map(|&axis| port.source_shape[axis]).collect();
            transposed(data, &shape, &super::inverse(permutation))
        }
    }
}

/// Computes the results of one operator on floats, when it is defined on them. Shapes must have been verified.
pub(crate) fn evaluate(op: &Op, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
    op.operator().evaluate(inputs, shapes)
}
