//! Codes and what they stand for: `QuantizeLinear` and `DequantizeLinear`.
//!
//! A file says what is quantized by turning reals into codes and codes into reals. Both are nodes of the graph; what lies
//! between them is read as if it were on reals, and constants become the reals that their codes stand for. That integers
//! compute it is up to the pass `integers`, which looks at numbers and not at how an exporter wrote them.
//!
//! Codes of the graph are int8: a uint8 code is read less 128, and so is its zero point.

pub(super) use kinglet_tract::type_code::{INT8, UINT8};
use kinglet_tract::{OnnxNode, OnnxPort};

use super::attributes::{Call, normal_axis};
use super::constant::{Constant, Numbers};
use super::fold::Known;
use super::types::integer_range;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Op, Quantization, Value, ValueId};
use crate::op::{Dequantize, Quantize, Reshape};

const PER_TENSOR: &str = "quantize activations per tensor";
const QUANTIZE_AGAIN: &str = "quantize the float model again, or give it to Kinglet with calibration data";

/// How many codes a scale stands for: all, or those of one index of an axis.
struct Parameters {
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    /// For a constant of more than one scale.
    axis: Option<usize>,
    /// How many indices of the axis share a scale, each index of the other axes having its own; 0 when all of those do.
    block: usize,
}

