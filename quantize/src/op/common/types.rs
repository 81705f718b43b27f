//! Which element types and quantizations an operator may connect.
//!
//! An operator computes either on floats throughout or on integers of one type throughout (layers have int8 weights
//! and wider biases); only `Quantize` and `Dequantize` cross over. Operators that select or join elements need the
//! same quantization on both sides: their int8 kernels rescale nothing. Reshape and Pad move codes whatever the result's quantization is
//! called, as their oracles do; readers take it by its name.
//!
//! Each error continues a sentence about the node.

use crate::value::{DType, Value};

/// `value` has one of the types `allowed`.
pub(crate) fn expect(value: &Value, allowed: &[DType]) -> Result<(), String> {
    if allowed.contains(&value.dtype) {
        return Ok(());
    }
    Err(format!("`{}` is {:?}, {allowed:?} is needed", value.name, value.dtype))
}

/// `value` has the type of `output`, which is one of those `allowed`.
pub(crate) fn expect_same(value: &Value, output: &Value, allowed: &[DType]) -> Result<(), String> {
    expect(value, allowed)?;
    if value.dtype == output.dtype {
        return Ok(());
    }
    Err(format!("`{}` is {:?} but the result is {:?}", value.name, value.dtype, output.dtype))
}

/// An activation of type `dtype`, with one scale for the whole tensor when it is int8.
pub(crate) fn activation(value: &Value, dtype: DType) -> Result<(), String> {
    expect(value, &[dtype])?;
    match &value.quantization {
        Some(quantization) if quantization.axis.is_some() && dtype != DType::F32 => {
            Err(format!("`{}` is an activation quantized per channel; one scale is needed", value.name))
        }
        _ => Ok(()),
    }
}

/// Float32, int8 or int16 throughout, each value with a quantization of its own.
pub(crate) fn rescaling(inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
    rescaling_among(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
}

/// One of the types `allowed` throughout, each value with a quantization of its own.
pub(crate) fn rescaling_among(inputs: &[&Value], outputs: &[&Value], allowed: &[DType]) -> Result<(), String> {
    outputs.iter().try_for_each(|output| {
        inputs.iter().try_for_each(|value| {
            expect_same(value, output, allowed)?;
            activation(value, output.dtype)?;
            activation(output, output.dtype)
        })
    })
}

/// One of the types `allowed` throughout, with one quantization: elements are moved or compared, not rescaled.
pub(crate) fn moving(inputs: &[&Value], outputs: &[&Value], allowed: &[DType]) -> Result<(), String> {
    outputs.iter().try_for_each(|output| {
        inputs.iter().try_for_each(|value| expect_same(value, output, allowed))?;
        same_quantization(inputs, output)
    })
}

/// One of the types `allowed` throughout. Codes are moved into whatever quantization the results have.
pub(crate) fn copying(inputs: &[&Value], outputs: &[&Value], allowed: &[DType]) -> Result<(), String> {
    outputs.iter().try_for_each(|output| inputs.iter().try_for_each(|value| expect_same(value, output, allowed)))
}

/// Every type there is: for operators that copy elements.
pub(crate) const ANY: &[DType] = &[DType::F32, DType::I8, DType::U8, DType::I16, DType::I32, DType::I64, DType::Bool];

fn same_quantization(inputs: &[&Value], output: &Value) -> Result<(), String> {
    // A float constant that was made of codes moves as the reals that it has.
    let differs = |value: &&&Value| value.dtype != DType::F32 && value.quantization != output.quantization;
    match inputs.iter().find(differs) {
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

/// `x, w, [b]`: all float, or int8 with an int32 bias and weights that may have zero points; results have one of the types
/// `allowed`, and int16 ones come from symmetric int8 weights and an int32 or int64 bias.
pub(crate) fn weighted_among(
    inputs: &[&Value],
    outputs: &[&Value],
    channel_axis: usize,
    allowed: &[DType],
) -> Result<(), String> {
    let output = outputs[0];
    expect(output, allowed)?;
    activation(output, output.dtype)?;
    activation(inputs[0], output.dtype)?;
    let (weights, biases) = match output.dtype {
        DType::I8 => (DType::I8, &[DType::I32][..]),
        DType::I16 => (DType::I8, &[DType::I32, DType::I64][..]),
        _ => (DType::F32, &[DType::F32][..]),
    };
    expect(inputs[1], &[weights])?;
    inputs.get(2).map_or(Ok(()), |bias| expect(bias, biases))?;
    let Some(quantization) = &inputs[1].quantization else { return Ok(()) };
    if quantization.axis.is_some_and(|axis| axis != channel_axis) {
        return Err(format!(
            "weights `{}` are quantized along axis {:?}, the output channel axis {channel_axis} is needed",
            inputs[1].name, quantization.axis
        ));
    }
    if output.dtype == DType::I16 { symmetric(inputs[1]) } else { Ok(()) }
}

/// Weights whose code 0 stands for zero.
pub(crate) fn symmetric(weights: &Value) -> Result<(), String> {
    match &weights.quantization {
        Some(quantization) if quantization.zero_points.iter().any(|&zero| zero != 0) => {
            Err(format!("weights `{}` have a zero point; symmetric weights are needed", weights.name))
        }
        _ => Ok(()),
    }
}
