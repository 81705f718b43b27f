//! ONNX files: floats, operator sets 7 to 28. Floats of 16 and 64 bits become float32.
//!
//! Every tensor keeps the layout it has in the file. Operators that exist in the graph only channels-last
//! (convolution, pooling, batch normalisation) are wrapped in explicit transpositions here, which the
//! layout pass cancels later; so what this importer makes of a file can be run and compared as it is.
//!
//! Shapes are fixed on import (an open batch becomes 1), so `Shape`, `Gather`, `Concat` and the like on
//! shapes are plain arithmetic on known numbers: [`constant`] does it, and no such operator reaches the graph.

mod activation;
mod attributes;
mod combine;
mod constant;
mod conv_transpose;
mod convolution;
mod dense;
mod elementwise;
mod fold;
mod matrices;
mod moves;
mod operator;
mod pool;
mod reduction;
mod reshape;
mod resize;
mod slice;
#[cfg(test)]
mod tests;
mod types;

use crate::op::Transpose;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use kinglet_tract::{Attribute, DecodeError, Extent, OnnxFile, OnnxGraph, OnnxNode, OnnxPort, type_name};

use super::budget::Budget;
use super::build::{Builder, Convert, Refusal, refuse};
use super::{ImportError, Imported, ModelBytes, OPERATOR_COUNT_MAX};
use crate::ir::{Op, Port, Value, ValueId, checked_len};
use crate::plain;
use attributes::Call;
use constant::Constant;
use operator::{Conversion, Row};

/// Operator sets whose operators this importer knows.
const OPSETS: core::ops::RangeInclusive<i64> = 7..=28;

/// Reads an ONNX file into a graph; the caller verifies it.
pub(super) fn import(source: &ModelBytes<'_>) -> Result<Imported, ImportError> {
    let name = source.name;
    let file = OnnxFile::decode(source.bytes, source.siblings).map_err(|error| undecoded(name, error))?;
    let size_bytes = file.size_bytes();
    let mut model = file.model().map_err(|error| undecoded(name, error))?;
    drop(file);
    make_plain(&mut model.graph);
    if model.graph.nodes.len() > OPERATOR_COUNT_MAX {
        return Err(malformed(name, format!("more than {OPERATOR_COUNT_MAX} operators")));
    }
    let constants = core::mem::take(&mut model.graph.initializers);
    let opset = model.opsets.iter().find(|(domain, _)| domain.is_empty()).map_or(0, |&(_, version)| version);
    let mut importer = Importer {
        model: &model.graph,
        opset,
        builder: Builder::new(name, operator::ROWS.iter().map(|row| row.name)),
        entries: HashMap::new(),
        budget: Budget::for_file(size_bytes),
    };
    importer.check_opset();
    for tensor in constants {
        let name = tensor.name.clone();
        let entry = Constant::new(tensor).map_or_else(Entry::Refused, |constant| Entry::Constant(Rc::new(constant)));
        importer.entries.insert(name, entry);
    }
    importer.inputs();
    importer.nodes();
    importer.outputs();
    importer.builder.finish()
}

fn malformed(file: &str, problem: String) -> ImportError {
    let place = "its protobuf structure".into();
    ImportError::Malformed { file: file.into(), format: "an ONNX model", place, problem: plain::name(&problem) }
}

fn undecoded(file: &str, error: DecodeError) -> ImportError {
    match error {
        DecodeError::Damaged(problem) => malformed(file, problem),
        DecodeError::Sibling { tensor, location, problem } => {
            let [tensor, location, problem] = [tensor, location, problem].map(|text| plain::name(&text));
            ImportError::Sibling { file: file.into(), tensor, location, problem }
        }
    }
}

/// Makes every name plain, alike wherever it stands.
fn make_plain(graph: &mut OnnxGraph) {
    let make = |name: &mut String| *name = plain::name(name);
    for node in &mut graph.nodes {
        [&mut node.name, &mut node.op_type, &mut node.domain].into_iter().for_each(make);
        node.inputs.iter_mut().chain(&mut node.outputs).for_each(make);
        for (_, attribute) in &mut node.attributes {
            match attribute {
                Attribute::Graph(graph) => make_plain(graph),
                Attribute::Tensor(tensor) => make(&mut tensor.name),
                _ => {}
            }
        }
    }
    graph.initializers.iter_mut().for_each(|tensor| make(&mut tensor.name));
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|port| make(&mut port.name));
}

