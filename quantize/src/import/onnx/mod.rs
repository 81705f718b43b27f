//! ONNX files: floats, operator sets 7 to 28. Floats of 16 and 64 bits become float32 (`cast`).
//!
//! Every tensor keeps the layout it has in the file. Operators that exist in the graph only channels-last
//! (convolution, pooling, batch normalisation) are wrapped in explicit transpositions here, which the
//! layout pass cancels later; so what this importer makes of a file can be run and compared as it is.
//!
//! Shapes are fixed on import (an open batch becomes 1), so `Shape`, `Gather`, `Concat` and the like on
//! shapes are plain arithmetic on known numbers: [`constant`] does it, and no such operator reaches the graph.

mod activation;
mod attention;
mod attributes;
mod cast;
mod classical;
mod combine;
mod constant;
mod contrib;
mod control;
mod conv_transpose;
mod convolution;
mod dense;
mod dynamic;
mod elementwise;
mod fold;
mod fold_moves;
mod function;
mod indices;
mod matrices;
mod moves;
mod nbits;
mod node;
mod normalization;
mod operator;
mod order;
mod pool;
mod port;
mod qoperator;
mod quantized;
mod recurrent;
mod reduction;
mod reshape;
mod resize;
mod rotary;
mod scope;
mod slice;
#[cfg(test)]
pub(super) mod tests;
mod types;
mod volume;

use crate::op::Transpose;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use kinglet_tract::{Attribute, DecodeError, OnnxFile, OnnxFunction, OnnxGraph, OnnxNode};

use super::budget::Budget;
use super::build::{Builder, Convert, Refusal};
use super::{ImportError, Imported, ModelBytes, OPERATOR_COUNT_MAX};
use crate::ir::{Op, ValueId};
use crate::plain;
use attributes::Call;
use constant::Constant;
pub(super) use operator::REMEDIES;
#[cfg(test)]
pub(super) use operator::names;
use order::{forget_unread, plan};
use scope::Scopes;

/// Operator sets whose operators this importer knows.
const OPSETS: core::ops::RangeInclusive<i64> = 7..=28;

/// Reads an ONNX file into a graph; the caller verifies it.
pub(super) fn import(source: &ModelBytes<'_>) -> Result<Imported, ImportError> {
    let name = source.name;
    let mut file = OnnxFile::decode(source.bytes, source.siblings).map_err(|error| undecoded(name, error))?;
    file.change(source.changes)
        .map_err(|problem| ImportError::Change { file: name.into(), problem: plain::name(&problem) })?;
    let size_bytes = file.size_bytes();
    let mut model = file.model().map_err(|error| undecoded(name, error))?;
    drop(file);
    make_plain(&mut model.graph);
    for function in &mut model.functions {
        make_nodes_plain(&mut function.nodes);
        let names = [&mut function.name, &mut function.domain].into_iter();
        names.chain(&mut function.inputs).chain(&mut function.outputs).for_each(|name| *name = plain::name(name));
        forget_unread(&mut function.nodes, &function.outputs);
    }
    let wanted: Vec<String> = model.graph.outputs.iter().map(|port| port.name.clone()).collect();
    forget_unread(&mut model.graph.nodes, &wanted);
    if model.graph.nodes.len() > OPERATOR_COUNT_MAX {
        return Err(malformed(name, format!("more than {OPERATOR_COUNT_MAX} operators")));
    }
    let opset = model.opsets.iter().find(|(domain, _)| domain.is_empty()).map(|&(_, version)| version);
    // A file without operators of ONNX's own domain need not say which ones they would be.
    let is_of_others = model.graph.nodes.iter().all(|node| !node.domain.is_empty());
    let opset = opset.unwrap_or(if is_of_others { *OPSETS.end() } else { 0 });
    let mut importer = Importer {
        functions: &model.functions,
        opset,
        builder: Builder::new(name, operator::ROWS.iter().map(|row| row.name)),
        scopes: Scopes::new(),
        visits: 0,
        budget: Budget::for_file(size_bytes),
        unsigned: HashSet::new(),
        whole: HashMap::new(),
        narrow: HashMap::new(),
        texts: HashMap::new(),
    };
    importer.check_opset();
    for tensor in core::mem::take(&mut model.graph.initializers) {
        importer.scopes.insert(tensor.name.clone(), Entry::of(Constant::new(tensor)));
    }
    importer.inputs(&model.graph.inputs, &model.graph.nodes);
    importer.run(&model.graph.nodes, &plan(&model.graph.nodes, wanted.iter().map(String::as_str)));
    importer.outputs(&model.graph.outputs);
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
    make_nodes_plain(&mut graph.nodes);
    graph.initializers.iter_mut().for_each(|tensor| make(&mut tensor.name));
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|port| make(&mut port.name));
}

fn make_nodes_plain(nodes: &mut [OnnxNode]) {
    let make = |name: &mut String| *name = plain::name(name);
    for node in nodes {
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
    /// An operand that the caller of a function has left out.
    Absent,
}

impl Entry {
    fn of(constant: Convert<Constant>) -> Self {
        constant.map_or_else(Entry::Refused, |constant| Entry::Constant(Rc::new(constant)))
    }

    /// The numbers, where they are known now.
    fn known(&self) -> Option<&Constant> {
        match self {
            Entry::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

/// The state of one import.
struct Importer<'m> {
    /// Operators that the file defines by others.
    functions: &'m [OnnxFunction],
    /// Version of the operator set of the nodes that are being read.
    opset: i64,
    builder: Builder,
    scopes: Scopes,
    /// Nodes that were read, each as often as it was.
    visits: usize,
    budget: Budget,
    /// Values whose codes the file has as uint8, where that is known.
    unsigned: HashSet<ValueId>,
    /// For uint8 values that were made of them, floats that are the same numbers.
    whole: HashMap<ValueId, ValueId>,
    /// Floats that are known to be of a narrower type, and its code.
    narrow: HashMap<ValueId, i32>,
    /// Integers that are places in a list of texts, and the list.
    texts: HashMap<ValueId, Rc<[String]>>,
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

fn undefined(name: &str) -> Refusal {
    Refusal { problem: format!("`{name}` is not computed by any node"), remedy: "export the model again".into() }
}
