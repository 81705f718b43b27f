//! Nodes are read: operands looked up, results computed or added to the graph.

use std::rc::Rc;

use kinglet_tract::OnnxNode;

use super::attributes::Call;
use super::operator::{self, Conversion, Row};
use super::order::Plan;
use super::{Entry, Importer, undefined};
use crate::import::OPERATOR_COUNT_MAX;
use crate::import::build::{Refusal, refuse};

/// Most nodes that are read, loops and functions written out; most of them are arithmetic on shapes.
const VISITS_MAX: usize = 1 << 16;

impl Importer<'_> {
    /// Reads nodes into the innermost scope.
    pub(super) fn run(&mut self, nodes: &[OnnxNode], plan: &Plan) {
        for &index in &plan.order {
            let node = &nodes[index];
            let name = node_name(node, index);
            let results = match self.node(node, &name) {
                Ok(results) => results,
                Err(failure) => {
                    match failure {
                        Failure::Refused(refusal) => self.builder.problem(&name, &operator_name(node), refusal),
                        Failure::Unsupported => {
                            self.builder.unsupported(&name, &operator_name(node), operator::REMEDIES);
                        }
                        Failure::Unknown => {}
                    }
                    Vec::new()
                }
            };
            // A result without a name is not wanted.
            for (position, output) in node.outputs.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
                let entry = results.get(position).cloned().unwrap_or(Entry::Unknown);
                self.scopes.insert(output.clone(), entry);
            }
        }
        self.refuse_circle(nodes, plan);
    }

    /// Reports nodes that wait for each other; what hangs on them has no entry, or is unknown.
    fn refuse_circle(&mut self, nodes: &[OnnxNode], plan: &Plan) {
        let Some(&first) = plan.circle.first() else { return };
        let names: Vec<String> =
            plan.circle.iter().take(8).map(|&index| format!("`{}`", node_name(&nodes[index], index))).collect();
        let problem = format!("waits for its own result, by way of {}", names.join(", "));
        let refusal = Refusal { problem, remedy: "export the model again".into() };
        self.builder.problem(&node_name(&nodes[first], first), &operator_name(&nodes[first]), refusal);
        for node in nodes {
            for output in &node.outputs {
                if !self.scopes.has_own(output) {
                    self.scopes.insert(output.clone(), Entry::Unknown);
                }
            }
        }
    }

    fn node(&mut self, node: &OnnxNode, name: &str) -> Result<Vec<Entry>, Failure> {
        self.count_visit()?;
        if let Some(output) = node.outputs.iter().find(|output| self.scopes.has_own(output)) {
            return Err(Failure::Refused(twice(output)));
        }
        let function = self.function_of(node);
        let row = Row::of(&node.domain, &node.op_type);
        if function.is_none() && row.is_none() {
            return Err(Failure::Unsupported);
        }
        let call = Call { node, name, operands: self.operands(node)?, opset: self.opset };
        let Some(row) = row.filter(|_| function.is_none()) else {
            return match function {
                Some(function) => Ok(self.call_function(function, &call)?),
                None => Err(Failure::Unsupported),
            };
        };
        if let Some(constant) = self.fold(row, &call)? {
            return Ok(vec![Entry::Constant(Rc::new(constant))]);
        }
        Ok(match row.conversion {
            Conversion::One(convert) => vec![convert(self, &call)?],
            Conversion::Several(convert) => convert(self, &call)?,
            Conversion::Never => refuse("its operand is computed at run time", operator::FIXED_SHAPES)?,
        })
    }

    fn count_visit(&mut self) -> Result<(), Failure> {
        self.visits += 1;
        let is_too_much = self.visits > VISITS_MAX || self.builder.graph.nodes.len() > 4 * OPERATOR_COUNT_MAX;
        match is_too_much {
            false => Ok(()),
            // Once is enough.
            true if self.visits > 2 * VISITS_MAX => Err(Failure::Unknown),
            true => {
                self.visits = 2 * VISITS_MAX;
                let problem = format!("more than {VISITS_MAX} operators, loops and functions written out");
                Ok(refuse(problem, "use fewer or shorter loops")?)
            }
        }
    }

    fn operands(&self, node: &OnnxNode) -> Result<Vec<Option<Entry>>, Failure> {
        let mut operands = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            operands.push(match input.as_str() {
                "" => None,
                input => match self.scopes.get(input) {
                    Some(Entry::Absent) => None,
                    Some(Entry::Unknown) => return Err(Failure::Unknown),
                    Some(Entry::Refused(refusal)) => return Err(Failure::Refused(refusal.clone())),
                    Some(entry) => Some(entry.clone()),
                    None => return Err(Failure::Refused(undefined(input))),
                },
            });
        }
        Ok(operands)
    }
}

/// Why a node has no result.
enum Failure {
    /// It is reported.
    Refused(Refusal),
    /// No function reads its operator.
    Unsupported,
    /// An operand is missing because its own node was reported.
    Unknown,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(refusal)
    }
}

fn twice(name: &str) -> Refusal {
    Refusal { problem: format!("`{name}` is computed twice"), remedy: "export the model again".into() }
}

fn operator_name(node: &OnnxNode) -> String {
    if node.domain.is_empty() { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) }
}

/// A node's name for people: its own, else that of its first result.
fn node_name(node: &OnnxNode, index: usize) -> String {
    [&node.name]
        .into_iter()
        .chain(&node.outputs)
        .find(|name| !name.is_empty())
        .map_or_else(|| format!("node {index}"), |name| name.chars().take(256).collect())
}
