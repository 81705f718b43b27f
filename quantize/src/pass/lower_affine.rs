//! Turns a batch normalisation that found no weights to go into into a product and a sum.
//!
//! It runs behind fold-affine, in the same round: what still normalizes here will not be folded.

use super::edit::add_floats;
use super::fold_affine::Affine;
use super::{Pass, PassError, PassReport};
use crate::ir::{Activation, Graph, Node};
use crate::op::rule::rewrite::ChannelAffine;
use crate::op::{Add, Mul};

/// See the module's head.
pub(super) struct LowerAffine;

impl Pass for LowerAffine {
    fn name(&self) -> &'static str {
        "lower-affine"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut index = 0;
        while index < graph.nodes.len() {
            let node = graph.nodes[index].clone();
            if let Some(ChannelAffine::Normalize(_)) = node.op.operator().channel_affine() {
                match Affine::of(graph, &node)? {
                    Some(affine) => {
                        lower(graph, index, &node, &affine);
                        report.change(&node.name, "became a product and a sum");
                    }
                    None => report.miss(&node.name, "its parameters are computed"),
                }
            }
            index += 1;
        }
        Ok(report)
    }
}

fn lower(graph: &mut Graph, index: usize, node: &Node, affine: &Affine) {
    let shape = graph.value(node.output()).shape.clone();
    let channels = affine.scale.len();
    // The same number of axes as the operand: elementwise operators have equal ranks throughout.
    let along_last: Vec<usize> = core::iter::repeat_n(1, shape.len() - 1).chain([channels]).collect();
    let narrow = |numbers: &[f64]| numbers.iter().map(|&number| number as f32).collect::<Vec<f32>>();
    let scale = add_floats(graph, &format!("{}/scale", node.name), along_last.clone(), narrow(&affine.scale));
    let shift = add_floats(graph, &format!("{}/shift", node.name), along_last, narrow(&affine.shift));
    let scaled = graph.add_intermediate(&node.name, shape);
    let activation = Activation::None;
    let product = Node {
        name: format!("{}/scale", node.name),
        op: Mul { activation }.into(),
        inputs: vec![node.inputs[0], scale],
        outputs: vec![scaled],
    };
    graph.nodes[index] = Node { op: Add { activation }.into(), inputs: vec![scaled, shift], ..node.clone() };
    graph.nodes.insert(index, product);
}