impl Importer<'_> {
    /// Scale and zero point of codes that are computed when the model runs.
    fn scalar_parameters(&self, call: &Call<'_>, at: usize) -> Convert<(f32, Option<i64>)> {
        if call.int("block_size", 0)? != 0 {
            return refuse("is quantized in blocks", "quantize per tensor or per channel");
        }
        let (_, scales) = call.floats_of(at, "scales")?;
        let zeros = match call.constant(at + 1, "zero points")? {
            None => None,
            Some(Constant { numbers: Numbers::I64(zeros), .. }) => Some(zeros.as_slice()),
            Some(_) => return refuse("zero points are floats", "UINT8 or INT8 is needed"),
        };
        let (&[scale], None | Some(&[_])) = (scales, zeros) else {
            return refuse(format!("has {} scales", scales.len()), PER_TENSOR);
        };
        check_scales(&[scale])?;
        Ok((scale, zeros.and_then(|zeros| zeros.first().copied())))
    }

    /// The element type of codes whose zero point is operand `at`.
    fn code_type(&self, call: &Call<'_>, at: usize) -> Convert<i32> {
        let declared = call.int("output_dtype", 0)? as i32;
        let dtype = match (declared, call.constant(at, "zero points")?) {
            (0, None) => UINT8,
            (0, Some(zero)) => zero.type_code,
            (declared, _) => declared,
        };
        match dtype {
            UINT8 | INT8 => Ok(dtype),
            other => {
                let problem = format!("makes codes of type {}", kinglet_tract::type_name(other));
                refuse(problem, "quantize activations to INT8 or UINT8")
            }
        }
    }

    /// Reals as codes.
    pub(super) fn quantized(&mut self, name: &str, x: ValueId, quantization: Quantization) -> Convert<ValueId> {
        let shape = self.shape(x);
        let name = name.to_owned();
        let value =
            Value { name: name.clone(), dtype: DType::I8, shape, quantization: Some(quantization), elements: None };
        let codes = self.builder.value(value)?;
        self.builder.node(&name, Op::Quantize(Quantize), vec![x], codes)?;
        Ok(codes)
    }

    /// The reals that codes stand for under this quantization.
    pub(super) fn dequantized(&mut self, name: &str, codes: ValueId, quantization: &Quantization) -> Convert<ValueId> {
        let mut codes = codes;
        let value = self.builder.graph.value(codes).clone();
        if value.dtype != DType::I8 {
            return refuse(format!("`{}` has no codes", value.name), QUANTIZE_AGAIN);
        }
        if value.quantization.as_ref() != Some(quantization) {
            // The same codes are taken for something else: copied, since a value means one thing.
            let name = format!("{name}/codes");
            let renamed = Value { name: name.clone(), quantization: Some(quantization.clone()), ..value.clone() };
            let renamed = self.builder.value(renamed)?;
            self.builder.node(&name, Op::Reshape(Reshape), vec![codes], renamed)?;
            codes = renamed;
        }
        let value =
            Value { name: name.to_owned(), dtype: DType::F32, shape: value.shape, quantization: None, elements: None };
        let reals = self.builder.value(value)?;
        self.builder.node(name, Op::Dequantize(Dequantize), vec![codes], reals)?;
        Ok(reals)
    }

    /// The quantization of run-time codes whose scale is operand `at`, with the zero point behind it.
    pub(super) fn quantization(&self, call: &Call<'_>, at: usize) -> Convert<Quantization> {
        let (scale, zero) = self.scalar_parameters(call, at)?;
        let shift = if self.code_type(call, at + 1)? == UINT8 { 128 } else { 0 };
        per_tensor(scale, zero.unwrap_or(0), shift)
    }

    /// A model's input of codes: int8 as it is, uint8 less 128.
    pub(super) fn input_of_codes(&mut self, port: &OnnxPort, quantization: &Quantization) -> Convert<ValueId> {
        if port.element_type == INT8 {
            return self.input_value(port, DType::I8, Some(quantization.clone()));
        }
        let unsigned = Quantization::per_tensor(quantization.scale(0), quantization.zero_point() + 128);
        let input = self.input_value(port, DType::U8, Some(unsigned))?;
        let codes = self.quantized(&format!("{}/int8", port.name), input, quantization.clone())?;
        self.unsigned.insert(codes);
        Ok(codes)
    }

    /// What the caller reads: uint8 where the file says so, and floats of the type that it says.
    pub(super) fn output_value(&mut self, port: &OnnxPort, value: ValueId) -> Convert<ValueId> {
        let Value { dtype, shape, quantization, .. } = self.builder.graph.value(value).clone();
        if dtype == DType::F32 {
            return self.rounded(&format!("{}/rounded", port.name), value, port.element_type);
        }
        let (DType::I8, Some(quantization)) = (dtype, quantization) else { return Ok(value) };
        if port.element_type != UINT8 && !(port.element_type == 0 && self.unsigned.contains(&value)) {
            return Ok(value);
        }
        let unsigned = Quantization::per_tensor(quantization.scale(0), quantization.zero_point() + 128);
        let name = format!("{}/uint8", port.name);
        let result =
            Value { name: name.clone(), dtype: DType::U8, shape, quantization: Some(unsigned), elements: None };
        let result = self.builder.value(result)?;
        self.builder.node(&name, Op::Quantize(Quantize), vec![value], result)?;
        Ok(result)
    }

    /// What the codes of an input stand for: what the first node that reads them says. `None` for an input of other elements.
    pub(super) fn input_quantization(&self, port: &OnnxPort, nodes: &[OnnxNode]) -> Convert<Option<Quantization>> {
        if port.element_type != UINT8 && port.element_type != INT8 {
            return Ok(None);
        }
        let shift = if port.element_type == UINT8 { 128 } else { 0 };
        for node in nodes {
            let Some(at) = node.inputs.iter().position(|input| *input == port.name) else { continue };
            if let Some([scale, zero]) = self.parameters_behind(node, at) {
                check_scales(&[scale])?;
                return per_tensor(scale, zero as i64, shift).map(Some);
            }
        }
        Ok(None)
    }

    /// The constant scale and zero point behind operand `at` of a node that takes codes.
    fn parameters_behind(&self, node: &OnnxNode, at: usize) -> Option<[f32; 2]> {
        let takes_codes = ["DequantizeLinear", "QGemm", "ConvInteger", "MatMulInteger"];
        if !takes_codes.contains(&node.op_type.as_str()) && !node.op_type.starts_with("QLinear") {
            return None;
        }
        let constant = |index: usize| match self.scopes.get(node.inputs.get(index)?)? {
            Entry::Constant(constant) => constant.as_float().or(constant.as_int().map(|zero| zero as f32)),
            _ => None,
        };
        if node.op_type.ends_with("Integer") {
            return Some([1.0, constant(at + 2).unwrap_or(0.0)]);
        }
        Some([constant(at + 1)?, constant(at + 2).unwrap_or(0.0)])
    }
}

/// The quantization of codes less `shift`.
fn per_tensor(scale: f32, zero: i64, shift: i64) -> Convert<Quantization> {
    match zero.checked_sub(shift).and_then(|zero| i8::try_from(zero).ok()) {
        Some(zero) => Ok(Quantization::per_tensor(scale, zero.into())),
        None => refuse(format!("zero point {zero} is no code"), QUANTIZE_AGAIN),
    }
}

fn check_scales(scales: &[f32]) -> Convert<()> {
    match scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        None => Ok(()),
        Some(scale) => refuse(format!("scale {scale} is not positive and finite"), QUANTIZE_AGAIN),
    }
}

pub(super) fn quantize_linear(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.float_operand(call, 0)?;
    let quantization = importer.quantization(call, 1)?;
    let codes = importer.quantized(call.name, x, quantization)?;
    if importer.code_type(call, 2)? == UINT8 {
        importer.unsigned.insert(codes);
    }
    Ok(Entry::Value(codes))
}

