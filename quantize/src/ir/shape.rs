//! The shapes of a node's results, which the importers ask for and [`super::Graph::verify`] compares with.

use super::{Graph, Op, Shape, ShapeError, ValueId, checked_len};

/// The shapes `op` computes from `inputs`, one for each result.
///
/// For [`Op::Reshape`], whose result is not determined by its operand, this is the flat shape `[len]`: any
/// shape of that many elements is right.
pub fn infer(graph: &Graph, op: &Op, inputs: &[ValueId]) -> Result<Vec<Shape>, ShapeError> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|&id| graph.value(id).shape.as_slice()).collect();
    infer_shapes(op, &shapes)
}

/// [`infer`] for an operator with one result.
pub fn infer_one(graph: &Graph, op: &Op, inputs: &[ValueId]) -> Result<Shape, ShapeError> {
    let mut shapes = infer(graph, op, inputs)?;
    match (shapes.pop(), shapes.len()) {
        (Some(shape), 0) => Ok(shape),
        (_, others) => Err(ShapeError(format!("computes {} results, 1 is needed", others + 1))),
    }
}

/// [`infer`] on bare shapes.
pub fn infer_shapes(op: &Op, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
    let inferred = op.operator().infer(inputs)?;
    inferred.iter().try_for_each(|shape| checked_len(shape).map(|_| ()))?;
    Ok(inferred)
}
