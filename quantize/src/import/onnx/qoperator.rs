//! Operators on codes, taken apart: codes become reals, an operator of ONNX computes, its result becomes codes.
//!
//! `QLinearConv` and its like are what onnxruntime makes of three nodes that another file writes one by one, and are read as
//! these three. Scales and zero points are operands in each operator's own order, which [`FORMS`] has.

use std::rc::Rc;

use kinglet_tract::OnnxNode;

use super::attributes::Call;
use super::constant::{Constant, Numbers};
use super::operator::{Conversion, Row};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};

/// An operator on codes, and the operator that computes the same on reals.
struct Form {
    name: &'static str,
    on_reals: &'static str,
    /// The operands that have a scale and a zero point behind them.
    coded: &'static [Coded],
    /// A sum in units of products.
    bias: Option<usize>,
    /// The scale of the result; the zero point is behind it.
    result: usize,
}

/// An operand of codes, and where its scale is; the zero point is behind it.
struct Coded {
    operand: usize,
    scale: usize,
    /// The axis along which the scales of weights vary.
    axis: i64,
}

const fn coded(operand: usize, scale: usize, axis: i64) -> Coded {
    Coded { operand, scale, axis }
}

const ONE: &[Coded] = &[coded(0, 1, 0)];
const TWO: &[Coded] = &[coded(0, 1, 0), coded(3, 4, 0)];
/// Weights of a product, whose columns are outputs.
const FACTORS: &[Coded] = &[coded(0, 1, 0), coded(3, 4, -1)];

const FORMS: &[Form] = &[
    Form { name: "QLinearConv", on_reals: "Conv", coded: TWO, bias: Some(8), result: 6 },
    Form { name: "QLinearMatMul", on_reals: "MatMul", coded: FACTORS, bias: None, result: 6 },
    Form { name: "QGemm", on_reals: "Gemm", coded: FACTORS, bias: Some(6), result: 7 },
    Form { name: "QLinearAdd", on_reals: "Add", coded: TWO, bias: None, result: 6 },
    Form { name: "QLinearMul", on_reals: "Mul", coded: TWO, bias: None, result: 6 },
    Form { name: "QLinearSigmoid", on_reals: "Sigmoid", coded: ONE, bias: None, result: 3 },
    Form { name: "QLinearLeakyRelu", on_reals: "LeakyRelu", coded: ONE, bias: None, result: 3 },
    Form { name: "QLinearSoftmax", on_reals: "Softmax", coded: ONE, bias: None, result: 3 },
    Form { name: "QLinearGlobalAveragePool", on_reals: "GlobalAveragePool", coded: ONE, bias: None, result: 3 },
    Form { name: "QLinearAveragePool", on_reals: "AveragePool", coded: ONE, bias: None, result: 3 },
    Form { name: "QLinearReduceMean", on_reals: "ReduceMean", coded: ONE, bias: None, result: 3 },
];

const EXPORT_AGAIN: &str = "quantize the float model again";

/// An operator of the list.
pub(super) fn convert(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let Some(form) = FORMS.iter().find(|form| form.name == call.node.op_type) else {
        return refuse("its form is not known", EXPORT_AGAIN);
    };
    if call.int("channels_last", 0)? != 0 {
        return refuse("has its channels last", "quantize before layouts are changed");
    }
    let mut operands = Vec::new();
    for coded in form.coded {
        operands.push(Some(reals(importer, call, coded, form.on_reals)?));
    }
    if let Some(at) = form.bias.filter(|&at| call.operand(at).is_some()) {
        operands.push(Some(bias(call, form, at)?));
    }
    let result = on_reals(importer, call, form.on_reals, operands)?;
    if call.operand(form.result).is_none() {
        return Ok(result);
    }
    let Entry::Value(result) = result else { return refuse("computes nothing", EXPORT_AGAIN) };
    let quantization = importer.quantization(call, form.result)?;
    Ok(Entry::Value(importer.quantized(&format!("{}/quantized", call.name), result, quantization)?))
}

/// `QLinearConcat`: the result's scale and zero point, then each operand with its own.
pub(super) fn concat(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let count = call.operands.len().saturating_sub(2) / 3;
    let mut operands = Vec::new();
    for index in 0..count {
        let coded = coded(2 + 3 * index, 3 + 3 * index, 0);
        operands.push(Some(reals(importer, call, &coded, "Concat")?));
    }
    let Entry::Value(result) = on_reals(importer, call, "Concat", operands)? else {
        return refuse("computes nothing", EXPORT_AGAIN);
    };
    let quantization = importer.quantization(call, 0)?;
    Ok(Entry::Value(importer.quantized(&format!("{}/quantized", call.name), result, quantization)?))
}