/// What a tensor's name stands for.
#[derive(Clone, Debug)]
enum Entry {
    /// Numbers known now.
    Constant(Rc<Constant>),
    /// A value of the graph, in the file's layout.
    Value(ValueId),
    /// A constant that cannot be used; whoever reads it reports this.
    Refused(Refusal),
    /// The result of a refused node, which was reported there.
    Unknown,
}

/// The state of one import.
struct Importer<'m> {
    model: &'m OnnxGraph,
    opset: i64,
    builder: Builder,
    entries: HashMap<String, Entry>,
    budget: Budget,
}

impl Importer<'_> {
    /// An operator set that is too old is refused. In one that is newer than this importer the operators are read as
    /// they are known: nearly all of them never change their meaning.
    fn check_opset(&mut self) {
        let (oldest, newest, opset) = (OPSETS.start(), OPSETS.end(), self.opset);
        if opset < *oldest {
            let problem = format!("operator set {opset}");
            let remedy = format!("export with operator set 17, or any of {oldest} to {newest}");
            self.builder.problem("the model", "opset", Refusal { problem, remedy });
        } else if opset > *newest {
            self.builder.warn(format!(
                "operator set {opset} is newer than {newest}, the newest one that is known: operators are read as they \
                 are there; compare the blob with the model, or export with operator set {newest}"
            ));
        }
    }

    fn inputs(&mut self) {
        for port in &self.model.inputs {
            // Older files list constants as inputs with a default.
            if self.entries.contains_key(&port.name) {
                continue;
            }
            match self.input(port) {
                Ok(id) => {
                    self.entries.insert(port.name.clone(), Entry::Value(id));
                }
                Err(refusal) => {
                    self.builder.problem(&port.name, "input", refusal);
                    self.entries.insert(port.name.clone(), Entry::Unknown);
                }
            }
        }
    }

    fn input(&mut self, port: &OnnxPort) -> Convert<ValueId> {
        let Some(dtype) = combine::kept_as(port.element_type) else {
            let problem = format!("is {}", type_name(port.element_type));
            return refuse(
                problem,
                "export a model whose inputs are FLOAT, BOOL, or integers of up to 32 bits or INT64",
            );
        };
        let shape = fixed_shape(port)?;
        let (name, quantization) = (port.name.clone(), combine::plain(dtype));
        let value = Value { name, dtype, shape: shape.clone(), quantization, elements: None };
        let id = self.builder.value(value)?;
        let port = Port { value: id, name: port.name.clone(), source_shape: shape, permutation: None };
        self.builder.graph.inputs.push(port);
        Ok(id)
    }

    /// Converts the nodes that the outputs depend on, in the file's order.
    fn nodes(&mut self) {
        let model = self.model;
        let needed = needed_nodes(model);
        for (index, node) in model.nodes.iter().enumerate().filter(|&(index, _)| needed[index]) {
            let name = node_name(node, index);
            let results = match self.node(node, &name) {
                Ok(results) => results,
                Err(failure) => {
                    match failure {
                        Failure::Refused(refusal) => self.builder.problem(&name, &operator_name(node), refusal),
                        Failure::Unsupported => self.builder.unsupported(&name, &node.op_type, operator::REMEDIES),
                        Failure::Unknown => {}
                    }
                    Vec::new()
                }
            };
            // A result without a name is not wanted.
            for (position, output) in node.outputs.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
                let entry = results.get(position).cloned().unwrap_or(Entry::Unknown);
                self.entries.insert(output.clone(), entry);
            }
        }
    }

    fn node(&mut self, node: &OnnxNode, name: &str) -> Result<Vec<Entry>, Failure> {
        if let Some(output) = node.outputs.iter().find(|output| self.entries.contains_key(*output)) {
            return Err(Failure::Refused(twice(output)));
        }
        if !node.domain.is_empty() {
            let problem = format!("operators of the domain {} are not supported", node.domain);
            refuse(problem, "export with ONNX's own operators only")?;
        }
        let row = Row::of(&node.op_type).ok_or(Failure::Unsupported)?;
        let mut operands = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            operands.push(match input.as_str() {
                "" => None,
                input => match self.entries.get(input) {
                    Some(Entry::Unknown) => return Err(Failure::Unknown),
                    Some(Entry::Refused(refusal)) => return Err(Failure::Refused(refusal.clone())),
                    Some(entry) => Some(entry.clone()),
                    None => return Err(Failure::Refused(undefined(input))),
                },
            });
        }
        let call = Call { node, name, operands, opset: self.opset };
        if let Some(constant) = self.fold(row, &call)? {
            return Ok(vec![Entry::Constant(Rc::new(constant))]);
        }
        Ok(match row.conversion {
            Conversion::One(convert) => vec![convert(self, &call)?],
            Conversion::Several(convert) => convert(self, &call)?,
            Conversion::Never => refuse("its operand is computed at run time", operator::FIXED_SHAPES)?,
        })
    }

    fn outputs(&mut self) {
        for port in &self.model.outputs {
            let refusal = match self.entries.get(&port.name) {
                Some(&Entry::Value(value)) => {
                    let source_shape = self.builder.graph.value(value).shape.clone();
                    let port = Port { value, name: port.name.clone(), source_shape, permutation: None };
                    self.builder.graph.outputs.push(port);
                    continue;
                }
                Some(Entry::Unknown) => continue,
                Some(Entry::Refused(refusal)) => refusal.clone(),
                Some(Entry::Constant(_)) => Refusal {
                    problem: "does not depend on any input".into(),
                    remedy: "leave it out of the model".into(),
                },
                None => undefined(&port.name),
            };
            self.builder.problem(&port.name, "output", refusal);
        }
    }

    /// The shape of a value in the graph.
    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.graph.value(id).shape.clone()
    }

    /// Adds a node; see [`Builder::apply`].
    fn apply(&mut self, name: &str, op: Op, inputs: Vec<ValueId>) -> Convert<ValueId> {
        self.builder.apply(name, op, inputs)
    }

    /// `x` with its channels moved from axis 1 to the end.
    fn channels_last(&mut self, call: &Call<'_>, x: ValueId) -> Convert<ValueId> {
        let rank = self.shape(x).len();
        let permutation = [0].into_iter().chain(2..rank).chain([1]).collect();
        self.apply(&format!("{}/channels-last", call.name), Op::Transpose(Transpose { permutation }), vec![x])
    }

    /// The inverse of [`Self::channels_last`].
    fn channels_first(&mut self, call: &Call<'_>, x: ValueId) -> Convert<ValueId> {
        let rank = self.shape(x).len();
        let permutation = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        self.apply(&format!("{}/channels-first", call.name), Op::Transpose(Transpose { permutation }), vec![x])
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

fn undefined(name: &str) -> Refusal {
    Refusal {
        problem: format!("`{name}` is not computed by any earlier node"),
        remedy: "export the model again".into(),
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

/// The nodes that the outputs depend on.
fn needed_nodes(model: &OnnxGraph) -> Vec<bool> {
    let mut names: HashSet<&str> = model.outputs.iter().map(|port| port.name.as_str()).collect();
    let mut needed = vec![false; model.nodes.len()];
    for (index, node) in model.nodes.iter().enumerate().rev() {
        needed[index] = node.outputs.iter().any(|output| names.contains(output.as_str()));
        if needed[index] {
            names.extend(node.inputs.iter().map(String::as_str));
        }
    }
    needed
}

/// The shape of an input, with an open batch fixed to 1.
fn fixed_shape(port: &OnnxPort) -> Convert<Vec<usize>> {
    let Some(extents) = &port.shape else {
        return refuse("has no shape", "export with a fixed input shape");
    };
    let fixed = |(axis, extent): (usize, &Extent)| match extent {
        Extent::Fixed(extent) => usize::try_from(*extent).ok(),
        Extent::Open(_) if axis == 0 => Some(1),
        Extent::Open(_) => None,
    };
    let shape: Option<Vec<usize>> = extents.iter().enumerate().map(fixed).collect();
    let Some(shape) = shape else {
        return refuse(
            format!("shape {} is not fixed", shape_text(extents)),
            "export with a fixed input shape; only the batch may be open, and becomes 1",
        );
    };
    match checked_len(&shape) {
        Ok(_) => Ok(shape),
        Err(error) => refuse(error.0, "export with a smaller, fixed input shape"),
    }
}

fn shape_text(extents: &[Extent]) -> String {
    let text = |extent: &Extent| match extent {
        Extent::Fixed(extent) => extent.to_string(),
        Extent::Open(name) if name.is_empty() => "?".into(),
        Extent::Open(name) => name.clone(),
    };
    format!("[{}]", extents.iter().map(text).collect::<Vec<_>>().join(", "))
}
