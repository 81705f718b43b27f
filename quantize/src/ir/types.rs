//! Which element types and quantizations an operator may connect.
//!
//! An operator computes either on floats throughout or on int8 throughout (with int32 biases); only
//! `Quantize` and `Dequantize` cross over. Operators that only move elements need the same quantization on
//! both sides: the int8 kernels copy bytes and rescale nothing.

use super::{DType, Graph, Node, Op, Quantization, Value};

/// Checks one value's quantization against its type and shape.
pub(super) fn check_value(value: &Value) -> Result<(), String> {
    match (&value.quantization, value.dtype) {
        (None, DType::I8) => Err("is int8 without a quantization".into()),
        (None, _) => Ok(()),
        (Some(_), DType::F32 | DType::I64) => Err(format!("is {:?} and cannot have a quantization", value.dtype)),
        (Some(quantization), _) => check_quantization(quantization, value),
    }
}

fn check_quantization(quantization: &Quantization, value: &Value) -> Result<(), String> {
    let Quantization { scales, zero_points, axis } = quantization;
    let channels = match axis {
        None => 1,
        Some(axis) => {
            *value.shape.get(*axis).ok_or_else(|| format!("is quantized along axis {axis}, which it does not have"))?
        }
    };
    if scales.len() != channels || zero_points.len() != channels {
        let (scales, zeros) = (scales.len(), zero_points.len());
        return Err(format!("has {scales} scales and {zeros} zero points, {channels} of each are needed"));
    }
    if let Some(scale) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        return Err(format!("has the quantization scale {scale}, which is not positive and finite"));
    }
    let range = if value.dtype == DType::I8 { -128..=127 } else { 0..=0 };
    if let Some(zero) = zero_points.iter().find(|zero| !range.contains(*zero)) {
        return Err(format!("has the zero point {zero}, outside {} to {}", range.start(), range.end()));
    }
    Ok(())
}

/// Checks the types and quantizations around one node, whose operand count [`super::infer`] has accepted.
pub(super) fn check_node(graph: &Graph, node: &Node) -> Result<(), String> {
    let output = graph.value(node.output());
    let inputs: Vec<&Value> = node.inputs.iter().map(|&id| graph.value(id)).collect();
    match &node.op {
        Op::Conv2D { .. } => check_weighted(&inputs, output, 0),
        Op::DepthwiseConv2D { .. } => check_weighted(&inputs, output, 3),
        Op::FullyConnected { .. } => check_weighted(&inputs, output, 0),
        Op::Quantize => {
            expect(inputs[0], &[DType::F32, DType::I8])?;
            check_activation(output, DType::I8)
        }
        Op::Dequantize => {
            check_activation(inputs[0], DType::I8)?;
            expect(output, &[DType::F32])
        }
        Op::BatchNorm { .. } => inputs.iter().try_for_each(|value| check_same_type(value, output, &[DType::F32])),
        Op::Reshape | Op::Transpose { .. } | Op::Concat { .. } => {
            let any = [DType::F32, DType::I8, DType::I32, DType::I64];
            inputs.iter().try_for_each(|value| check_same_type(value, output, &any))?;
            check_same_quantization(&inputs, output)
        }
        Op::Pad { .. } | Op::MaxPool2D { .. } | Op::AveragePool2D { .. } => {
            check_same_type(inputs[0], output, &[DType::F32, DType::I8])?;
            check_same_quantization(&inputs, output)
        }
        Op::Add { .. }
        | Op::Mul { .. }
        | Op::Softmax { .. }
        | Op::Mean { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Logistic
        | Op::Tanh => inputs.iter().try_for_each(|value| {
            check_same_type(value, output, &[DType::F32, DType::I8])?;
            check_activation(value, output.dtype)?;
            check_activation(output, output.dtype)
        }),
    }
}

fn expect(value: &Value, allowed: &[DType]) -> Result<(), String> {
    if allowed.contains(&value.dtype) {
        return Ok(());
    }
    Err(format!("`{}` is {:?}, {allowed:?} is needed", value.name, value.dtype))
}

fn check_same_type(value: &Value, output: &Value, allowed: &[DType]) -> Result<(), String> {
    expect(value, allowed)?;
    if value.dtype == output.dtype {
        return Ok(());
    }
    Err(format!("`{}` is {:?} but the result is {:?}", value.name, value.dtype, output.dtype))
}

/// An activation of type `dtype`, with one scale for the whole tensor when it is int8.
fn check_activation(value: &Value, dtype: DType) -> Result<(), String> {
    expect(value, &[dtype])?;
    match &value.quantization {
        Some(quantization) if quantization.axis.is_some() => {
            Err(format!("`{}` is an activation quantized per channel; one scale is needed", value.name))
        }
        _ => Ok(()),
    }
}

fn check_same_quantization(inputs: &[&Value], output: &Value) -> Result<(), String> {
    match inputs.iter().find(|value| value.quantization != output.quantization) {
        None => Ok(()),
        Some(value) => Err(format!(
            "`{}` is quantized as {} but the result as {}; this operator does not rescale",
            value.name,
            describe(value),
            describe(output)
        )),
    }
}

fn describe(value: &Value) -> String {
    match &value.quantization {
        None => "nothing".into(),
        Some(q) if q.axis.is_none() => format!("scale {} zero point {}", q.scale(0), q.zero_point()),
        Some(q) => format!("{} channel scales", q.scales.len()),
    }
}

/// `x, w, [b]`: all float, or int8 with symmetric weights and an int32 bias.
fn check_weighted(inputs: &[&Value], output: &Value, channel_axis: usize) -> Result<(), String> {
    expect(output, &[DType::F32, DType::I8])?;
    check_activation(output, output.dtype)?;
    check_activation(inputs[0], output.dtype)?;
    expect(inputs[1], &[output.dtype])?;
    if let Some(bias) = inputs.get(2) {
        expect(bias, &[if output.dtype == DType::I8 { DType::I32 } else { DType::F32 }])?;
    }
    let Some(quantization) = &inputs[1].quantization else { return Ok(()) };
    if quantization.axis.is_some_and(|axis| axis != channel_axis) {
        return Err(format!(
            "weights `{}` are quantized along axis {:?}, the output channel axis {channel_axis} is needed",
            inputs[1].name, quantization.axis
        ));
    }
    if quantization.zero_points.iter().any(|&zero| zero != 0) {
        return Err(format!("weights `{}` have a zero point; symmetric weights are needed", inputs[1].name));
    }
    Ok(())
}
