//! In which order nodes are read, and which of them.
//!
//! ONNX wants nodes in an order of execution, and tools that edit files do not keep it. The file's order is kept as far
//! as it is one; only what the wanted values depend on is read.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use kinglet_tract::{Attribute, OnnxGraph, OnnxNode};

/// What to read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Positions of nodes, each behind those whose results it reads.
    pub(super) order: Vec<usize>,
    /// Positions of nodes that wait for each other; their results are not computed, nor what depends on them.
    pub(super) circle: Vec<usize>,
}

/// The nodes that the values `wanted` depend on.
pub(super) fn plan<'n>(nodes: &'n [OnnxNode], wanted: impl Iterator<Item = &'n str>) -> Plan {
    let mut producers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            producers.entry(output).or_default().push(index);
        }
    }
    let of = |name: &str| producers.get(name).map_or(&[][..], Vec::as_slice);
    let mut reads: Vec<Option<Vec<usize>>> = vec![None; nodes.len()];
    let mut waiting: Vec<usize> = wanted.flat_map(of).copied().collect();
    while let Some(index) = waiting.pop() {
        if reads[index].is_some() {
            continue;
        }
        let mut names = Vec::new();
        read_names(&nodes[index], &mut names);
        let mut found: Vec<usize> = names.into_iter().flat_map(of).copied().collect();
        found.sort_unstable();
        found.dedup();
        waiting.extend(&found);
        reads[index] = Some(found);
    }
    sorted(&reads)
}

/// Orders the nodes that are needed, those whose reads are known, always taking the first that can be.
fn sorted(reads: &[Option<Vec<usize>>]) -> Plan {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); reads.len()];
    let mut missing = vec![0; reads.len()];
    let mut ready = BinaryHeap::new();
    let needed = || reads.iter().enumerate().filter_map(|(index, read)| Some((index, read.as_ref()?)));
    for (index, read) in needed() {
        read.iter().for_each(|&earlier| readers[earlier].push(index));
        missing[index] = read.len();
        if read.is_empty() {
            ready.push(Reverse(index));
        }
    }
    let mut order = Vec::new();
    let mut is_done = vec![false; reads.len()];
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        is_done[index] = true;
        for &reader in &readers[index] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    // Every node that is left waits for one that is left.
    let next = |index: usize| reads[index].iter().flatten().copied().find(|&earlier| !is_done[earlier]);
    let mut circle: Vec<usize> = needed().map(|(index, _)| index).find(|&index| !is_done[index]).into_iter().collect();
    while let Some(earlier) = circle.last().copied().and_then(next) {
        if let Some(start) = circle.iter().position(|&index| index == earlier) {
            circle.drain(..start);
            break;
        }
        circle.push(earlier);
    }
    Plan { order, circle }
}

/// The names that a node reads: its operands, and what its branches and bodies read of the names around them.
fn read_names<'n>(node: &'n OnnxNode, names: &mut Vec<&'n str>) {
    names.extend(node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
    for (_, attribute) in &node.attributes {
        if let Attribute::Graph(graph) = attribute {
            captured(graph, names);
        }
    }
}

fn captured<'n>(graph: &'n OnnxGraph, names: &mut Vec<&'n str>) {
    let mut inside = Vec::new();
    graph.nodes.iter().for_each(|node| read_names(node, &mut inside));
    inside.extend(graph.outputs.iter().map(|port| port.name.as_str()));
    let own: HashSet<&str> = (graph.inputs.iter().map(|port| port.name.as_str()))
        .chain(graph.initializers.iter().map(|tensor| tensor.name.as_str()))
        .chain(graph.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)))
        .collect();
    names.extend(inside.into_iter().filter(|name| !own.contains(name)));
}

/// Takes the names off results that nobody reads, of nodes that have several: an exporter may write indices, a mask or the
/// state after every step that nobody wants.
pub(super) fn forget_unread(nodes: &mut [OnnxNode], wanted: &[String]) {
    for graph in nodes.iter_mut().flat_map(|node| &mut node.attributes).filter_map(|(_, attribute)| match attribute {
        Attribute::Graph(graph) => Some(graph),
        _ => None,
    }) {
        let wanted: Vec<String> = graph.outputs.iter().map(|port| port.name.clone()).collect();
        forget_unread(&mut graph.nodes, &wanted);
    }
    let mut names = Vec::new();
    nodes.iter().for_each(|node| read_names(node, &mut names));
    let read: HashSet<String> = names.into_iter().map(str::to_owned).chain(wanted.iter().cloned()).collect();
    let several = nodes.iter_mut().filter(|node| node.outputs.len() > 1).flat_map(|node| node.outputs.iter_mut());
    several.filter(|output| !read.contains(*output)).for_each(String::clear);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: &[(&[&str], &str)]) -> Vec<OnnxNode> {
        let names = |list: &[&str]| list.iter().map(|&name| name.into()).collect();
        let node = |(inputs, output): &(&[&str], &str)| OnnxNode {
            inputs: names(inputs),
            outputs: names(&[output]),
            ..OnnxNode::default()
        };
        list.iter().map(node).collect()
    }

    fn planned(list: &[(&[&str], &str)]) -> Plan {
        plan(&nodes(list), ["y"].into_iter())
    }

    #[test]
    fn the_files_order_is_kept_where_it_is_one() {
        let found = planned(&[(&["x"], "b"), (&["x"], "a"), (&["x"], "dead"), (&["a", "b"], "y")]);
        assert_eq!(found, Plan { order: vec![0, 1, 3], circle: vec![] });
        let found = planned(&[(&["a", "b"], "y"), (&["a"], "b"), (&["x"], "a")]);
        assert_eq!(found, Plan { order: vec![2, 1, 0], circle: vec![] });
    }

    #[test]
    fn circles_are_found_without_what_hangs_on_them() {
        let found = planned(&[(&["c"], "y"), (&["a", "x"], "b"), (&["b"], "c"), (&["c"], "a"), (&["x"], "x2")]);
        assert_eq!(found, Plan { order: vec![], circle: vec![2, 1, 3] });
        assert_eq!(planned(&[(&["y"], "y")]).circle, [0]);
    }

    #[test]
    fn branches_read_what_is_around_them() {
        let mut list = nodes(&[(&["c"], "y"), (&["x"], "a"), (&["x"], "own")]);
        let body = OnnxGraph { nodes: nodes(&[(&["x"], "own"), (&["own", "a"], "z")]), ..OnnxGraph::default() };
        list[0].attributes.push(("then_branch".into(), Attribute::Graph(Box::new(body))));
        assert_eq!(plan(&list, ["y"].into_iter()).order, [1, 0]);
    }
}
