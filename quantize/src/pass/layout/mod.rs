//! Makes transpositions vanish.
//!
//! A model written channels-first arrives with a transposition before and after every convolution. The pass
//! walks the graph once and carries transpositions along instead of computing them: each value of the old
//! graph is kept in some [`form::Form`] (transposed, say), operators that do not care about the order of
//! axes are applied to the kept value with their attributes permuted, two transpositions that meet compose,
//! a dense layer behind a flattened image gets its weights' columns permuted, and only an operator that
//! insists on its layout makes a transposition real. What reaches an output of the graph becomes that
//! port's recorded layout.
//!
//! For the inputs there is a choice, as nothing before them says which layout they should have: the walk is
//! repeated with each permutation that occurs in the graph, and the cheapest result is taken.
//!
//! Rejected: local rewrite rules that push transpositions up or down. They need a direction, and either one
//! gets stuck at residual sums or at the inputs.

mod form;
mod rewrite;

use super::{Pass, PassError, PassReport};
use crate::ir::{Graph, Node};
use crate::op::rule::layout::LayoutRule;
use rewrite::rewrite;

/// See the module's head.
pub(super) struct Layout;

/// Most axes of a port that may be permuted: of more the blob has the outermost as one, and those stay where they are.
const PORT_RANK_MAX: usize = 4;

/// Most input layouts that are tried for each input.
const CANDIDATE_COUNT_MAX: usize = 8;

impl Pass for Layout {
    fn name(&self) -> &'static str {
        "layout"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let candidates = permutations(graph);
        if candidates.is_empty() {
            return Ok(report);
        }
        let mut choice: Vec<Option<Vec<usize>>> = vec![None; graph.inputs.len()];
        let mut best = rewrite(graph, &choice);
        for input in 0..graph.inputs.len() {
            let rank = graph.value(graph.inputs[input].value).shape.len();
            for candidate in
                candidates.iter().filter(|candidate| candidate.len() == rank && may_permute_ports(graph, rank))
            {
                let previous = choice[input].replace(candidate.clone());
                let trial = rewrite(graph, &choice);
                if cost(&trial) < cost(&best) {
                    best = trial;
                } else {
                    choice[input] = previous;
                }
            }
        }
        if cost(&best) < cost(graph) {
            for node in graph.nodes.iter().filter(|node| permutation(node).is_some()) {
                report.change(&node.name, "carried to where it vanishes or costs least");
            }
            *graph = best;
        }
        for node in graph.nodes.iter().filter(|node| permutation(node).is_some()) {
            report.miss(&node.name, "its readers insist on the layout it makes");
        }
        Ok(report)
    }
}

/// Whether ports of so many axes may have them in another order in the blob.
fn may_permute_ports(graph: &Graph, rank: usize) -> bool {
    rank <= PORT_RANK_MAX && !graph.keeps_port_layout
}

/// The distinct permutations in the graph.
fn permutations(graph: &Graph) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    for permutation in graph.nodes.iter().filter_map(permutation) {
        if !found.contains(&permutation) && found.len() < CANDIDATE_COUNT_MAX {
            found.push(permutation);
        }
    }
    found
}

/// The permutation that is all a node does.
fn permutation(node: &Node) -> Option<Vec<usize>> {
    match node.op.clone().operator_mut().layout() {
        LayoutRule::Transposes(permutation) => Some(permutation.to_vec()),
        _ => None,
    }
}

/// What the data movement of a graph costs: elements transposed, then nodes that only move.
fn cost(graph: &Graph) -> (usize, usize) {
    let transposes = || graph.nodes.iter().filter(|node| permutation(node).is_some());
    let reshapes = graph.nodes.iter().filter(|node| node.renames(graph)).count();
    (transposes().map(|node| graph.value(node.output()).len()).sum(), transposes().count() + reshapes)
}
