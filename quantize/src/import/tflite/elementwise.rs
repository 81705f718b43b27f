//! Operators on single elements: activations, sums and products, changes of type.

use super::call::Call;
use super::{Importer, combine};
use crate::import::build::Convert;
use crate::ir::{DType, Op, ValueId};
use crate::op::{Add, Dequantize, Logistic, Mul, Relu, Relu6, Softmax, Tanh};

/// An operator on one operand without attributes.
pub(super) fn unary(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, op: impl Into<Op>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    importer.finish(call, op, vec![x])
}

pub(super) fn relu(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Relu)
}

pub(super) fn relu6(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Relu6)
}

pub(super) fn logistic(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Logistic)
}

pub(super) fn tanh(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Tanh)
}

pub(super) fn dequantize(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let value = importer.builder.graph.value(x);
    match (value.dtype, &value.elements) {
        // Half precision was widened as it was read.
        (DType::F32, _) => importer.rename(call, x),
        (DType::I8, Some(_)) => {
            let widened = importer.widened(call.tensor(0))?;
            importer.rename(call, widened)
        }
        _ => importer.finish(call, Dequantize, vec![x]),
    }
}

pub(super) fn softmax(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    unary(importer, call, Softmax { beta: call.float(0)? })
}

pub(super) fn add(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    if is_integer(importer, call)? {
        return combine::combine(importer, call);
    }
    let operands = aligned(importer, call)?;
    importer.finish(call, Add { activation: call.activation(0)? }, operands)
}

pub(super) fn mul(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    if is_integer(importer, call)? {
        return combine::combine(importer, call);
    }
    let operands = aligned(importer, call)?;
    importer.finish(call, Mul { activation: call.activation(0)? }, operands)
}

/// True when the result is 32-bit integers.
fn is_integer(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<bool> {
    let y = importer.result(call)?;
    Ok(importer.builder.graph.value(y).dtype == DType::I32)
}

/// Two operands with the same number of axes.
fn aligned(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<Vec<ValueId>> {
    let operands = [importer.operand(call, 0)?, importer.operand(call, 1)?];
    let rank = operands.map(|id| importer.shape_of(id).len()).into_iter().max().unwrap_or(0);
    for id in operands {
        if importer.shape_of(id).len() != rank {
            importer.charge_copy(id)?;
        }
    }
    Ok(importer.builder.same_rank(call.name, operands)?.to_vec())
}
