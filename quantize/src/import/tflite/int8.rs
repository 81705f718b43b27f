//! What the int8 kernels demand of scales beyond what the graph's own rules do.
//!
//! The numbers are TensorFlow Lite's contract: files of its converter keep it, and an operator that breaks
//! it has no defined result.

use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Graph, Op, Quantization, ValueId};
use crate::op::rule::quantization::Codes;

const FULL_INTEGER: &str = "convert with full integer quantization, which fixes these scales";

/// Checks an int8 operator's result (and its bias); float ones always pass.
pub(super) fn check(graph: &Graph, op: &Op, inputs: &[ValueId], output: ValueId) -> Convert<()> {
    let value = graph.value(output);
    let (DType::I8, Some(quantization)) = (value.dtype, &value.quantization) else { return Ok(()) };
    if let Codes::Bound(bound) = op.operator().codes() {
        return fixed(quantization, bound.scale(0), bound.zero_point());
    }
    match op.operator().layer() {
        Some(_) => bias_scale(graph, inputs, quantization),
        None => Ok(()),
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

/// The bias is added to products of input and weights, so it must be in their unit.
fn bias_scale(graph: &Graph, inputs: &[ValueId], output: &Quantization) -> Convert<()> {
    let &[x, w, b] = inputs else { return Ok(()) };
    let [Some(x), Some(w), Some(b)] = [x, w, b].map(|id| graph.value(id).quantization.as_ref()) else {
        return Ok(());
    };
    let off = |channel: usize| {
        let product = f64::from(x.scale(0)) * f64::from(w.scale(channel));
        // TensorFlow Lite allows two hundredths of an output quantum.
        (product - f64::from(b.scale(channel))).abs() / f64::from(output.scale(0)) > 0.02
    };
    match (0..w.scales.len()).find(|&channel| off(channel)) {
        None => Ok(()),
        Some(channel) => refuse(
            format!("bias scale {} of channel {channel} is not input scale times weight scale", b.scale(channel)),
            FULL_INTEGER,
        ),
    }
}
