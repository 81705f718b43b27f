//! What the trees of an operator are: how many, how deep, and which features they ask about.

use std::collections::BTreeSet;

use kinglet_blob::records::TreesF32;
use kinglet_blob::{Cursor, Field, OpCode, OperatorBytes};
use kinglet_kernels::trees::Node;
use serde::Serialize;

/// The trees of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forest {
    /// How many.
    pub trees: usize,
    /// Their nodes, without leaves.
    pub nodes: usize,
    /// Their leaves.
    pub leaves: usize,
    /// Most questions on the way to a leaf.
    pub depth: usize,
    /// Features that are asked about.
    pub features_used: Vec<usize>,
    /// Features that there are.
    pub features: usize,
}

/// Reads the trees of a verified operator; `None` for another one.
pub(super) fn forest(operator: &OperatorBytes<'_>, weights: &[u8]) -> Option<Forest> {
    if operator.opcode != OpCode::Trees as u8 {
        return None;
    }
    let (_, parameters) = operator.split()?;
    let record = TreesF32::take(&mut Cursor::new(parameters))?;
    let (trees, count) = (record.trees as usize, record.nodes as usize);
    let mut cursor = Cursor::new(weights.get(record.constants as usize..)?);
    let starts = (0..trees).map(|_| cursor.take::<u32>().map(|start| start as usize)).collect::<Option<Vec<_>>>()?;
    let nodes = (0..count).map(|_| cursor.take::<[u32; 2]>().map(Node::of)).collect::<Option<Vec<_>>>()?;
    let ends = starts.iter().skip(1).copied().chain([count]);
    let depth = starts.iter().zip(ends).map(|(&start, end)| nodes.get(start..end).map_or(0, depth)).max();
    let features_used: BTreeSet<usize> = nodes.iter().map(|node| node.feature).collect();
    Some(Forest {
        trees,
        nodes: count,
        leaves: count + trees,
        depth: depth.unwrap_or(0),
        features_used: features_used.into_iter().collect(),
        features: record.features as usize,
    })
}

/// Most questions on the way through a tree. A node's branches stand behind it.
fn depth(nodes: &[Node]) -> usize {
    let mut depths = vec![1; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let below = depths[at] + 1;
        let first = (node.skip > 1).then_some(at + 1);
        let second = (!node.is_last).then_some(at + node.skip);
        for branch in first.into_iter().chain(second) {
            if let Some(depth) = depths.get_mut(branch) {
                *depth = below;
            }
        }
    }
    depths.into_iter().max().unwrap_or(0)
}
