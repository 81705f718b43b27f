//! Operators that the file defines by others: their nodes are read in place of the node that calls them.

use std::borrow::Cow;

use kinglet_tract::{Attribute, OnnxFunction, OnnxGraph, OnnxNode};

use super::attributes::Call;
use super::order::plan;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};

const EXPORT_AGAIN: &str = "export the model again";

impl<'m> Importer<'m> {
    /// The function that a node calls, if the file has it.
    pub(super) fn function_of(&self, node: &OnnxNode) -> Option<&'m OnnxFunction> {
        self.functions.iter().find(|function| function.name == node.op_type && function.domain == node.domain)
    }

    /// What a function's outputs are.
    pub(super) fn call_function(&mut self, function: &OnnxFunction, call: &Call<'_>) -> Convert<Vec<Entry>> {
        if call.operands.len() > function.inputs.len() {
            return refuse("has more operands than its function", EXPORT_AGAIN);
        }
        let nodes = self.called_nodes(function, call.node)?;
        let opset = function.opsets.iter().find(|(domain, _)| domain.is_empty()).map(|&(_, version)| version);
        let outer = self.opset;
        self.opset = opset.unwrap_or(outer);
        let results = self.within(true, |importer| {
            for (name, operand) in function.inputs.iter().zip(&call.operands) {
                // One that is left out has no name: who reads it does not have it either.
                importer.scopes.insert(name.clone(), operand.clone().unwrap_or(Entry::Absent));
            }
            for name in function.inputs.iter().skip(call.operands.len()) {
                importer.scopes.insert(name.clone(), Entry::Absent);
            }
            importer.run(&nodes, &plan(&nodes, function.outputs.iter().map(String::as_str)));
            let entry = |name: &String| match importer.scopes.get(name) {
                Some(entry) => Ok(entry.clone()),
                None => refuse(format!("`{name}` is not computed in its function"), EXPORT_AGAIN),
            };
            function.outputs.iter().map(entry).collect()
        });
        self.opset = outer;
        results
    }

    /// A function's nodes with the attributes that the calling node has.
    fn called_nodes<'f>(&self, function: &'f OnnxFunction, caller: &OnnxNode) -> Convert<Cow<'f, [OnnxNode]>> {
        if !function.nodes.iter().any(asks) {
            return Ok(Cow::Borrowed(&function.nodes));
        }
        self.budget.charge(function.nodes.iter().map(size).fold(0, usize::saturating_add), 8)?;
        let mut nodes = function.nodes.clone();
        nodes.iter_mut().for_each(|node| answer(node, caller));
        Ok(Cow::Owned(nodes))
    }
}

/// True when an attribute of a node or of what stands in it is one of the caller's.
fn asks(node: &OnnxNode) -> bool {
    node.attributes.iter().any(|(_, attribute)| match attribute {
        Attribute::OfFunction(_) => true,
        Attribute::Graph(graph) => graph.nodes.iter().any(asks),
        _ => false,
    })
}

/// Numbers that a copy of a node has, roughly.
fn size(node: &OnnxNode) -> usize {
    let graph_size = |graph: &OnnxGraph| {
        let constants = graph.initializers.iter().map(|tensor| tensor.data.len().unwrap_or(0));
        constants.chain(graph.nodes.iter().map(size)).fold(0, usize::saturating_add)
    };
    let attribute = |(_, attribute): &(String, Attribute)| match attribute {
        Attribute::Tensor(tensor) => tensor.data.len().unwrap_or(0),
        Attribute::Graph(graph) => graph_size(graph),
        Attribute::Floats(list) => list.len(),
        Attribute::Ints(list) => list.len(),
        _ => 1,
    };
    node.attributes.iter().map(attribute).fold(16, usize::saturating_add)
}

/// Gives a node the caller's attributes; one that the caller does not have, it does not have either.
fn answer(node: &mut OnnxNode, caller: &OnnxNode) {
    node.attributes.retain_mut(|(_, attribute)| {
        match attribute {
            Attribute::OfFunction(name) => match caller.attributes.iter().find(|(given, _)| given == name) {
                Some((_, given)) => *attribute = given.clone(),
                None => return false,
            },
            Attribute::Graph(graph) => graph.nodes.iter_mut().for_each(|inner| answer(inner, caller)),
            _ => {}
        }
        true
    });
}
