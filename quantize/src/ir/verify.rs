//! The graph's invariants, checked.
//!
//! Run after an import and after each pass: a pass that breaks the graph is caught where it happened and by
//! name, not three steps later as a wrong number. Nothing here trusts the graph, so a freshly imported one
//! needs no check of its own.

use std::collections::HashMap;

use super::{Graph, Node, Port, State, Value, ValueId, infer, is_permutation};

/// Which invariant a graph breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A node or port names a value the graph does not have.
    #[error("{holder} refers to value {index}, which the graph does not have")]
    DanglingValue {
        /// The node or port.
        holder: String,
        /// The index it holds.
        index: u32,
    },
    /// A value itself is malformed.
    #[error("value `{value}` {problem}")]
    BadValue {
        /// Its name.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// A node reads a value that no earlier node, input or constant supplies.
    #[error("node `{node}` reads `{value}` before it is computed")]
    NotComputed {
        /// The reader.
        node: String,
        /// The value's name.
        value: String,
    },
    /// A node writes a value that is an input, a constant or the result of an earlier node.
    #[error("node `{node}` computes `{value}`, which is already {holder}")]
    ComputedTwice {
        /// The writer.
        node: String,
        /// The value's name.
        value: String,
        /// Who supplied it first.
        holder: String,
    },
    /// A node does not fit its operands or result.
    #[error("node `{node}` ({op}): {problem}")]
    BadNode {
        /// Its name.
        node: String,
        /// The operator.
        op: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// An input or output of the graph is malformed.
    #[error("port `{port}` {problem}")]
    BadPort {
        /// Its name.
        port: String,
        /// What is wrong.
        problem: String,
    },
}

impl Graph {
    /// Checks every invariant of the graph; the first one broken is the error.
    pub fn verify(&self) -> Result<(), GraphError> {
        self.check_ids()?;
        self.check_values()?;
        self.check_order()?;
        self.nodes.iter().try_for_each(|node| self.check_node(node))?;
        self.inputs.iter().chain(&self.outputs).try_for_each(|port| self.check_port(port))?;
        self.states.iter().try_for_each(|state| self.check_state(state))
    }

    /// What a state becomes has its type, and is computed in the run or what another one was.
    fn check_state(&self, state: &State) -> Result<(), GraphError> {
        let bad = |problem: String| Err(GraphError::BadPort { port: state.name.clone(), problem });
        let (value, next) = (self.value(state.value), self.value(state.next));
        if (value.dtype, &value.shape, &value.quantization) != (next.dtype, &next.shape, &next.quantization) {
            return bad(format!("is kept as `{}`, which has another type, shape or quantization", next.name));
        }
        if (state.initial.dtype(), state.initial.len()) != (value.dtype, value.len()) {
            return bad("has an initial value of another type or length".into());
        }
        if next.elements.is_some() {
            return bad(format!("becomes `{}`, which is a constant", next.name));
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<(), GraphError> {
        let check = |id: ValueId, holder: &dyn Fn() -> String| {
            if (id.0 as usize) < self.values.len() {
                return Ok(());
            }
            Err(GraphError::DanglingValue { holder: holder(), index: id.0 })
        };
        for node in &self.nodes {
            let holder = || format!("node `{}`", node.name);
            node.inputs.iter().chain(&node.outputs).try_for_each(|&id| check(id, &holder))?;
        }
        let mut ports = self.inputs.iter().chain(&self.outputs);
        ports.try_for_each(|port| check(port.value, &|| format!("port `{}`", port.name)))?;
        self.states.iter().try_for_each(|state| {
            let holder = || format!("state `{}`", state.name);
            check(state.value, &holder)?;
            check(state.next, &holder)
        })
    }

    fn check_values(&self) -> Result<(), GraphError> {
        let mut names = HashMap::new();
        for (index, value) in self.values.iter().enumerate() {
            let bad = |problem: String| Err(GraphError::BadValue { value: value.name.clone(), problem });
            if let Some(other) = names.insert(value.name.as_str(), index) {
                return bad(format!("has the same name as value {other}"));
            }
            value.check().or_else(bad)?;
        }
        Ok(())
    }

    /// Every operand is supplied before it is read, and everything is supplied once.
    fn check_order(&self) -> Result<(), GraphError> {
        let mut holders: Vec<Option<String>> = self.values.iter().map(constant_holder).collect();
        for port in &self.inputs {
            let slot = &mut holders[port.value.0 as usize];
            if let Some(holder) = slot {
                return Err(GraphError::BadPort { port: port.name.clone(), problem: format!("is already {holder}") });
            }
            *slot = Some("a graph input".into());
        }
        for state in &self.states {
            let slot = &mut holders[state.value.0 as usize];
            if let Some(holder) = slot {
                return Err(GraphError::BadPort { port: state.name.clone(), problem: format!("is already {holder}") });
            }
            *slot = Some("a state".into());
        }
        for node in &self.nodes {
            let name = |id: ValueId| self.value(id).name.clone();
            let Some(&first) = node.outputs.first() else {
                let problem = "computes nothing".into();
                return Err(GraphError::BadNode { node: node.name.clone(), op: node.op.name(), problem });
            };
            if node.name.is_empty() {
                let problem = "has no name".into();
                return Err(GraphError::BadNode { node: name(first), op: node.op.name(), problem });
            }
            if let Some(&id) = node.inputs.iter().find(|id| holders[id.0 as usize].is_none()) {
                return Err(GraphError::NotComputed { node: node.name.clone(), value: name(id) });
            }
            for &id in &node.outputs {
                let slot = &mut holders[id.0 as usize];
                if let Some(holder) = slot.take() {
                    return Err(GraphError::ComputedTwice { node: node.name.clone(), value: name(id), holder });
                }
                *slot = Some(format!("the result of `{}`", node.name));
            }
        }
        let ports = self.outputs.iter().map(|port| (&port.name, port.value));
        let mut ends = ports.chain(self.states.iter().map(|state| (&state.name, state.next)));
        match ends.find(|(_, id)| holders[id.0 as usize].is_none()) {
            None => Ok(()),
            Some((name, id)) => {
                let problem = format!("reads `{}`, which nothing computes", self.value(id).name);
                Err(GraphError::BadPort { port: name.clone(), problem })
            }
        }
    }

    /// Checks one node against its operands and result, whose ids must be of this graph.
    pub(crate) fn check_node(&self, node: &Node) -> Result<(), GraphError> {
        let bad = |problem: String| Err(GraphError::BadNode { node: node.name.clone(), op: node.op.name(), problem });
        let inferred = match infer(self, &node.op, &node.inputs) {
            Ok(shapes) => shapes,
            Err(error) => return bad(error.0),
        };
        if node.outputs.len() != inferred.len() {
            return bad(format!("computes {} results but {} are declared", inferred.len(), node.outputs.len()));
        }
        let values = |ids: &[ValueId]| ids.iter().map(|&id| self.value(id)).collect::<Vec<&Value>>();
        let (operands, results) = (values(&node.inputs), values(&node.outputs));
        for (result, inferred) in results.iter().zip(inferred) {
            if !node.op.operator().may_have_shape(&inferred, &result.shape) {
                return bad(format!("computes shape {inferred:?} but its result is declared {:?}", result.shape));
            }
        }
        node.op.operator().check_types(&operands, &results).or_else(bad)
    }

    fn check_port(&self, port: &Port) -> Result<(), GraphError> {
        let bad = |problem: String| Err(GraphError::BadPort { port: port.name.clone(), problem });
        let (shape, source) = (&self.value(port.value).shape, &port.source_shape);
        let seen: Vec<usize> = match &port.permutation {
            None => source.clone(),
            Some(permutation) if is_permutation(permutation, source.len()) => {
                permutation.iter().map(|&axis| source[axis]).collect()
            }
            Some(permutation) => {
                return bad(format!("has {permutation:?}, which is no permutation of {} axes", source.len()));
            }
        };
        if seen != *shape {
            return bad(format!("has source shape {source:?}, seen as {seen:?}, but its value has {shape:?}"));
        }
        Ok(())
    }
}

fn constant_holder(value: &Value) -> Option<String> {
    value.elements.as_ref().map(|_| "a constant".into())
}
