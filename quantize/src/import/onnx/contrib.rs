//! Operators of the domain `com.microsoft`, which onnxruntime's optimizer and its model builders write: several operators of
//! ONNX in one, and read as these.

use std::rc::Rc;

use kinglet_tract::{Attribute, OnnxNode};

use super::attributes::Call;
use super::operator::{Conversion, Row};
use super::qoperator::on_reals;
use super::{Entry, Importer, normalization};
use crate::import::build::{Convert, refuse};
use crate::ir::ValueId;
use crate::op::{Function, Map, MapFunction};

const LESS_OPTIMIZED: &str = "save the model before onnxruntime optimizes it";

impl Importer<'_> {
    /// The sum of operand `index`, when it is there, and `x`.
    fn with_operand(&mut self, call: &Call<'_>, x: ValueId, index: usize) -> Convert<ValueId> {
        if call.operand(index).is_none() {
            return Ok(x);
        }
        let other = self.float_operand(call, index)?;
        self.combined(&format!("{}/operand {index}", call.name), Function::Add, [x, other])
    }

    /// What the operator that attribute `activation` names makes of `x`.
    fn activated(&mut self, call: &Call<'_>, x: Entry) -> Convert<Entry> {
        let name = call.string("activation", "")?;
        let parameters = call.floats("activation_params")?.unwrap_or_default();
        let names: &[&str] = match name {
            "" => return Ok(x),
            "Relu" | "Sigmoid" | "Tanh" => &[],
            "LeakyRelu" => &["alpha"],
            "HardSigmoid" => &["alpha", "beta"],
            "Clip" => &["min", "max"],
            other => return refuse(format!("its activation is {other}"), LESS_OPTIMIZED),
        };
        let parameters = names.iter().zip(parameters).map(|(name, number)| ((*name).into(), Attribute::Float(*number)));
        let node = OnnxNode {
            op_type: name.into(),
            domain: String::new(),
            attributes: parameters.collect(),
            ..call.node.clone()
        };
        let Some(Row { conversion: Conversion::One(read), .. }) = Row::of("", name) else {
            return refuse(format!("its activation is {name}"), LESS_OPTIMIZED);
        };
        // Bounds of Clip are attributes in these operator sets.
        let name = format!("{}/activation", call.name);
        read(self, &Call { node: &node, name: &name, operands: vec![Some(x)], opset: 6 })
    }
}

/// `BiasGelu`, and `FastGelu`, whose bias may be left out.
pub(super) fn gelu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.float_operand(call, 0)?;
    let sum = importer.with_operand(call, x, 1)?;
    let function = if call.node.op_type == "FastGelu" { MapFunction::GeluTanh } else { MapFunction::Gelu };
    Ok(Entry::Value(importer.apply(call.name, Map::plain(function).into(), vec![sum])?))
}

/// `x * sigmoid(alpha * x)`.
pub(super) fn quick_gelu(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    importer.unary(call, Map::with(MapFunction::Swish, call.float("alpha", 1.702)?).into())
}

/// `Conv`, then a fourth operand is added, then an activation.
pub(super) fn fused_conv(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let operands = call.operands.iter().take(3).cloned().collect();
    let Entry::Value(y) = on_reals(importer, call, "Conv", operands)? else {
        return refuse("computes nothing", LESS_OPTIMIZED);
    };
    let y = importer.with_operand(call, y, 3)?;
    importer.activated(call, Entry::Value(y))
}

/// `Gemm`, then an activation.
pub(super) fn fused_gemm(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let y = on_reals(importer, call, "Gemm", call.operands.clone())?;
    importer.activated(call, y)
}

/// `alpha` times the product of factors, either of which may be stored transposed.
pub(super) fn fused_mat_mul(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.int("transBatchA", 0)? != 0 || call.int("transBatchB", 0)? != 0 {
        return refuse("moves the axes of its batch", LESS_OPTIMIZED);
    }
    let mut operands = Vec::new();
    for (index, flag) in ["transA", "transB"].into_iter().enumerate() {
        let operand = call.operand(index).cloned();
        operands.push(match call.int(flag, 0)? {
            0 => operand,
            _ => Some(importer.swapped(call, index)?),
        });
    }
    let Entry::Value(y) = on_reals(importer, call, "MatMul", operands)? else {
        return refuse("computes nothing", LESS_OPTIMIZED);
    };
    Ok(Entry::Value(importer.scaled(call.name, y, call.float("alpha", 1.0)?)?))
}

impl Importer<'_> {
    /// Operand `index` with its last two axes in each other's place.
    fn swapped(&mut self, call: &Call<'_>, index: usize) -> Convert<Entry> {
        let rank = match call.operand(index) {
            Some(&Entry::Value(id)) => self.shape(id).len(),
            Some(Entry::Constant(constant)) => constant.shape.len(),
            _ => return refuse(format!("operand {index} is missing"), LESS_OPTIMIZED),
        };
        let Some(last) = rank.checked_sub(1).filter(|&last| last > 0) else {
            return refuse("transposes a vector", LESS_OPTIMIZED);
        };
        let mut permutation: Vec<i64> = (0..rank as i64).collect();
        permutation.swap(last, last - 1);
        let node = OnnxNode {
            op_type: "Transpose".into(),
            domain: String::new(),
            attributes: vec![("perm".into(), Attribute::Ints(permutation))],
            ..call.node.clone()
        };
        let name = format!("{}/operand {index}", call.name);
        let inner = Call { node: &node, name: &name, operands: vec![call.operand(index).cloned()], opset: 13 };
        let Some(row) = Row::of("", "Transpose") else { return refuse("there is no Transpose", LESS_OPTIMIZED) };
        if let Some(constant) = self.fold(row, &inner)? {
            return Ok(Entry::Constant(Rc::new(constant)));
        }
        super::reshape::transpose(self, &inner)
    }
}

/// `SkipLayerNormalization` and `SkipSimplifiedLayerNormalization`: a sum, which is the fourth result, is normalized.
pub(super) fn skip_normalization(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let is_simplified = call.node.op_type == "SkipSimplifiedLayerNormalization";
    let x = importer.float_operand(call, 0)?;
    let mut sum = importer.with_operand(call, x, 1)?;
    // Operands: input, skip, gamma, beta unless simplified, bias.
    sum = importer.with_operand(call, sum, if is_simplified { 3 } else { 4 })?;
    let scales = call.operands.iter().skip(2).take(if is_simplified { 1 } else { 2 }).cloned();
    let operands = [Some(Entry::Value(sum))].into_iter().chain(scales).collect();
    let node = OnnxNode { outputs: call.node.outputs.iter().take(1).cloned().collect(), ..call.node.clone() };
    if call.node.outputs.iter().skip(1).take(2).any(|output| !output.is_empty()) {
        return refuse("its mean or deviation is used", "export the model in inference mode (model.eval())");
    }
    let inner = Call { node: &node, name: call.name, operands, opset: call.opset };
    let y = match is_simplified {
        true => normalization::rms_normalization(importer, &inner)?,
        false => normalization::layer_normalization(importer, &inner)?,
    };
    Ok(vec![y, Entry::Absent, Entry::Absent, Entry::Value(sum)])
}
