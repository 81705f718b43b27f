//! Computes what depends on constants only.
//!
//! Floats, 32-bit integers up to 2^24 and truth values are computed by the reference interpreter. A constant of another
//! type is only moved (reshaped, transposed, ...) or dequantized, which is exact. A result larger than a few kilobytes is made only when it is no larger
//! than its operands together: broadcasting two rows of a hostile file would fill the memory otherwise.

use std::borrow::Cow;

use super::{Pass, PassError, PassReport};
use crate::ir::{Elements, Graph, Node, Value, evaluate};
use crate::op::common::real::Real;
use crate::op::rule::moves::Moves;

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
            let is_read = node.outputs.iter().any(|&id| graph.is_output(id));
            match computed(graph, &node) {
                Some(results) if !is_read => {
                    for (&id, elements) in node.outputs.iter().zip(results) {
                        graph.value_mut(id).elements = Some(elements);
                    }
                    report.change(&node.name, "depends on constants only");
                }
                _ => kept.push(node),
            }
        }
        graph.nodes = kept;
        Ok(report)
    }
}

/// The results of a node whose operands are all constants.
fn computed(graph: &Graph, node: &Node) -> Option<Vec<Elements>> {
    let lens: Option<Vec<usize>> =
        node.inputs.iter().map(|&id| graph.value(id).elements.as_ref().map(Elements::len)).collect();
    let results: Vec<&Value> = node.outputs.iter().map(|&id| graph.value(id)).collect();
    let len = results.iter().map(|result| result.len()).sum::<usize>();
    if len > SMALL_LEN_MAX.max(lens?.iter().sum()) {
        return None;
    }
    let values: Vec<&Value> = node.inputs.iter().map(|&id| graph.value(id)).collect();
    if let Some(decoded) = node.op.operator().decode(&values) {
        return Some(decoded.into_iter().map(Elements::F32).collect());
    }
    let shapes: Vec<&[usize]> = results.iter().map(|result| result.shape.as_slice()).collect();
    if let Some(moves) = node.op.operator().moves(&node.operand_shapes(graph), &shapes) {
        return moved_elements(graph, node, &moves);
    }
    let reals: Vec<Cow<'_, [f32]>> =
        values.iter().map(|value| value.elements.as_ref()?.to_reals()).collect::<Option<_>>()?;
    let operands: Vec<Real<'_>> =
        values.iter().zip(&reals).map(|(value, data)| Real { shape: &value.shape, dtype: value.dtype, data }).collect();
    let computed = evaluate(&node.op, &operands, &shapes)?;
    results.iter().zip(computed).map(|(result, reals)| Elements::from_reals(result.dtype, reals)).collect()
}

/// Constants of one type, moved; what moves elements keeps their quantization.
fn moved_elements(graph: &Graph, node: &Node, moves: &Moves) -> Option<Vec<Elements>> {
    let operands: Vec<&Elements> =
        node.inputs.iter().map(|&id| graph.value(id).elements.as_ref()).collect::<Option<_>>()?;
    let gathered = moves
        .iter()
        .map(|result| Elements::gather(&operands, result.iter().map(|source| (source.operand, source.element))));
    gathered.collect()
}
