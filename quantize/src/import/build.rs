//! What both importers need to put a graph together: unique names, nodes checked as they are added, and the
//! list of everything that cannot be used.

use crate::op::Reshape;
use std::collections::HashSet;

use super::{ImportError, Imported, Problem};
use crate::ir::{DType, Elements, Graph, GraphError, Node, Op, Quantization, Value, ValueId, infer, infer_one};

/// Why one node or tensor cannot be used, before it is known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) problem: String,
    pub(super) remedy: String,
}

/// The result of converting one thing.
pub(super) type Convert<T> = Result<T, Refusal>;

/// A refusal as an error.
pub(super) fn refuse<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Convert<T> {
    Err(Refusal { problem: problem.into(), remedy: remedy.into() })
}

/// A graph under construction.
pub(super) struct Builder {
    pub(super) graph: Graph,
    names: HashSet<String>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    /// The file format's operators that are read.
    readable: Vec<&'static str>,
    lacks_operators: bool,
}

/// What works in place of operators that are not read: their names, and the nearest thing to them.
pub(super) type Remedies = [(&'static [&'static str], &'static str)];

impl Builder {
    /// A graph made of a file whose `readable` operators are read.
    pub(super) fn new(name: &str, readable: impl Iterator<Item = &'static str>) -> Self {
        let graph = Graph { name: name.into(), ..Graph::default() };
        let (names, problems, readable) = (HashSet::new(), Vec::new(), readable.collect());
        Builder { graph, names, problems, warnings: Vec::new(), readable, lacks_operators: false }
    }

    /// Adds a value under a name made unique, after checking it.
    pub(super) fn value(&mut self, mut value: Value) -> Convert<ValueId> {
        if let Err(problem) = value.check() {
            return refuse(format!("`{}` {problem}", value.name), "export it with a supported shape and quantization");
        }
        value.name = self.unique(&value.name);
        Ok(self.graph.add_value(value))
    }

    /// Adds a float or integer constant without quantization.
    pub(super) fn constant(&mut self, name: &str, shape: Vec<usize>, elements: Elements) -> Convert<ValueId> {
        let dtype = elements.dtype();
        self.value(Value { name: name.into(), dtype, shape, quantization: None, elements: Some(elements) })
    }

    /// Adds a node that computes `output`.
    pub(super) fn node(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, output: ValueId) -> Convert<()> {
        self.node_of(name, op, inputs, vec![output])
    }

    /// Adds a node with any number of results.
    pub(super) fn node_of(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, outputs: Vec<ValueId>) -> Convert<()> {
        let node = Node { name: name.into(), op, inputs, outputs };
        match self.graph.check_node(&node) {
            Ok(()) => {
                self.graph.nodes.push(node);
                Ok(())
            }
            Err(GraphError::BadNode { problem, .. }) => refuse(problem, AGREE),
            Err(other) => refuse(other.to_string(), AGREE),
        }
    }

    /// Adds a node and the value it computes, typed and quantized like its first operand.
    pub(super) fn apply(&mut self, name: &str, op: Op, inputs: Vec<ValueId>) -> Convert<ValueId> {
        let shape = infer_one(&self.graph, &op, &inputs).or_else(|error| refuse(error.0, AGREE))?;
        self.apply_as(name, op, inputs, shape)
    }

    /// Adds a node with several results and the values it computes, all typed and quantized like its first operand.
    pub(super) fn apply_all(&mut self, name: &str, op: Op, inputs: Vec<ValueId>) -> Convert<Vec<ValueId>> {
        let shapes = infer(&self.graph, &op, &inputs).or_else(|error| refuse(error.0, AGREE))?;
        let outputs = shapes.into_iter().map(|shape| self.result(name, &inputs, shape)).collect::<Convert<Vec<_>>>()?;
        self.node_of(name, op, inputs, outputs.clone())?;
        Ok(outputs)
    }

    /// Reshapes `input` to `shape`, or hands it back when it has that shape already. A constant is reshaped
    /// on the spot.
    pub(super) fn reshape(&mut self, name: &str, input: ValueId, shape: Vec<usize>) -> Convert<ValueId> {
        let value = self.graph.value(input);
        if value.shape == shape {
            return Ok(input);
        }
        let per_tensor = value.quantization.as_ref().is_none_or(|q| q.axis.is_none());
        if value.elements.is_some() && per_tensor {
            return self.value(Value { shape, ..value.clone() });
        }
        self.apply_as(name, Op::Reshape(Reshape), vec![input], shape)
    }

    /// Adds a node and the value it computes, of another type than its operands.
    pub(super) fn apply_typed(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<ValueId>,
        (dtype, quantization): (DType, Option<Quantization>),
    ) -> Convert<ValueId> {
        let shape = infer_one(&self.graph, &op, &inputs).or_else(|error| refuse(error.0, AGREE))?;
        let output = self.value(Value { name: name.into(), dtype, shape, quantization, elements: None })?;
        self.node(name, op, inputs, output)?;
        Ok(output)
    }

    fn apply_as(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, shape: Vec<usize>) -> Convert<ValueId> {
        let output = self.result(name, &inputs, shape)?;
        self.node(name, op, inputs, output)?;
        Ok(output)
    }

    /// Adds a value that is typed and quantized like the first of `inputs`.
    fn result(&mut self, name: &str, inputs: &[ValueId], shape: Vec<usize>) -> Convert<ValueId> {
        let Some(&first) = inputs.first() else {
            return refuse("has no operand", "export the model again");
        };
        let dtype = self.graph.value(first).dtype;
        // Floats that are computed are those of no codes.
        let quantization = self.graph.value(first).quantization.clone().filter(|_| dtype != DType::F32);
        self.value(Value { name: name.into(), dtype, shape, quantization, elements: None })
    }

    /// Gives both operands of an elementwise operator the same number of axes, as NumPy's rules align them.
    pub(super) fn same_rank(&mut self, name: &str, operands: [ValueId; 2]) -> Convert<[ValueId; 2]> {
        let mut aligned = operands;
        self.align(name, &mut aligned)?;
        Ok(aligned)
    }

    /// The same for any number of operands.
    pub(super) fn aligned(&mut self, name: &str, mut operands: Vec<ValueId>) -> Convert<Vec<ValueId>> {
        self.align(name, &mut operands)?;
        Ok(operands)
    }

    fn align(&mut self, name: &str, operands: &mut [ValueId]) -> Convert<()> {
        let rank = operands.iter().map(|id| self.graph.value(*id).shape.len()).max().unwrap_or(0);
        for id in operands {
            let shape = &self.graph.value(*id).shape;
            let padded: Vec<usize> = core::iter::repeat_n(1, rank - shape.len()).chain(shape.iter().copied()).collect();
            *id = self.reshape(&format!("{name}/align"), *id, padded)?;
        }
        Ok(())
    }

    /// Notes what cannot be used; the rest of the file is looked at all the same.
    pub(super) fn problem(&mut self, node: &str, operator: &str, refusal: Refusal) {
        let Refusal { problem, remedy } = refusal;
        self.problems.push(Problem { node: node.into(), operator: operator.into(), problem, remedy });
    }

    /// Notes an operator that is not read.
    pub(super) fn unsupported(&mut self, node: &str, operator: &str, remedies: &Remedies) {
        self.lacks_operators = true;
        let found = remedies.iter().find(|(operators, _)| operators.contains(&operator));
        let remedy = found.map_or("build the layer from operators that are", |(_, remedy)| remedy);
        self.problem(
            node,
            operator,
            Refusal { problem: "this operator is not supported".into(), remedy: remedy.into() },
        );
    }

    /// Notes what may not be as the user believes: a sentence.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// The graph, or everything that stands in its way.
    pub(super) fn finish(self) -> Result<Imported, ImportError> {
        if self.problems.is_empty() {
            return Ok(Imported { graph: self.graph, warnings: self.warnings });
        }
        let operators = if self.lacks_operators { self.readable } else { Vec::new() };
        Err(ImportError::Unsupported { file: self.graph.name, problems: self.problems, operators })
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = if name.is_empty() { format!("unnamed:{}", self.graph.values.len()) } else { name.to_owned() };
        if self.names.contains(&unique) {
            unique = format!("{name}:{}", self.graph.values.len());
        }
        while !self.names.insert(unique.clone()) {
            unique.push('\'');
        }
        unique
    }
}

const AGREE: &str =
    "export the model so that operands and results agree: all float32, or all int8 with matching scales";