/// The reals that an operand's codes stand for.
fn reals(importer: &mut Importer<'_>, call: &Call<'_>, coded: &Coded, on_reals: &str) -> Convert<Entry> {
    let Some(Entry::Constant(codes)) = call.operand(coded.operand) else {
        let quantization = importer.quantization(call, coded.scale)?;
        let name = format!("{}/operand {}", call.name, coded.operand);
        let codes = call.value(coded.operand)?;
        return Ok(Entry::Value(importer.dequantized(&name, codes, &quantization)?));
    };
    let (_, scales) = call.floats_of(coded.scale, "scales")?;
    importer.budget.charge(codes.numbers.len(), 4)?;
    // A transposed factor has its outputs in front.
    let axis = if on_reals == "Gemm" && call.int("transB", 0)? != 0 { 0 } else { coded.axis };
    let constant = decoded(codes, scales, call.constant(coded.scale + 1, "zero points")?, axis)?;
    Ok(Entry::Constant(Rc::new(constant)))
}

/// A constant's reals, with one scale and one zero point, or one for each index of `axis`.
pub(super) fn decoded(codes: &Constant, scales: &[f32], zeros: Option<&Constant>, axis: i64) -> Convert<Constant> {
    let Numbers::I64(integers) = &codes.numbers else { return refuse("has weights of reals", "codes are needed") };
    if let Some(scale) = scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        return refuse(format!("scale {scale} is not positive and finite"), EXPORT_AGAIN);
    }
    let zeros = match zeros.map(|zeros| &zeros.numbers) {
        None => &[0][..],
        Some(Numbers::I64(zeros)) => zeros,
        Some(_) => return refuse("zero points are floats", "integers are needed"),
    };
    let rank = codes.shape.len();
    let axis = if axis < 0 { rank.saturating_sub(1) } else { 0 };
    let extent = codes.shape.get(axis).copied().unwrap_or(1);
    if ![scales.len(), zeros.len()].iter().all(|&count| count == 1 || count == extent) {
        let (scales, zeros) = (scales.len(), zeros.len());
        return refuse(format!("has {scales} scales and {zeros} zero points for {extent} outputs"), EXPORT_AGAIN);
    }
    let step = codes.shape.iter().skip(axis + 1).product::<usize>().max(1);
    let real = |(flat, &code): (usize, &i64)| {
        let index = flat / step % extent.max(1);
        let (scale, zero) = (scales[index % scales.len()], zeros[index % zeros.len()]);
        scale * code.saturating_sub(zero) as f32
    };
    Ok(Constant::decoded(codes.shape.clone(), integers.iter().enumerate().map(real).collect()))
}

/// A bias in units of products of the first two operands.
fn bias(call: &Call<'_>, form: &Form, at: usize) -> Convert<Entry> {
    let Some(Constant { shape, numbers: Numbers::I64(steps), .. }) = call.constant(at, "biases")? else {
        return refuse("its bias is not made of integers", EXPORT_AGAIN);
    };
    let [Coded { scale: a, .. }, Coded { scale: b, .. }] = form.coded else {
        return refuse("has a bias and no factors", EXPORT_AGAIN);
    };
    let (_, a) = call.floats_of(*a, "scales")?;
    let (_, b) = call.floats_of(*b, "scales")?;
    let &[a] = a else { return refuse("has several scales for its first operand", EXPORT_AGAIN) };
    if b.is_empty() || !(b.len() == 1 || b.len() == steps.len()) {
        return refuse(format!("has {} scales for {} biases", b.len(), steps.len()), EXPORT_AGAIN);
    }
    let unit = f64::from(a) * f64::from(call.float("alpha", 1.0)?);
    let real = |(output, &step): (usize, &i64)| (step as f64 * unit * f64::from(b[output % b.len()])) as f32;
    let reals = steps.iter().enumerate().map(real).collect();
    Ok(Entry::Constant(Rc::new(Constant::floats(shape.clone(), reals))))
}

/// What an operator of ONNX makes of `operands`, with the attributes of `call`.
pub(super) fn on_reals(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    name: &str,
    operands: Vec<Option<Entry>>,
) -> Convert<Entry> {
    let Some(Row { conversion: Conversion::One(read), .. }) = Row::of("", name) else {
        return refuse(format!("there is no {name}"), EXPORT_AGAIN);
    };
    let node = OnnxNode { op_type: name.into(), domain: String::new(), ..call.node.clone() };
    // Softmax has its operator set as an attribute.
    let opset = call.int("opset", call.opset)?;
    read(importer, &Call { node: &node, name: call.name, operands, opset })
}
