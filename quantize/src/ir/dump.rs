//! A graph as text, one line for each port and node: for snapshots in tests and for `--verbose`.
//!
//! Two graphs with the same text compute the same thing up to the contents of their constants.

use core::fmt;

use super::{Graph, Node, Op, Port, Value, ValueId};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {}", self.name)?;
        for port in &self.inputs {
            writeln!(f, "  in  {}", PortText(self, port))?;
        }
        for state in &self.states {
            let [value, next] = [state.value, state.next].map(|id| self.value(id));
            writeln!(f, "  keeps {}: {}, then {}", state.name, TypeText(value), next.name)?;
        }
        for node in &self.nodes {
            writeln!(f, "  {}", NodeText(self, node))?;
        }
        for port in &self.outputs {
            writeln!(f, "  out {}", PortText(self, port))?;
        }
        Ok(())
    }
}

struct PortText<'a>(&'a Graph, &'a Port);

impl fmt::Display for PortText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PortText(graph, port) = self;
        write!(f, "{}: {}", port.name, TypeText(graph.value(port.value)))?;
        if let Some(permutation) = &port.permutation {
            write!(f, " = source {:?} permuted by {permutation:?}", port.source_shape)?;
        }
        Ok(())
    }
}

struct NodeText<'a>(&'a Graph, &'a Node);

impl fmt::Display for NodeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeText(graph, node) = self;
        for (position, &id) in node.outputs.iter().enumerate() {
            let (comma, output) = (if position == 0 { "" } else { ", " }, graph.value(id));
            write!(f, "{comma}{}: {}", output.name, TypeText(output))?;
        }
        write!(f, " = {}(", node.op.name())?;
        for (position, &id) in node.inputs.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{}", OperandText(graph, id))?;
        }
        write!(f, "){}", OpText(&node.op))
    }
}

/// A computed value by name, a constant by its type alone: names of constants change with every pass.
struct OperandText<'a>(&'a Graph, ValueId);

impl fmt::Display for OperandText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.value(self.1);
        match value.elements {
            Some(_) => write!(f, "const {}", TypeText(value)),
            None => f.write_str(&value.name),
        }
    }
}

struct TypeText<'a>(&'a Value);

impl fmt::Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.0.dtype.name(), self.0.shape)?;
        match &self.0.quantization {
            None => Ok(()),
            Some(q) if q.axis.is_none() => write!(f, " q({}, {})", q.scale(0), q.zero_point()),
            Some(q) => write!(f, " q(axis {})", q.axis.unwrap_or(0)),
        }
    }
}

struct OpText<'a>(&'a Op);

impl fmt::Display for OpText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.operator().write_attributes(f)
    }
}
