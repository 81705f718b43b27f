//! Operators on single elements: sums and products, and what has a record of its own.

use super::attributes::{Call, normal_axis};
use super::constant::Constant;
use super::{Entry, Importer, combine};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Elements, Op, ValueId, inverse};
use crate::op::{Function, Logistic, Softmax, Tanh, Transpose};

impl Importer<'_> {
    pub(super) fn unary(&mut self, call: &Call<'_>, op: Op) -> Convert<Entry> {
        let x = call.value(0)?;
        Ok(Entry::Value(self.apply(call.name, op, vec![x])?))
    }

    fn mapped_constant(&mut self, call: &Call<'_>, index: usize, map: fn(f32) -> f32) -> Convert<ValueId> {
        let (shape, numbers) = call.floats_of(index, "an operand's numbers")?;
        self.budget.charge(numbers.len(), 4)?;
        let elements = Elements::F32(numbers.iter().map(|&number| map(number)).collect());
        self.builder.constant(&format!("{}/constant", call.name), shape.to_vec(), elements)
    }

    /// True when the operands that are computed are floats.
    fn is_on_floats(&self, call: &Call<'_>) -> bool {
        let is_float = |operand: &Entry| match operand {
            &Entry::Value(id) => self.builder.graph.value(id).dtype == DType::F32,
            _ => true,
        };
        call.operands.iter().flatten().all(is_float)
    }
}

pub(super) fn tanh(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    importer.unary(call, Op::Tanh(Tanh))
}

pub(super) fn sigmoid(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    importer.unary(call, Op::Logistic(Logistic))
}

pub(super) fn identity(_: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    Ok(Entry::Value(call.value(0)?))
}

pub(super) fn dropout(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if call.constant(2, "training mode")?.and_then(Constant::as_int).unwrap_or(0) != 0 {
        return refuse("runs in training mode", "export the model in inference mode (model.eval())");
    }
    if call.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return refuse("its mask is used", "export the model in inference mode (model.eval())");
    }
    identity(importer, call)
}

pub(super) fn softmax(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = call.value(0)?;
    let shape = importer.shape(x);
    let axis = normal_axis(call.int("axis", if call.opset < 13 { 1 } else { -1 })?, shape.len())?;
    let op = Op::Softmax(Softmax { beta: 1.0 });
    if axis + 1 == shape.len() {
        return importer.unary(call, op);
    }
    if call.opset < 13 {
        // All axes from `axis` on are one, as the older definition has it.
        let (rows, columns) = (shape[..axis].iter().product(), shape[axis..].iter().product());
        let flat = importer.builder.reshape(&format!("{}/flat", call.name), x, vec![rows, columns])?;
        let y = importer.apply(call.name, op, vec![flat])?;
        return Ok(Entry::Value(importer.builder.reshape(&format!("{}/unflat", call.name), y, shape)?));
    }
    let permutation: Vec<usize> = (0..shape.len()).filter(|&at| at != axis).chain([axis]).collect();
    let back = inverse(&permutation);
    let moved =
        importer.apply(&format!("{}/axis-last", call.name), Op::Transpose(Transpose { permutation }), vec![x])?;
    let y = importer.apply(call.name, op, vec![moved])?;
    let y =
        importer.apply(&format!("{}/axis-back", call.name), Op::Transpose(Transpose { permutation: back }), vec![y])?;
    Ok(Entry::Value(y))
}

/// A difference; from a constant it is the sum with its negative, which layers take into their biases.
pub(super) fn sub(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let is_constant = matches!(call.operand(1), Some(Entry::Constant(_)));
    if !importer.is_on_floats(call) || !is_constant {
        return combine::combine(importer, call);
    }
    let a = call.value(0)?;
    let b = importer.mapped_constant(call, 1, |number| -number)?;
    Ok(Entry::Value(importer.combined(call.name, Function::Add, [a, b])?))
}

/// A quotient; by a constant it is a product with reciprocals, unless these lose digits.
pub(super) fn div(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let is_constant = matches!(call.operand(1), Some(Entry::Constant(_)));
    if !importer.is_on_floats(call) || !is_constant {
        return combine::combine(importer, call);
    }
    let a = call.value(0)?;
    let (_, divisors) = call.floats_of(1, "divisors")?;
    if divisors.iter().any(|&divisor| !(1.0 / divisor).is_normal()) {
        return combine::combine(importer, call);
    }
    let b = importer.mapped_constant(call, 1, |number| 1.0 / number)?;
    Ok(Entry::Value(importer.combined(call.name, Function::Mul, [a, b])?))
}
