//! What the trees of an operator are: how many, how deep, and which features they ask about.

use std::collections::BTreeSet;

use kinglet_blob::records::{TreesF32, TreesI16};
use kinglet_blob::{Cursor, DType, Field, OpCode, OperatorBytes};
use kinglet_kernels::trees::{Node, codes};
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

/// A node, as far as its way through a tree goes.
struct Step {
    feature: usize,
    skip: usize,
    is_last: bool,
}

/// Where the trees of a record are, and what its nodes look like.
struct Shape {
    constants: u32,
    features: u32,
    trees: u32,
    nodes: u32,
    /// Bits of a feature in nodes of four bytes.
    feature_bits: Option<u8>,
}

impl Shape {
    fn of(operator: &OperatorBytes<'_>) -> Option<Self> {
        let (_, parameters) = operator.split()?;
        let mut cursor = Cursor::new(parameters);
        Some(if operator.dtype()? == DType::I16 {
            let TreesI16 { constants, features, trees, nodes, feature_bits, .. } = TreesI16::take(&mut cursor)?;
            Shape { constants, features, trees, nodes, feature_bits: Some(feature_bits) }
        } else {
            let TreesF32 { constants, features, trees, nodes, .. } = TreesF32::take(&mut cursor)?;
            Shape { constants, features, trees, nodes, feature_bits: None }
        })
    }

    fn step(&self, cursor: &mut Cursor<'_>) -> Option<Step> {
        Some(match self.feature_bits {
            Some(bits) => {
                let codes::Node { feature, skip, is_last, .. } = codes::Node::of(cursor.take()?, bits.into());
                Step { feature, skip, is_last }
            }
            None => {
                let Node { feature, skip, is_last, .. } = Node::of(cursor.take()?);
                Step { feature, skip, is_last }
            }
        })
    }
}

/// Reads the trees of a verified operator; `None` for another one.
pub(super) fn forest(operator: &OperatorBytes<'_>, weights: &[u8]) -> Option<Forest> {
    if operator.opcode != OpCode::Trees as u8 {
        return None;
    }
    let shape = Shape::of(operator)?;
    let (trees, count) = (shape.trees as usize, shape.nodes as usize);
    let mut cursor = Cursor::new(weights.get(shape.constants as usize..)?);
    let starts = (0..trees).map(|_| cursor.take::<u32>().map(|start| start as usize)).collect::<Option<Vec<_>>>()?;
    let nodes = (0..count).map(|_| shape.step(&mut cursor)).collect::<Option<Vec<_>>>()?;
    let ends = starts.iter().skip(1).copied().chain([count]);
    let depth = starts.iter().zip(ends).map(|(&start, end)| nodes.get(start..end).map_or(0, depth)).max();
    let features_used: BTreeSet<usize> = nodes.iter().map(|node| node.feature).collect();
    Some(Forest {
        trees,
        nodes: count,
        leaves: count + trees,
        depth: depth.unwrap_or(0),
        features_used: features_used.into_iter().collect(),
        features: shape.features as usize,
    })
}

/// Most questions on the way through a tree. A node's branches stand behind it.
fn depth(nodes: &[Step]) -> usize {
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
