//! Operators that read or write elements by indices, and those that look for indices.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN, normal_axis};
use super::moves;
use super::names::operator_name;
use super::schema::{INT4, INT8, UINT8};
use crate::import::build::{Convert, refuse};
use crate::import::rows;
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Rank, Reshape, Scatter, Select, Update};

impl Importer<'_, '_> {
    /// Operand `position` as 32-bit integers.
    fn indices(&mut self, call: &Call<'_, '_>, position: usize) -> Convert<ValueId> {
        let id = self.operand(call, position)?;
        let id = self.in_32_bits(call, id)?;
        self.charge_copy(id)?;
        Ok(id)
    }

    /// Makes `value` the operator's one result.
    fn finish_value(&mut self, call: &Call<'_, '_>, value: ValueId) -> Convert<()> {
        self.finish(call, Reshape, vec![value])
    }

    /// Charges lists of rows, which constant indices become.
    fn charge_rows(&self, ids: &[ValueId]) -> Convert<()> {
        Ok(self.model.budget.charge(rows::listed(&self.builder, ids), 8)?)
    }
}

/// Slices of an axis, by indices of any shape.
pub(super) fn gather(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let batch = call.int(1, 0)?;
    if batch == 0 && !importer.is_computed(call.tensor(1))? {
        return moves::gather(importer, call);
    }
    let (x, indices) = (importer.operand(call, 0)?, importer.indices(call, 1)?);
    let axis = normal_axis(i64::from(call.int(0, 0)?), importer.shape_of(x).len())?;
    let batch = match batch {
        0 => 0,
        batch => normal_axis(batch.into(), importer.shape_of(indices).len())?,
    };
    importer.charge_rows(&[x, indices])?;
    let y = rows::gathered(&mut importer.builder, &inner(call), [x, indices], [batch, axis])?;
    importer.finish_value(call, y)
}

/// The name of what the result is made of.
fn inner(call: &Call<'_, '_>) -> String {
    format!("{}/by index", call.name)
}

/// Rows of a table, which may be int8 where the result is float.
pub(super) fn embedding_lookup(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (table, y) = (call.tensor(1), importer.result(call)?);
    let is_coded = matches!(importer.tensor(table)?.dtype, INT8 | UINT8 | INT4);
    let is_widened = is_coded && importer.builder.graph.value(y).dtype == DType::F32;
    let x = if is_widened { importer.widened(table)? } else { importer.value(table)? };
    let indices = importer.indices(call, 0)?;
    importer.charge_rows(&[indices])?;
    let y = rows::gathered(&mut importer.builder, &inner(call), [x, indices], [0, 0])?;
    importer.finish_value(call, y)
}

pub(super) fn gather_nd(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (x, indices) = (importer.operand(call, 0)?, importer.indices(call, 1)?);
    importer.charge_rows(&[x, indices])?;
    let y = rows::gathered_by_tuples(&mut importer.builder, &inner(call), [x, indices], [0, 0])?;
    importer.finish_value(call, y)
}

/// Rows added to zeros.
pub(super) fn scatter_nd(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (indices, rows_of) = (importer.indices(call, 0)?, importer.operand(call, 1)?);
    let y = importer.result(call)?;
    let (shape, dtype) = (importer.shape_of(y), importer.builder.graph.value(y).dtype);
    let len = shape.iter().product();
    importer.model.budget.charge(len, 4)?;
    let zeros = match dtype {
        DType::F32 => Elements::F32(vec![0.0; len]),
        DType::I32 => Elements::I32(vec![0; len]),
        other => return refuse(format!("adds rows of {}", other.name()), "use float32 or int32"),
    };
    let x = importer.builder.constant(&format!("{}/zeros", call.name), shape, zeros)?;
    let scatter = Scatter { batch: 0, axis: 0, update: Update::Add };
    importer.finish(call, scatter, vec![x, indices, rows_of])
}

/// The index of the greatest or the least element along an axis, which goes.
pub(super) fn extreme(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let rank = importer.shape_of(x).len();
    let axis = match importer.integers(call.tensor(1), "its axis")?.as_slice() {
        &[axis] => normal_axis(axis, rank)?,
        axes => return refuse(format!("goes along {} axes", axes.len()), EXPORT_AGAIN),
    };
    let is_least = operator_name(call.operator.code) == "ARG_MIN";
    let found = Rank { axis, count: 1, is_least, is_last: false };
    let found = rows::extreme(&mut importer.builder, &inner(call), x, (found, false))?;
    importer.finish_value(call, found)
}

/// The greatest elements of the last axis, sorted, and their indices.
pub(super) fn top_k(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let shape = importer.shape_of(x);
    let (Some(axis), &[values, indices]) = (shape.len().checked_sub(1), call.operator.outputs.as_slice()) else {
        return refuse(format!("looks in {shape:?}, for {} results", call.operator.outputs.len()), EXPORT_AGAIN);
    };
    let count = match importer.integers(call.tensor(1), "the number of elements")?.as_slice() {
        &[count] => usize::try_from(count).ok().filter(|count| (1..=shape[axis]).contains(count)),
        _ => None,
    };
    let Some(count) = count else {
        return refuse("looks for no element, or for more than there are", EXPORT_AGAIN);
    };
    let rank = Rank { axis, count, is_least: false, is_last: false };
    let found = rows::ranked(&mut importer.builder, &inner(call), x, rank)?;
    let taken = rows::gathered_along(&mut importer.builder, &format!("{}/values", call.name), [x, found], axis)?;
    for (tensor, made) in [(values, taken), (indices, found)] {
        let result = importer.value(tensor)?;
        importer.builder.node(call.name, Reshape.into(), vec![made], result)?;
    }
    Ok(())
}

/// Along a new axis one number where its index is that of the operand, another one elsewhere.
pub(super) fn one_hot(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (x, y) = (importer.indices(call, 0)?, importer.result(call)?);
    let rank = importer.shape_of(x).len() + 1;
    let axis = normal_axis(i64::from(call.int(0, -1)?), rank)?;
    let Some(&depth) = importer.shape_of(y).get(axis) else {
        return refuse(format!("its result has no axis {axis}"), EXPORT_AGAIN);
    };
    importer.model.budget.charge(depth, 4)?;
    let condition = rows::is_hot(&mut importer.builder, call.name, x, (axis, depth, false))?;
    let mut operands = vec![condition];
    for position in [2, 3] {
        let value = importer.operand(call, position)?;
        let value = importer.in_32_bits(call, value)?;
        importer.charge_copy(value)?;
        operands.push(importer.builder.reshape(&format!("{}/value{position}", call.name), value, vec![1; rank])?);
    }
    importer.finish(call, Select, operands)
}

/// Each sequence of the batch reversed up to its length.
pub(super) fn reverse_sequence(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (x, lengths) = (importer.operand(call, 0)?, importer.indices(call, 1)?);
    let rank = importer.shape_of(x).len();
    let (time, batch) = (normal_axis(call.int(0, 0)?.into(), rank)?, normal_axis(call.int(1, 0)?.into(), rank)?);
    let y = rows::reversed(&mut importer.builder, &inner(call), [x, lengths], [batch, time])?;
    importer.finish_value(call, y)
}
