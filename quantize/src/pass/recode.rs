//! Weights of float layers that the file has as codes get their codes back.
//!
//! An importer of files that dequantize their weights marks them: as floats with a quantization, whatever that says. What
//! they are multiplied with on the way (a batch normalization, a factor) leaves them on a grid, and on that they are codes
//! again, which lowering stores as they are. Weights that have left it are floats from then on.

use super::integers::grid::{Codes, of_weights};
use super::{PassError, PassReport};
use crate::ir::{DType, Elements, Graph, Value, ValueId};
use crate::op::rule::layer::WeightOrder;

/// The pass's name in reports.
const NAME: &str = "recode";

/// See the module's head. It runs once, when nothing changes weights any more.
pub fn recode(graph: &mut Graph) -> Result<PassReport, PassError> {
    let mut report = PassReport::new(NAME);
    let layers = graph.nodes.iter().filter_map(|node| {
        let order = node.op.operator().layer()?.order;
        Some((node.name.clone(), *node.inputs.get(1)?, order))
    });
    for (node, weights, order) in layers.collect::<Vec<_>>() {
        if is_marked(graph.value(weights)) {
            match again(graph, weights, order) {
                Some(value) => {
                    *graph.value_mut(weights) = value;
                    report.change(&node, "its weights stay the file's integers");
                }
                None => {
                    graph.value_mut(weights).quantization = None;
                    report.miss(&node, "its weights are on no grid of 256 steps");
                }
            }
        }
    }
    graph.verify().map_err(|source| PassError::Broken { pass: NAME, source })?;
    Ok(report)
}

/// Floats that were codes, and are not exactly what their quantization says.
fn is_marked(value: &Value) -> bool {
    value.dtype == DType::F32 && value.quantization.is_some() && value.codes().is_none()
}

/// The weights as the reals of codes.
fn again(graph: &Graph, weights: ValueId, order: WeightOrder) -> Option<Value> {
    let value = graph.value(weights);
    let Codes { codes, quantization } = of_weights(graph.constant_f32(weights)?, &value.shape, order)?;
    let elements = Some(Elements::I8(codes));
    Some(Value { dtype: DType::I8, elements, quantization: Some(quantization), ..value.clone() }.widened())
}
