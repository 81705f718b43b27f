//! What the int8 kernels demand of scales beyond what the graph's own rules do.
//!
//! The numbers are TensorFlow Lite's contract: files of its converter keep it, and an operator that breaks
//! it has no defined result.

use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Graph, Op, Quantization, ValueId};
use crate::op::rule::quantization::Codes;

const FULL_INTEGER: &str = "convert with full integer quantization, which fixes these scales";

/// Checks an int8 operator's result; float ones always pass.
pub(super) fn check(graph: &Graph, op: &Op, output: ValueId) -> Convert<()> {
    let value = graph.value(output);
    let (DType::I8, Some(quantization)) = (value.dtype, &value.quantization) else { return Ok(()) };
    match op.operator().codes() {
        Codes::Bound(bound) => fixed(quantization, bound.scale(0), bound.zero_point()),
        _ => Ok(()),
    }
}

fn fixed(found: &Quantization, scale: f32, zero_point: i32) -> Convert<()> {
    // The reference kernel accepts what rounds to the fixed scale.
    if (found.scale(0) - scale).abs() <= scale * 1e-3 && found.zero_point() == zero_point {
        return Ok(());
    }
    let (s, z) = (found.scale(0), found.zero_point());
    refuse(format!("result has scale {s} and zero point {z}, {scale} and {zero_point} are needed"), FULL_INTEGER)
}

/// The bias of a dense layer is in the unit of products of input and weights.
///
/// Every kernel takes it in that unit, whatever the file says of its scale, axis and zero point, and so do we. Only for
/// a dense layer with one weight scale do TensorFlow Lite's kernels look, and do not run a file that contradicts itself.
pub(super) fn check_bias(graph: &Graph, scales: &[f32], inputs: &[ValueId], output: ValueId) -> Convert<()> {
    let quantization = |id: ValueId| graph.value(id).quantization.as_ref();
    let (Some(x), Some(w), Some(y)) = (quantization(inputs[0]), quantization(inputs[1]), quantization(output)) else {
        return Ok(());
    };
    let (&[scale], None) = (scales, w.axis) else { return Ok(()) };
    let product = f64::from(x.scale(0)) * f64::from(w.scale(0));
    // Two hundredths of an output quantum are allowed.
    if (product - f64::from(scale)).abs() / f64::from(y.scale(0)) <= 0.02 {
        return Ok(());
    }
    refuse(format!("bias scale {scale} is not input scale times weight scale"), FULL_INTEGER)
}
