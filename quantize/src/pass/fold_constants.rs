//! Computes what depends on constants only.
//!
//! Floats are computed by the reference interpreter. An int8 constant is only moved (reshaped, transposed)
//! or dequantized, which is exact. A result larger than a few kilobytes is made only when it is no larger
//! than its operands together: broadcasting two rows of a hostile file would fill the memory otherwise.

use super::{Pass, PassError, PassReport};
use crate::ir::{Elements, Graph, Node, Op, Tensor, ValueId, dequantized, evaluate};

/// Results up to this length are computed whatever their operands' lengths.
const SMALL_LEN_MAX: usize = 4096;

/// See the module's head.
pub(super) struct FoldConstants;

impl Pass for FoldConstants {
    fn name(&self) -> &'static str {
        "fold-constants"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let nodes = core::mem::take(&mut graph.nodes);
        let mut kept = Vec::with_capacity(nodes.len());
        for node in nodes {
            match computed(graph, &node) {
                Some(elements) if !graph.is_output(node.output) => {
                    graph.value_mut(node.output).elements = Some(elements);
                    report.change(&node.name, "depends on constants only");
                }
                _ => kept.push(node),
            }
        }
        graph.nodes = kept;
        Ok(report)
    }
}

fn computed(graph: &Graph, node: &Node) -> Option<Elements> {
    let lens: Option<Vec<usize>> =
        node.inputs.iter().map(|&id| graph.value(id).elements.as_ref().map(Elements::len)).collect();
    let output = graph.value(node.output);
    if output.len() > SMALL_LEN_MAX.max(lens?.iter().sum()) {
        return None;
    }
    match &node.op {
        Op::Dequantize => dequantized(graph, *node.inputs.first()?).map(Elements::F32),
        Op::Reshape => graph.value(*node.inputs.first()?).elements.clone(),
        Op::Quantize => None,
        op => {
            let operand = |&id: &ValueId| Some(Tensor { shape: &graph.value(id).shape, data: graph.constant_f32(id)? });
            let operands: Vec<Tensor<'_>> = node.inputs.iter().map(operand).collect::<Option<_>>()?;
            evaluate(op, &operands, &output.shape).map(Elements::F32)
        }
    }
}
