//! What codes of 8 bits are too coarse to show is dropped before a graph gets some.
//!
//! Files of 16-bit floats round to them. A float blob does what its file says; in one that is about to be quantized such a
//! rounding would stand between a layer and its activation, and cost a table for less than a code.

use super::edit::bypass;
use super::{PassError, PassReport};
use crate::ir::Graph;

/// The pass's name in reports.
const NAME: &str = "coarsen";

/// See the module's head. It runs once, on a float graph that will be quantized.
pub fn coarsen(graph: &mut Graph) -> Result<PassReport, PassError> {
    let mut report = PassReport::new(NAME);
    let mut index = 0;
    while index < graph.nodes.len() {
        let node = &graph.nodes[index];
        let (name, source) = (node.name.clone(), node.inputs.first().copied());
        let is_dropped =
            node.op.operator().vanishes_in_codes() && source.is_some_and(|source| bypass(graph, index, source));
        if is_dropped {
            report.change(&name, "rounds by less than a code");
        } else {
            index += 1;
        }
    }
    graph.verify().map_err(|source| PassError::Broken { pass: NAME, source })?;
    Ok(report)
}