pub(super) fn dequantize_linear(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let codes = call.value(0)?;
    let (scale, zero) = importer.scalar_parameters(call, 1)?;
    let shift = match call.constant(2, "zero points")?.map(|zero| zero.type_code) {
        Some(INT8) => 0,
        Some(_) => 128,
        // Then it is as the codes have it: uint8 ones stand for 128 more.
        None if importer.unsigned.contains(&codes) => 128,
        None => 0,
    };
    let quantization = per_tensor(scale, zero.unwrap_or(0), shift)?;
    Ok(Entry::Value(importer.dequantized(call.name, codes, &quantization)?))
}

/// The codes of a constant, as integers.
pub(super) fn fold_quantize(known: &Known<'_>) -> Convert<Constant> {
    let x = known.first();
    let Numbers::F32(reals) = &x.numbers else { return refuse("quantizes integers", "FLOAT is needed") };
    let parameters = parameters(known, &x.shape)?;
    let type_code = match (known.call.int("output_dtype", 0)? as i32, known.call.constant(2, "zero points")?) {
        (0, None) => UINT8,
        (0, Some(zero)) => zero.type_code,
        (declared, _) => declared,
    };
    let Some(range) = integer_range(type_code) else {
        let problem = format!("makes codes of type {}", kinglet_tract::type_name(type_code));
        return refuse(problem, "quantize weights to integers");
    };
    let code = |(flat, &real): (usize, &f32)| {
        let (scale, zero) = parameters.at(flat, &x.shape);
        let code = f64::from((real / scale).round_ties_even()) + zero as f64;
        code.clamp(*range.start() as f64, *range.end() as f64) as i64
    };
    let numbers = Numbers::I64(reals.iter().enumerate().map(code).collect());
    Ok(Constant { shape: x.shape.clone(), numbers, type_code, is_decoded: false, texts: None })
}

/// The reals that the codes of a constant stand for.
pub(super) fn fold_dequantize(known: &Known<'_>) -> Convert<Constant> {
    let x = known.first();
    let Numbers::I64(codes) = &x.numbers else { return refuse("dequantizes floats", "integers are needed") };
    let parameters = parameters(known, &x.shape)?;
    let real = |(flat, &code): (usize, &i64)| {
        let (scale, zero) = parameters.at(flat, &x.shape);
        scale * (code.saturating_sub(zero)) as f32
    };
    Ok(Constant::decoded(x.shape.clone(), codes.iter().enumerate().map(real).collect()))
}

/// Scales and zero points of a constant of `shape`.
fn parameters(known: &Known<'_>, shape: &[usize]) -> Convert<Parameters> {
    let call = known.call;
    let (scale_shape, scales) = call.floats_of(1, "scales")?;
    check_scales(scales)?;
    let zero_points = match call.constant(2, "zero points")? {
        None => vec![0; scales.len()],
        Some(Constant { numbers: Numbers::I64(zeros), .. }) => zeros.clone(),
        Some(_) => return refuse("zero points are floats", "integers are needed"),
    };
    if zero_points.len() != scales.len() {
        let (scales, zeros) = (scales.len(), zero_points.len());
        return refuse(format!("has {scales} scales and {zeros} zero points"), QUANTIZE_AGAIN);
    }
    let block = call.int("block_size", 0)?;
    if block != 0 {
        let axis = normal_axis(call.int("axis", 1)?, shape.len())?;
        let block = usize::try_from(block).unwrap_or(0);
        let mut expected = shape.to_vec();
        expected[axis] = shape[axis].div_ceil(block.max(1));
        if block == 0 || scale_shape != expected {
            let problem = format!("has scales {scale_shape:?} for blocks of {block} along axis {axis} of {shape:?}");
            return refuse(problem, QUANTIZE_AGAIN);
        }
        return Ok(Parameters { scales: scales.to_vec(), zero_points, axis: Some(axis), block });
    }
    let axis = match scales {
        [_] => None,
        _ => Some(normal_axis(call.int("axis", 1)?, shape.len())?),
    };
    if let Some(axis) = axis
        && shape[axis] != scales.len()
    {
        let problem = format!("has {} scales for {} indices of axis {axis}", scales.len(), shape[axis]);
        return refuse(problem, QUANTIZE_AGAIN);
    }
    Ok(Parameters { scales: scales.to_vec(), zero_points, axis, block: 0 })
}

impl Parameters {
    /// Scale and zero point of element `flat` of a constant of `shape`.
    fn at(&self, flat: usize, shape: &[usize]) -> (f32, i64) {
        let index = self.axis.map_or(0, |axis| {
            let inner = shape[axis + 1..].iter().product::<usize>().max(1);
            let at = flat / inner % shape[axis];
            match self.block {
                0 => at,
                block => (flat / inner / shape[axis] * shape[axis].div_ceil(block) + at / block) * inner + flat % inner,
            }
        });
        (self.scales[index], self.zero_points[index])
    }
}
